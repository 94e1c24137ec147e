"""Other data in the place of a stack's: refused before anything is changed, whoever has started the servers."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pulumi
import pytest
import yaml

from dbserver import contract
from dbserver.docker import daemon
from dbserver.readiness import wait_until
from dbserver.settings.file import parsed
from dbserver.settings.model import load
from infra import compose_file, identity, preflight
from infra.preflight import HostError
from tests.support.commands import run
from tests.support.lending import Lent

Look = Callable[[], str]


@pytest.fixture
def look(lent: Lent, monkeypatch: pytest.MonkeyPatch) -> Look:
    """Return what the look at the host refuses or warns of, as the program takes it in a preview."""
    warned: list[str] = []
    monkeypatch.setattr(daemon, "letting_neighbours_in", lambda _: "")
    monkeypatch.setattr(pulumi, "get_stack", lambda: lent.name)
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    monkeypatch.setattr(compose_file, "PROJECT", lent.project)
    monkeypatch.setattr(identity, "STATE", lent.project / ".state")
    monkeypatch.setattr(identity, "PROJECT", lent.project)

    def refused() -> str:
        config = yaml.safe_load(lent.file.read_text())["config"]
        named = {key.removeprefix("db-server:"): value for key, value in config.items()}
        values = {key: parsed(key, value) if isinstance(value, str) else value for key, value in named.items()}
        try:
            preflight.examine(load(values))
        except HostError as fault:
            return "\n".join([str(fault), *warned])
        return "\n".join(warned)

    return refused


@pytest.fixture
def stopped(lent: Lent) -> Iterator[Lent]:
    run("docker", "stop", lent.postgres, lent.redis).ok()
    yield lent
    run("docker", "start", lent.postgres, lent.redis).ok()
    lent.until(lambda: lent.script("status.sh").code == 0, what="both servers back")


@contextmanager
def empty(*directories: Path) -> Iterator[None]:
    """Let directories be empty for a while, as a mount point is without its disk."""
    for each in directories:
        each.rename(each.with_name(f"{each.name}-away"))
        each.mkdir()
    try:
        yield
    finally:
        for each in directories:
            shutil.rmtree(each)
            each.with_name(f"{each.name}-away").rename(each)


@pytest.mark.parametrize("server", contract.SERVERS)
def test_a_server_whose_disk_is_not_mounted_is_not_begun_anew(stopped: Lent, look: Look, server: str) -> None:
    assert look() == ""
    with empty(stopped.data / server):
        text = look()
        assert f"{stopped.data / server} holds no data of this" in text
        assert "findmnt" in text
        assert contract.NEW_SERVER_FLAG in text
    assert look() == ""


def test_the_whole_directory_is_missed_by_what_the_state_remembers(stopped: Lent, look: Look) -> None:
    with empty(stopped.data):
        text = look()
    assert text.count("holds no data of this") == len(contract.SERVERS), text


def test_a_lost_state_is_made_up_for_by_what_is_remembered_beside_the_data(stopped: Lent, look: Look) -> None:
    known = stopped.project / ".state" / "data"
    known.rename(known.with_name("data-away"))
    try:
        assert look() == ""
        with empty(stopped.data / "postgres", stopped.data / "redis"):
            text = look()
    finally:
        known.with_name("data-away").rename(known)
    assert text.count("holds no data of this") == len(contract.SERVERS), text


def test_another_clone_s_empty_state_does_not_take_the_servers_over(
    lent: Lent, look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert look() == ""
    monkeypatch.setattr(identity, "PROJECT", tmp_path)
    monkeypatch.setattr(identity, "STATE", tmp_path / ".state")
    text = look()
    assert f"{lent.postgres} and {lent.redis} of stack {lent.name} were made by another state" in text
    assert f":{lent.project / '.state'}; this one is in" in text
    assert contract.TAKE_OVER_FLAG in text
    assert not (tmp_path / ".state").exists(), "a preview changes nothing"
    monkeypatch.setenv(contract.TAKE_OVER_VARIABLE, "yes")
    assert look() == ""


def test_another_directory_is_refused_with_the_one_before(stopped: Lent, look: Look, tmp_path: Path) -> None:
    with stopped.configured(dataDirectory=str(tmp_path / "elsewhere")):
        text = look()
    for server in contract.SERVERS:
        assert f"last in {stopped.data / server}: set dataDirectory back" in text


def test_servers_that_docker_has_begun_anew_are_not_taken_for_the_stack_s(stopped: Lent, look: Look) -> None:
    """Docker starts containers at the machine's start, whether a disk is there or not."""
    with empty(stopped.data / "postgres", stopped.data / "redis"):
        run("docker", "start", stopped.postgres, stopped.redis).ok()
        for server, container in ((contract.POSTGRES, stopped.postgres), (contract.REDIS, stopped.redis)):
            wait_until(container, preflight.READY[server](container))
        told = stopped.script("status.sh")
        seen = stopped.script("dbserver", "start", "--if-unchanged")
        text = look()
        run("docker", "stop", stopped.postgres, stopped.redis).ok()
    assert told.code == 3, told.text
    assert seen.code == 75, seen.text
    assert f"{stopped.data / 'postgres'} holds the data of another PostgreSQL" in text
    assert f"{stopped.data / 'redis'} holds no data of this Redis" in text
