"""Whose a line of PostgreSQL's log is. Pure."""

import re
from collections.abc import Callable

# Of a client's line its role and database, after the image's own beginning; processes of the server's have neither.
NAMED = {"log_line_prefix": "%m [%p] %q%u@%d "}


def of_application(role: str, database: str) -> Callable[[str], bool]:
    """Return what tells, line after line, whether a line is of this role's or this database's clients."""
    own = re.compile(rf"[^\[]*\[\d+\] (?:{re.escape(role)}@[^ ]* |[^ ]*@{re.escape(database)} )")
    concerns = False

    def check(line: str) -> bool:
        nonlocal concerns
        # The further lines of a message begin with a tab and have no name of their own.
        concerns = concerns if line.startswith("\t") else own.match(line) is not None
        return concerns

    return check
