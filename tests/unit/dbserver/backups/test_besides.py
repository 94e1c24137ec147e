"""What is restored without a swap."""

import pytest

from dbserver.backups import besides
from dbserver.errors import UsageError


def test_a_table_is_of_public_unless_its_schema_is_said() -> None:
    assert besides.parsed(["item", "old.order"]) == [("public", "item"), ("old", "order")]


def test_two_tables_of_one_name_are_not_brought_into_one_schema() -> None:
    with pytest.raises(UsageError, match="two tables of one name"):
        besides.parsed(["item", "old.item"])


def test_a_table_that_the_backup_lacks_is_named() -> None:
    with pytest.raises(UsageError, match=r"b1 has no table old\.order"):
        besides.refuse_missing("b1", [("public", "item"), ("old", "order")], {("public", "item"): 3})
