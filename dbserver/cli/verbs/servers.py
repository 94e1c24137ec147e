"""The verbs on both servers."""

import sys
from collections.abc import Callable
from contextlib import nullcontext, suppress
from shutil import get_terminal_size
from typing import Any

import click

from dbserver import cleaning
from dbserver.cli.options import (
    APPLICATION,
    DURATION,
    FORMATS,
    agreed,
    declared,
    disconnect_option,
    end,
    no_checkpoint_option,
    running,
    say,
    show,
    verb,
)
from dbserver.contract import NEW_SERVER_FLAG, SERVERS, TAKE_OVER_FLAG
from dbserver.errors import UsageError

# To tools/start alone: the machine has to be prepared, then the engine asked.
CHANGED = 75


@verb(
    """
    dbserver start                  the selected stack, or dev
    dbserver start --stack prod
    dbserver start postgres         one that was stopped or paused, nothing else
    """,
)
@click.argument("server", required=False, type=click.Choice(SERVERS))
@click.option("--no-install", is_flag=True, help="Install nothing; ./scripts/start.sh reports what is missing.")
@click.option("--refresh", is_flag=True, help="Ask the engine, also where nothing seems to differ.")
@click.option("--if-unchanged", is_flag=True, help="Ask no engine: where something differs, end with code 75.")
@disconnect_option
@no_checkpoint_option
@click.option(NEW_SERVER_FLAG, is_flag=True, help="Begin with what is in the data directory, although it is not ours.")
@click.option(TAKE_OVER_FLAG, is_flag=True, help="Take over running servers that another state has made.")
def start(
    stack: str | None,
    form: str,
    server: str | None,
    no_install: bool,  # noqa: ARG001  read by the preparation before
    refresh: bool,
    if_unchanged: bool,
    disconnect_applications: bool,
    no_checkpoint: bool,
    **unusual: bool,
) -> None:
    """Start the servers and prove that both answer; the way back from every state.

    Run again, it changes nothing, and asks the engine only where something differs from what the last update left. An
    update that would replace or restart a server is refused while application containers are connected to it. Before a
    container is recreated, what it holds is backed up and the backup proved. A data directory that does not hold the
    stack's own data, as without its disk, is refused, and so are servers that another state has made.
    """
    from dbserver.actions import start as act
    from dbserver.cli.render import servers as render

    if server:
        if disconnect_applications or no_checkpoint or any(unusual.values()):
            raise UsageError(
                f"start {server} changes nothing; it has no such flag", "leave the server out, or the flag"
            )
        show(act.start_one(running(stack, changing=True), server), form, render.started)
        return
    wanted = declared(stack)
    done = None if refresh or any(unusual.values()) else act.unchanged(wanted, say)
    if done is None:
        declared(stack, changing=True)
    if done is None and if_unchanged:
        click.get_current_context().exit(CHANGED)
    allowed = {"override": disconnect_applications, "checkpoint": not no_checkpoint}
    allowed |= {"new": unusual["new_server"], "take_over": unusual["take_over"]}
    done = done or act.start(wanted, say, **allowed)
    show(done, form, render.started)


@verb(
    """
    dbserver stop                   both servers, gracefully
    dbserver stop redis             one
    """,
)
@click.argument("server", required=False, type=click.Choice(SERVERS))
@disconnect_option
def stop(stack: str | None, form: str, server: str | None, disconnect_applications: bool) -> None:
    """Stop one server or both gracefully; their data stays.

    Refused while application containers are connected, idle ones of a pool included.
    """
    from dbserver.actions.stop import stop as act
    from dbserver.cli.render import servers as render

    names = (server,) if server else SERVERS
    show(act(running(stack, changing=True), names, override=disconnect_applications), form, render.stopped)


