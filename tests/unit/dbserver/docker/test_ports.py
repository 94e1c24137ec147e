"""Who listens on a port: containers by name, processes by name and pid."""

import socket
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from dbserver.docker import ports
from dbserver.docker.ports import Holder
from tests.unit.fakes import Programs


def listening(monkeypatch: pytest.MonkeyPatch, *connections: tuple[int, int | None, str]) -> None:
    entries = [SimpleNamespace(status=s, pid=p, laddr=SimpleNamespace(port=n)) for n, p, s in connections]
    monkeypatch.setattr(psutil, "net_connections", lambda _: entries)

    def process(pid: int) -> Any:
        if pid == 13:
            raise psutil.NoSuchProcess(pid)
        return SimpleNamespace(name=lambda: "nginx")

    monkeypatch.setattr(psutil, "Process", process)


def test_the_addresses_of_this_host_are_those_of_ipv4_beyond_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "10.0.0.5"), (socket.AF_INET6, "fd00::1")]
    found = {"eth0": [SimpleNamespace(family=family, address=address) for family, address in entries]}
    monkeypatch.setattr(psutil, "net_if_addrs", lambda: found)
    assert ports.addresses() == ["10.0.0.5"]
    monkeypatch.setenv("DOCKER_HOST", "ssh://elsewhere")
    assert ports.addresses() == []


def test_a_container_that_publishes_the_port_is_named(programs: Programs) -> None:
    programs.answer("docker ps --filter publish=5432", '"old-db"\n"other"\n')
    assert ports.holders(5432) == [Holder("container old-db"), Holder("container other")]


def test_a_process_is_named_once_with_its_pid(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.answer("docker ps", "")
    listening(monkeypatch, (5432, 7, "LISTEN"), (5432, 7, "LISTEN"), (5433, 8, "LISTEN"), (5432, 9, "ESTABLISHED"))
    assert ports.holders(5432) == [Holder("nginx (pid 7)")]


@pytest.mark.parametrize(("pid", "name"), [(None, "another user's process"), (13, "a process (pid 13)")])
def test_a_process_that_cannot_be_seen_still_holds_the_port(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, pid: int | None, name: str
) -> None:
    programs.answer("docker ps", "")
    listening(monkeypatch, (5432, pid, "LISTEN"))
    assert ports.holders(5432) == [Holder(name)]


def test_processes_of_this_machine_do_not_matter_to_a_daemon_elsewhere(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer("docker ps", "")
    monkeypatch.setenv("DOCKER_HOST", "ssh://other")
    listening(monkeypatch, (5432, 7, "LISTEN"))
    assert ports.holders(5432) == []
