"""The verb that moves a running installation in."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from dbserver.cli.options import say, show, verb
from dbserver.contract import DEFAULT_CONTAINER
from dbserver.errors import RefusedError, UsageError

FILE = click.Path(dir_okay=False, path_type=Path)


@verb(
    """
    dbserver adopt                               shows what it found and would do
    dbserver adopt --stack prod --confirm prod   does it
    dbserver adopt --postgres shop-pg --redis shop-redis --network web --leave-out scratch
    dbserver adopt --undo --confirm prod         the containers before run again
    dbserver adopt --finish --confirm prod       removes them: no way back
    """,
)
@click.option("--postgres", metavar="NAME", default=DEFAULT_CONTAINER["postgres"], show_default=True, help="Container.")
@click.option("--redis", metavar="NAME", default=DEFAULT_CONTAINER["redis"], show_default=True, help="Container.")
@click.option("--network", metavar="NAME", default="", help="The network that stays, where there are several.")
@click.option("--leave-out", metavar="DATABASE", multiple=True, help="Leave a database as it is, declared nowhere.")
@click.option("--redis-password-file", metavar="FILE", type=FILE, help="Where the present password of Redis stands.")
@click.option("--allow-open-redis", is_flag=True, help="Go on although Redis will want no password any more.")
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@click.option("--confirm", metavar="STACK", help="The name of the stack: do it.")
@click.option("--undo", is_flag=True, help="Start the containers before again, on the same data.")
@click.option("--finish", is_flag=True, help="Remove the containers before.")
def adopt(
    stack: str | None, form: str, dry_run: bool, confirm: str | None, undo: bool, finish: bool, **told: Any
) -> None:
    """Adopt a running installation of elsewhere: same data, same images, passwords as they are, one short restart.

    Shows what it found and will do. With the stack's name it makes verified backups, writes the stack's file, swaps
    the containers, and proves every database. The containers before are kept, stopped, until --finish.
    """
    from dbserver.declared import selected_stack

    name = selected_stack(stack)
    if undo or finish:
        _settle(name, form, confirm, undo=undo, finish=finish)
    else:
        _move_in(name, form, told, confirm, dry_run=dry_run)


def _move_in(stack: str, form: str, told: Mapping[str, Any], confirm: str | None, *, dry_run: bool) -> None:
    from dbserver.actions import adopt as act
    from dbserver.adoption.looking import Where
    from dbserver.cli.render import adoption as render_adoption

    where = Where(told["postgres"], told["redis"], told["network"], _password(told["redis_password_file"]))
    wanted = act.Wanted(stack, where, told["leave_out"], told["allow_open_redis"])
    shown = act.standing(stack) or act.plan(wanted).shown
    if dry_run or (confirm is None and not sys.stdin.isatty()):
        show(shown, form, render_adoption.plan)
        return
    say(render_adoption.plan(shown))
    _confirmed(stack, confirm)
    show(act.adopt(wanted, say), form, render_adoption.adopted)


def _settle(stack: str, form: str, confirm: str | None, *, undo: bool, finish: bool) -> None:
    from dbserver.actions import adopt as act
    from dbserver.cli.render import adoption as render_adoption

    if undo and finish:
        raise UsageError("--undo and --finish: one of them", "dbserver adopt --help")
    if act.standing(stack) is None:
        raise UsageError(f"no adoption of stack {stack} is under way", "dbserver adopt")
    _confirmed(stack, confirm)
    if undo:
        show(act.undo(stack, say), form, render_adoption.undone)
    else:
        show(act.finish(stack), form, render_adoption.finished)


def _confirmed(stack: str, given: str | None) -> None:
    """Ask for the stack's name. Raises RefusedError where it is not given."""
    if given is None and sys.stdin.isatty():
        given = click.prompt(f"Both servers restart once. Type the stack's name {stack} to go on", err=True)
    if given != stack:
        raise RefusedError(f"{stack} was not confirmed; nothing was changed", f"--confirm {stack}")


def _password(path: Path | None) -> str:
    try:
        return path.read_text().strip() if path else ""
    except OSError as fault:
        raise UsageError(f"{path} cannot be read: {fault.strerror}", "--redis-password-file FILE") from None