@verb(
    """
    dbserver restart                  both, after a question
    dbserver restart redis --yes      one, without
    """,
)
@click.argument("server", required=False, type=click.Choice(SERVERS))
@click.option("--yes", is_flag=True, help="Do not ask; needed without a terminal.")
@disconnect_option
def restart(stack: str | None, form: str, server: str | None, yes: bool, disconnect_applications: bool) -> None:
    """Restart one server or both; tell how long each was away.

    A client on its published port measures that. Refused while application containers are connected, idle ones of a
    pool included.
    """
    from dbserver import clients
    from dbserver.actions.restart import restart as act
    from dbserver.cli.render import servers as render

    known, names = running(stack, changing=True), (server,) if server else SERVERS
    connected = clients.refuse(known.servers(names), override=disconnect_applications)
    say(f"connected: {clients.listed(connected) or 'no application container'}")
    agreed(f"Restart {' and '.join(names)} of stack {known.stack}?", yes=yes)
    show(act(known, names, override=disconnect_applications), form, render.restarted)


@verb(
    """
    dbserver logs                     the last 100 lines of both
    dbserver logs postgres -f --since 10m
    dbserver logs --application crypto-ai-agent --since 1h
    """,
)
@click.argument("server", required=False, type=click.Choice(SERVERS))
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes; Ctrl-C ends it.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=100, show_default=True, help="How many lines.")
@click.option("--since", metavar="WHEN", help="Only what is younger: 10m, 2h, or a time such as 2026-11-23T14:05:07.")
@click.option("--application", type=APPLICATION, default="", metavar="APP", help="Only what concerns this one.")
def logs(
    stack: str | None, form: str, server: str | None, follow: bool, lines: int, since: str | None, application: str
) -> None:
    """Show what the servers log, in the order of time.

    With --format json one object a line. Of an application its clients' lines in PostgreSQL's log: Redis's names none.
    """
    from dbserver.actions.logs import logs as act
    from dbserver.cli.render import servers as render

    names = (server,) if server else SERVERS
    with suppress(KeyboardInterrupt) if follow else nullcontext():
        known = running(stack)

        def show_line(line: Any) -> None:
            click.echo(cleaning.printable(render.log_line(line, form=form)))

        act(known, names, show_line, since, lines, follow=follow, application=application)


@verb(
    """
    dbserver status
    dbserver status --watch         a live view; Ctrl-C ends it
    dbserver status --format json | jq .servers[].state
    dbserver status --format prometheus
    """,
    forms=(*FORMATS, "prometheus"),
)
@click.option(
    "--watch", type=DURATION, is_flag=False, flag_value="2", metavar="[SECONDS]", help="Show it live; every 2 s."
)
def status(stack: str | None, form: str, watch: float | None) -> None:
    """Show how the servers are, what they use, and what is not as declared; exit code 3 where one is not well."""
    from dbserver.actions.status import status as act

    wanted = declared(stack)
    if watch is not None:
        _watch(lambda: act(wanted), watch, form)
        return
    found = act(wanted)
    if form == "prometheus":
        from dbserver.cli.render import metrics

        click.echo(metrics.exposition(found), nl=False)
        end(found)
    else:
        show(found, form, _on_screen, coloured=True)


@verb(
    """
    dbserver doctor
    dbserver doctor --format json | jq -r .findings[].command
    """,
)
def doctor(stack: str | None, form: str) -> None:
    """Find what is wrong and why, and the command that mends it; exit code 3 where something is broken."""
    from dbserver.actions.doctor import doctor as act
    from dbserver.cli.render import doctor as render_doctor

    found = act(declared(stack))
    show(found, form, render_doctor.diagnosis)


def is_terminal() -> bool:
    """True where a person sees what is printed."""
    return sys.stdout.isatty()


def _on_screen(found: Any) -> str:
    from dbserver.cli.render import status as render_status

    return render_status.text(found, width=get_terminal_size().columns if is_terminal() else None)


def _watch(sample: Callable[[], Any], seconds: float, form: str) -> None:
    if form != FORMATS[0]:
        raise UsageError(f"--watch shows a live view; it has no --format {form}", "run it without --watch, repeatedly")
    if not is_terminal():
        raise UsageError("--watch needs a terminal", "run it without --watch, repeatedly")
    from dbserver.cli import watch

    watch.run(sample, seconds)
