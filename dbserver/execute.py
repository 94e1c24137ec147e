"""The only place that starts processes.

Secrets never go into arguments, where every user of the machine can read
them; they go through standard input. What a process prints may repeat them,
so callers name them and they are masked before anything is kept.
"""

import logging
import os
import queue
import shlex
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

from dbserver import inherited
from dbserver.errors import CommandError

MASK = "***"
# Exit statuses as a shell gives them: for a program that is not there, and as `timeout` does for no answer in time.
NOT_FOUND, NO_ANSWER = 127, 124
# As bytes: read as text, a carriage return in what an application has a server say would begin a line of its own.
LINES: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
PIPE, NOWHERE = subprocess.PIPE, subprocess.DEVNULL
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Finished:
    """A process that has ended. `output` is what it printed on standard error, or else on standard output."""

    status: int
    stdout: str
    stderr: str

    @property
    def succeeded(self) -> bool:
        """True where the exit status is 0."""
        return self.status == 0

    @property
    def output(self) -> str:
        """What the process said about itself, for error messages."""
        return (self.stderr.strip() or self.stdout.strip())[-4000:]


def masked(text: str, secrets: Sequence[str]) -> str:
    """Return the text with every secret replaced."""
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, MASK)
    return text


def run(
    argv: Sequence[str],
    *,
    stdin: str | bytes = b"",
    timeout: float | None = None,
    check: bool = True,
    secrets: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
    own_session: bool = False,
) -> Finished:
    """Run a program to its end and return what it printed.

    `timeout` is in seconds. Raises CommandError where the program is missing,
    takes longer, or (with `check`) ends with another status than 0. With
    `own_session` an interruption from the terminal does not reach the program.
    """
    log.debug("%s", _shown(argv, secrets))
    try:
        done = subprocess.run(  # noqa: S603  no shell; the arguments are built by pure functions
            list(argv),
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=timeout,
            env=inherited.environment(argv[0], env),
            cwd=cwd,
            check=False,
            start_new_session=own_session,
        )
    except OSError as fault:
        raise _notstarted(argv[0], fault) from None
    except subprocess.TimeoutExpired:
        raise CommandError(_shown(argv, secrets), NO_ANSWER, f"no answer within {timeout:g} s") from None
    stdout, stderr = (masked(said.decode(errors="replace"), secrets) for said in (done.stdout, done.stderr))
    finished = Finished(done.returncode, stdout, stderr)
    if check and not finished.succeeded:
        raise CommandError(_shown(argv, secrets), finished.status, finished.output)
    return finished


def stream(
    argv: Sequence[str],
    on_line: Callable[[str], None],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | os.PathLike[str] | None = None,
) -> int:
    """Run a long program, hand over each line as it is printed, return the exit status.

    An interruption of this process waits for the program, which is in the
    same process group and so was interrupted too; it would wait in its turn
    for somebody who reads what it still says.
    """
    with started(argv, env=env, cwd=cwd, **LINES) as process:
        try:
            for line in process.stdout or ():
                on_line(_text(line))
        except KeyboardInterrupt:
            process.communicate()
            raise
    return process.returncode


def remembered() -> IO[bytes]:
    """Return a file in memory for what a program says: one on a disk may be full, or left behind by a kill."""
    return open(os.memfd_create("said"), "a+b")  # noqa: PTH123  a descriptor, for as long as the program


class Held:
    """A program that is meant to end with its standard input, which is held here; `output` takes what it prints."""

    def __init__(
        self, argv: Sequence[str], output: IO[bytes] | None = None, env: Mapping[str, str] | None = None
    ) -> None:
        self._said = remembered()
        streams = {"stdin": subprocess.PIPE, "stdout": output or self._said, "stderr": self._said}
        self._process = started(argv, env=env, **streams)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def wait(self) -> Finished:
        """Wait for its end and return what it printed."""
        status = self._process.wait()
        self._said.seek(0)
        return Finished(status, "", self._said.read().decode(errors="replace"))

    def let_go(self) -> None:
        """End its input, and so the program; wait for that."""
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()


@contextmanager
def held(argv: Sequence[str], output: IO[bytes] | None = None, env: Mapping[str, str] | None = None) -> Iterator[Held]:
    """Start a program that ends with this block, and with this process."""
    program = Held(argv, output, env)
    try:
        yield program
    finally:
        program.let_go()


def attach(argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> int:
    """Run a program on this process's own input and output; return its exit status.

    An interruption is passed on to the program, and raised here once it has
    ended. On a terminal in raw mode there is none: a shell gets the key.
    """
    interrupted: list[int] = []
    process = started(argv, env=env)

    def pass_on(number: int, _frame: object) -> None:
        interrupted.append(number)
        process.send_signal(number)

    handler = signal.signal(signal.SIGINT, pass_on)
    try:
        status = process.wait()
    finally:
        signal.signal(signal.SIGINT, handler)
    if interrupted:
        raise KeyboardInterrupt
    return status


def follow(argvs: Sequence[Sequence[str]], on_line: Callable[[int, str], None]) -> None:
    """Run programs side by side until all have ended, handing over each line with its program's place in the list.

    An interruption ends them.
    """
    lines: queue.SimpleQueue[tuple[int, str | None]] = queue.SimpleQueue()
    with ExitStack() as running:
        for index, argv in enumerate(argvs):
            process = running.enter_context(_followed(argv))
            threading.Thread(target=_hand_over, args=(index, process, lines), daemon=True).start()
        going = len(argvs)
        while going:
            index, line = lines.get()
            if line is None:
                going -= 1
            else:
                on_line(index, line)


def _hand_over(
    index: int, process: "subprocess.Popen[bytes]", lines: "queue.SimpleQueue[tuple[int, str | None]]"
) -> None:
    for line in process.stdout or ():
        lines.put((index, _text(line)))
    lines.put((index, None))


@contextmanager
def _followed(argv: Sequence[str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = started(argv, **LINES)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r\n")


def started(argv: Sequence[str], *, env: Mapping[str, str] | None = None, **streams: Any) -> "subprocess.Popen[Any]":
    """Start a program that the caller waits for."""
    log.debug("%s", shlex.join(argv))
    try:
        return subprocess.Popen(  # noqa: S603  no shell; the arguments are built by pure functions
            list(argv), env=inherited.environment(argv[0], env), **streams
        )
    except OSError as fault:
        raise _notstarted(argv[0], fault) from None


def _notstarted(program: str, fault: OSError) -> CommandError:
    """Return the error with the status that a shell gives."""
    if isinstance(fault, FileNotFoundError):
        return CommandError(program, NOT_FOUND, f"{fault.filename or program} not found")
    return CommandError(program, 126, fault.strerror or "cannot be started")


def _shown(argv: Sequence[str], secrets: Sequence[str]) -> str:
    return masked(shlex.join(argv), secrets)
