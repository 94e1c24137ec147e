"""top: the statements on which PostgreSQL has spent its time."""

import json

from dbserver import contract
from dbserver.declared import Declared
from dbserver.errors import UsageError
from dbserver.postgres import settings, statements
from dbserver.postgres.server import Server
from dbserver.registry import one, registered
from dbserver.results.statements import Top

SET = "pulumi config set --stack {stack} --path 'db-server:postgres.settings.{setting}' '{value}' && ./scripts/start.sh"


def top(declared: Declared, application: str | None, most: int) -> Top:
    """Return the `most` heaviest statements of each database, or of one application's.

    Raises UsageError for an unknown application and where pg_stat_statements is not loaded, with the setting to write.
    """
    known = [one(declared, application)] if application else registered(declared)
    server = Server(declared.containers[contract.POSTGRES], declared.admin)
    _refuse_unloaded(declared, server)
    databases = {each.database: each.name for each in known}
    since, left_out, found = statements.parse(server.query(statements.heaviest(most), declared.admin), databases)
    wanted = tuple(each for each in found if not application or each.application == application)
    return Top(declared.stack, since, left_out, wanted)


def _refuse_unloaded(declared: Declared, server: Server) -> None:
    found = json.loads(server.query(statements.LOADED))
    libraries = settings.libraries(found["loaded"])
    if statements.LIBRARY in libraries:
        return
    said = f"PostgreSQL counts no statements: {statements.LIBRARY} is not in {settings.PRELOAD}"
    if found["pending"]:
        raise UsageError(f"{said} yet, which waits for a restart", "./scripts/dbserver restart postgres")
    value = ",".join([*libraries, statements.LIBRARY])
    hint = SET.format(stack=declared.stack, setting=settings.PRELOAD, value=value)
    raise UsageError(said, f"{hint}; that restarts PostgreSQL once")
