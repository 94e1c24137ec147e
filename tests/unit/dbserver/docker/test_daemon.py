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
    found = daemon.look()
    assert found.fault == kind
    assert bool(found.said) == bool(kind)
    assert found.version == ("" if kind else "26.1.5")


@pytest.mark.parametrize(
    ("version", "words"),
    [("20.10.24+dfsg1", "Docker 20.10.24+dfsg1: "), ("27.5.1", "Docker 27.5.1: "),
     *dict.fromkeys(("28.0.0", "29.1.0-rc.1", "", "dev"), "").items()],
)  # fmt: skip
def test_neighbours_are_let_in_before_docker_28(version: str, words: str) -> None:
    what = daemon.letting_neighbours_in(version)
    assert what.startswith(words)
    assert bool(what) == bool(words)
