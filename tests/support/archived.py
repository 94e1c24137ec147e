"""Stacks with a continuous archive."""

import json
from pathlib import Path
from typing import Any

from tests.support.moments import TABLE
from tests.support.stack import Stack


def archiver(stack: Stack) -> str:
    return f"{stack.name}-archive"


def archive(stack: Stack) -> dict[str, Any]:
    return dict(json.loads(stack.script("dbserver", "archive", "--format", "json").out))


def line(stack: Stack) -> Path:
    """Return the directory into which the log is streamed."""
    return stack.data / "archive" / (stack.data / "archive" / ".line").read_text().strip()


def begun(stack: Stack) -> None:
    """Wait for the first base backup."""
    stack.until(lambda: archive(stack)["windows"], 60, what="the first base backup")


def archived(stack: Stack, **changes: Any) -> Stack:
    """Start a stack whose application shop can be brought back to any second since."""
    stack.configure(archive={"enabled": True, "containerName": archiver(stack), "keep": "1h"}, **changes)
    stack.declare({"name": "shop", "poolSize": 5})
    stack.start().ok()
    begun(stack)
    stack.sql(TABLE, "shop")
    return stack
