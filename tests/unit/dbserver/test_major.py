"""What stands in the way of an upgrade, and what counts as rehearsed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dbserver import major
from dbserver.docker.images import Image
from dbserver.errors import RefusedError, UsageError
from dbserver.major import Wanted
from dbserver.postgres import door
from tests.unit.dbserver.actions.test_verbs import DECLARED, POSTGRES
from tests.unit.fakes import NO_CONTAINER, Failed, Programs, inspected, printed

pytestmark = pytest.mark.usefixtures("state")

IMAGE = Image("postgres:18", "sha256:18", "18")
LABELS = {"com.database.stack": "unit"}
MOUNT = [{"Destination": "/var/lib/postgresql/data", "Source": "/data/db-server/postgres"}]
DATABASES = '[{"database": "shop", "application": "shop", "size": 1000000000, "beside": false}]'


def own(**changes: Any) -> dict[str, Any]:
    entry = inspected(POSTGRES)
    entry["Config"]["Labels"] = changes.get("labels", LABELS)
    entry["Mounts"] = changes.get("mounts", MOUNT)
    return entry


@pytest.fixture
def server(programs: Programs) -> Programs:
    """A server of 17 in whose way nothing stands."""
    programs.answer("container inspect", printed(own()))
    programs.answer("image inspect", '[{"Id": "sha256:18", "Config": {"Env": ["PG_MAJOR=18"]}}]')
    programs.answer("server_version", '{"version": "17.6 (Debian 17.6-1)", "major": 17}')
    programs.answer("pg_prepared_xacts", "[]")
    programs.answer("16384", "0")
    programs.answer("CREATE TABLE IF NOT EXISTS dbserver.database", "")
    programs.answer("FROM pg_database d LEFT JOIN dbserver.application", DATABASES)
    programs.answer("stat -fc", "10000000 4096")
    return programs


@pytest.mark.usefixtures("server")
def test_nothing_in_the_way_is_a_plan() -> None:
    found = major.plan(DECLARED, Wanted(18))
    assert (found.name, found.image, found.version, found.major) == ("postgres:18", IMAGE, "17.6", "17")
    assert [(each.name, each.wanted.subject) for each in found.databases] == [("shop", "shop")]


@pytest.mark.parametrize("to", [16, 17])
@pytest.mark.usefixtures("server")
def test_a_version_that_is_not_newer_is_refused(to: int) -> None:
    with pytest.raises(UsageError, match=r"is PostgreSQL 17\.6 already"):
        major.plan(DECLARED, Wanted(to))


@pytest.mark.usefixtures("server")
def test_an_image_of_another_version_than_asked_for_is_refused() -> None:
    with pytest.raises(UsageError, match="postgres:19 is PostgreSQL 18"):
        major.plan(DECLARED, Wanted(19))


@pytest.mark.parametrize(
    ("words", "answer", "why"),
    [
        ("pg_prepared_xacts", '["replication slot a"]', "would lose: replication slot a"),
        ("16384", "3", "template1 holds objects of its own"),
        ("stat -fc", "1000 4096", "too little disk"),
        ("container inspect", printed(own(labels={"com.database.stack": "other"})), "belongs to stack other"),
        ("container inspect", printed(own(mounts=[{**MOUNT[0], "Source": "/elsewhere"}])), "works on /elsewhere"),
    ],
)
def test_what_would_be_lost_or_fail_half_way_is_refused(server: Programs, words: str, answer: str, why: str) -> None:
    server.answer(words, answer)
    with pytest.raises(RefusedError, match=why):
        major.plan(DECLARED, Wanted(18))


@pytest.mark.usefixtures("server")
def test_encrypted_backups_take_the_key_before_anything_begins() -> None:
    encrypted = replace(DECLARED, backup_recipients=("age1x",))
    with pytest.raises(UsageError, match="backups are encrypted"):
        major.plan(encrypted, Wanted(18))
    assert major.plan(encrypted, Wanted(18, identity=Path("key"))).name == "postgres:18"


def test_a_rehearsal_counts_for_its_very_image_alone() -> None:
    assert major.rehearsed_at(DECLARED, IMAGE) is None
    major.keep_evidence(DECLARED, IMAGE)
    at = major.rehearsed_at(DECLARED, IMAGE)
    assert at
    assert datetime.now(UTC) - at < timedelta(minutes=1)
    assert major.rehearsed_at(DECLARED, Image("postgres:18", "sha256:newer", "18")) is None
    major.forget_evidence(DECLARED)
    assert major.rehearsed_at(DECLARED, IMAGE) is None


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"image": "sha256:18", "at": "yesterday"}', '{"image": "sha256:18"}']
)
def test_evidence_that_cannot_be_read_is_none(state: Path, text: str) -> None:
    (state / "upgrade").mkdir()
    (state / "upgrade" / "unit.json").write_text(text)
    assert major.rehearsed_at(DECLARED, IMAGE) is None


def test_what_a_killed_run_left_is_named_before_it_is_removed(programs: Programs) -> None:
    programs.answer("docker rm --force", "")
    programs.answer("docker exec", Failed("is not running"))
    programs.answer("docker run", "data 18\nkept postgres.17-1\n")
    programs.answer("container inspect", NO_CONTAINER)
    assert major.clean_up(DECLARED, IMAGE).before() == "postgres.17-1"
    order = [call.argv[:2] + call.argv[-3:] for call in programs.calls if call.argv[1] in ("rm", "run")]
    assert [each[:2] for each in order] == [("docker", "rm"), ("docker", "run"), ("docker", "run")]
    assert "PG_VERSION" in programs.calls[-2].text
    assert order[2][-2:] == ("postgres.new", "postgres.rehearsal")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A door that opens, but where the server does not answer; with which image it was tried is returned."""
    tried: list[str] = []

    def reopen(_: Any, __: str, image: str) -> bool:
        tried.append(image)
        return len(tried) > 1

    @contextmanager
    def shut(*_: Any) -> Iterator[int]:
        yield 751

    monkeypatch.setattr(door, "reopen", reopen)
    monkeypatch.setattr(door, "shut", shut)
    return tried


def test_a_start_opens_the_door_that_was_closed_and_looks_until_it_could(programs: Programs, opened: list[str]) -> None:
    programs.answer("container inspect", printed(own()))
    major.reopen_marked(DECLARED)
    assert opened == [], "nobody has closed it"
    with major.shut(DECLARED, "postgres:17") as following:
        assert following == 751
    for _ in range(3):
        major.reopen_marked(DECLARED)
    assert opened == ["postgres:17", "postgres:17"]


def test_a_server_that_is_gone_has_no_door(programs: Programs, opened: list[str]) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    with major.shut(DECLARED, "postgres:17"):
        pass
    major.reopen_marked(DECLARED)
    assert opened == []
