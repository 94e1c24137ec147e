"""The databases that restores have replaced: which there are, and that they go once they are old enough."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from dbserver.contract import KEPT_DAYS
from dbserver.postgres import swap
from dbserver.postgres.server import Server

DAY_SECONDS = 24 * 3600


def expire(server: Server, application: str) -> tuple[str, ...]:
    """Drop an application's that were replaced more than KEPT_DAYS ago, return their names; the caller holds its lock.

    One that somebody is in, or that cannot be dropped, stays for the next time: nothing fails for it.
    """
    done = server.attempt(swap.registered_if_any(application), server.admin)
    rows = json.loads(done.stdout or "[]") if done.succeeded else []
    names = [row["name"] for row in rows if expired(row, KEPT_DAYS)]
    return tuple(name for name in names if server.attempt(swap.forget(name, force=False), server.admin).succeeded)


def expired(row: Mapping[str, Any], days: int) -> bool:
    """Return whether a noted database was replaced by a restore so many days ago."""
    return bool(row["purpose"] == swap.KEPT and row["since"] <= time.time() - days * DAY_SECONDS)


def names(server: Server) -> Mapping[str, Sequence[str]]:
    """Return application -> the databases that its restores have replaced, the oldest first."""
    found: dict[str, list[str]] = {}
    for row in json.loads(server.query(swap.registered_if_any(), server.admin) or "[]"):
        if row["purpose"] == swap.KEPT and row["size"] is not None:
            found.setdefault(row["application"], []).append(row["name"])
    return found
