"""What the engine says of an update or a preview that failed, as the error that it is."""

import re

from dbserver import contract, passphrase
from dbserver.errors import DbServerError, RefusedError, UsageError

# What the engine adds to an error, without telling an operator anything, and the warnings that were told before.
NOISE = re.compile(
    r"^ *(error: update failed|error: an unhandled error occurred: program exited.*|pulumi:pulumi:Stack \(.*\):|"
    r"warning: .*)$"
)
AGAIN = "mend the cause, then run ./scripts/start.sh again"


def refused(stack: str, said: str) -> DbServerError:
    """Return the error of the right kind for a preview that did not come to its end."""
    lines = said.replace("Exception calling application: ", "").splitlines()
    told = "\n".join(line for line in lines if line and not NOISE.match(line))
    return failure(f"the preview of stack {stack}", told, "mend the cause, then preview again")


def failure(what: str, said: str, hint: str) -> DbServerError:
    """Return the error of the right kind: the program says itself what it refused."""
    for mark, kind in ((contract.FAULTY, UsageError), (contract.REFUSED, RefusedError)):
        if mark in said:
            message, _, own = (said.partition("error: ")[2] or said).partition("HINT:")
            hint = own.strip().partition("\n")[0]
            return kind(message.strip(), hint or "correct that, then run ./scripts/start.sh again")
    hints = [line.partition("HINT:")[2].strip() for line in said.splitlines() if line.lstrip().startswith("HINT:")]
    hint = hints[0] if hints else hint
    told = "\n".join(line for line in said.splitlines() if line.strip() != f"HINT: {hint}")
    return passphrase.error(said) or DbServerError(f"{what} did not finish:\n{told}", hint)


def errors(lines: list[str]) -> str:
    """Return what an update has printed between `Diagnostics:` and the summary of resources."""
    text = "\n".join(line for line in lines if not NOISE.match(line)).replace("Exception calling application: ", "")
    return text.partition("Diagnostics:")[2].partition("\nResources:")[0].strip("\n") or "\n".join(lines[-15:])
