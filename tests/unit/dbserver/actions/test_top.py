"""top: which setting is missing, and how what was counted is shown."""

import json

import pytest

from dbserver.actions.top import top
from dbserver.cli.render import statements as render_statements
from dbserver.errors import UsageError
from dbserver.results.statements import Statement, Top
from tests.unit.dbserver.actions.test_applications import OTHER, ROW
from tests.unit.dbserver.actions.test_verbs import DECLARED
from tests.unit.fakes import Programs

COUNTED = {"database": "shop_data", "role": "shop_user", "text": "SELECT $1", "calls": 2, "rows": 2, "seconds": 1.0}


@pytest.fixture
def server(programs: Programs) -> Programs:
    programs.answer("json_build_object('version'", json.dumps({"version": "17.5"}))
    programs.answer("FROM dbserver.application;", json.dumps([OTHER, ROW]))
    rows = [{**COUNTED, "of": 1.0}, {**COUNTED, "database": "blog", "of": 1.0}]
    programs.answer("CREATE EXTENSION", f"{{}}\n{json.dumps(rows)}")
    return programs


def loaded(programs: Programs, libraries: str, *, pending: bool = False) -> None:
    programs.answer("'loaded'", json.dumps({"loaded": libraries, "pending": pending}))


@pytest.mark.parametrize("libraries", ["pg_stat_statements", "timescaledb, $libdir/pg_stat_statements"])
def test_one_application_is_told_alone(server: Programs, libraries: str) -> None:
    loaded(server, libraries)
    assert [each.application for each in top(DECLARED, None, 5).statements] == ["shop", "blog"]
    assert [each.application for each in top(DECLARED, "shop", 5).statements] == ["shop"]


def test_without_the_library_the_setting_to_write_is_named_beside_what_is_loaded(server: Programs) -> None:
    loaded(server, "timescaledb, pg_cron")
    with pytest.raises(UsageError) as refused:
        top(DECLARED, None, 5)
    assert "--path 'db-server:postgres.settings.shared_preload_libraries'" in refused.value.hint
    assert "'timescaledb,pg_cron,pg_stat_statements'" in refused.value.hint
    assert not server.started("CREATE EXTENSION")


def test_a_library_that_waits_for_a_restart_is_named_with_it(server: Programs) -> None:
    loaded(server, "", pending=True)
    with pytest.raises(UsageError, match="waits for a restart"):
        top(DECLARED, None, 5)


def test_each_application_has_a_table_and_what_is_none_s_comes_last() -> None:
    one = Statement("shop", "shop_data", "shop_user", "SELECT 1", 4, 8, 3.0, 0.75, 0.75)
    other = Statement("", "postgres", "dbadmin", "SELECT 2", 1, 1, 1.0, 1.0, 0.25)
    text = render_statements.top(Top("unit", "2026-11-23T14:05:07.5+00:00", 3, (other, one)))
    assert text.splitlines() == [
        "counted since 2026-11-23T14:05:07",
        "",
        "shop (database shop_data)",
        "TIME   SHARE  CALLS  MEAN      ROWS  ROLE       STATEMENT",
        "3.0 s  75%    4      750.0 ms  8     shop_user  SELECT 1",
        "",
        "database postgres",
        "TIME   SHARE  CALLS  MEAN       ROWS  ROLE     STATEMENT",
        "1.0 s  25%    1      1000.0 ms  1     dbadmin  SELECT 2",
        "",
        "3 statements had no room: pg_stat_statements.max",
    ]
    assert render_statements.top(Top("unit", "", 0, ())) == "no statement was counted"
