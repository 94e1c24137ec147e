"""One look at everything an update compares: whole or nothing, and every difference shows."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbserver.actions import start
from dbserver.applied import looking, record
from dbserver.applied.looking import Heard
from dbserver.declared import Declared
from dbserver.errors import CommandError
from dbserver.postgres import look as postgres
from dbserver.redis import look as redis
from tests.unit import fakes
from tests.unit.dbserver.actions.test_verbs import DECLARED
from tests.unit.fakes import IDENTITY, Failed, Programs, inspected, network, printed

FILE = "file redis.conf 644 0 0 abc  -\n"
POSTGRES_SAYS = FILE + fakes.POSTGRES_SAYS + "".join(f"{number}|[]\n" for number in range(len(postgres.PARTS)))
TOLD = f"{redis.BEGIN}\nmaxmemory\n0\nuser default on nopass\nuser dbadmin on #abc\n"
REDIS_SAYS = FILE + fakes.REDIS_SAYS + TOLD
IMAGES = json.dumps([{"Id": IDENTITY, "RepoTags": ["postgres:17"]}])


@pytest.fixture(autouse=True)
def _stack(project: Path) -> None:
    for name in ("__main__.py", "Pulumi.yaml", "requirements.txt", "Pulumi.unit.yaml"):
        (project / name).write_text(name)
    state = project / ".state" / ".pulumi" / "stacks" / "db-server" / "unit.json"
    state.parent.mkdir(parents=True)
    state.write_text("{}")


def look(stack: Declared) -> dict[str, str]:
    return start._looked(stack)[1]


@pytest.fixture
def there(programs: Programs) -> Programs:
    """Servers that answer, in containers on their network."""
    programs.answer("container inspect", printed(inspected("db-server-postgres"), inspected("db-server-redis")))
    programs.answer("network inspect", network(name="n"))
    programs.answer("image inspect", IMAGES)
    programs.answer("psql", POSTGRES_SAYS)
    programs.answer("redis-cli", REDIS_SAYS)
    return programs


def test_two_looks_at_the_same_are_equal_and_hold_nothing_that_can_be_read(there: Programs) -> None:
    there.answer("psql", POSTGRES_SAYS.replace("0|[]", '0|["SCRAM-SHA-256$secret"]'))
    first = look(DECLARED)
    assert first == look(DECLARED)
    assert all(len(value) == 64 for value in first.values())


@pytest.mark.parametrize("part", [*range(len(postgres.PARTS))])
def test_each_answer_of_postgresql_is_a_part(there: Programs, part: int) -> None:
    before = look(DECLARED)
    there.answer("psql", POSTGRES_SAYS.replace(f"{part}|[]", f'{part}|["another"]'))
    assert record.differing(before, look(DECLARED)) == [[*postgres.PARTS][part]]


@pytest.mark.parametrize(
    ("words", "answer", "part"),
    [
        ("psql", POSTGRES_SAYS.replace("644", "666"), "PostgreSQL's rendered files"),
        ("redis-cli", REDIS_SAYS.replace("abc  -", "abd  -"), "Redis's rendered files"),
        ("redis-cli", REDIS_SAYS.replace("maxmemory\n0", "maxmemory\n1"), "Redis's settings"),
        ("redis-cli", REDIS_SAYS.replace("nopass", "resetpass"), "Redis's users"),
        ("container inspect", printed(inspected("db-server-postgres")), "the containers"),
        ("network inspect", network(name="m"), "the network"),
        ("image inspect", IMAGES.replace(IDENTITY, "sha256:b"), "the images"),
    ],
)
def test_each_difference_on_the_host_names_its_part(there: Programs, words: str, answer: str, part: str) -> None:
    before = look(DECLARED)
    there.answer(words, answer)
    assert record.differing(before, look(DECLARED)) == [part]


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("__main__.py", "the program"),
        ("requirements.txt", "the program"),
        ("Pulumi.unit.yaml", "the configuration"),
        (".state/.pulumi/stacks/db-server/unit.json", "the state"),
        ("docker-compose.yml", "the compose file"),
    ],
)
@pytest.mark.usefixtures("there")
def test_each_difference_in_the_project_names_its_part(project: Path, name: str, part: str) -> None:
    before = look(DECLARED)
    (project / name).write_text("another")
    assert record.differing(before, look(DECLARED)) == [part]


def test_another_name_for_the_same_image_is_no_difference(there: Programs) -> None:
    before = look(DECLARED)
    there.answer("image inspect", IMAGES.replace('"postgres:17"', '"mine:1", "postgres:17"'))
    assert look(DECLARED) == before


def test_the_order_in_which_redis_tells_of_users_is_no_difference(there: Programs) -> None:
    before = look(DECLARED)
    one, other = "user default on nopass\n", "user dbadmin on #abc\n"
    there.answer("redis-cli", REDIS_SAYS.replace(one + other, other + one))
    assert look(DECLARED) == before


def test_neither_the_order_of_redis_settings_nor_what_a_backup_sets_is_a_difference(there: Programs) -> None:
    others = "hz\n10\nrepl-diskless-sync-delay\n5\n"
    there.answer("redis-cli", REDIS_SAYS.replace("maxmemory\n0\n", f"maxmemory\n0\n{others}"))
    before = look(DECLARED)
    turned = "repl-diskless-sync-delay\n0\nhz\n10\nmaxmemory\n0\n"
    there.answer("redis-cli", REDIS_SAYS.replace("maxmemory\n0\n", turned))
    assert look(DECLARED) == before
    there.answer("redis-cli", REDIS_SAYS.replace("maxmemory\n0\n", turned.replace("hz\n10", "hz\n11")))
    assert record.differing(before, look(DECLARED)) == ["Redis's settings"]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("psql", Failed("the database system is starting up", 2)),
        ("psql", POSTGRES_SAYS.replace(f"{len(postgres.PARTS) - 1}|[]\n", "")),  # no registry
        ("psql", CommandError("psql", 124, "no answer")),
        ("redis-cli", Failed("NOAUTH Authentication required.")),
        ("redis-cli", FILE + "LOADING Redis is loading the dataset in memory\n"),
        ("redis-cli", REDIS_SAYS.replace(TOLD, "")),
        ("redis-cli", REDIS_SAYS.replace("maxmemory\n0\n", "maxmemory\n0\nhz\n")),  # a name without a value
    ],
)
def test_a_server_that_does_not_answer_leaves_the_look_unfinished(there: Programs, words: str, answer: Any) -> None:
    there.answer(words, answer)
    assert look(DECLARED) == {}


@pytest.mark.usefixtures("there")
def test_a_stack_with_certificates_of_its_own_always_asks_the_engine() -> None:
    told = Heard([], [], {"postgres": POSTGRES_SAYS, "redis": REDIS_SAYS})
    assert looking.look(DECLARED, told, "") != {}
    assert looking.look(replace(DECLARED, outside={"postgres": "192.0.2.1"}), told, "") == {}


@pytest.mark.usefixtures("there")
def test_a_state_that_is_elsewhere_is_never_taken_for_unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    assert look(DECLARED) == {}


@pytest.mark.usefixtures("there")
def test_an_update_at_work_or_killed_leaves_the_look_unfinished(project: Path) -> None:
    lock = project / ".state" / ".pulumi" / "locks" / "organization" / "db-server" / "unit" / "a.json"
    lock.parent.mkdir(parents=True)
    lock.write_text("{}")
    assert look(DECLARED) == {}


def test_a_record_is_what_was_written_and_nothing_after_it_is_forgotten(project: Path) -> None:
    record.write("unit", {"the program": "a"})
    assert record.read("unit") == {"the program": "a"}
    assert record.path("unit").stat().st_mode & 0o777 == 0o600
    record.write("unit", {})
    assert record.read("unit") == {}
    assert not record.path("unit").exists()
    assert record.path("unit").is_relative_to(project / ".state")


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
@pytest.mark.usefixtures("project")
def test_a_record_that_is_damaged_is_none(text: str) -> None:
    record.write("unit", {"the program": "a"})
    record.path("unit").write_text(text)
    assert record.read("unit") == {}


def test_a_part_that_only_one_side_knows_differs() -> None:
    assert record.differing({"a": "1", "b": "1"}, {"a": "1", "c": "1"}) == ["c", "b"]


def test_what_is_compared_is_asked_by_the_commands_that_ask_for_the_state(there: Programs) -> None:
    look(DECLARED)
    assert [len(there.started(f"docker exec -i {name}")) for name in DECLARED.containers.values()] == [1, 1]
    assert len(there.started("inspect")) == 3
    asked = there.started("psql")[0].stdin
    assert "\\connect :USER" in asked.partition(postgres.question())[0]
    assert "\\connect" not in postgres.question()


def test_what_was_used_meanwhile_is_no_difference(there: Programs) -> None:
    before = look(DECLARED)
    there.answer("psql", POSTGRES_SAYS.replace("1234", "9999"))
    there.answer("redis-cli", REDIS_SAYS.replace("used_memory:", "used_memory:9"))
    assert look(DECLARED) == before


def test_what_a_killed_save_of_redis_has_left_is_removed_and_is_no_difference(there: Programs) -> None:
    before = look(DECLARED)
    assert not there.started("rm -f")
    there.answer("redis-cli", f"left over: /data/temp-17.rdb\n{REDIS_SAYS}")
    assert look(DECLARED) == before
    assert [call.argv[:3] for call in there.started("rm -f")] == [("docker", "exec", "db-server-redis")]
