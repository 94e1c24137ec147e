"""PostgreSQL 17 becomes 18: rehearsed, done, undone, killed on the way; nobody's data, role or setting is lost."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbserver.docker import beside
from dbserver.docker.images import stand_in
from dbserver.docker.ports import addresses
from tests.support.commands import Ran, run
from tests.support.interrupted import killed, stopped
from tests.support.project import ROOT
from tests.support.shop import as_role, backed_up, opened, restored, rows
from tests.support.stack import Stack

pytestmark = pytest.mark.full  # seven minutes: every way through an upgrade starts two servers

NEW_IMAGE = stand_in("postgres:18")
OLD, NEW = "17", "18"
MEMBER = """
CREATE ROLE reader LOGIN PASSWORD 'only to read' VALID UNTIL '2099-01-01' CONNECTION LIMIT 3;
GRANT pg_read_all_data TO reader WITH ADMIN OPTION;
COMMENT ON ROLE reader IS 'reads
CREATE ROLE dbadmin;
everything';
ALTER ROLE reader SET statement_timeout = '5s';
ALTER ROLE reader IN DATABASE shop SET work_mem = '5MB';
ALTER DATABASE shop SET random_page_cost = 1.25;
CREATE DATABASE of_nobody OWNER reader CONNECTION LIMIT 7;
REVOKE ALL ON DATABASE of_nobody FROM PUBLIC;
GRANT CONNECT ON DATABASE of_nobody TO shop WITH GRANT OPTION;
COMMENT ON DATABASE of_nobody IS 'nobody''s';
ALTER SYSTEM SET cursor_tuple_fraction = 0.25;
SELECT pg_reload_conf();
"""
WRITER = """
psql -XAtq "$URL" -c "SELECT pg_sleep(3600)" &
n=0
while [ ! -e /tmp/enough ] && [ "$n" -lt 100000 ]; do
  n=$((n + 1))
  psql -XAtq "$URL" -c "INSERT INTO written VALUES ($n)" >/dev/null 2>&1 && echo "$n"
  sleep 0.02
done
"""

QUESTIONS = {
    "dbadmin": """
        SELECT rolname, rolpassword, rolconnlimit, rolvaliduntil FROM pg_authid WHERE rolpassword <> '' ORDER BY 1;
        SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members WHERE member > 16383 ORDER BY 1;
        SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = 'reader';
        SELECT datname, pg_get_userbyid(datdba), datacl, datconnlimit, shobj_description(oid, 'pg_database')
            FROM pg_database ORDER BY 1;
        SELECT datname, setrole::regrole, setconfig FROM pg_db_role_setting, pg_database d
            WHERE d.oid = setdatabase ORDER BY 1, 2;
        SELECT setrole::regrole, setconfig FROM pg_db_role_setting WHERE setdatabase = 0 ORDER BY 1;
        SELECT name, database, role, entry FROM dbserver.application ORDER BY 1;
        SELECT name, application, purpose FROM dbserver.database ORDER BY 1;
        SHOW cursor_tuple_fraction;
    """,
    "shop": """
        SELECT count(*), sum(id), sum(length(name)) FROM item;
        SELECT * FROM "Odd name" ORDER BY 1;
        SELECT last_value FROM item_id_seq;
        SELECT pubname FROM pg_publication;
        SELECT lo_get(4711);
        SELECT extname FROM pg_extension ORDER BY 1;
    """,
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack of 17 with TLS, two applications, a role of its own making, settings, a database that a restore kept."""
    run(str(ROOT / "tools" / "image"), "postgres:18").ok()
    made = Stack(tmp_path_factory.mktemp("upgrade"))
    made.configure(postgres={"image": "postgres:17"}, tls={"address": addresses()[0]})
    try:
        opened(made)
        restored(made, backed_up(made))
        made.sql(MEMBER)
        as_role(made, "CREATE TABLE written (n int)")
        made.script("dbserver", "backup", "--all").ok()
        yield made
    finally:
        run("docker", "rm", "-fv", f"{made.postgres}-upgrade")
        made.remove()


