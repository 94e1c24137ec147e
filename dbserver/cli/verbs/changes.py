"""The verbs that tell what a change costs."""

from collections.abc import Sequence
from typing import Any

import click

from dbserver.cli.options import judged, say, show, verb
from dbserver.errors import UsageError

FORMS = ("text", "markdown", "json")
ALLOW = click.option(
    "--allow", "allow", metavar="NAME=REASON", multiple=True, help="Let this change put data at risk, for this reason."
)


@verb(
    """
    dbserver preview                                 what an update would do, and what that costs
    dbserver preview --stack prod --format markdown
    dbserver preview --allow 'redis-persistence:redis=a cache from now on'
    """,
    forms=FORMS,
)
@ALLOW
@click.option("--refresh/--no-refresh", default=True, help="Look at the real containers first.", show_default=True)
def preview(stack: str | None, form: str, allow: tuple[str, ...], refresh: bool) -> None:
    """Say what a change of the configuration costs: nothing, reload, restart, recreate, or data at risk.

    Data at risk is exit code 5, unless each such change is allowed by its name.
    """
    from dbserver.actions.preview import preview as act

    _judged(act(judged(stack), _allowed(allow), refresh=refresh), form)


@verb(
    """
    dbserver add shop
    dbserver add shop --database shop_data --role shop_user --pool 20
    """,
    forms=FORMS,
)
@click.argument("name")
@click.option("--database", help="Its database; default: the name with underscores.")
@click.option("--role", help="Its role; default: the database's name.")
@click.option("--pool", "poolSize", type=int, help="The connections of one instance's pool; default: 10.")
def add(stack: str | None, form: str, name: str, **given: Any) -> None:
    """Declare an application in the stack's file, and say what an update would do then; nothing is started.

    The entry comes behind those that are there. Comments stay; the engine, which writes the file, puts a switch that is
    not quoted into quotation marks, which means the same.
    """
    from dbserver.actions.add import add as act
    from dbserver.actions.preview import preview as look

    entry = {"name": name, **{key: value for key, value in given.items() if value is not None}}
    for line in act(judged(stack), entry):
        say(line)
    _judged(look(judged(stack), {}, refresh=True), form)


@verb(
    """
    dbserver guard preview.json
    pulumi preview --json | dbserver guard -
    dbserver guard preview.json --format markdown --allow 'data-directory:postgres=moved by hand, see #42'
    """,
    forms=FORMS,
)
@click.argument("file", type=click.File(encoding="utf-8"))
@ALLOW
def guard(stack: str | None, form: str, file: Any, allow: tuple[str, ...]) -> None:
    """Say the same of what `pulumi preview --json` printed; - is standard input.

    Needs no Pulumi. Without the servers it judges by what stands in the file, and says what it could not find out.
    """
    from dbserver.costs import weigh

    found = weigh(file.read(), _allowed(allow))
    if stack and found.stack not in ("", stack):
        raise UsageError(f"this is the preview of stack {found.stack}, not of {stack}", "dbserver guard --help")
    _judged(found, form)


@verb(
    """
    dbserver drift
    dbserver drift --stack prod --format json || notify
    """,
)
def drift(stack: str | None, form: str) -> None:
    """Say what is not as declared: exit code 1 where anything is, 3 where a server is down."""
    from dbserver.actions.drift import drift as act
    from dbserver.cli.render import preview as render_preview

    found = act(judged(stack))
    show(found, form, render_preview.drift)


def _judged(found: Any, form: str) -> None:
    from dbserver.cli.render import preview as render_preview

    if not found.well:
        say(f"error: refused: data at risk in stack {found.stack}")
        say("HINT: allow it: " + " ".join(f"--allow '{change.name}=REASON'" for change in found.at_risk))
    show(found, form, render_preview.markdown if form == "markdown" else render_preview.text)


def _allowed(entries: Sequence[str]) -> dict[str, str]:
    pairs = [entry.partition("=") for entry in entries]
    if bare := [name for name, equals, _ in pairs if not equals]:
        raise UsageError(f"{bare[0]} is allowed without a reason", f"--allow {bare[0]}=REASON")
    return {name.strip(): reason.strip() for name, _, reason in pairs}
