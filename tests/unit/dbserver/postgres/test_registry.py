"""The registry's SQL: what is entered is what is read back, in every shape that the table has had."""

import json
from dataclasses import asdict

import pytest

from dbserver.applications import Application
from dbserver.errors import DbServerError
from dbserver.postgres import registry, sql
from tests.unit.dbserver.postgres.test_access import constants

SHOP = Application("shop", "shop_data", "it's", 5, 2, 1, "shop:")


def test_an_entry_holds_all_of_an_application_and_is_read_back() -> None:
    (entry,) = [text for text in constants(registry.enter(SHOP)) if text.startswith("{")]
    assert json.loads(entry).keys() | set(registry.KEY) == asdict(SHOP).keys()
    assert registry.parse(json.dumps([asdict(SHOP)])) == [SHOP]


def test_what_a_later_version_may_have_entered_besides_is_left_alone() -> None:
    assert registry.parse(json.dumps([{**asdict(SHOP), "later": 1, "declared_at": "2026-01-01"}])) == [SHOP]


def test_an_entry_that_is_none_is_an_error_with_the_way_out_and_no_empty_list() -> None:
    with pytest.raises(DbServerError, match="pool_size") as caught:
        registry.parse('[{"name": "shop", "database": "shop", "role": "shop", "instances": 1}]')
    assert "--refresh" in caught.value.hint


def test_only_a_missing_table_and_a_missing_database_mean_none() -> None:
    script = registry.listed("it's").splitlines()
    assert script[0] == "SELECT EXISTS (SELECT FROM pg_database WHERE datname = 'it''s') AS finished \\gset"
    assert script[1:3] == ["\\if :finished", sql.connect("it's")]
    assert script[3].startswith("SELECT to_regclass('dbserver.application') IS NOT NULL")
    assert script.count("SELECT '[]';") == 2
