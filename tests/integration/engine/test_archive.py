"""The continuous archive: any second of one application comes back, the others stay as they are."""

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from dbserver import moment as moments
from dbserver.archive.contents import LIST
from tests.support.archived import archive, archived
from tests.support.commands import run
from tests.support.moments import Writer
from tests.support.stack import Stack

DONE, USAGE, UNHEALTHY = 0, 2, 3


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("archive"))
    stack.declare({"name": "other", "poolSize": 2})
    yield archived(stack)
    stack.remove()


def beside(stack: Stack, name: str, *how: str) -> set[int]:
    """Restore into a database of its own, return the rows that are there, and drop it."""
    stack.script("dbserver", "restore", "shop", *how, "--into", name).ok()
    found = stack.sql("SELECT n FROM written", name).split()
    stack.sql(f"DROP DATABASE {name}")
    return {int(number) for number in found}


def test_the_archive_reaches_from_its_first_base_backup_to_now(shop: Stack) -> None:
    shop.until(lambda: archive(shop)["lag_bytes"] == 0, 30, what="an archive that has all")
    found = archive(shop)
    assert (found["streaming"], found["fault"]) == (True, "")
    start, end = (datetime.fromisoformat(found["windows"][0][name]) for name in ("start", "end"))
    assert start < end
    assert datetime.now(UTC) - end < timedelta(seconds=10)
    assert [base["incremental"] for base in found["base_backups"]] == [False]


@pytest.mark.full
def test_what_starts_again_finds_nothing_to_do(shop: Stack) -> None:
    shop.assert_clean()
    assert shop.start().ok().code == DONE


@pytest.mark.full
@pytest.mark.parametrize("count", [2, pytest.param(20, marks=pytest.mark.full)])
def test_any_second_has_all_that_was_acknowledged_before_it_and_nothing_after(shop: Stack, count: int) -> None:
    shop.sql("TRUNCATE written", "shop")
    with Writer(shop) as writer:
        shop.until(lambda: len(writer.writes) > 100)
    for number, part in enumerate(sorted(random.random() for _ in range(count))):
        wanted = writer.between(part)
        writer.judge(wanted, beside(shop, f"past_{number}", "--at", moments.written(wanted)))


def test_a_dropped_table_comes_back_into_the_live_database_and_the_other_application_stays(shop: Stack) -> None:
    shop.sql("CREATE TABLE dear AS SELECT generate_series(1, 1000) n", "shop")
    shop.sql("CREATE TABLE here (n int)", "other")
    before = datetime.now(UTC)
    shop.sql("DROP TABLE dear", "shop")
    shop.sql("INSERT INTO here VALUES (1)", "other")
    done = shop.script(
        "dbserver", "restore", "shop", "--at", moments.written(before), "--confirm", "shop", "--format", "json"
    )
    restored = json.loads(done.ok().out)
    assert shop.sql("SELECT count(*) FROM dear", "shop") == "1000"
    assert shop.sql("SELECT count(*) FROM here", "other") == "1"
    assert "reached: the last transaction of" in done.err
    assert (
        f"from the archive, as of {moments.written(before)}"
        in json.loads((shop.project / "backups" / restored["backup"] / "manifest.json").read_text())["note"]
    )
    shop.script("dbserver", "rollback", "shop", "--confirm", "shop").ok()


@pytest.mark.full
def test_a_transaction_that_should_not_have_been_is_left_out_with_what_came_after(shop: Stack) -> None:
    shop.sql("TRUNCATE written; INSERT INTO written SELECT generate_series(1, 50)", "shop")
    wrong = shop.sql("BEGIN; DELETE FROM written WHERE n > 10; SELECT pg_current_xact_id(); COMMIT", "shop")
    shop.sql("INSERT INTO written VALUES (99)", "shop")
    assert beside(shop, "before_it", "--before-transaction", wrong) == {*range(1, 51)}