@pytest.fixture
def old(shared: Stack, request: pytest.FixtureRequest) -> Stack:
    """The stack as 17, whatever the test before did."""
    if request.session.testsfailed:
        shared.start()
    if in_place(shared) == NEW:
        back(shared)
    return shared


def upgrade(stack: Stack, *flags: str, to: str = NEW) -> Ran:
    done = stack.script("dbserver", "upgrade", "postgres", "--to", to, "--format", "json", *flags)
    noted(stack)
    return done


def upgraded(stack: Stack, *flags: str) -> dict[str, Any]:
    return dict(json.loads(upgrade(stack, "--unrehearsed", "--confirm", "postgres", *flags).ok().out))


def back(stack: Stack) -> dict[str, Any]:
    argv = ["upgrade", "postgres", "--rollback", "--confirm", "postgres", "--format", "json"]
    done = stack.script("dbserver", *argv).ok()
    noted(stack)
    return dict(json.loads(done.out))


def noted(stack: Stack) -> None:
    """Take over what an upgrade has written into the configuration."""
    stack.config["postgres"] = {**stack.config["postgres"], "image": declared(stack)}


def declared(stack: Stack) -> str:
    """Return the image that the configuration names."""
    shown = stack.pulumi("config", "get", "--path", "db-server:postgres.image").ok()
    return shown.out.strip()


def in_place(stack: Stack) -> str:
    return (stack.data / "postgres" / "PG_VERSION").read_text().strip()


def directories(stack: Stack) -> list[str]:
    """Return the major version of each directory of PostgreSQL, with the beginning of its name."""
    found = [path for path in stack.data.iterdir() if path.name.startswith("postgres")]
    return sorted(f"{path.name.partition('-')[0]} {(path / 'PG_VERSION').read_text().strip()}" for path in found)


def only_in_place(stack: Stack) -> None:
    """Remove the kept directories."""
    for path in stack.data.glob("postgres.*"):
        run("rm", "-r", str(path)).ok()


def known(stack: Stack) -> dict[str, str]:
    """Return what has to survive: rows, roles with passwords and memberships, ACLs, settings, databases."""
    return {database: stack.sql(questions, database) for database, questions in QUESTIONS.items()}


def logs_in(stack: Stack, name: str) -> bool:
    """Return whether an application gets in by its DATABASE_URL, from the network."""
    url = stack.variables(name)["DATABASE_URL"]
    return stack.client(f"psql -XAtq '{url}' -c 'SELECT 1'").code == 0


def assert_nothing_left(stack: Stack) -> None:
    assert run("docker", "ps", "-aq", "--filter", f"name={stack.postgres}-upgrade").ok().out == ""
    assert not (stack.data / "postgres.new").exists()
    assert not (stack.data / "postgres.rehearsal").exists()


@pytest.mark.full
def test_a_rehearsal_reports_everything_and_changes_nothing(old: Stack) -> None:
    before, ids, started = known(old), old.ids(), old.started_at(old.postgres)
    kept = directories(old)
    found = json.loads(upgrade(old, "--rehearse").ok().out)
    assert found["well"]
    assert found["new_version"].startswith(NEW)
    each = {entry["database"]: entry for entry in found["databases"]}
    assert set(each) == {"shop", "shop_two", "postgres", "dbadmin", "of_nobody"}
    assert each["shop"]["rows"] > 1000
    assert each["shop"]["age_seconds"] >= 0
    assert all(entry["seconds"] > 0 and not entry["missing_extensions"] for entry in each.values())
    assert [name.partition("__")[0] for name in found["not_rehearsed"]] == ["shop"]
    assert (known(old), old.ids(), old.started_at(old.postgres)) == (before, ids, started)
    assert directories(old) == kept
    assert declared(old) == "postgres:17"
    assert_nothing_left(old)


