"""What a restore has not brought, by kind."""

import pytest

from dbserver.backups import filling
from dbserver.errors import DbServerError
from dbserver.postgres import objects
from tests.unit.dbserver.backups.test_manifest import made

OBJECTS = {"tables": 3, "triggers": 1}


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (OBJECTS, []),
        ({"tables": 3}, ["0 triggers instead of 1"]),
        ({"tables": 2, "triggers": 1, "views": 1}, ["2 tables instead of 3", "1 views instead of 0"]),
    ],
)
def test_each_kind_that_is_not_as_it_was_is_named(after: dict[str, int], told: list[str]) -> None:
    assert objects.differing(OBJECTS, after) == told


def test_rows_and_objects_are_told_together_and_an_older_backup_tells_rows_alone() -> None:
    rows = {("public", "item"): 3}
    filling.compare(made(properties={"objects": OBJECTS}), rows, OBJECTS)
    filling.compare(made(properties={}), rows, OBJECTS)
    with pytest.raises(DbServerError, match=r"public.item: missing instead of 3; 0 triggers instead of 1"):
        filling.compare(made(properties={"objects": OBJECTS}), {}, {"tables": 3})
