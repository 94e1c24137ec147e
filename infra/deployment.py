"""Applications that are connected are not cut off by an update, unless someone says so."""

import os
from collections.abc import Mapping

from dbserver import clients, contract


def refuse_disconnecting(names: Mapping[str, str], network: str, admin: str, doing: str) -> None:
    """Raise RefusedError while application containers are connected, unless DBSERVER_DISCONNECT_APPLICATIONS is set."""
    override = bool(os.environ.get(contract.DISCONNECT_VARIABLE))
    clients.refuse(clients.Servers(names, admin, network), override=override, doing=f"{contract.REFUSED} {doing}")
