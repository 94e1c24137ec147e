"""By which way the Docker engine is brought to answer."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.fakes import Failed, Programs
from tools.docker_engine import Seen, Way, decide, detached_command, fatal_line, look
from tools.machine import Machine

ROOT = Machine(environment={}, superuser=True, apt=True, systemd=True)
STOPPED = Seen(client=True, server=True, answers=False, said="Cannot connect", host="", service=True)


@pytest.mark.parametrize(
    ("seen", "machine", "way"),
    [
        (replace(STOPPED, answers=True), ROOT, Way.READY),
        (STOPPED, ROOT, Way.SYSTEMD),
        (STOPPED, replace(ROOT, systemd=False), Way.SERVICE),
        (replace(STOPPED, service=False), replace(ROOT, systemd=False), Way.DETACHED),
        (STOPPED, replace(ROOT, superuser=False), Way.REPORT),
        (replace(STOPPED, client=False, server=False), ROOT, Way.INSTALL),
        (replace(STOPPED, server=False), ROOT, Way.INSTALL),
        (replace(STOPPED, client=False, server=False), replace(ROOT, apt=False), Way.REPORT),
        (replace(STOPPED, client=False, server=False), replace(ROOT, superuser=False), Way.REPORT),
        (replace(STOPPED, said="Got permission denied while trying to connect"), ROOT, Way.REPORT),
        (replace(STOPPED, host="tcp://elsewhere:2376"), ROOT, Way.REPORT),
        (replace(STOPPED, host="ssh://elsewhere", client=False), ROOT, Way.REPORT),
    ],
)
def test_the_way_follows_from_what_was_seen(seen: Seen, machine: Machine, way: Way) -> None:
    assert decide(seen, machine).way is way


def test_without_permission_the_command_joins_the_docker_group() -> None:
    assert "usermod -aG docker" in decide(replace(STOPPED, said="permission denied"), ROOT).command


def test_a_user_is_told_to_start_it_with_sudo() -> None:
    assert decide(STOPPED, replace(ROOT, superuser=False)).command == "sudo systemctl start docker"


def test_a_daemon_elsewhere_is_neither_installed_nor_started() -> None:
    decision = decide(replace(STOPPED, host="tcp://elsewhere:2376"), ROOT)
    assert "tcp://elsewhere:2376" in decision.reason


def test_the_daemon_of_a_context_that_is_gone_is_not_started_here(tmp_path: Path, programs: Programs) -> None:
    programs.answer("docker version", Failed('Current context "gone" is not found on the file system', 1))
    here = replace(ROOT, environment={"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "gone"})
    decision = decide(replace(look(here), client=True, server=True), here)
    assert decision.way is Way.REPORT
    assert decision.reason == "the daemon at context gone (which has no address) does not answer"
    here = replace(here, environment={"DOCKER_CONFIG": str(tmp_path)})
    assert decide(replace(look(here), client=True, server=True), here).way is Way.SYSTEMD


def test_a_detached_daemon_has_a_session_of_its_own() -> None:
    assert detached_command(ROOT.cache)[:2] == ["setsid", "--fork"]


def test_the_line_with_which_the_daemon_gave_up_is_found() -> None:
    log = "level=info msg=x\nfailed to start daemon: no iptables\n (exit status 4)\n"
    assert fatal_line(log) == "failed to start daemon: no iptables"
    assert fatal_line("level=info") == ""
