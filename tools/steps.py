"""Announces each step with its reason, and shows that a long one is alive."""

import shlex
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from dbserver import execute
from dbserver.errors import DbServerError
from dbserver.units import duration

BEAT_SECONDS = 15.0
AGAIN = "correct that, then run ./scripts/start.sh again: what is finished is kept"


def beat(what: str, seconds: float, last: str) -> str:
    """Return the line that says a long step is still at work."""
    return f"  {what}: {duration(seconds)}" + (f", {last.strip()[:100]}" if last.strip() else "")


class Steps:
    """Says what is done and why, on one stream; keeps the full output of every program in a log."""

    def __init__(self, stream: TextIO, logs: Path, beat_seconds: float = BEAT_SECONDS) -> None:
        self.stream = stream
        self.logs = logs
        self.beat_seconds = beat_seconds

    def say(self, text: str) -> None:
        """Write one line at once."""
        self.stream.write(text + "\n")
        self.stream.flush()

    def run(self, what: str, argv: Sequence[str], *, hint: str = AGAIN, **options: Any) -> None:
        """Run a program as `attempt` does; raises DbServerError with its last lines and its log where it fails."""
        status, last = self.attempt(what, argv, **options)
        if status != 0:
            raise DbServerError(f"{what} failed (exit status {status}):\n{last}\nfull log: {self.log(what)}", hint)

    def attempt(
        self,
        what: str,
        argv: Sequence[str],
        *,
        limit: int | None = None,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> tuple[int, str]:
        """Run a program with signs of life; return its exit status and last lines. `limit` is in seconds."""
        bounded = ["timeout", "--kill-after=5", str(limit), *argv] if limit else list(argv)
        last: deque[str] = deque(maxlen=5)
        self.logs.mkdir(parents=True, exist_ok=True)
        with self.log(what).open("w") as log, self.alive(what) as line:
            log.write(f"$ {shlex.join(argv)}\n")
            keep = _keeper(log, last, line)
            try:
                status = execute.stream(bounded, keep, env=environment, cwd=directory)
            except FileNotFoundError:
                status = 127
                keep(f"{argv[0]}: program not found")
        return status, "\n".join(last)

    def log(self, what: str) -> Path:
        """Return the file that keeps the full output of a step."""
        return self.logs / ("".join(c if c.isalnum() or c in ".-" else "-" for c in what) + ".log")

    @contextmanager
    def alive(self, what: str) -> Iterator[Callable[[str], None]]:
        """Show elapsed time and the last line while the block runs; yields the function that takes lines."""
        shown = self._spinner(what) if self.stream.isatty() else self._lines(what)
        with shown as line:
            yield line

    @contextmanager
    def _lines(self, what: str) -> Iterator[Callable[[str], None]]:
        last, started, ended = [""], time.monotonic(), threading.Event()

        def speak() -> None:
            while not ended.wait(self.beat_seconds):
                self.say(beat(what, time.monotonic() - started, last[0]))

        thread = threading.Thread(target=speak, daemon=True)
        thread.start()
        try:
            yield lambda text: last.__setitem__(0, text)
        finally:
            ended.set()
            thread.join()

    @contextmanager
    def _spinner(self, what: str) -> Iterator[Callable[[str], None]]:
        from rich.console import Console  # noqa: PLC0415  nothing to do must not wait for this import
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415  as above

        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        with Progress(*columns, console=Console(file=self.stream), transient=True) as progress:
            task = progress.add_task(what)
            width = max(20, progress.console.width - len(what) - 20)
            yield lambda text: progress.update(task, description=f"{what}: {text.strip()[:width]}")


def _keeper(log: TextIO, last: deque[str], line: Callable[[str], None]) -> Callable[[str], None]:
    """Return the function that takes a program's lines: all into the log, the meaningful ones onto the screen."""

    def keep(text: str) -> None:
        log.write(text + "\n")
        log.flush()
        if text.strip():
            last.append(text)
            line(text)

    return keep
