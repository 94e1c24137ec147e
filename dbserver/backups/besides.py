"""What is restored without a swap: a database of another name, or single tables in a schema of their own."""

import re
from collections.abc import Sequence

from dbserver import streams
from dbserver.backups import filling
from dbserver.backups.filling import Rows, Target
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.execute import Finished
from dbserver.postgres import beside, dump, foreign, swap
from dbserver.postgres.server import Server
from dbserver.streams import Pipe

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
Table = tuple[str, str]


def refuse_name(server: Server, name: str) -> None:
    """Raise UsageError for no name of a database, RefusedError for one that is taken."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name} is no name for a database", "a-z, 0-9 and _, at most 63")
    if filling.exists(server, name):
        raise RefusedError(f"there is a database {name} already", "--into another name")


def parsed(texts: Sequence[str]) -> list[Table]:
    """Return schema and table of each. Raises UsageError for two that would meet in one schema."""
    found = [(schema or "public", table) for schema, _, table in (text.rpartition(".") for text in texts)]
    if len({table for _, table in found}) < len(found):
        raise UsageError(f"two tables of one name: {', '.join(texts)}", "restore them one after the other")
    return found


def refuse_missing(name: str, tables: Sequence[Table], rows: Rows) -> None:
    """Raise UsageError where a backup lacks one of the tables."""
    missing = [".".join(table) for table in tables if table not in rows]
    if missing:
        raise UsageError(f"{name} has no table {', '.join(missing)}", "--table SCHEMA.TABLE")


def settle(server: Server, target: Target, name: str) -> None:
    """Give the restored database its name."""
    filling.ask(server, swap.settle(target.name, name), server.admin)


def copy(server: Server, target: Target, live: str, owner: str, schema: str, tables: Sequence[Table]) -> Rows:
    """Copy tables from the restored database into a new schema of the live one; return their rows there.

    Their columns, defaults, checks and rows: what else belongs to them names what is live. The copy is one
    transaction, of a role that has no right but to make its schema: a check of a strange table may call anything.
    """
    filling.ask(server, beside.move(schema, tables), target.name)
    filling.ask(server, beside.guest(target.name, live))
    try:
        filling.refuse_failed(target, _through(server, target, live, schema))
        found = {key: rows for key, rows in filling.count(server, live).items() if key[0] == schema}
        wanted = {key: rows for key, rows in filling.count(server, target.name).items() if key[0] == schema}
        if found != wanted:
            raise DbServerError(f"{schema} holds {found} instead of {wanted}", "the live tables are as they were")
        filling.ask(server, foreign.hand_over(target.name, owner), live)
    finally:
        forsake(server, target.name, live)
    return found


def forsake(server: Server, role: str, live: str) -> None:
    """Drop what a role still owns in the live database, and its rights there; the role goes with its own database."""
    if filling.exists(server, live) and filling.ask(server, beside.role_exists(role)) == "t":
        filling.ask(server, beside.drop_owned(role), live)


def _through(server: Server, target: Target, live: str, schema: str) -> Finished:
    """Dump and restore as one stream; what fails first is returned."""
    source = beside.dump_schema(server.admin, target.name, schema)
    restore = beside.restore_schema(target.name, live)
    with streams.drawn(dump.guarded(server.container, target.session, source)) as drawn:

        def send(pipe: Pipe) -> None:
            streams.copy(drawn.output, pipe)

        restored = streams.feed(dump.inside(server.container, target.session, restore), send)
        if not restored.succeeded:
            return restored
        return drawn.wait()
