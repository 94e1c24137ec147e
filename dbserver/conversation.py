"""A program that is asked again and again."""

import os
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from dbserver import execute
from dbserver.execute import NO_ANSWER, Finished

# docker's client hands the end of its input on, if it is given the time.
HANDING_ON_SECONDS = 0.5


class Conversation:
    """A program that is asked again and again, where its start costs more than an answer. For one thread."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._given_up = False
        self._errors = execute.remembered()
        # An interruption from the terminal is this process's: what is asked afterwards, to clean up, needs an answer.
        self._process = execute.started(
            argv, stdin=execute.PIPE, stdout=execute.PIPE, stderr=self._errors, start_new_session=True
        )
        # Else the one of a thread that is over would stay until this process ends.
        weakref.finalize(self, _end_input, self._process.stdin)

    @property
    def ended(self) -> bool:
        """True once the program has ended, or is about to."""
        return self._given_up or self._process.poll() is not None

    def ask(self, text: str, end: str, timeout: float) -> Finished:
        """Send text and return what is printed before the line `end`; a failure where the program ends instead.

        `timeout` is in seconds; a program that takes longer is ended, and so is one whose answer is not waited for.
        """
        said_before = self._errors.seek(0, os.SEEK_END)
        patience = threading.Timer(timeout, self._give_up)
        patience.start()
        try:
            lines = list(self._answer(text, end))
        except BaseException:
            self._give_up()
            self._process.wait()
            raise
        finally:
            patience.cancel()
        self._errors.seek(said_before)
        complaint = self._errors.read().decode(errors="replace")
        if lines[-1:] == [end]:
            return Finished(0, "\n".join(lines[:-1]), complaint)
        status = self._process.wait() or 1
        if self._given_up:
            return Finished(NO_ANSWER, "\n".join(lines), f"no answer within {timeout:g} s")
        return Finished(status, "\n".join(lines), complaint)

    def close(self) -> None:
        """End the program by the end of its input."""
        _end_input(self._process.stdin)
        for _ in self._process.stdout or ():
            pass  # what it still says would keep it from ending
        self._process.wait()
        self._errors.close()

    def _give_up(self) -> None:
        """End the program: a client in a container that is left without its end of input would wait for ever."""
        self._given_up = True
        threading.Thread(target=_end_input, args=(self._process.stdin,), daemon=True).start()
        time.sleep(HANDING_ON_SECONDS)
        self._process.kill()

    def _answer(self, text: str, end: str) -> Iterator[str]:
        # Beside the reading: a program that nobody reads stops to read a long text.
        threading.Thread(target=self._send, args=(text,), daemon=True).start()
        for raw in self._process.stdout or ():
            line = raw.decode(errors="replace").removesuffix("\n")
            yield line
            if line == end:
                return

    def _send(self, text: str) -> None:
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.write(text.encode())
                self._process.stdin.flush()


def _end_input(stdin: Any) -> None:
    with suppress(BrokenPipeError):
        stdin.close()
