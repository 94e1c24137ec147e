"""The directories beside PostgreSQL's: what they are called, and which one a rollback brings back."""

import pytest

from dbserver.docker import beside
from dbserver.docker.beside import Directories
from dbserver.errors import DbServerError
from tests.unit.fakes import Failed, Programs

PRINTED = """\
data 18
kept postgres.16-20250101t000000z
kept postgres.17-20261123t140507z
"""
KEPT = ("postgres.16-20250101t000000z", "postgres.17-20261123t140507z")


def test_what_is_in_place_and_what_is_kept_is_read() -> None:
    assert beside.parse(PRINTED) == Directories("18", KEPT)


def test_what_was_brought_back_is_told() -> None:
    assert beside.parse("back postgres.17-1\ndata 17\n") == Directories("17", back="postgres.17-1")


def test_nothing_in_place_has_no_version() -> None:
    assert beside.parse("data \n") == Directories("")


def test_the_name_of_a_kept_directory_says_its_version() -> None:
    name = beside.kept("17", "20261123t140507z")
    assert name == KEPT[1]
    assert beside.major(name) == "17"


@pytest.mark.parametrize(
    ("version", "kept", "before"),
    [
        ("18", KEPT, KEPT[1]),
        ("17", KEPT, KEPT[0]),
        ("16", KEPT, ""),
        ("17", ("postgres.18-20261124t000000z",), ""),
        ("18", ("postgres.18-20261124t000000z", "postgres.9-1"), "postgres.9-1"),
        ("", KEPT, ""),
        ("18", (), ""),
    ],
)
def test_a_rollback_goes_to_the_newest_of_an_older_version(version: str, kept: tuple[str, ...], before: str) -> None:
    assert Directories(version, kept).before() == before


def test_the_newest_kept_directory_of_the_same_version_is_that_of_the_last_restore() -> None:
    kept = ("postgres.17-20250101t000000z", "postgres.17-20261123t140507z", "postgres.18-20261124t000000z")
    assert Directories("17", kept).same() == kept[1]
    assert Directories("16", kept).same() == ""


def test_the_helper_sees_the_data_directories_and_no_network(programs: Programs) -> None:
    programs.answer("docker run", "postgres.17-1\n")
    assert beside.exchange("/data", "postgres:18", "postgres.new", "postgres.17-1") == "postgres.17-1"
    argv = programs.calls[0].argv
    assert "--network none" in " ".join(argv)
    assert "type=bind,source=/data,target=/target" in argv
    assert argv[-3:] == ("sh", "postgres.new", "postgres.17-1")


def test_a_rename_that_fails_is_an_error_with_its_cause(programs: Programs) -> None:
    programs.answer("docker run", Failed("mv: no space left"))
    with pytest.raises(DbServerError, match="in /data could not be renamed: mv: no space left"):
        beside.settle("/data", "postgres:18", "1")
