"""The record of an adoption: whole or not there, and its user's alone."""

from pathlib import Path

import pytest

from dbserver.adoption import record as records
from dbserver.adoption.record import ADOPTED, SWAPPING, Old, Record
from dbserver.errors import DbServerError

KNOWN = Record(
    stack="prod",
    step=SWAPPING,
    olds={"postgres": Old("db-server-postgres", "1", "always", 0, "/srv/compose")},
    before={"system": "7000"},
    scripts=[("postgres", "ALTER ROLE ...")],
    backups=["shop_1"],
    ports={"postgres": 5432},
    admin="dbadmin",
)


def test_a_record_is_read_as_it_was_written_and_by_its_user_alone(tmp_path: Path) -> None:
    path = records.path_of(tmp_path, "prod")
    assert records.read(path) is None
    records.write(path, KNOWN)
    assert records.read(path) == KNOWN
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_step_replaces_the_one_before_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = records.path_of(tmp_path, "prod")
    path.parent.mkdir()
    (path.parent / ".prod.json.new").write_text("left by a run that was killed")
    records.write(path, KNOWN)
    records.write(path, KNOWN.at(ADOPTED))
    found = records.read(path)
    assert found is not None
    assert found.step == ADOPTED
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"olds": {}, "scripts": []}', '{"olds": {"a": {}}}'])
def test_a_damaged_record_is_told_and_never_taken_for_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prod.json"
    path.write_text(text)
    with pytest.raises(DbServerError, match="cannot be read"):
        records.read(path)
