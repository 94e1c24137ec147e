"""rescue: what it takes, and what it refuses before anything is changed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyrage
import pytest
import yaml

from dbserver import declared, execute
from dbserver.actions import rescue
from dbserver.actions.rescue import Wanted
from dbserver.backups.store import Store
from dbserver.docker import daemon, ports
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.offsite import setup, targets
from dbserver.offsite.copying import Depot, item
from dbserver.offsite.place import Place
from dbserver.offsite.setup import Setup
from tests.unit.dbserver.archive.test_recovering import ARCHIVE
from tests.unit.dbserver.offsite.memory import MOMENT, Memory, made
from tests.unit.fakes import NO_CONTAINER, Programs, inspected, printed

PROJECT = {"db-server:postgres": {"containerName": "unit-postgres"}, "db-server:redis": {"containerName": "unit-redis"}}


@pytest.fixture(autouse=True)
def _rescued(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rescue, "ROOT", project)


@pytest.fixture
def wanted(tmp_path: Path) -> Wanted:
    identity = pyrage.x25519.Identity.generate()
    (tmp_path / "identity.txt").write_text(f"{identity}\n")
    place = Place("memory", recipients=(str(identity.to_public()),))
    return Wanted(place, "unit", tmp_path / "identity.txt")


@pytest.fixture
def depot(monkeypatch: pytest.MonkeyPatch, wanted: Wanted) -> Depot:
    memory = Memory()

    @contextmanager
    def opened(_: Place) -> Iterator[Memory]:
        yield memory

    monkeypatch.setattr(targets, "opened", opened)
    return Depot(memory, "unit", wanted.place)


@pytest.fixture
def copied(depot: Depot, project: Path) -> Depot:
    """Copies of a setup and of the roles."""
    content = yaml.safe_dump({"config": {**PROJECT, "db-server:dataDirectory": str(project / "data")}})
    depot.push(setup.item(Setup(content, "{}", "geheim"), MOMENT), {})
    depot.push(item(made(Store(project / "there"), {"globals.sql": b""}, subject="server.globals")), {})
    return depot


def refused(wanted: Wanted, error: type[DbServerError], words: str) -> None:
    with pytest.raises(error, match=words):
        rescue.rescue(wanted, lambda _: None)


def untouched(project: Path) -> bool:
    here = (project / ".state" / "passphrase").read_text() == "made here\n"
    return here and not (project / "Pulumi.unit.yaml").exists() and not (project / "backups").exists()


def test_a_place_without_copies_of_the_stack_is_told(wanted: Wanted, depot: Depot, project: Path) -> None:
    assert depot.listed() == {}
    refused(wanted, UsageError, "no server.setup and no server.globals of stack unit")
    assert untouched(project)


def test_another_key_opens_nothing_and_changes_nothing(wanted: Wanted, copied: Depot, project: Path) -> None:
    assert copied.listed()
    wanted.identity.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    refused(wanted, DbServerError, "no key in")
    assert untouched(project)


@pytest.mark.usefixtures("copied")
def test_a_container_of_the_stack_is_refused(
    wanted: Wanted, project: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "look", daemon.Daemon)
    programs.answer("container inspect", printed(inspected("unit-redis")))
    refused(wanted, RefusedError, "container unit-redis exists")
    assert untouched(project)


@pytest.mark.usefixtures("copied")
def test_data_is_refused(wanted: Wanted, project: Path, programs: Programs, monkeypatch: Any) -> None:
    monkeypatch.setattr(daemon, "look", daemon.Daemon)
    programs.answer("container inspect", NO_CONTAINER)
    (project / "data" / "postgres").mkdir(parents=True)
    (project / "data" / "postgres" / "PG_VERSION").write_text("17")
    refused(wanted, RefusedError, "there is data in .*/data/postgres")
    assert untouched(project)


def test_a_configuration_with_faults_is_refused_before_anything_is_fetched(
    wanted: Wanted, depot: Depot, project: Path
) -> None:
    depot.push(setup.item(Setup("config: {'db-server:aplications': []}", "{}", "geheim"), MOMENT), {})
    depot.push(item(made(Store(project / "there"), {"globals.sql": b""}, subject="server.globals")), {})
    refused(wanted, UsageError, "aplications: unknown key; did you mean applications")
    assert untouched(project)


def with_tls(project: Path, address: str | None) -> Setup:
    """Return a setup that is reached from outside on an address, or one without TLS."""
    section = {"db-server:tls": {"address": address, "names": ["db.example.com"]}} if address else {}
    content = {"config": {**PROJECT, "db-server:dataDirectory": str(project / "data"), **section}}
    return Setup(yaml.safe_dump(content), "{}", "geheim")


def test_the_address_of_the_old_machine_is_refused_with_those_of_this_one(
    wanted: Wanted, depot: Depot, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "addresses", lambda: ["192.0.2.2"])
    depot.push(setup.item(with_tls(project, "10.0.0.5"), MOMENT), {})
    depot.push(item(made(Store(project / "there"), {"globals.sql": b""}, subject="server.globals")), {})
    with pytest.raises(RefusedError, match=r"tls.address 10.0.0.5 is no address of this machine") as caught:
        rescue.rescue(wanted, lambda _: None)
    assert "--tls-address ADDRESS" in caught.value.hint
    assert "192.0.2.2" in caught.value.hint
    assert untouched(project)


def test_another_address_takes_the_place_of_the_old_one_and_nothing_else_changes(
    wanted: Wanted, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "addresses", lambda: ["192.0.2.2"])
    found = rescue._at_home(with_tls(project, "10.0.0.5"), replace(wanted, tls_address="192.0.2.2"))
    assert yaml.safe_load(found.configuration) == yaml.safe_load(with_tls(project, "192.0.2.2").configuration)
    for fine in (with_tls(project, "192.0.2.2"), with_tls(project, None)):
        assert rescue._at_home(fine, wanted) is fine
    with pytest.raises(UsageError, match="declares no tls"):
        rescue._at_home(with_tls(project, None), replace(wanted, tls_address="192.0.2.2"))
    monkeypatch.setattr(ports, "addresses", list)
    assert rescue._at_home(with_tls(project, "10.0.0.5"), wanted), "nobody can tell the addresses of another host"


@pytest.mark.usefixtures("copied")
def test_a_machine_that_lacks_a_part_is_told_which_command_gets_it(
    wanted: Wanted, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "look", lambda: daemon.Daemon("missing"))
    monkeypatch.setattr(execute, "stream", lambda *_, **__: 1)
    refused(wanted, DbServerError, "lacks a part")
    assert (project / "Pulumi.unit.yaml").exists(), "the command reads which images it wants"
    assert not (project / "backups").exists()


@pytest.mark.usefixtures("project")
def test_a_copy_that_is_damaged_is_named_with_the_way_to_the_one_before(wanted: Wanted, copied: Depot) -> None:
    assert isinstance(copied.target, Memory)
    name = next(each for each in copied.listed() if each.startswith("server.globals"))
    damaged = f"unit/{name}/manifest.age"
    copied.target.objects[damaged] = copied.target.objects[damaged][:-1]
    with pytest.raises(DbServerError, match=f"{damaged} is damaged") as failed:
        rescue._fetched(copied, declared.parse("unit", ""), {"server.globals": name}, wanted, lambda _: None)
    assert f"move memory/unit/{name} away" in failed.value.hint


@pytest.mark.usefixtures("project")
def test_an_interrupted_rescue_goes_on_from_where_it_took_the_data(wanted: Wanted, copied: Depot) -> None:
    known = replace(declared.parse("unit", ""), archive=ARCHIVE)
    name = next(each for each in copied.listed() if each.startswith("server.globals"))
    mark = rescue._mark("unit")
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(rescue.FILLED)
    assert rescue._needed(copied, known, name, wanted) is None, "the backups are in place already"
    with pytest.raises(UsageError, match="in place already"):
        rescue._needed(copied, known, name, replace(wanted, at="-10min"))
    mark.write_text('{"subject": "archive"}')
    with pytest.raises(UsageError, match="recovered from the archive already"):
        rescue._needed(copied, known, name, replace(wanted, backups=True))
