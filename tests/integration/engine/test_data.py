"""A start on a directory without the stack's data makes no new server, unless somebody says so."""

import pytest

from tests.support.stack import Stack


@pytest.mark.full
def test_a_missing_disk_is_no_new_beginning_unless_somebody_says_so(running: Stack) -> None:
    running.sql("CREATE TABLE kept AS SELECT 1 AS n")
    running.redis_admin("SET", "kept", "1")
    running.script("stop.sh").ok()
    away = running.data.with_name("away")
    running.data.rename(away)
    running.data.mkdir()

    refused = running.start()
    assert refused.code == 5, refused.text
    assert f"{running.data / 'postgres'} holds no data of this PostgreSQL" in refused.text
    assert f"{running.data / 'redis'} holds no data of this Redis" in refused.text
    assert "--new-server" in refused.text
    assert not list(running.data.iterdir())

    running.start("--new-server").ok()
    assert running.sql("SELECT to_regclass('public.kept') IS NULL") == "t"
    assert running.redis_admin("EXISTS", "kept") == "0"


@pytest.mark.full
def test_the_disk_that_comes_back_is_other_data_by_then_and_serves_on_purpose(running: Stack) -> None:
    running.sql("CREATE TABLE kept AS SELECT 1 AS n")
    running.redis_admin("SET", "kept", "1")
    running.script("stop.sh").ok()
    away = running.data.with_name("away")
    running.data.rename(away)
    running.data.mkdir()
    running.start("--new-server").ok()
    running.start().ok()
    running.script("stop.sh").ok()
    running.data.rename(running.data.with_name("new"))
    away.rename(running.data)
    other = running.start()
    assert other.code == 5, other.text
    assert "holds the data of another PostgreSQL" in other.text
    running.start("--new-server").ok()
    assert running.sql("SELECT n FROM kept") == "1"
    assert running.redis_admin("GET", "kept") == "1"
    running.assert_clean()
