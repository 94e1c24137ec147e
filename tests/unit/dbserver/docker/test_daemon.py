"""The daemon: whether it can be used, and what is in the way."""

import subprocess

import pytest

from dbserver.docker import daemon
from tests.unit.fakes import Answer, Failed, Programs


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("26.1.5\n", ""),
        (Failed("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is it running?"), "down"),
        (Failed("error during connect: Get http://...: EOF"), "down"),
        (Failed("Got permission denied while trying to connect to the Docker daemon socket"), "denied"),
        (FileNotFoundError(2, "no such file", "docker"), "missing"),
        (subprocess.TimeoutExpired("docker", 10), "silent"),
    ],
)
def test_what_is_in_the_way_has_one_word_and_the_daemon_s_own(programs: Programs, answer: Answer, kind: str) -> None:
    programs.answer("docker version", answer)
    found, said = daemon.unusable()
    assert found == kind
    assert bool(said) == bool(kind)