@pytest.mark.full
def test_an_extension_that_the_image_lacks_is_named_and_refuses_the_upgrade(old: Stack) -> None:
    lacking = f"{old.name}-lacking:18"
    old.build_image(lacking, f"FROM {NEW_IMAGE}\nRUN rm /usr/share/postgresql/18/extension/pg_trgm.control\n")
    try:
        rehearsed = upgrade(old, "--rehearse", "--image", lacking)
        found = {entry["database"]: entry for entry in json.loads(rehearsed.out)["databases"]}
        assert rehearsed.code == 1
        assert found["shop"]["missing_extensions"] == ["pg_trgm"]
        assert not found["shop_two"]["fault"]
        started = old.started_at(old.postgres)
        refused = upgrade(old, "--image", lacking, "--unrehearsed", "--confirm", "postgres")
    finally:
        run("docker", "image", "rm", lacking)
    assert refused.code == 5
    assert "lacks extensions of shop: pg_trgm" in refused.err
    assert (in_place(old), old.started_at(old.postgres), declared(old)) == (OLD, started, "postgres:17")
    assert logs_in(old, "shop")
    assert_nothing_left(old)


@pytest.mark.full
def test_what_stands_in_the_way_is_refused_before_anything(old: Stack) -> None:
    assert upgrade(old, "--rehearse", "--confirm", "postgres", to=OLD).code == 2
    argv = ["--confirm", "postgres"]
    (old.project / ".state" / "upgrade" / f"{old.name}.json").unlink(missing_ok=True)
    not_rehearsed = upgrade(old, *argv)
    assert (not_rehearsed.code, "--rehearse" in not_rehearsed.err) == (5, True)
    assert upgrade(old, "--unrehearsed").code == 5
    old.sql("SELECT pg_create_physical_replication_slot('somebody')")
    slot = upgrade(old, *argv, "--unrehearsed")
    old.sql("SELECT pg_drop_replication_slot('somebody')")
    assert (slot.code, "replication slot somebody" in slot.err) == (5, True)
    old.sql("ALTER SYSTEM SET shared_preload_libraries = 'gone'")
    faulty = upgrade(old, "--rehearse")
    old.sql("ALTER SYSTEM RESET shared_preload_libraries")
    assert faulty.code == 1
    assert "gone" in " ".join(json.loads(faulty.out)["faults"])
    assert_nothing_left(old)


def test_an_upgrade_keeps_everything_loses_no_acknowledged_write_and_is_taken_back(old: Stack) -> None:
    only_in_place(old)
    before = known(old)
    as_role(old, "TRUNCATE written")
    url = old.variables("shop")["DATABASE_URL"]
    writer = f"{old.name}-writer"
    image = old.inspect(old.postgres)["Config"]["Image"]
    argv = ["docker", "run", "-d", "--name", writer, "--network", old.network, "-e", f"URL={url}"]
    run(*argv, "--entrypoint", "sh", image, "-c", WRITER).ok()
    try:
        old.until(lambda: int(as_role(old, "SELECT count(*) FROM written")) > 5, 60, what="the first writes")
        refused = upgrade(old, "--unrehearsed", "--confirm", "postgres")
        assert (refused.code, writer in refused.err, in_place(old)) == (5, True, OLD)
        found = upgraded(old, "--disconnect-applications")
        during = run("docker", "logs", writer).ok().out.split()
        old.until(lambda: len(run("docker", "logs", writer).ok().out.split()) > len(during), 60, what="new writes")
        # In the background: the container ends with this file, and would kill the command that makes it.
        run("docker", "exec", "-d", writer, "touch", "/tmp/enough").ok()
        run("docker", "wait", writer).ok()
        acknowledged = set(run("docker", "logs", writer).ok().out.split())
    finally:
        run("docker", "rm", "-f", "-v", writer)
    there = set(as_role(old, "SELECT n FROM written").split())
    assert acknowledged
    assert acknowledged <= there
    assert known(old) == before
    assert old.sql("SHOW server_version_num").startswith(NEW)
    assert (old.sql("SHOW data_checksums"), old.sql("SHOW ssl")) == ("on", "on")
    assert {entry["database"].partition("__")[0] for entry in found["databases"]} == {
        "shop", "shop_two", "postgres", "dbadmin", "of_nobody",
    }  # fmt: skip
    assert (declared(old), directories(old)) == ("postgres:18", ["postgres 18", "postgres.17 17"])
    assert Path(found["kept"]).is_dir()
    assert logs_in(old, "shop")
    assert logs_in(old, "shop-two")
    assert_nothing_left(old)
    ids = old.ids()
    old.start().ok()
    old.assert_clean()
    assert old.ids() == ids
    old.script("dbserver", "rollback", "shop", "--confirm", "shop").ok()  # to what the restore before the upgrade kept
    assert rows(old) == ["1000", "3"]
    taken_back(old, before)


