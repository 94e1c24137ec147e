"""Events as `pulumi up --json` prints them."""

import json
from typing import Any

from dbserver.engine.events import Account

URN = "urn:pulumi:dev::db-server::{}::{}"
CONTAINER, APPLICATION = "docker:index/container:Container", "pulumi-python:dynamic/db-server:Application"
STACK = URN.format("pulumi:pulumi:Stack", "db-server-dev")
EXITED = "an unhandled error occurred: program exited with non-zero exit code: 1\n"


def event(kind: str, **content: Any) -> str:
    return json.dumps({"sequence": 1, "timestamp": 1795951955, kind: content})


def step(kind: str, op: str, type_: str, name: str, **more: Any) -> str:
    return event(kind, metadata={"op": op, "urn": URN.format(type_, name), "type": type_, "old": None, **more})


def done(op: str, type_: str, name: str, **more: Any) -> str:
    return step("resOutputsEvent", op, type_, name, **more)


def message(severity: str, text: str, **more: Any) -> str:
    return event("diagnosticEvent", prefix=f"{severity}: ", message=text, color="never", severity=severity, **more)


def account(*lines: str) -> tuple[Account, list[str]]:
    """Return what an update with these lines came to, and what was told meanwhile."""
    told: list[str] = []
    found = Account(told.append)
    for line in lines:
        found.take(line)
    return found, told
