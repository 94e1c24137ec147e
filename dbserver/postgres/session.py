"""psql that stays open: for a hundred applications its starts would cost more than everything that they ask."""

import threading

from dbserver.errors import CommandError
from dbserver.execute import Conversation, Finished
from dbserver.postgres import commands
from dbserver.postgres.commands import QUERY_SECONDS
from dbserver.postgres.server import GRACE_SECONDS, Server
from dbserver.postgres.sql import literal

# Printed after each script. It stands on a line of its own, and no result of ours is such a line.
END = "-- end of the script --"
_open = threading.local()


def attempt(server: Server, script: str, database: str) -> Finished:
    """Run a script as the administrator; its failure, no answer included, is for the caller to judge.

    Each thread keeps one psql for each server. Every script connects anew, so
    that none inherits what another has set, nor a connection that a restart
    has cut; afterwards psql goes back to the administrator's own database, or
    an idle connection would keep an application's from being dropped.
    """
    own, wanted = (f"\\connect {literal(name).strip()}\n" for name in (server.admin, database))
    text = f"{wanted}{script}\n{own}\\echo {END}\n"
    return _conversation(server).ask(text, END, QUERY_SECONDS + GRACE_SECONDS)


def query(server: Server, statement: str, database: str = "postgres") -> str:
    """Run SQL as the administrator and return what psql printed, stripped. Raises CommandError where it fails."""
    done = attempt(server, statement, database)
    if not done.succeeded:
        raise CommandError(f"psql in {server.container}", done.status, done.output)
    return done.stdout.strip()


def _conversation(server: Server) -> Conversation:
    """Return the thread's psql for a server; one that has ended is started anew."""
    known: dict[Server, Conversation] = _open.__dict__.setdefault("known", {})
    if server not in known or known[server].ended:
        known[server] = Conversation(commands.psql(server.container, server.admin, server.admin))
    return known[server]
