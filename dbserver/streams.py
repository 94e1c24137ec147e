"""Programs that a long stream goes into or comes out of: it is whole nowhere, neither in memory nor on a disk."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import IO

from dbserver import execute
from dbserver.execute import Finished

# What a program that reads something hostile may say is bounded: the rest is read and dropped.
COMPLAINT_BYTES, PRINTED_BYTES = 64 << 10, 64 << 20
BLOCK_BYTES = 1 << 20


class Pipe:
    """A program's standard input. `broken` once the program reads no more, which is its own affair."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.broken = False

    def write(self, data: bytes) -> int:
        """Write all of it. Raises BrokenPipeError where nobody reads any more."""
        try:
            return self._stream.write(data)
        except BrokenPipeError:
            self.broken = True
            raise

    def flush(self) -> None:
        """Do nothing: what matters is the end."""

    def close(self) -> None:
        """Write what is left and end the input."""
        with suppress(BrokenPipeError):
            self._stream.close()


# Writes all of a stream.
Send = Callable[[Pipe], None]


def copy(source: IO[bytes], pipe: Pipe) -> None:
    """Hand a stream over."""
    while block := source.read(BLOCK_BYTES):
        pipe.write(block)


def feed(argv: Sequence[str], send: Send, *, printed: bool = False) -> Finished:
    """Run a program on what `send` writes; return what it said, and with `printed` what it printed.

    What `send` raises is raised once the program has ended, unless the program read no more.
    """
    out = execute.PIPE if printed else execute.NOWHERE
    process = execute.started(argv, stdin=execute.PIPE, stdout=out, stderr=execute.PIPE)
    with ThreadPoolExecutor(2) as readers:
        said = readers.submit(_first, process.stderr, COMPLAINT_BYTES)
        shown = readers.submit(_first, process.stdout, PRINTED_BYTES)
        if process.stdin:
            _send(send, Pipe(process.stdin))
        status = process.wait()
        return Finished(status, shown.result(), said.result())


class Drawn:
    """A program whose output is read as it comes; it ends when its standard input does."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._errors = execute.remembered()
        self._process = execute.started(argv, stdin=execute.PIPE, stdout=execute.PIPE, stderr=self._errors)

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def tell(self, text: str) -> None:
        """Write to its standard input; nothing where it has ended, which its output shows."""
        assert self._process.stdin  # noqa: S101  it was asked for
        with suppress(BrokenPipeError):
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()

    @property
    def output(self) -> IO[bytes]:
        """What it prints."""
        assert self._process.stdout  # noqa: S101  it was asked for
        return self._process.stdout

    def wait(self) -> Finished:
        """Wait for its end and return what it said. Its output has been read to the end before."""
        status = self._process.wait()
        self._errors.seek(0)
        return Finished(status, "", self._errors.read().decode(errors="replace"))

    def let_go(self) -> None:
        """End it, if it has not ended; wait for that."""
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                stream.close() if stream else None
        self._process.wait()


@contextmanager
def drawn(argv: Sequence[str]) -> Iterator[Drawn]:
    """Start a program that ends with this block, and with this process."""
    program = Drawn(argv)
    try:
        yield program
    finally:
        program.let_go()


def _send(send: Send, pipe: Pipe) -> None:
    try:
        send(pipe)
    except Exception:
        if not pipe.broken:
            raise
    finally:
        pipe.close()


def _first(stream: IO[bytes] | None, limit: int) -> str:
    kept = b""
    while stream and (block := stream.read(BLOCK_BYTES)):
        kept += block[: limit - len(kept)]
    return kept.decode(errors="replace")
