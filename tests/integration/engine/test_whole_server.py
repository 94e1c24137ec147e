"""The whole server comes back from the archive: to a second, after the loss of everything, and back again."""

import itertools
import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dbserver import moment as moments
from dbserver.docker import beside
from tests.support.archived import archive, archiver
from tests.support.commands import Ran, run
from tests.support.interrupted import killed
from tests.support.moments import TABLE, Writer
from tests.support.stack import Stack

pytestmark = pytest.mark.full  # three minutes: the whole server comes back from the archive

DONE, USAGE, UNHEALTHY, REFUSED = 0, 2, 3, 5
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("whole"))
    directory = str(made.directory / "archive")
    own = {"containerName": archiver(made), "keep": "1h", "directory": directory, "synchronous": True}
    made.configure(archive={"enabled": True, **own})
    made.declare({"name": "shop", "poolSize": 5}, {"name": "other", "poolSize": 2})
    made.start().ok()
    made.sql(TABLE, "shop")
    yield made
    made.remove()


@pytest.fixture
def shop(lasting: Stack) -> Stack:
    """The stack with a synchronous archive that reaches to now, and an empty table."""
    lasting.sql("TRUNCATE written", "shop")
    begun(lasting)
    return lasting


def begun(stack: Stack) -> None:
    """Wait until the log of the server in place arrives, and its base backup is there."""
    stack.until(lambda: _arrives(stack) and _bases(stack), 90, what="an archive of the server in place")


def _arrives(stack: Stack) -> bool:
    return (
        stack.psql("SELECT active FROM pg_replication_slots WHERE slot_name = 'db_server_archive'").out.strip() == "t"
    )


def _bases(stack: Stack) -> list[Path]:
    """Return the base backups of the line that is streamed."""
    directory = stack.directory / "archive"
    return list((directory / (directory / ".line").read_text().strip() / "base").iterdir())


def whole(stack: Stack, *how: str) -> Ran:
    return stack.script("dbserver", "restore", "--all", *how, "--confirm", "postgres", "--format", "json")


@contextmanager
def connected(stack: Stack) -> Iterator[str]:
    """Hold a connection of the application's from a container; return the container's name."""
    client, url = f"{stack.name}-client", stack.variables("shop")["DATABASE_URL"]
    image = stack.inspect(stack.postgres)["Config"]["Image"]
    argv = ["docker", "run", "-d", "--name", client, "--network", stack.network, "--entrypoint", "psql", image]
    run(*argv, url, "-c", "SELECT pg_sleep(600)").ok()
    try:
        stack.until(lambda: "pg_sleep(6" in stack.sql("SELECT query FROM pg_stat_activity WHERE usename = 'shop'"))
        yield client
    finally:
        run("docker", "rm", "-f", "-v", client)
        stack.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'")


def there(stack: Stack, database: str = "shop") -> set[int]:
    return {int(number) for number in stack.sql("SELECT n FROM written", database).split()}


def beside_it(stack: Stack, at: datetime) -> set[int]:
    """Return the rows as of a moment, from the archive, by a database beside."""
    name = f"past_{next(_numbers)}"
    stack.script("dbserver", "restore", "shop", "--at", moments.written(at), "--into", name).ok()
    found = there(stack, name)
    stack.sql(f"DROP DATABASE {name}")
    return found


def kept(stack: Stack) -> list[str]:
    return sorted(path.name for path in stack.data.glob("postgres.*-*"))


def lose(stack: Stack, *names: str) -> None:
    """Kill the server and take its directories away; Docker has nothing to start it on any more."""
    run("docker", "update", "--restart", "no", stack.postgres).ok()
    stack.kill(stack.postgres)
    for name in names:
        shutil.rmtree(stack.data / name)


def test_the_whole_server_goes_back_to_a_second_and_the_line_before_still_brings_back_its_own(shop: Stack) -> None:
    shop.sql("DROP TABLE IF EXISTS here; CREATE TABLE here (n int)", "other")
    with Writer(shop) as writer:
        shop.until(lambda: len(writer.writes) > 100)
    shop.sql("INSERT INTO here VALUES (1)", "other")
    wanted = writer.between(0.5)
    found = json.loads(whole(shop, "--at", moments.written(wanted)).ok().out)
    writer.judge(wanted, there(shop))
    assert shop.sql("SELECT count(*) FROM here", "other") == "0"
    assert (set(found["databases"]), kept(shop)) == ({"shop", "other"}, [Path(found["kept"]).name])
    begun(shop)
    assert archive(shop)["fault"] == ""
    after = writer.between(0.8)
    writer.judge(after, beside_it(shop, after))
    shutil.rmtree(found["kept"])


@pytest.mark.full
def test_the_server_before_comes_back_and_each_of_both_has_a_line_of_its_own(shop: Stack) -> None:
    shop.sql("INSERT INTO written VALUES (1)", "shop")
    wanted = datetime.now(UTC)
    shop.sql("INSERT INTO written VALUES (2)", "shop")
    with connected(shop):
        whole(shop, "--at", moments.written(wanted), "--disconnect-applications").ok()
    shop.sql("INSERT INTO written VALUES (3)", "shop")
    begun(shop)
    restored = datetime.now(UTC)
    undone = json.loads(whole(shop, "--undo").ok().out)
    assert (undone["reached"], there(shop)) == (None, {1, 2})
    shop.sql("INSERT INTO written VALUES (4)", "shop")
    begun(shop)
    assert archive(shop)["fault"] == ""
    assert beside_it(shop, restored) == {1, 3}
    assert beside_it(shop, datetime.now(UTC)) == {1, 2, 4}
    shutil.rmtree(undone["kept"])


