"""psql and redis-cli: a shell of the server, as an application or as the administrator."""

import os
from collections.abc import Sequence

from dbserver import contract, execute, registry
from dbserver.declared import Declared
from dbserver.docker import containers
from dbserver.errors import DbServerError, NotRunningError
from dbserver.postgres import commands as postgres
from dbserver.postgres import sql
from dbserver.postgres.server import Server
from dbserver.redis import commands as redis


def psql(declared: Declared, application: str | None, arguments: Sequence[str], *, terminal: bool) -> None:
    """Run psql to its end, on this process's input and output.

    An interruption ends the statement in the server too. Raises UsageError for
    an unknown application, NotRunningError where the container does not run,
    DbServerError where psql ends with a failure.
    """
    container = _running(declared, contract.POSTGRES)
    known = registry.one(declared, application) if application else None
    role, database = (known.role, known.database) if known else (declared.admin, declared.admin)
    session = f"dbserver-psql-{os.getpid()}"
    try:
        _attach("psql", postgres.shell(container, role, database, arguments, session, terminal=terminal))
    except KeyboardInterrupt:
        # Docker's client is gone, but psql in the container goes on with its statement.
        Server(container, declared.admin).attempt(sql.terminate(session), "postgres")
        raise


def redis_cli(declared: Declared, application: str | None, arguments: Sequence[str], *, terminal: bool) -> None:
    """Run redis-cli to its end, as psql. A tenant's password comes from the stack's outputs."""
    container = _running(declared, contract.REDIS)
    if not application:
        _attach("redis-cli", redis.cli(container, declared.admin, *arguments, terminal=terminal))
        return
    url = registry.variables(declared, application)["REDIS_URL"]
    user, password = redis.login_of(url)
    number = url.rpartition("/")[2]
    argv = redis.tenant_cli(container, user, number, arguments, terminal=terminal)
    _attach("redis-cli", argv, {redis.PASSWORD_VARIABLE: password} if user else {})


def _running(declared: Declared, server: str) -> str:
    name = declared.containers[server]
    found = containers.inspect([name]).get(name)
    if found is None or not found.running:
        raise NotRunningError(f"container {name} {'does not run' if found else 'does not exist'}", "./scripts/start.sh")
    return name


def _attach(program: str, argv: Sequence[str], env: dict[str, str] | None = None) -> None:
    status = execute.attach(argv, env=env)
    if status != 0:
        raise DbServerError(f"{program} ended with exit status {status}", "what it printed says why")
