"""The whole product under load and faults in its short form, and that what is lost there would be found."""

import re

import pytest

from tests.endurance.ground import Ground
from tests.endurance.steps import APPLICATIONS
from tests.support.commands import run
from tests.support.project import ROOT
from tests.support.stack import Stack

pytestmark = pytest.mark.full  # four minutes: a machine of its own under load and faults

ACKNOWLEDGED = re.compile(r"acknowledged \w+ +│ +(\d+)")


def test_nothing_acknowledged_is_lost_and_nothing_is_left_over() -> None:
    done = run(str(ROOT / "tools" / "endure"), "--seed", "13660", "--steps", "3", cwd="/").ok()
    assert "passed: nothing acknowledged was lost, nothing is left over" in done.out
    counts = [int(count) for count in ACKNOWLEDGED.findall(done.out)]
    assert len(counts) == 2, done.out
    assert min(counts) > 100, done.out


def test_a_lost_write_is_found(stack: Stack) -> None:
    stack.declare(*({"name": name, "poolSize": 6} for name in APPLICATIONS))
    stack.configure(redis={"access": "password"})
    stack.start().ok()
    ground = Ground(stack, stack.directory)
    for writers in ground.writers.values():
        writers.start()
    ground.wait_for_writes()
    ground.examine()
    assert ground.wrong == []
    for writers in ground.writers.values():
        writers.stop()
    lost = stack.sql("DELETE FROM written WHERE id = (SELECT id FROM written LIMIT 1) RETURNING id", "orders")
    stack.redis_admin("DECR", "stock:written:blue-1")
    ground.examine()
    assert [fault.partition(":")[0] for fault in ground.wrong] == ["LOST", "LOST"]
    assert lost in ground.wrong[0]
    assert "stock:written:blue-1" in ground.wrong[1]
    ground.examine()
    assert len(ground.wrong) == 2, "a loss is told once"