def test_what_is_not_in_the_archive_is_refused_with_what_is(shop: Stack) -> None:
    for wanted, said in (
        ("-2h", "is not in the archive"),
        ("2026-01-01 10:00", "has no time zone"),
        ("noon", "no moment"),
    ):
        ended = shop.script("dbserver", "restore", "shop", "--at", wanted, "--confirm", "shop")
        assert ended.code == USAGE, ended.text
        assert said in ended.err
    assert "it reaches from 20" in shop.script("dbserver", "restore", "shop", "--at", "-2h", "--confirm", "shop").err


@pytest.mark.full
def test_a_base_backup_is_made_when_it_is_asked_for_and_has_what_has_changed(shop: Stack) -> None:
    before = archive(shop)["base_backups"]
    done = shop.script("dbserver", "archive", "--base-backup", "--format", "json").ok()
    *known, newest = json.loads(done.out)["base_backups"]
    assert (known, newest["incremental"]) == (before, True)
    shop.sql("INSERT INTO written VALUES (1000)", "shop")
    assert 1000 in beside(shop, "chained", "--at", moments.written(datetime.now(UTC)))


RENAMING = """
mkdir -p /archive/1-1/base /archive/1-1/wal; cd /archive/1-1/wal; touch a
(while :; do mv a b; mv b a; done) & trap "kill $!" EXIT
for number in $(seq 50); do ({list}) >/dev/null || exit 1; done
"""


def test_the_log_is_listed_while_segments_change_their_names(shop: Stack) -> None:
    shop.client(RENAMING.format(list=LIST)).ok()


def test_nothing_is_left_of_a_throwaway_server(shop: Stack) -> None:
    assert "moment" not in run("docker", "ps", "-a", "--filter", f"name={shop.name}", "--format", "{{.Names}}").out
    assert not (shop.data / "postgres.moment").exists()


def test_nobody_else_on_the_host_reaches_the_socket_or_the_archive(shop: Stack) -> None:
    for path in (shop.data / "run" / "postgres", shop.data / "archive"):
        tried = run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "ls", str(path))
        assert "Permission denied" in tried.err


@pytest.mark.full
def test_what_somebody_changes_of_its_container_is_shown_and_mended(shop: Stack) -> None:
    name = f"{shop.name}-archive"
    assert archive(shop)["differences"] == []
    kept, held = shop.inspect(name), json.loads(shop.script("status.sh", "--format", "json").ok().out)
    assert held["archive"]["differences"] == []
    command = ["sleep 1" if word.startswith("#") else word for word in kept["Config"]["Cmd"]]
    run("docker", "rm", "-f", "-v", name).ok()
    argv = ["docker", "run", "-d", "--name", name, "--network", shop.network, "--env", "PGPASSWORD=secret-of-hand"]
    argv += ["--volume", f"{shop.data}/archive:/archive", "--entrypoint", "bash", kept["Config"]["Image"], *command]
    run(*argv).ok()
    found = json.loads(shop.script("status.sh", "--format", "json").out)["archive"]["differences"]
    assert {each.partition(":")[0] for each in found} == {
        "program", "volumes", "user", "networks", "privileges", "processor shares", "restart policy", "environment",
        "label com.database.server", "label com.database.stack", "label com.database.image",
    }  # fmt: skip
    assert "secret-of-hand" not in str(found)
    drift = shop.script("dbserver", "drift", "--format", "json")
    assert drift.code != DONE
    assert [each["what"] for each in json.loads(drift.out)["differences"] if each["server"] == "archive"] == found
    seen = json.loads(shop.script("dbserver", "doctor", "--format", "json").out)["findings"]
    assert "archive-differs" in [each["cause"] for each in seen]
    run("docker", "rm", "-f", "-v", name).ok()
    shop.start().ok()
    shop.until(lambda: archive(shop)["well"], 60, what="an archive that gets the log")
    assert archive(shop)["differences"] == []
