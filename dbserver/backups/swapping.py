"""The swap: a database takes the live one's place while its clients are there. How long they were away is measured."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from dbserver.backups.making import cause
from dbserver.conversation import Conversation
from dbserver.errors import DbServerError
from dbserver.execute import Finished
from dbserver.postgres import commands, swap
from dbserver.postgres.server import Server

END = "-- end of the answer --"
ASK_SECONDS = 60
ATTEMPTS = 5
PAUSE_SECONDS = 0.005


def exchange(server: Server, live: str, incoming: str, kept: str, *, exists: bool) -> float:
    """Swap the names; return for how many seconds nobody could be in the live database, all attempts together.

    One session renames, which locks the database and waits for whoever is in
    it; the other ends them for as long as that takes. Raises DbServerError
    where it could not be had; then everything is as it was.
    """
    statements = swap.swap(live, incoming, kept, exists=exists)
    began = time.monotonic()
    for attempt in range(ATTEMPTS):
        with closing(_psql(server)) as renaming, closing(_psql(server)) as ending:
            began = began if attempt else time.monotonic()
            done = _rename(renaming, ending, statements, [live, incoming])
            seconds = time.monotonic() - began
        if done.succeeded:
            return round(seconds, 3)
    raise DbServerError(f"{live} could not be swapped: {cause(done.output)}", "the live database is as it was")


def _psql(server: Server) -> Conversation:
    """Return a session that has connected already: its start is no part of the gap."""
    psql = Conversation(commands.psql(server.container, server.admin, server.admin))
    psql.ask(f"\\echo {END}\n", END, ASK_SECONDS)
    return psql


def _rename(renaming: Conversation, ending: Conversation, statements: str, databases: Sequence[str]) -> Finished:
    with ThreadPoolExecutor(1) as pool:
        renamed = pool.submit(renaming.ask, f"{statements}\\echo {END}\n", END, ASK_SECONDS)
        while not renamed.done():
            ending.ask(f"{swap.end_sessions(databases)}\\echo {END}\n", END, ASK_SECONDS)
            time.sleep(PAUSE_SECONDS)
        return renamed.result()
