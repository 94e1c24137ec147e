"""Draws docs/pictures: what commands print on a real stack, as text in SVG. Usage: python -m tools.pictures.

The stack has the documented names, so that nothing in a picture has to be retouched but the place of its data. It is
made for this and removed; where containers of these names are on the machine already, nothing is begun.
"""

import os
import pty
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console, RenderableType
from rich.markdown import Markdown
from rich.text import Text

from tests.support.commands import run
from tests.support.project import ROOT
from tests.support.stack import Stack

DIRECTORY = ROOT / "docs" / "pictures"
WIDTH = 110
# The question that a destructive command asks.
QUESTION = b"to go on: "
APPLICATION = "crypto-ai-agent"
ROWS = "CREATE TABLE users AS SELECT n AS id, 'user ' || n AS name FROM generate_series(1, 25000) n"
# Rich's own frame, without the fonts that it fetches from elsewhere.
FRAME = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<style>
.{unique_id}-matrix {{
  font: {char_height}px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  line-height: {line_height}px;
  white-space: pre;
}}
.{unique_id}-title {{ font: bold 18px system-ui, sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def picture(name: str, shown: RenderableType, width: int = WIDTH) -> str:
    """Return a terminal as SVG: the same text gives the same picture."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=width, file=nowhere, force_terminal=True, color_system="truecolor")
        console.print(shown)
        return console.export_svg(title=name, code_format=FRAME, unique_id=name)


def terminal(command: str, printed: str) -> Text:
    """Return what a terminal shows of a command."""
    return Text.assemble((f"$ {command}\n", "bold"), Text.from_ansi(printed.replace("\r", "").strip("\n")))


def typed(stack: Stack, command: str, answer: str = "") -> str:
    """Run a command on a terminal, answer its question; return all that it shows, in the documented places."""
    outside, inside = pty.openpty()
    environment = {**stack.env(), "TERM": "xterm-256color", "COLUMNS": str(WIDTH)}
    try:
        with subprocess.Popen(  # noqa: S603  the commands are those of this file
            ["bash", "-c", command], stdin=inside, stdout=inside, stderr=inside, env=environment, cwd=stack.project
        ) as process:
            os.close(inside)
            shown = b"".join(_shown(outside, answer)).decode()
            process.wait()
            return _in_documented_places(stack, shown)
    finally:
        os.close(outside)


def _shown(outside: int, answer: str) -> Iterator[bytes]:
    """Yield what a terminal shows until the command ends."""
    try:
        while block := os.read(outside, 65536):
            if block.endswith(QUESTION):
                os.write(outside, f"{answer}\n".encode())
            yield block
    except OSError:  # nobody is at the other side any more
        return


def _in_documented_places(stack: Stack, shown: str) -> str:
    places = {
        str(stack.data): "/data/db-server",
        str(stack.project): "/srv/database-server",
        stack.network: "nginx-network",
        f":{stack.postgres_port}": ":5432",
        f":{stack.redis_port}": ":6379",
    }
    for mine, documented in places.items():
        shown = shown.replace(mine, documented)
    return shown


@contextmanager
def documented_stack() -> Iterator[Stack]:
    """Start a stack with the documented names; remove it at the end."""
    names = ("db-server-postgres", "db-server-redis", "db-server-archive")
    there = [name for name in run("docker", "ps", "-a", "--format", "{{.Names}}").ok().out.split() if name in names]
    if there:
        raise SystemExit(f"{', '.join(there)}: already on this machine, nothing was begun")
    with tempfile.TemporaryDirectory(prefix="dbs-pictures-", ignore_cleanup_errors=True) as directory:
        stack = Stack(Path(directory), name="db-server")
        try:
            stack.declare({"name": APPLICATION, "role": "crypto", "poolSize": 10}, {"name": "shop", "poolSize": 5})
            stack.start().ok()
            stack.sql(ROWS, "crypto_ai_agent")
            yield stack
        finally:
            stack.remove()


def status(stack: Stack) -> RenderableType:
    """Return both servers, well."""
    typed(stack, f"./scripts/backup-database.sh {APPLICATION}")
    command = "./scripts/status.sh"
    return terminal(command, typed(stack, command))


def doctor(stack: Stack) -> RenderableType:
    """Return what is said of a container that is off the network, and the command that mends it."""
    run("docker", "network", "disconnect", stack.network, stack.redis).ok()
    command = "./scripts/dbserver doctor"
    shown = terminal(command, typed(stack, command))
    run("docker", "network", "connect", "--alias", "redis", stack.network, stack.redis).ok()
    return shown


def preview(stack: Stack) -> RenderableType:
    """Return the comment on a request that changes a setting, the memory, and where the data is."""
    settings = {"settings": {"log_min_duration_statement": "250ms"}, "maxConnections": 60}
    with stack.configured(postgres=settings, dataDirectory=f"{stack.data}-new"):
        return Markdown(typed(stack, "./scripts/dbserver preview --format markdown 2>/dev/null").replace("\r", ""))


def restore(stack: Stack) -> RenderableType:
    """Return a restore of one application and its way back."""
    command = f"./scripts/restore-database.sh {APPLICATION} latest"
    stack.sql("DELETE FROM users WHERE id > 17", "crypto_ai_agent")
    return terminal(command, typed(stack, command, APPLICATION))


SCENES = {"status": status, "doctor": doctor, "preview": preview, "restore": restore}

WIDE = {"preview": 150}  # a table of four columns


def main() -> None:
    """Draw all of them."""
    DIRECTORY.mkdir(exist_ok=True)
    with documented_stack() as stack:
        drawn = {name: picture(name, scene(stack), WIDE.get(name, WIDTH)) for name, scene in SCENES.items()}
    for name, text in drawn.items():
        (DIRECTORY / f"{name}.svg").write_text(text)


if __name__ == "__main__":
    main()
