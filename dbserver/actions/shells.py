"""psql and redis-cli: a shell of the server, as an application or as the administrator."""

import os
from collections.abc import Sequence
from contextlib import suppress

from dbserver import contract, execute, registry
from dbserver.declared import Declared
from dbserver.docker import containers
from dbserver.errors import DbServerError, NotRunningError
from dbserver.postgres import commands as postgres
from dbserver.postgres import sql
from dbserver.postgres.server import Server
from dbserver.redis import commands as redis
from dbserver.redis.server import Server as Redis
from dbserver.redis.server import is_open


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
    """Run redis-cli to its end, as psql.

    A tenant's password comes from the stack's outputs. Where Redis is open there is none, and the engine is asked only
    where PostgreSQL does not tell which database is the application's.
    """
    container = _running(declared, contract.REDIS)
    if not application:
        _attach("redis-cli", redis.cli(container, declared.admin, *arguments, terminal=terminal))
        return
    user, password, number = _login(declared, application, container)
    argv = redis.tenant_cli(container, user, number, arguments, terminal=terminal)
    _attach("redis-cli", argv, {redis.PASSWORD_VARIABLE: password} if user else {})


def _login(declared: Declared, application: str, container: str) -> tuple[str, str, str]:
    """Return user and password of an application, empty where Redis is open, and the number of its database."""
    if is_open(Redis(container, declared.admin)):
        with suppress(NotRunningError):
            return "", "", str(registry.one(declared, application).redis_database)
    url = registry.variables(declared, application)["REDIS_URL"]
    return *redis.login_of(url), url.rpartition("/")[2]


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
