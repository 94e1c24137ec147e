"""What the engine says of an update or a preview that failed, as the error that it is."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from dbserver import cleaning, contract
from dbserver.engine import passphrase
from dbserver.errors import DbServerError, RefusedError, UsageError

# What the engine adds to the errors.
NOISE = re.compile(r"update failed|an unhandled error occurred: program exited.*")
AGAIN = "mend the cause, then run ./scripts/start.sh again"
CORRECT = "correct that, then run ./scripts/start.sh again"


class Fault(NamedTuple):
    """An error that the engine tells, and the resource that it is about; none where it is about the whole."""

    resource: str
    text: str


def refused(stack: str, errors: Sequence[str]) -> DbServerError:
    """Return the error of the right kind for a preview that did not come to its end."""
    faults = [Fault("", text) for text in map(plain, errors) if text]
    return failure(f"the preview of stack {stack}", faults, "mend the cause, then preview again")


def plain(text: str) -> str:
    """Return an error without what the engine puts around it; empty where it tells an operator nothing."""
    text = text.strip().removeprefix("Exception calling application: ")
    return "" if NOISE.fullmatch(text) else text


def failure(what: str, faults: Sequence[Fault], hint: str) -> DbServerError:
    """Return the error of the right kind: the program says itself what it refused."""
    for mark, kind in ((contract.FAULTY, UsageError), (contract.REFUSED, RefusedError)):
        for _, text in faults:
            if mark in text:
                message, _, own = text.partition("HINT:")
                return kind(message.strip(), own.strip().partition("\n")[0] or CORRECT)
    told = [line for fault in faults for line in _lines(fault)]
    hints = [line.partition("HINT:")[2].strip() for line in told if line.lstrip().startswith("HINT:")]
    hint = hints[0] if hints else hint
    message = "\n".join(line for line in told if line.strip() != f"HINT: {hint}")
    return passphrase.error(message) or DbServerError(f"{what} did not finish:\n{message}", hint)


def _lines(fault: Fault) -> list[str]:
    return cleaning.lines(f"{fault.resource}: {fault.text}" if fault.resource else fault.text)
