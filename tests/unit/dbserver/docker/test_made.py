"""What of Docker's words is compared: all that somebody can change, nothing that a start sets anew."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from dbserver.docker import made
from tests.unit.fakes import inspected, network


def again(**state: Any) -> dict[str, Any]:
    """The same container after a crash and a start: other process, times, addresses."""
    found = inspected(Pid=4712, StartedAt="2026-02-01T00:00:01Z", RestartCount=1, **state)
    found["State"]["Health"] = {"Status": "starting", "FailingStreak": 1, "Log": [{"Output": "no"}]}
    found["NetworkSettings"]["SandboxID"] = "other"
    found["NetworkSettings"]["Networks"]["nginx-network"]["IPAddress"] = "172.18.0.9"
    found["Mounts"] = found["Mounts"][::-1]
    return found


def test_a_container_that_was_only_started_again_is_the_same() -> None:
    assert made.containers([again()]) == made.containers([inspected()])


def changed(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        *path, last = key.split("/")
        for each in path:
            found = found[each]
        found[last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        changed("Id", "d" * 64),
        changed("Image", "sha256:b"),
        changed("State/Status", "paused"),
        changed("HostConfig/Memory", 1),
        changed("HostConfig/RestartPolicy", {"Name": "no"}),
        changed("HostConfig/PidsLimit", 5),
        changed("HostConfig/PortBindings", {}),
        changed("Config/Env", ["A=b"]),
        changed("Config/Labels", {}),
        changed("Config/Healthcheck/Interval", 1),
        changed("Mounts", []),
        changed("NetworkSettings/Networks", {}),
        changed("NetworkSettings/Networks/nginx-network/NetworkID", "m"),
        changed("NetworkSettings/Networks/nginx-network/Aliases", []),
        changed("NetworkSettings/Networks/other", {"NetworkID": "o"}),
    ],
)
def test_whatever_somebody_changes_in_a_container_shows(change: Callable[[dict[str, Any]], None]) -> None:
    found = deepcopy(inspected())
    change(found)
    assert made.containers([found]) != made.containers([inspected()])


def test_a_network_is_the_same_whoever_is_on_it_and_another_one_where_it_was_made_anew() -> None:
    alone, joined = json.loads(network()), json.loads(network(("shop-blue", "172.18.0.5")))
    assert made.networks(alone) == made.networks(joined)
    joined[0]["Id"] = "m"
    assert made.networks(alone) != made.networks(joined)
