"""What of an archive of elsewhere is taken."""

import pytest

from dbserver.backups import taking
from dbserver.errors import RefusedError


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ("215; 1259 16386 TABLE public item other", True),
        ("2; 3079 16390 EXTENSION - pg_trgm ", True),
        ("4000; 0 0 COMMENT - EXTENSION pg_trgm ", False),
        ("4001; 0 0 COMMENT public TABLE item other", True),
        ("7; 2615 16400 SCHEMA - parts other", False),
        ("8; 2615 16401 SCHEMA - own other", True),
    ],
)
def test_what_is_there_before_is_not_made_again(entry: str, wanted: bool) -> None:  # noqa: FBT001  a parameter
    assert taking._wanted(entry, ["parts"]) is wanted


def test_a_complaint_names_the_file_s_own_line() -> None:
    assert taking._where("psql:<stdin>:12: ERROR:  permission denied") == (", line 11: ERROR:  permission denied")
    assert taking._where("psql: error: connection failed") == ": psql: error: connection failed"


def test_a_psql_that_cannot_refuse_commands_runs_none() -> None:
    with pytest.raises(RefusedError, match="cannot refuse commands") as told:
        taking._where("psql:<stdin>:1: error: invalid command \\restrict")
    assert "update the image" in told.value.hint
