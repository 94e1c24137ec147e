"""Before a container is recreated: what is backed up, and what a failure means."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dbserver import locks
from dbserver.backups import archive, evidence, making, precaution, proof, redis_making
from dbserver.backups.making import Wanted
from dbserver.backups.precaution import Precaution
from dbserver.backups.store import Backup, Store
from dbserver.engine import backend
from dbserver.errors import DbServerError, RefusedError
from dbserver.execute import Finished
from dbserver.postgres.server import Server
from tests.unit.dbserver.backups.test_store import add
from tests.unit.fakes import Failed, Programs, container

SHOP = {"name": "shop", "database": "shop_data", "role": "shop_user", "pool_size": 1, "instances": 1}
GONE = {**SHOP, "name": "gone", "database": "gone", "role": "gone"}
REDIS_SAYS = "# Server\r\nredis_version:8.0.2\r\n"


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: Programs) -> Precaution:
    """A server that knows two applications, and has the database of one of them."""
    monkeypatch.setattr(backend, "STATE", tmp_path)
    monkeypatch.setattr(making, "make", lambda _, kept, wanted: made(kept, wanted))
    monkeypatch.setattr(redis_making, "make", lambda _, kept, __: add(kept, "server.redis", datetime.now(UTC)))
    monkeypatch.setattr(redis_making, "structure", lambda *_: [])
    monkeypatch.setattr(proof, "differences", lambda _: [])
    monkeypatch.setattr(archive, "faults", lambda *_: [])
    programs.answer("json_build_object('version'", json.dumps({"version": "17.5"}))
    programs.answer("FROM dbserver.application;", json.dumps([GONE, SHOP]))
    programs.answer("json_object_agg(datname", json.dumps({"shop_data": {}}))
    programs.answer("INFO server", REDIS_SAYS)
    return Precaution("unit", "dbadmin", tmp_path / "backups")


def made(kept: Store, wanted: Wanted) -> Backup:
    assert wanted.note == "before db-server-postgres was recreated"
    return add(kept, wanted.application, datetime.now(UTC))


def test_every_application_whose_database_is_there_is_backed_up_and_the_backup_proved(known: Precaution) -> None:
    (name,) = precaution.take("postgres", container(), known)
    assert name.startswith("shop_")
    assert evidence.of(Store(known.backups).one(name)).verified


def test_all_of_redis_is_backed_up(known: Precaution) -> None:
    (name,) = precaution.take("redis", container(name="db-server-redis"), known)
    assert name.startswith("server.redis_")


def test_a_server_that_does_not_answer_keeps_nobody(known: Precaution, programs: Programs) -> None:
    programs.answer("json_build_object('version'", Failed("no such container"))
    programs.answer("INFO server", Failed("no such container"))
    assert precaution.take("postgres", container(), known) == []
    assert precaution.take("redis", container(name="db-server-redis"), known) == []


def test_a_server_that_no_stack_has_finished_has_no_applications(known: Precaution, programs: Programs) -> None:
    programs.answer("FROM dbserver.application;", "[]")
    assert precaution.take("postgres", container(), known) == []


def test_a_registry_that_cannot_be_read_is_not_taken_for_an_empty_one(known: Precaution, programs: Programs) -> None:
    programs.answer("FROM dbserver.application;", Failed('ERROR:  column "entry" does not exist'))
    with pytest.raises(RefusedError, match="was not backed up before"):
        precaution.take("postgres", container(), known)


@pytest.mark.parametrize("how", ["not made", "no room", "damaged", "worked on"])
def test_a_backup_that_fails_refuses_and_names_the_flag(
    known: Precaution, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def fail(*_: Any) -> Backup:
        raise DbServerError("it broke") if how == "not made" else OSError("it broke")

    if how == "damaged":
        monkeypatch.setattr(archive, "faults", lambda *_: ["it broke"])
    elif how != "worked on":
        monkeypatch.setattr(making, "make", fail)
    lock = locks.held("unit.shop" if how == "worked on" else "unit.other", "it broke: restore")
    with lock, pytest.raises(RefusedError) as caught:
        precaution.take("postgres", container(), known)
    assert caught.value.message.startswith("refused before anything was changed: db-server-postgres would be recreated")
    assert "it broke" in caught.value.message
    assert "--no-checkpoint" in caught.value.hint
    assert "DBSERVER_NO_CHECKPOINT" in caught.value.hint


def test_an_encrypted_backup_is_proved_by_its_bytes_alone(known: Precaution, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "faults", lambda *_: ["there is no key here"])
    sealed = Precaution(known.stack, known.admin, known.backups, ["age1..."])
    assert len(precaution.take("postgres", container(), sealed)) == 1


def test_postgres_writes_a_checkpoint_and_redis_is_left_alone(programs: Programs) -> None:
    programs.answer("CHECKPOINT", "")
    precaution.write_out("postgres", container(), "dbadmin")
    precaution.write_out("redis", container(name="db-server-redis"), "dbadmin")
    assert [call.stdin for call in programs.calls] == ["CHECKPOINT;\n"]


@pytest.mark.parametrize("answer", ["yes", "no"])
def test_an_application_whose_database_does_not_answer_is_named(
    known: Precaution, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    asked: list[tuple[str, str]] = []

    def attempt(_: Server, script: str, database: str) -> Any:
        asked.append((script.splitlines()[0], database))
        return Finished(0 if answer == "yes" else 1, "", "FATAL:  no")

    monkeypatch.setattr(Server, "attempt", attempt)
    found = precaution.silent(Server("db-server-postgres", known.admin))
    assert asked == [('SET ROLE "shop_user";', "shop_data")]
    named = ["application shop: database shop_data does not answer: FATAL:  no"]
    assert found == ([] if answer == "yes" else named)