def test_a_line_that_has_just_begun_is_not_taken_for_one_that_was_given_up(shop: Stack) -> None:
    given_up, begins = (shop.directory / "archive" / f"{year}0101t000000z-1" for year in ("2000", "9999"))
    for line in (begins, given_up):
        for path in (line, line / "wal", line / "base"):
            path.mkdir()
            os.chown(path, line.parent.stat().st_uid, -1)
    shop.until(lambda: not given_up.exists(), 60, what="the end of the line without anything")
    assert begins.exists()
    shutil.rmtree(begins)


def test_nothing_acknowledged_is_lost_with_the_server_and_its_directories(shop: Stack) -> None:
    assert lost_with_everything(shop) == []
    begun(shop)


@pytest.mark.full
def test_without_waiting_for_the_archive_less_than_a_second_is_lost(shop: Stack) -> None:
    with shop.configured(archive={"synchronous": False}):
        shop.start().ok()
        begun(shop)
        late = [seconds for seconds in lost_with_everything(shop) if seconds > 1]
        shop.assert_clean()
    shop.start().ok()
    assert not late


def lost_with_everything(stack: Stack) -> list[float]:
    """Lose the server under load, bring it back; return how long before the loss each lost write was acknowledged."""
    with Writer(stack, pause=0) as writer:
        stack.until(lambda: len(writer.writes) > 300)
        loss = datetime.now(UTC)
        lose(stack, "postgres", "config/postgres", "run")
    refused = stack.start()
    assert (refused.code, "./scripts/dbserver restore --all brings the server back" in refused.err) == (REFUSED, True)
    found = json.loads(whole(stack).ok().out)
    assert (found["kept"], set(found["databases"]), kept(stack)) == ("", {"shop", "other"}, [])
    rows = there(stack)
    assert len(rows) > 250
    return [(loss - acknowledged).total_seconds() for number, _, acknowledged in writer.writes if number not in rows]


def test_a_synchronous_commit_waits_for_an_archive_that_is_away_and_operations_do_not(shop: Stack) -> None:
    run("docker", "stop", archiver(shop)).ok()
    with Writer(shop) as writer:
        shop.until(lambda: "SyncRep" in shop.sql("SELECT wait_event FROM pg_stat_activity WHERE query LIKE 'INSERT%'"))
        assert shop.sql("SELECT count(*) FROM written", "shop") == "0"
        assert shop.script("status.sh").code == UNHEALTHY
        told = shop.script("dbserver", "doctor")
        assert (told.code, "EVERY COMMIT WAITS until it is back" in told.text) == (UNHEALTHY, True), told.text
        assert writer.writes == []
        shop.start().ok()
        shop.until(lambda: len(writer.writes) > 10, 60, what="commits that go on")
    assert {number for number, *_ in writer.writes} <= there(shop)


def test_what_would_harm_is_refused_before_anything(shop: Stack) -> None:
    assert shop.script("dbserver", "restore", "--all", "--at", "-1s").code == REFUSED
    runs = whole(shop)
    assert (runs.code, "--at MOMENT; it reaches from 20" in runs.err) == (USAGE, True)
    assert whole(shop, "--at", "-2h").code == USAGE
    nothing = whole(shop, "--undo")
    assert (nothing.code, "no directory of a restore is kept" in nothing.err) == (USAGE, True)
    assert shop.script("dbserver", "restore", "shop", "latest", "--all", "--confirm", "postgres").code == USAGE
    with connected(shop) as client:
        started = shop.started_at(shop.postgres)
        refused = whole(shop, "--at", moments.written(datetime.now(UTC)))
        assert (refused.code, client in refused.err) == (REFUSED, True), refused.text
    assert (shop.started_at(shop.postgres), kept(shop)) == (started, [])


BEFORE_THE_SWAP = ["docker run --detach", f"{beside.EXCHANGE[:30]}"]
AFTER_THE_SWAP = ["docker rm dbs-test", "pulumi up"]
LONG = {"docker rm dbs-test", beside.EXCHANGE[:30]}


def steps(names: list[str]) -> list[Any]:
    marks = {name: [pytest.mark.full] if name in LONG else [] for name in names}
    return [pytest.param(name, marks=marks[name], id=name.strip().partition("\n")[0]) for name in names]


@pytest.mark.parametrize("step", steps([*BEFORE_THE_SWAP, *AFTER_THE_SWAP]))
def test_a_restore_that_is_killed_leaves_one_of_both_servers_whole_and_a_start_goes_on_with_it(
    shop: Stack, step: str
) -> None:
    shop.sql("INSERT INTO written VALUES (1)", "shop")
    wanted = datetime.now(UTC)
    shop.sql("INSERT INTO written VALUES (2)", "shop")
    done = killed(shop, step, "restore", "--all", "--at", moments.written(wanted), "--confirm", "postgres")
    assert done.code == -signal.SIGKILL, done.text
    shop.start().ok()
    assert there(shop) == ({1} if step in AFTER_THE_SWAP else {1, 2})
    directories = kept(shop)
    assert len(directories) == (step in AFTER_THE_SWAP)
    for name in directories:
        shutil.rmtree(shop.data / name)
    if step == beside.EXCHANGE[:30]:
        again = json.loads(whole(shop, "--at", moments.written(wanted)).ok().out)
        assert (there(shop), kept(shop)) == ({1}, [Path(again["kept"]).name])
        shutil.rmtree(again["kept"])
