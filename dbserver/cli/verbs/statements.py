"""The verb on statements."""

import click

from dbserver.cli.options import APPLICATION, running, show, verb


@verb(
    """
    dbserver top                    the five heaviest of each application
    dbserver top crypto-ai-agent -n 20
    dbserver top --format json | jq '.statements[] | {application, text, total_seconds}'
    """,
)
@click.argument("application", required=False, type=APPLICATION)
@click.option("-n", "--lines", type=click.IntRange(min=1), default=5, show_default=True, help="How many of each.")
def top(stack: str | None, form: str, application: str | None, lines: int) -> None:
    """Show the statements on which PostgreSQL has spent its time, by application.

    Needs pg_stat_statements in shared_preload_libraries; without it, exit code 2 names the setting. Values in
    statements are left out.
    """
    from dbserver.actions.top import top as act
    from dbserver.cli.render import statements as render_statements

    show(act(running(stack), application, lines), form, render_statements.top)
