"""connections and drain: who is connected, and whether a colour is gone."""

import time
from collections.abc import Callable

from dbserver import clients, contract
from dbserver.declared import Declared
from dbserver.errors import NotRunningError
from dbserver.results.clients import Client, Connections, Drained

POLL_SECONDS = 0.5


def connections(declared: Declared) -> Connections:
    """Return who is connected to both servers, and what each may open."""
    found = clients.find(declared.servers())
    return Connections(
        stack=declared.stack,
        used=found.used,
        max_connections=found.max_connections,
        applications=found.applications,
        clients=found.clients,
        redis_clients=found.redis_clients,
        redis_max_clients=found.redis_max_clients,
        faults=found.faults,
    )


def drain(declared: Declared, application: str, colour: str, wait: float, tell: Callable[[str], None]) -> Drained:
    """Wait until no connection of a colour of an application is left; `wait` is in seconds.

    Raises UsageError for an unknown application, NotRunningError where a
    server does not tell who is connected: then nobody knows.
    """
    began, told = time.monotonic(), ""
    while True:
        left = _left(declared, application, colour)
        passed = time.monotonic() - began
        if not left or passed >= wait:
            return Drained(declared.stack, application, colour, round(passed, 1), left)
        if clients.listed(left) != told:
            told = clients.listed(left)
            tell(f"still connected: {told}")
        time.sleep(min(POLL_SECONDS, wait - passed))


def _left(declared: Declared, application: str, colour: str) -> tuple[Client, ...]:
    found = clients.find(declared.servers())
    if found.faults:
        raise NotRunningError(f"nobody knows who is connected: {'; '.join(found.faults)}", "./scripts/dbserver doctor")
    known = [entry.name for entry in found.applications]
    if application not in known:
        raise clients.unknown(application, known)
    return tuple(each for each in found.of_applications() if _belongs(each, application, colour))


def _belongs(client: Client, application: str, colour: str) -> bool:
    """Whose a client of Redis is, and of which colour an address is, may be unknown: then it is not proven gone."""
    unknown = client.server == contract.REDIS and not client.application
    if client.application != application and not unknown:
        return False
    return client.colour == colour or client.origin == clients.UNKNOWN
