"""The way to a moment, from what the archive and the server say."""

from dataclasses import replace

import pytest

from dbserver import contract
from dbserver.archive import recovering
from dbserver.archive.plan import ArchivePlan
from dbserver.errors import UsageError
from tests.unit.dbserver.actions.test_verbs import DECLARED
from tests.unit.dbserver.archive.test_contents import PRINTED, at
from tests.unit.fakes import Failed, Programs, inspected, printed

ARCHIVE = ArchivePlan("a", "/srv/archive", "/data", "dbadmin", 3600, "0 2 * * *", synchronous=False)
KNOWN = replace(DECLARED, archive=ARCHIVE)


@pytest.fixture
def lost(programs: Programs) -> Programs:
    """An archive, and no server."""
    programs.answer("psql", Failed("Error response from daemon: No such container"))
    programs.answer("image inspect", '[{"Id": "sha256:1", "Config": {"Env": ["PG_MAJOR=17"]}}]')
    programs.answer("container inspect", printed(inspected("a")))
    programs.answer("pg_controldata", PRINTED)
    return programs


@pytest.mark.usefixtures("lost")
def test_a_lost_server_is_recovered_to_the_end_of_the_newest_line() -> None:
    way = recovering.find_end(KNOWN)
    assert (way.line.name, [base.name for base in way.bases]) == (
        "20261126t120000z-77",
        ["20261126t120010z+", "20261126t120030z"],
    )
    assert (way.target.settings, way.moment) == ({}, None)


@pytest.mark.usefixtures("lost")
def test_a_lost_server_is_recovered_to_a_moment_before_its_loss_and_to_none_after() -> None:
    way = recovering.find(KNOWN, f"{at(20):%Y-%m-%dT%H:%M:%SZ}", None)
    assert [base.name for base in way.bases] == ["20261126t120010z+"]
    with pytest.raises(UsageError, match="is not in the archive"):
        recovering.find(KNOWN, f"{at(9999):%Y-%m-%dT%H:%M:%SZ}", None)


def test_a_server_that_runs_is_not_taken_for_lost(lost: Programs) -> None:
    lost.answer("psql", "{}")
    with pytest.raises(UsageError, match="runs; the end of its log is now") as raised:
        recovering.find_end(KNOWN)
    assert "--at MOMENT; it reaches from 2026" in raised.value.hint


def test_an_archive_without_a_base_backup_brings_nothing_back(lost: Programs) -> None:
    lost.answer("pg_controldata", "streaming x\n")
    with pytest.raises(UsageError, match="brings nothing back"):
        recovering.find_end(KNOWN)


def test_the_server_is_asked_before_the_archive_is_looked_at(lost: Programs) -> None:
    recovering.find_end(KNOWN)
    asked = [call.text for call in lost.calls]
    first = next(number for number, text in enumerate(asked) if "pg_replication_slots" in text)
    assert first < next(number for number, text in enumerate(asked) if "pg_controldata" in text)
    assert contract.POSTGRES in asked[first]