def taken_back(stack: Stack, before: dict[str, str]) -> None:
    """Go back to the old server: it has what it had, and the new one stays beside."""
    unasked = stack.script("dbserver", "upgrade", "postgres", "--rollback")
    assert unasked.code == 5
    found = back(stack)
    assert (in_place(stack), known(stack), declared(stack)) == (OLD, before, "postgres:17")
    assert (Path(found["kept"]) / "PG_VERSION").read_text().strip() == NEW
    assert directories(stack) == ["postgres 17", "postgres.18 18"]
    assert logs_in(stack, "shop")
    stack.assert_clean()
    again = stack.script("dbserver", "upgrade", "postgres", "--rollback", "--confirm", "postgres")
    assert (again.code, in_place(stack)) == (2, OLD)


@pytest.mark.full
def test_a_write_that_slips_through_the_closed_door_ends_the_upgrade_and_is_kept(old: Stack) -> None:
    only_in_place(old)
    argv = ["upgrade", "postgres", "--to", NEW, "--unrehearsed", "--confirm", "postgres"]
    with stopped(old, f"docker stop --time 60 {old.postgres}", *argv, seconds=300) as process:
        assert not logs_in(old, "shop")
        old.sql("INSERT INTO written VALUES (-1)", "shop")
    printed, _ = process.communicate(timeout=300)
    assert (process.returncode, "somebody wrote although nobody could connect" in printed) == (1, True), printed
    assert (in_place(old), old.sql("SELECT n FROM written WHERE n = -1", "shop")) == (OLD, "-1")
    assert logs_in(old, "shop")
    assert directories(old) == ["postgres 17"]
    old.assert_clean()
    assert_nothing_left(old)


# A text of the step before which the command and all that it started are killed.
BEFORE_THE_SWAP = ["docker run --detach", "pg_restore", f"{beside.EXCHANGE[:30]}"]
AFTER_THE_SWAP = ["docker rm dbs-test", "pulumi config set", "pulumi up"]
LONG = {*BEFORE_THE_SWAP, *AFTER_THE_SWAP}


def steps(names: list[str]) -> list[Any]:
    marks = {name: [pytest.mark.full] if name in LONG else [] for name in names}
    return [pytest.param(name, marks=marks[name], id=name.strip().partition("\n")[0]) for name in names]


@pytest.mark.parametrize("step", steps(BEFORE_THE_SWAP))
def test_an_upgrade_killed_before_the_swap_leaves_the_old_server_whole(old: Stack, step: str) -> None:
    only_in_place(old)
    before = known(old)
    done = killed(old, step, "upgrade", "postgres", "--to", NEW, "--unrehearsed", "--confirm", "postgres")
    assert done.code != 0, done.text
    assert in_place(old) == OLD
    old.start().ok()
    assert known(old) == before
    assert logs_in(old, "shop")
    assert upgrade(old, "--rehearse").ok()
    assert_nothing_left(old)
    assert directories(old) == ["postgres 17"]


