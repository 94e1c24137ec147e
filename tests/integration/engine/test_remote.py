"""A daemon on another machine, over SSH: everything but the directories is reached through it alone."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.places import reached
from tests.support.relayed import Relay, relayed
from tests.support.stack import Stack

pytestmark = pytest.mark.full


@pytest.fixture
def far(tmp_path: Path) -> Iterator[Relay]:
    """The daemon's socket on the other machine."""
    with relayed(tmp_path / "far.sock") as made:
        yield made


@pytest.fixture
def remote(stack: Stack, tmp_path: Path, far: Relay) -> Stack:
    """A stack that nobody has started, whose daemon is reached over SSH."""
    address, programs = reached(stack, tmp_path, far.path)
    stack.environment |= {"DOCKER_HOST": address, "PATH": f"{programs}:{os.environ['PATH']}"}
    return stack


def test_a_stack_on_another_machine_starts_tells_is_backed_up_and_restored(remote: Stack, far: Relay) -> None:
    remote.declare({"name": "shop", "poolSize": 2})
    remote.start().ok()
    assert any("/containers/create" in head for head in far.by_others_than_the_client), "the engine went another way"
    found = json.loads(remote.start("--format", "json").ok().out)
    assert {each["answers"] for each in found["status"]["servers"]} == {"0 of 51 connections", "PONG"}
    remote.sql("CREATE TABLE kept AS SELECT 1 AS n", "shop")
    remote.script("dbserver", "backup", "shop").ok()
    remote.sql("DROP TABLE kept", "shop")
    remote.script("dbserver", "restore", "shop", "latest", "--confirm", "shop").ok()
    assert remote.sql("SELECT n FROM kept", "shop") == "1"
    remote.pulumi("preview", "--expect-no-changes").ok()
    remote.script("dbserver", "doctor").ok()
    remote.script("stop.sh").ok()
