"""The verbs on applications."""

import sys

import click

from dbserver.cli.options import APPLICATION, DURATION, Passing, commands, confirmed, declared, running, say, show, verb
from dbserver.cli.render.environment import FORMS

PLACE = "Where the application runs: in a container on the network (default), or on the Docker host itself."


@verb(
    """
    dbserver list
    dbserver list --format json | jq -r .applications[].database
    """,
)
def list_(stack: str | None, form: str) -> None:
    """List the applications: database, size, connections of their limit."""
    from dbserver.actions.applications import list_applications
    from dbserver.cli.render import applications as render

    show(list_applications(running(stack)), form, render.applications)


@verb(
    """
    dbserver info crypto-ai-agent
    dbserver info crypto-ai-agent --field database
    """,
)
@click.argument("application", type=APPLICATION)
@click.option("--field", help="Print this one value alone.")
def info(stack: str | None, form: str, application: str, field: str | None) -> None:
    """Show one application: owner, size, connections of its limit, extensions."""
    from dbserver.actions.applications import info as act
    from dbserver.cli.render import applications as render

    found = act(running(stack), application)
    if field:
        click.echo(render.field(found, field, form))
    else:
        show(found, form, render.application)


@verb(
    """
    dbserver env crypto-ai-agent > .env
    dbserver env crypto-ai-agent --field DATABASE_URL
    dbserver env crypto-ai-agent --for host          a program on the Docker host itself
    eval "$(dbserver env crypto-ai-agent --format shell)"
    """,
    forms=FORMS,
)
@click.argument("application", type=APPLICATION)
@click.option("--field", metavar="NAME", help="Print this one value alone.")
@click.option("--for", "place", type=click.Choice(("network", "host")), default="network", help=PLACE)
def env(application: str, stack: str | None, form: str, field: str | None, place: str) -> None:
    """Print what an application needs to connect; passwords included.

    With --format github the variables go to the file that GITHUB_ENV names,
    and what is printed masks their values in the log.
    """
    from dbserver.actions.applications import environment as act
    from dbserver.cli.render import environment

    variables = dict(act(declared(stack), application, host=place == "host").variables)
    text = environment.field(variables, field, form) if field else environment.printed(variables, form)
    if not variables.get("DB_PASSWORD"):
        kept = f"the password of {variables.get('DB_USER')} is kept in the server and not known here (keepPassword)"
        say(f"{kept}: DB_PASSWORD is empty, and DATABASE_URL has none; put it in where this is used")
    click.echo(text)


@verb(
    """
    dbserver drop old-app --confirm old-app
    """,
)
@click.argument("application", type=APPLICATION)
@click.option("--confirm", metavar="NAME", help="The application's name again; needed without a terminal.")
def drop(stack: str | None, form: str, application: str, confirm: str | None) -> None:
    """Destroy the database and the role of an application that is declared no more."""
    from dbserver.actions import applications as act
    from dbserver.cli.render import applications as render

    known = running(stack, changing=True)
    if confirm != application:
        say(render.doomed(act.doomed(known, application)))
    confirmed(application, confirm)
    show(act.drop(known, application), form, render.dropped)


@verb(
    """
    dbserver connections
    dbserver connections --format json | jq '.clients[] | select(.colour == "blue")'
    """,
)
def connections(stack: str | None, form: str) -> None:
    """Show who is connected, by application, container and colour.

    Both servers are asked, and the limits are shown. Idle connections of a pool count. Exit code 3 where a server does
    not tell.
    """
    from dbserver.actions.connections import connections as act
    from dbserver.cli.render import connections as render_connections

    found = act(running(stack))
    show(found, form, render_connections.connections)


@verb(
    """
    dbserver drain crypto-ai-agent blue              one look
    dbserver drain crypto-ai-agent blue --wait 60s
    """,
)
@click.argument("application", type=APPLICATION)
@click.argument("colour", type=click.Choice(("blue", "green")))
@click.option("--wait", type=DURATION, default="0s", show_default=True, help="Wait so long for it: 90, 60s, 5m.")
def drain(stack: str | None, form: str, application: str, colour: str, wait: float) -> None:
    """Prove that a colour of an application is gone.

    Exit code 0 only where no connection of it to either server is left, idle ones of a pool included; 1 where one is
    left after --wait.
    """
    from dbserver.actions.connections import drain as act
    from dbserver.cli.render import connections as render_connections

    found = act(running(stack), application, colour, wait, say)
    show(found, form, render_connections.drained)


@verb(
    """
    dbserver psql                                    the administrator
    dbserver psql crypto-ai-agent                    that application's role, in its database
    dbserver psql crypto-ai-agent < report.sql       stops at the first error
    dbserver psql crypto-ai-agent -- --csv -c 'TABLE orders'
    """,
    forms=(),
    cls=Passing,
)
@click.argument("application", required=False, type=APPLICATION)
def psql(stack: str | None, application: str | None, arguments: tuple[str, ...]) -> None:
    """Open psql as an application or as the administrator.

    It runs in the container and needs no password. What stands after -- goes to psql. Without a terminal it stops at
    the first error of the script.
    """
    from dbserver.actions.shells import psql as act

    act(running(stack), application, arguments, terminal=_terminal())


@verb(
    """
    dbserver redis-cli                               the administrator
    dbserver redis-cli crypto-ai-agent               that application's user, in its database
    dbserver redis-cli -- INFO memory
    echo 'GET crypto-ai-agent:counter' | dbserver redis-cli crypto-ai-agent
    """,
    forms=(),
    cls=Passing,
)
@click.argument("application", required=False, type=APPLICATION)
def redis_cli(stack: str | None, application: str | None, arguments: tuple[str, ...]) -> None:
    """Open redis-cli as an application or as the administrator.

    It runs in the container and asks for no password. What stands after -- goes to redis-cli.
    """
    from dbserver.actions.shells import redis_cli as act

    act(running(stack), application, arguments, terminal=_terminal())


@commands.command(
    epilog="""\b
Examples, for the shell's start-up file; dbserver has to be on PATH:
  eval "$(dbserver completion bash)"
  eval "$(dbserver completion zsh)"
  dbserver completion fish | source"""
)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print the completion of verbs, flags and application names for a shell."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    if kind:
        click.echo(kind(commands, {}, "dbserver", "_DBSERVER_COMPLETE").source())


def _terminal() -> bool:
    return sys.stdin.isatty() and sys.stdout.isatty()