@pytest.mark.parametrize("step", steps(AFTER_THE_SWAP))
def test_an_upgrade_killed_after_the_swap_is_finished_by_the_next_run(old: Stack, step: str) -> None:
    only_in_place(old)
    before = known(old)
    argv = ["upgrade", "postgres", "--to", NEW, "--unrehearsed", "--confirm", "postgres"]
    done = killed(old, step, *argv)
    assert done.code != 0, done.text
    assert directories(old) == ["postgres 18", "postgres.17 17"]
    if "pulumi up" not in step:
        refused = old.start()
        assert (refused.code, "set postgres.image to postgres:18" in refused.err) == (5, True), refused.text
    found = upgraded(old)
    assert (in_place(old), known(old), declared(old)) == (NEW, before, "postgres:18")
    assert found["databases"] == []
    assert logs_in(old, "shop")
    assert_nothing_left(old)
    old.assert_clean()


@pytest.mark.full
def test_a_start_never_makes_a_new_server_where_the_data_stands_beside(old: Stack) -> None:
    only_in_place(old)
    before = known(old)
    old.script("stop.sh").ok()
    run("docker", "rm", old.postgres).ok()
    (old.data / "postgres").rename(old.data / "postgres.17-20261123t140507z")
    refused = old.start()
    assert refused.code == 5, refused.text
    assert "holds no data, postgres.17-20261123t140507z beside it does" in refused.err
    assert not (old.data / "postgres").exists()
    assert back(old)["kept"] == ""
    assert known(old) == before


LAYOUTS = [
    ({"postgres": "17", "postgres.new": ""}, ["postgres.new", "postgres:17"], []),
    ({"postgres": "17", "postgres.new": "18"}, ["postgres.new:18", "postgres:17"], []),
    ({"postgres": "18", "postgres.new": "17"}, ["postgres.17-NOW:17", "postgres:18"], ["postgres.17-NOW"]),
    ({"postgres": "17", "postgres.17-1": "18"}, ["postgres.18-1:18", "postgres:17"], ["postgres.18-1"]),
    ({"postgres.17-1": "17", "postgres.new": "18"}, ["postgres.new:18", "postgres:17"], []),
    ({"postgres": "", "postgres.17-1": "17", "postgres.9-2": "9"}, ["postgres.17-1:17", "postgres:9"],
     ["postgres.17-1"]),
    ({"postgres": ""}, ["postgres"], []),
]  # fmt: skip


@pytest.mark.parametrize(("found", "after", "kept"), LAYOUTS, ids=[str(layout[0]) for layout in LAYOUTS])
def test_directories_get_the_names_of_what_is_in_them(
    tmp_path: Path, found: dict[str, str], after: list[str], kept: list[str]
) -> None:
    for name, version in found.items():
        (tmp_path / name).mkdir()
        if version:
            (tmp_path / name / "PG_VERSION").write_text(f"{version}\n")
    assert list(beside.settle(str(tmp_path), stand_in("postgres:17"), "NOW").kept) == kept

    def shown(path: Path) -> str:
        version = path / "PG_VERSION"
        return f"{path.name}:{version.read_text().strip()}" if version.exists() else path.name

    assert sorted(shown(path) for path in tmp_path.iterdir()) == after


@pytest.mark.parametrize("image", ["postgres:17", "postgres:15"], ids=["at once", "by two renames"])
def test_two_directories_change_places(tmp_path: Path, image: str) -> None:
    run(str(ROOT / "tools" / "image"), image).ok()
    for name, version in (("postgres", "17"), ("postgres.new", "18")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "PG_VERSION").write_text(f"{version}\n")
    began = time.time_ns()
    aside = f"postgres.17-{began}"
    beside.exchange(str(tmp_path), stand_in(image), "postgres.new", aside)
    assert {path.name: (path / "PG_VERSION").read_text() for path in tmp_path.iterdir()} == {
        "postgres": "18\n", aside: "17\n",
    }  # fmt: skip
