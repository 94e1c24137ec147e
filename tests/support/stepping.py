"""Run `dbserver` and send it a signal just before one of its steps.

`python stepping.py STEP SIGNAL VERB...`: STEP is a number, or a text that the
step's own contains. A step is a program that is started, a question to one
that runs, a wait for one, a file or directory made, renamed or removed. KILL
goes to the whole process group, as a machine's shutdown sends it; any other
signal to the command alone. On standard error: the steps, one each line.
"""

import itertools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from dbserver import conversation, execute
from dbserver.cli.main import main

FILES = {"os.mkdir", "os.rename", "os.remove", "os.rmdir"}
WRITING = os.O_WRONLY | os.O_RDWR


class Steps:
    """Counts the steps; at the chosen one the signal is sent, once."""

    def __init__(self, chosen: str, sent: signal.Signals) -> None:
        self.chosen, self.sent = chosen, sent
        self.numbers = itertools.count(1)
        self.over = False

    def step(self, text: str) -> None:
        number = next(self.numbers)
        # Shortened: nobody reads before the end, and a full pipe (64 KiB) would hold the command up for ever.
        os.write(2, f"step {number}: {text:.120}\n".encode())
        if not self.over and (number == int(self.chosen) if self.chosen.isdigit() else self.chosen in text):
            self.over = True
            os.kill(0 if self.sent == signal.SIGKILL else os.getpid(), self.sent)

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "subprocess.Popen":
            self.step(f"start {' '.join(map(str, arguments[1]))}")
        elif event in FILES:
            self.step(f"{event} {arguments[0]}")
        elif event == "open" and "backups" in str(arguments[0]) and int(arguments[2]) & WRITING:
            self.step(f"write {arguments[0]}")

    def before(self, function: Callable[..., Any], text: str) -> Callable[..., Any]:
        def stepped(*arguments: Any) -> Any:
            self.step(f"{text} {' '.join(str(each) for each in arguments[1:2])!r:.80}")
            return function(*arguments)

        return stepped


def run() -> None:
    assert os.getpgrp() == os.getpid(), "the whole process group is killed: start this in one of its own"
    steps = Steps(sys.argv[1], signal.Signals[f"SIG{sys.argv[2]}"])
    sys.argv[1:3] = []
    sys.addaudithook(steps.audit)
    for owner, name in ((conversation.Conversation, "ask"), (execute.Held, "wait"), (execute.Held, "let_go")):
        setattr(owner, name, steps.before(getattr(owner, name), name))
    main()


if __name__ == "__main__":
    run()
