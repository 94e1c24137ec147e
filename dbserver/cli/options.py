"""What every verb has in common: its options, its stack, how it prints, how it asks."""

import json
import logging
import sys
from collections.abc import Callable
from itertools import takewhile
from typing import Any

import click
from click.shell_completion import CompletionItem

from dbserver import __version__, cleaning
from dbserver.contract import DISCONNECT_ALSO, DISCONNECT_FLAG, NO_CHECKPOINT_FLAG
from dbserver.errors import RefusedError, UsageError
from dbserver.units import parse_seconds

FORMATS = ("text", "json")


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


class Duration(click.ParamType[float]):
    """Seconds, written as 90, 60s, 5m or 2h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        try:
            return parse_seconds(str(value))
        except ValueError as fault:
            self.fail(f"{value}: {fault}", param, ctx)


class ApplicationName(click.ParamType[str]):
    """The name of an application; the shell completes those that the stack declares."""

    name = "app"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002  click's signature
        """Return the declared names; none where the configuration cannot be read."""
        from dbserver.errors import DbServerError

        try:
            known = declared(ctx.params.get("stack")).applications
        except DbServerError:
            return []
        return [CompletionItem(name) for name in known if name.startswith(incomplete)]


class Passing(click.Command):
    """A command that hands what stands after `--` to a program, which has flags of its own."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse what stands before the mark; the rest is the parameter `arguments`."""
        own = list(takewhile(lambda word: word != "--", args))
        passed = tuple(args[len(own) + 1 :])
        left = super().parse_args(ctx, own)
        ctx.params["arguments"] = passed
        return left

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """Return the pieces of the usage line."""
        return [*super().collect_usage_pieces(ctx), "[-- ARGUMENTS...]"]


APPLICATION = ApplicationName()
DURATION = Duration()


def verb(
    examples: str, forms: tuple[str, ...] = FORMATS, **settings: Any
) -> Callable[[Callable[..., None]], click.Command]:
    """Make a command of a verb: it knows --stack, --format and --debug, and its help ends with examples."""

    def make(function: Callable[..., None]) -> click.Command:
        if forms:
            kind = click.Choice(forms)
            function = click.option("--format", "form", type=kind, default=forms[0], help="How to print.")(function)
        name = function.__name__.strip("_").replace("_", "-")
        epilog = "\b\nExamples:\n" + "\n".join(f"  {line.strip()}" for line in cleaning.lines(examples.strip()))
        return commands.command(name=name, epilog=epilog, **settings)(stack_option(debug_option(function)))

    return make


def stack_option(function: Callable[..., None]) -> Callable[..., None]:
    """Let a command choose its stack."""
    return click.option("--stack", help="The stack; default: the one selected, or dev.")(function)


def debug_option(function: Callable[..., None]) -> Callable[..., None]:
    """Let a command tell on standard error which programs it starts."""
    return click.option(
        "--debug", is_flag=True, expose_value=False, callback=_debug, help="Tell which programs are started."
    )(function)


def disconnect_option(function: Callable[..., None]) -> Callable[..., None]:
    """Let a verb cut off the application containers that are connected."""
    text = "Go on although application containers are connected; they are cut off."
    return click.option(DISCONNECT_FLAG, DISCONNECT_ALSO, "disconnect_applications", is_flag=True, help=text)(function)


def no_checkpoint_option(function: Callable[..., None]) -> Callable[..., None]:
    """Let a verb recreate a container without a backup before."""
    text = "Recreate a container without backing up before what it holds."
    return click.option(NO_CHECKPOINT_FLAG, is_flag=True, help=text)(function)


def declared(stack: str | None, *, changing: bool = False) -> Any:
    """Return what the stack's configuration declares; a verb that is `changing` something acts on no faulty file."""
    from dbserver import declared as configuration

    return judged(stack) if changing else configuration.read(configuration.selected_stack(stack))


def judged(stack: str | None) -> Any:
    """Return what a configuration without a fault declares. Raises UsageError with every fault of another one."""
    from dbserver import declared as configuration

    name = configuration.selected_stack(stack)
    configuration.refuse_faults(name)
    return configuration.read(name)


def running(stack: str | None, *, changing: bool = False) -> Any:
    """Return the stack as it runs. Raises RefusedError where what is declared names another stack's servers."""
    from dbserver import stack as stacks

    return stacks.running(declared(stack, changing=changing))


def say(line: str) -> None:
    """Print a message; messages never mix with the data on standard output."""
    click.echo(cleaning.printable(line), err=True)


def show(result: Any, form: str, text: Callable[[Any], str], *, coloured: bool = False) -> None:
    """Print a result in the wanted form, and end with its exit code where that is not 0.

    A `coloured` text has sequences of its own, and is printed as it is.
    """
    from dbserver.results import as_dict

    if form == "json":
        click.echo(json.dumps(as_dict(result), indent=2))
    else:
        click.echo(text(result) if coloured else cleaning.printable(text(result)))
    end(result)


def end(result: Any) -> None:
    """End the verb with a result's exit code where that is not 0."""
    from dbserver.results import exit_code

    if code := exit_code(result):
        raise click.exceptions.Exit(code)


def one_of(first: str | None, second: str | None, names: str) -> str:
    """Return the one that is given. Raises UsageError where both or neither are."""
    if bool(first) == bool(second):
        raise UsageError(f"{names}: one of them is needed, and not both", "dbserver --help")
    return str(first or second)


def confirmed(name: str, given: str | None) -> None:
    """Ask for the exact name. Raises RefusedError where it is not given."""
    if given is None and sys.stdin.isatty():
        given = click.prompt(f"This destroys data. Type the name {name} to go on", err=True)
    if given != name:
        raise RefusedError(f"{name} was not confirmed; nothing was changed", f"--confirm {name}")


def agreed(question: str, *, yes: bool) -> None:
    """Ask for a yes. Raises RefusedError where there is none, and where nobody can be asked."""
    if yes or (sys.stdin.isatty() and click.confirm(question, err=True)):
        return
    raise RefusedError("not confirmed; nothing was changed", "--yes")


def _debug(_: click.Context, __: click.Parameter, wanted: bool) -> None:
    if wanted:
        logging.basicConfig(level=logging.DEBUG, format="%(relativeCreated)6d ms %(message)s", stream=sys.stderr)
