"""The only place that starts processes.

Secrets never go into arguments, where every user of the machine can read
them; they go through standard input. What a process prints may repeat them,
so callers name them and they are masked before anything is kept.
"""

import os
import shlex
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dbserver.errors import CommandError

MASK = "***"


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
) -> Finished:
    """Run a program to its end and return what it printed.

    `timeout` is in seconds. Raises CommandError where the program is missing,
    takes longer, or (with `check`) ends with another status than 0.
    """
    data = stdin.encode() if isinstance(stdin, str) else stdin
    try:
        done = subprocess.run(  # noqa: S603  no shell; the arguments are built by pure functions
            list(argv), input=data, capture_output=True, timeout=timeout, env=_environment(env), cwd=cwd, check=False
        )
    except FileNotFoundError as fault:
        raise CommandError(argv[0], 127, f"{fault.filename or argv[0]} not found") from None
    except OSError as fault:
        raise CommandError(argv[0], 126, fault.strerror or "cannot be started") from None
    except subprocess.TimeoutExpired:
        raise CommandError(_shown(argv, secrets), 124, f"no answer within {timeout:g} s") from None
    finished = Finished(
        done.returncode,
        masked(done.stdout.decode(errors="replace"), secrets),
        masked(done.stderr.decode(errors="replace"), secrets),
    )
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
    same process group and so was interrupted too.
    """
    with subprocess.Popen(  # noqa: S603  no shell; the arguments are built by pure functions
        list(argv),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=_environment(env),
        cwd=cwd,
        text=True,
        errors="replace",
    ) as process:
        try:
            for line in process.stdout or ():
                on_line(line.rstrip("\n"))
        except KeyboardInterrupt:
            process.wait()
            raise
    return process.returncode


def _environment(extra: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if extra is None else {**os.environ, **extra}


def _shown(argv: Sequence[str], secrets: Sequence[str]) -> str:
    return masked(shlex.join(argv), secrets)
