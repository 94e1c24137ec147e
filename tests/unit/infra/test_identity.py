"""Other data than the stack's is refused; what is there after an update is remembered."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pulumi
import pytest

from dbserver import identity as remembered
from dbserver.contract import NEW_SERVER_VARIABLE, TAKE_OVER_VARIABLE
from dbserver.docker import host
from dbserver.docker.host import Identity
from dbserver.docker.images import Image
from dbserver.identity import Known
from dbserver.owner import Owner
from dbserver.settings.model import Settings, load
from infra import identity
from tests.unit.fakes import Failed, Programs

IMAGES = {name: Image(f"{name}:1", "sha256:1", "1") for name in ("postgres", "redis")}
WHERE = {name: f"/data/db-server/{name}" for name in IMAGES}
OURS = Owner("0a", "here:/srv/.state", "root")
THEIRS = Owner("0b", "here:/srv/theirs/.state", "them")
HERE = {name: Known(f"{name}-1", WHERE[name]) for name in IMAGES}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    monkeypatch.setattr(identity, "STATE", tmp_path)
    monkeypatch.setattr(identity, "PROJECT", tmp_path / "project")
    monkeypatch.setattr(identity, "_ours", lambda *, make: OURS if make else replace(OURS, token=""))
    monkeypatch.setattr(remembered, "placed", Known)
    return tmp_path


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Directory -> what was written into it of identities."""
    known: dict[str, str] = {}
    monkeypatch.setattr(host, "write_files", lambda path, files, *_: known.update({path: " ".join(files.values())}))
    return known


def settings(**redis: Any) -> Settings:
    return load({"redis": redis})


def told(server: str, found: Identity, **redis: Any) -> str:
    return "\n".join(identity.reasons(settings(**redis), "unit", server, found))


@pytest.mark.parametrize("server", ["postgres", "redis"])
def test_nothing_is_refused_where_no_data_is_known_or_the_known_is_there(state: Path, server: str) -> None:
    assert told(server, Identity()) == told(server, Identity("x")) == told(server, Identity("x", "x")) == ""
    remembered.write(state, "unit", HERE)
    assert told(server, Identity(f"{server}-1")) == ""


@pytest.mark.parametrize("server", ["postgres", "redis"])
@pytest.mark.parametrize("beside", ["the data", "the state"])
def test_an_empty_or_other_directory_is_refused_where_data_is_known(state: Path, server: str, beside: str) -> None:
    if beside == "the state":
        remembered.write(state, "unit", HERE)
    note = f"{server}-1" if beside == "the data" else ""
    empty, other = told(server, Identity("", note)), told(server, Identity("another", note))
    assert f"{WHERE[server]} holds no data of this" in empty
    assert "holds the data of another" in other
    for text in (empty, other):
        assert f"the stack's is {server}-1" in text
        assert "--new-server" in text
        assert "findmnt" in text


def test_the_mount_that_is_missing_and_the_directory_before_are_named(state: Path) -> None:
    remembered.write(state, "unit", {"postgres": Known("1", WHERE["postgres"], "/data", "/dev/sdb1")})
    assert "on /dev/sdb1, which was mounted on /data" in told("postgres", Identity())
    remembered.write(state, "unit", {"postgres": Known("1", "/srv/postgres", "/", "/dev/sda1")})
    assert "last in /srv/postgres: set dataDirectory back" in told("postgres", Identity())


def test_a_preview_leaves_another_declared_directory_to_its_own_rule_and_warns(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    remembered.write(state, "unit", {"postgres": Known("1", "/srv/postgres"), "redis": Known("2", WHERE["redis"])})
    assert told("postgres", Identity()) == ""
    assert "set dataDirectory back" in warned[0]
    assert "holds no data of this Redis" in told("redis", Identity())


def test_a_new_server_is_begun_on_purpose_and_a_redis_that_keeps_nothing_has_nothing_to_lose(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remembered.write(state, "unit", HERE)
    assert told("redis", Identity(), persistence="none") == ""
    monkeypatch.setenv(NEW_SERVER_VARIABLE, "yes")
    assert told("postgres", Identity()) == told("redis", Identity("another")) == ""


def test_the_data_of_both_servers_is_remembered_twice_and_redis_gets_a_word_of_its_own(
    state: Path, programs: Programs, written: dict[str, str]
) -> None:
    programs.answer("docker exec --user postgres", "identity 7123\n")
    programs.answer("docker exec --user redis", "")
    programs.answer("docker exec --interactive --user redis", "")
    identity.remember(settings(), "unit", IMAGES, {})
    known = remembered.read(state, "unit")
    assert known["postgres"] == Known("7123", WHERE["postgres"])
    word = programs.started("--interactive")[0].stdin
    assert (known["redis"].identity, len(word)) == (word, 16)
    for server, of in (("postgres", "7123"), ("redis", word)):
        assert written[f"/data/db-server/config/{server}"] == f"{of} {OURS}"


@pytest.mark.usefixtures("programs")
def test_nobody_is_asked_again_where_the_look_before_the_update_has_found_what_is_known(state: Path) -> None:
    remembered.write(state, "unit", HERE)
    identity.remember(
        settings(), "unit", IMAGES, {name: Identity(f"{name}-1", f"{name}-1", str(OURS)) for name in IMAGES}
    )
    assert remembered.read(state, "unit") == HERE


def test_a_server_that_does_not_tell_keeps_what_is_known_of_it_and_one_without_persistence_does_not(
    state: Path, programs: Programs, written: dict[str, str]
) -> None:
    remembered.write(state, "unit", HERE)
    programs.answer("docker exec", Failed("container is not running"))
    identity.remember(settings(), "unit", IMAGES, {})
    assert remembered.read(state, "unit") == HERE
    identity.remember(settings(persistence="none"), "unit", IMAGES, {})
    assert remembered.read(state, "unit") == {"postgres": HERE["postgres"]}
    assert written == {}


def test_servers_that_another_state_has_made_are_refused_together_with_whose_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {"pg": Identity(owner=str(THEIRS)), "rd": Identity(owner=str(THEIRS)), "new": Identity()}
    [text] = identity.strangers("unit", found)
    assert "pg and rd of stack unit were made by another state, them's in here:/srv/theirs/.state" in text
    assert "this one is in here:/srv/.state" in text
    assert "--take-over" in text
    monkeypatch.setenv(TAKE_OVER_VARIABLE, "yes")
    assert identity.strangers("unit", found) == []


@pytest.mark.parametrize(
    "known", ["", "{", replace(OURS, token="0c"), replace(OURS, place="here:/moved/.state", user="them")], ids=str
)
def test_a_lost_and_a_moved_state_are_no_other_one(known: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "_ours", lambda **_: OURS)
    assert identity.strangers("unit", {"pg": Identity(owner=str(known))}) == []


def test_the_state_that_takes_servers_over_is_noted_with_them(
    state: Path, programs: Programs, written: dict[str, str]
) -> None:
    remembered.write(state, "unit", HERE)
    for server in IMAGES:
        programs.answer(f"docker exec --user {server}", f"identity {server}-1\nremembered {server}-1\nowner {THEIRS}\n")
    theirs = {name: Identity(f"{name}-1", f"{name}-1", str(THEIRS)) for name in IMAGES}
    identity.remember(settings(), "unit", IMAGES, theirs)
    assert sorted(written.values()) == [f"postgres-1 {OURS}", f"redis-1 {OURS}"]
