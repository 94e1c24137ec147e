"""The verbs as commands. Actions are imported when they are called, so that `--help` is quick."""

import json
import os
import sys
import traceback
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from dbserver import __version__
from dbserver.cli.environment import FORMS
from dbserver.errors import DbServerError, Exit, RefusedError, UsageError

FORMATS = ("text", "json")


def say(line: str) -> None:
    """Print a message; messages never mix with the data on standard output."""
    click.echo(line, err=True)


def main() -> None:
    """Run the command line and exit with the documented code."""
    try:
        sys.exit(commands(standalone_mode=False, prog_name="dbserver") or Exit.DONE)
    except click.ClickException as fault:
        _fail(UsageError(fault.format_message(), "dbserver --help"))
    except (KeyboardInterrupt, click.Abort):
        _fail(DbServerError("interrupted", "run the command again to finish"))
    except DbServerError as fault:
        _fail(fault)
    except Exception as fault:  # noqa: BLE001  no stack trace reaches a user; it is kept for the report
        _fail(DbServerError(f"unexpected {type(fault).__name__}: {fault}", f"report it, with {_keep_trace()}"))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def commands() -> None:
    """Operate the shared PostgreSQL and Redis server.

    \b
    Examples:
      dbserver start                the selected stack, or dev
      dbserver status --format json
      dbserver stop --stack prod
    """  # noqa: D301  \b is click's mark for text that keeps its lines


def verb(function: Callable[..., None]) -> click.Command:
    """Make a command of a verb: every verb knows --stack and --format."""
    function = click.option("--format", "form", type=click.Choice(FORMATS), default="text", help="How to print.")(
        function
    )
    function = click.option("--stack", help="The stack; default: the one selected, or dev.")(function)
    return commands.command(name=function.__name__.strip("_"))(function)


@verb
@click.option("--no-install", is_flag=True, help="Install nothing; ./scripts/start.sh reports what is missing.")
def start(stack: str | None, form: str, no_install: bool) -> None:  # noqa: ARG001, FBT001  read by the preparation before
    """Start the servers and prove that both answer; the way back from every state."""
    from dbserver.actions.start import start as act
    from dbserver.cli import render

    show(act(_declared(stack), say), form, render.started)


@verb
def stop(stack: str | None, form: str) -> None:
    """Stop both servers gracefully; their data stays."""
    from dbserver.actions.stop import stop as act
    from dbserver.cli import render

    show(act(_declared(stack)), form, render.stopped)


@verb
def status(stack: str | None, form: str) -> None:
    """Show state, health and a real query's answer; exit code 3 where a server does not answer."""
    from dbserver.actions.status import status as act
    from dbserver.cli import render

    found = act(_declared(stack))
    show(found, form, render.status)
    if not found.well:
        raise click.exceptions.Exit(Exit.UNHEALTHY)


@verb
def list_(stack: str | None, form: str) -> None:
    """List the applications: database, size, connections of their limit."""
    from dbserver.actions.applications import list_applications
    from dbserver.cli import render

    show(list_applications(_declared(stack)), form, render.applications)


@verb
@click.argument("application")
@click.option("--field", help="Print this one value alone.")
def info(stack: str | None, form: str, application: str, field: str | None) -> None:
    """Show one application: owner, size, connections of its limit, extensions."""
    from dbserver.actions.applications import info as act
    from dbserver.cli import render

    found = act(_declared(stack), application)
    show(found, form, lambda result: render.field(result, field) if field else render.application(result))


@commands.command()
@click.argument("application")
@click.option("--stack", help="The stack; default: the one selected, or dev.")
@click.option("--format", "form", type=click.Choice(FORMS), default="dotenv", help="How to print.")
def env(application: str, stack: str | None, form: str) -> None:
    """Print what an application needs to connect; passwords included.

    With --format github the variables go to the file that GITHUB_ENV names,
    and what is printed masks their values in the log.
    """
    from dbserver.actions.applications import environment as act
    from dbserver.cli import environment

    variables = dict(act(_declared(stack), application).variables)
    if form == "github":
        if not os.environ.get("GITHUB_ENV"):
            raise UsageError("GITHUB_ENV is not set", "use --format github in a GitHub Actions step only")
        click.echo(environment.github(variables, Path(os.environ["GITHUB_ENV"])))
        return
    printers = {"dotenv": environment.dotenv, "shell": environment.shell, "json": environment.as_json}
    click.echo(printers[form](variables))


@verb
@click.argument("application")
@click.option("--confirm", metavar="NAME", help="The application's name again; needed without a terminal.")
def drop(stack: str | None, form: str, application: str, confirm: str | None) -> None:
    """Destroy the database and the role of an application that is declared no more."""
    from dbserver.actions.applications import drop as act
    from dbserver.cli import render

    confirmed(application, confirm)
    show(act(_declared(stack), application), form, render.dropped)


def confirmed(name: str, given: str | None) -> None:
    """Ask for the exact name. Raises RefusedError where it is not given."""
    if given is None and sys.stdin.isatty():
        given = click.prompt(f"This destroys data. Type the name {name} to go on", err=True)
    if given != name:
        raise RefusedError(f"{name} was not confirmed; nothing was changed", f"--confirm {name}")


def show(result: Any, form: str, text: Callable[[Any], str]) -> None:
    """Print a result in the wanted form."""
    from dbserver.results import as_dict

    click.echo(json.dumps(as_dict(result), indent=2) if form == "json" else text(result))


def _declared(stack: str | None) -> Any:
    from dbserver import declared

    return declared.read(declared.selected_stack(stack))


def _keep_trace() -> Path:
    from dbserver.declared import ROOT

    path = ROOT / ".state" / "last-error.txt"
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(traceback.format_exc())
    return path


def _wants_json(argv: list[str]) -> bool:
    """A command line that could not be parsed tells its form all the same."""
    return "--format=json" in argv or ("--format", "json") in pairwise(argv)


def _fail(fault: DbServerError) -> None:
    if _wants_json(sys.argv):
        error = {"message": fault.message, "hint": fault.hint, "exitCode": int(fault.exit_code)}
        click.echo(json.dumps({"error": error}, indent=2))
    say(f"error: {fault.message}")
    if fault.hint:
        say(f"HINT: {fault.hint}")
    sys.exit(fault.exit_code)
