"""A verb acts on the servers of the stack it was asked for: never on another's, and on its own whatever a file says."""

from collections.abc import Iterator

import pytest
import yaml

from tests.support.commands import run
from tests.support.lending import Lent
from tests.support.stack import Stack

VERBS = [
    "status", "stop", "restart --yes", "list", "info shop", "connections", "logs", "psql", "redis-cli", "backup shop",
    "backup --all", "backup --redis", "prune --all --keep-last 1", "drain shop blue --wait 1s", "drill shop",
    "rollback shop --confirm shop", "restore shop latest --confirm shop", "drop shop --confirm shop",
    "checkpoint shop --colour blue --revision 1", "start",
    "upgrade postgres --to 18 --rehearse", "upgrade postgres --to 18 --unrehearsed --confirm postgres",
    "upgrade postgres --rollback --confirm postgres",
]  # fmt: skip


@pytest.fixture(scope="module")
def two(lent: Lent) -> Iterator[Stack]:
    """A running stack, and the file of another one that names the same containers."""
    lent.admit({"name": "shop", "poolSize": 2})
    content = yaml.safe_load((lent.project / f"Pulumi.{lent.name}.yaml").read_text())
    content.pop("encryptionsalt", None)
    del content["config"]["db-server:applications"]
    other = lent.project / f"Pulumi.{lent.name}-other.yaml"
    other.write_text(yaml.safe_dump(content))
    yield lent
    other.unlink()


@pytest.mark.parametrize("verb", VERBS)
def test_another_stack_s_servers_are_refused_and_nothing_happens_to_them(two: Stack, verb: str) -> None:
    before = two.ids(), two.started_at(two.postgres), two.started_at(two.redis)
    done = two.script("dbserver", *verb.split(), "--stack", f"{two.name}-other")
    assert done.code == 5, done.text
    assert f"container {two.postgres} belongs to stack {two.name}" in done.text
    assert "HINT: " in done.text
    assert "Traceback" not in done.text
    assert before == (two.ids(), two.started_at(two.postgres), two.started_at(two.redis))
    assert two.sql("SELECT count(*) FROM pg_database WHERE datname = 'shop'") == "1"
    assert not list((two.project / "backups").glob("*"))


def test_a_scheduled_run_backs_up_no_other_stack_s_servers(two: Stack) -> None:
    done = two.script("dbserver", "schedule", "run", "--stack", f"{two.name}-other")
    assert done.code == 1, done.text
    assert f"container {two.postgres} belongs to stack {two.name}" in done.text
    assert not list((two.project / "backups").glob("*"))


def test_a_name_that_was_edited_and_not_applied_does_not_hide_the_server_that_runs(two: Stack) -> None:
    with two.configured(postgres={"containerName": f"{two.postgres}-renamed"}):
        assert "shop" in two.script("dbserver", "list").ok().out
        two.script("dbserver", "stop").ok()
        assert two.inspect(two.postgres)["State"]["Status"] == "exited"
    run("docker", "start", two.postgres, two.redis).ok()
    two.until(lambda: two.script("status.sh").code == 0, what="both servers back")
