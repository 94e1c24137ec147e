"""Applications that are connected are not cut off by an update, unless someone says so."""

import os
from collections.abc import Mapping

from dbserver import clients, contract, execute
from dbserver.docker import containers
from dbserver.docker.containers import ANSWER_SECONDS


def refuse_disconnecting(names: Mapping[str, str], network: str, admin: str, doing: str) -> None:
    """Raise RefusedError while application containers are connected, unless DBSERVER_DISCONNECT_APPLICATIONS is set."""
    override = bool(os.environ.get(contract.DISCONNECT_VARIABLE))
    clients.refuse(clients.Servers(names, admin, network), override=override, doing=f"{contract.REFUSED} {doing}")


def refuse_destroying(container: str, admin: str) -> None:
    """Raise RefusedError while application containers are connected to a server of the stack that a container is of.

    The running servers say which those are: no resource knows all of them.
    """
    known = containers.inspect([container]).get(container)
    if known is None or contract.LABEL_STACK not in known.labels:
        return
    of_it = f"label={contract.LABEL_STACK}={known.labels[contract.LABEL_STACK]}"
    shown = f'{{{{.Label "{contract.LABEL_SERVER}"}}}} {{{{.Names}}}} {{{{.Networks}}}}'
    listed = execute.run(["docker", "ps", "--no-trunc", "--filter", of_it, "--format", shown], timeout=ANSWER_SECONDS)
    rows = [line.split(" ") for line in listed.stdout.splitlines()]
    names = {server: name for server, name, _ in rows if server in contract.SERVERS}
    for network in sorted({each for server, _, joined in rows if server in names for each in joined.split(",")}):
        refuse_disconnecting(names, network, admin, "destroying the stack: ")
