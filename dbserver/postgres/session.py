"""psql that stays open: its start in a container costs more than everything that a verb asks."""

import re
import secrets
import threading
import time

from dbserver.conversation import Conversation
from dbserver.execute import Finished
from dbserver.postgres import commands
from dbserver.postgres.commands import CONNECT_SECONDS
from dbserver.postgres.sql import connect

# Where it waits for the next script: an idle connection would keep an application's database from being dropped.
HOME = "postgres"
# So much longer than a statement may take is waited for its end.
GRACE_SECONDS = 5
# Whoever opens connections without logging in can hold all of them, but each for `authentication_timeout` only: so long
# a session of the administrator's tries again, and once more.
FULL_SECONDS = 12
FULL = re.compile(r"connection to server .*too many clients already")
_open = threading.local()


def ask(container: str, admin: str, script: str, database: str, seconds: float) -> Finished:
    """Run a script as the administrator, no statement of which may take longer than `seconds`.

    Each thread keeps one psql for each server. Every script connects anew, so
    that none inherits what another has set, nor a connection that a restart
    has cut. Raises CommandError where docker is missing.
    """
    deadline = time.monotonic() + FULL_SECONDS
    while True:
        done, begun = _asked(_conversation(container, admin, seconds), script, database, seconds + GRACE_SECONDS)
        if begun or not FULL.search(done.stderr) or time.monotonic() > deadline:
            return done
        time.sleep(0.05)


def _asked(psql: Conversation, script: str, database: str, seconds: float) -> tuple[Finished, bool]:
    """Return how a script ended, and whether any of it may have been run.

    Nothing of it is sent before there is a connection: psql waits for one for as long as that takes, also when nobody
    waits for psql any more, and would then run it. A last statement that nothing ends would be sent by nothing but the
    end of the input: so one is ended here. Nobody foresees the marks, so that no output of an application's is one. A
    way home that fails, on a server that is full, is no failure of the script: only this psql ends.
    """
    token = secrets.token_hex(16)
    begun, ended, home = (f"-- {moment} {token} --" for moment in ("begun", "ended", "home"))
    known = psql.ask(f"{connect(database)}\n\\echo {begun}\n", begun, CONNECT_SECONDS + GRACE_SECONDS)
    if not known.succeeded:
        return known, False
    done = psql.ask(f"{script}\n;\n\\echo {ended}\n{connect(HOME)}\n\\echo {home}\n", home, seconds)
    said = done.stdout.split("\n")
    return (Finished(0, "\n".join(said[: said.index(ended)]), done.stderr) if ended in said else done), True


def _conversation(container: str, admin: str, seconds: float) -> Conversation:
    """Return the thread's psql for a server; one that has ended is started anew."""
    known: dict[tuple[str, str, float], Conversation] = _open.__dict__.setdefault("known", {})
    key = (container, admin, seconds)
    if key not in known or known[key].ended:
        known[key] = Conversation(commands.psql(container, admin, HOME, seconds))
    return known[key]
