"""backup, restore and rollback, killed at every step: the live database is whole, and the next run cleans up."""

import pytest

from tests.support import interrupted
from tests.support.shop import as_role, backed_up, forget_kept, restored
from tests.support.stack import Stack

EVERY = {"backup": 10, "restore": 24, "rollback": 6}
MOST = 200
IN_THE_SWAP = "pg_terminate_backend(pid)"
OLD, NEW = ["1001", "1"], ["1000", "0"]
SINCE = "INSERT INTO item (name, price) VALUES ('written since', 1)"


def live(stack: Stack) -> list[str]:
    """Return what the application itself sees: which of the databases is live, whole and open to it."""
    counts = "SELECT count(*) FROM item; SELECT count(*) FROM item WHERE name = 'written since'"
    return as_role(stack, counts).split()


def assert_nothing_left(stack: Stack) -> None:
    interrupted.assert_quiet(stack)
    assert interrupted.left_in_the_server(stack) == []
    assert interrupted.left_in_the_directory(stack) == []


def test_a_backup_that_is_killed_just_before_it_is_one_is_none(shop: Stack) -> None:
    before = interrupted.made(shop)
    assert interrupted.killed(shop, "os.rename", "backup", "shop").code < 0
    interrupted.assert_quiet(shop)
    assert interrupted.made(shop) == before
    assert len(interrupted.left_in_the_directory(shop)) == 1
    backed_up(shop)
    assert_nothing_left(shop)


@pytest.mark.parametrize("verb", ["restore", pytest.param("rollback", marks=pytest.mark.full)])
def test_a_verb_that_is_killed_in_its_swap_leaves_one_whole_database_and_goes_on(shop: Stack, verb: str) -> None:
    as_role(shop, "DELETE FROM item WHERE name = 'written since'")
    backup = backed_up(shop)
    as_role(shop, SINCE)
    if verb == "rollback":
        restored(shop, backup)
    argv = ("restore", "shop", backup) if verb == "restore" else ("rollback", "shop")
    done = interrupted.killed(shop, IN_THE_SWAP, *argv, "--confirm", "shop")
    assert done.code < 0, done.text
    shop.until(lambda: not interrupted.programs(shop, "psql"), 30, what="the end of what the command left")
    interrupted.assert_quiet(shop)
    found = live(shop)
    assert found in (OLD, NEW), done.text
    shop.script("dbserver", *argv, "--confirm", "shop").ok()
    assert live(shop) == (NEW if verb == "restore" or found == OLD else OLD)
    assert_nothing_left(shop)
    as_role(shop, "DELETE FROM item WHERE name = 'written since'")
    forget_kept(shop)


def each_step(every: int) -> range:
    return range(1, MOST, every)


def backup_killed(stack: Stack, every: int) -> int:
    """Kill backups at their steps; return how many were killed."""
    for count, step in enumerate(each_step(every)):
        before = interrupted.made(stack)
        done = interrupted.killed(stack, step, "backup", "shop")
        if done.code == 0:
            return count
        for name in interrupted.made(stack) - before:  # killed after its last step: then it is a whole one
            stack.script("dbserver", "verify", name).ok()
        interrupted.assert_quiet(stack)
        backed_up(stack)
        assert_nothing_left(stack)
    raise AssertionError("a backup has no end")


def restore_killed(stack: Stack, every: int) -> int:
    """Kill restores at their steps; return how many were killed."""
    as_role(stack, "DELETE FROM item WHERE name = 'written since'")
    backup = backed_up(stack)
    for count, step in enumerate(each_step(every)):
        as_role(stack, SINCE)
        done = interrupted.killed(stack, step, "restore", "shop", backup, "--confirm", "shop")
        if done.code == 0:
            assert live(stack) == NEW
            return count
        interrupted.assert_quiet(stack)
        assert live(stack) in (OLD, NEW), done.text
        assert restored(stack, backup)["backup"] == backup
        assert live(stack) == NEW
        assert_nothing_left(stack)
        forget_kept(stack)
    raise AssertionError("a restore has no end")


def rollback_killed(stack: Stack, every: int) -> int:
    """Kill rollbacks at their steps; return how many were killed."""
    as_role(stack, "DELETE FROM item WHERE name = 'written since'")
    backup = backed_up(stack)
    as_role(stack, SINCE)
    restored(stack, backup)
    for count, step in enumerate(each_step(every)):
        before = live(stack)
        done = interrupted.killed(stack, step, "rollback", "shop", "--confirm", "shop")
        if done.code == 0:
            assert live(stack) != before
            as_role(stack, "DELETE FROM item WHERE name = 'written since'")
            return count
        interrupted.assert_quiet(stack)
        found = live(stack)
        assert found in (OLD, NEW), done.text
        stack.script("dbserver", "rollback", "shop", "--confirm", "shop").ok()
        assert live(stack) == (OLD if found == NEW else NEW)
        assert_nothing_left(stack)
    raise AssertionError("a rollback has no end")


VERBS = {"backup": backup_killed, "restore": restore_killed, "rollback": rollback_killed}


@pytest.mark.full  # a minute and a half
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_is_killed_harms_nothing_and_the_next_run_cleans_up(shop: Stack, verb: str) -> None:
    assert VERBS[verb](shop, EVERY[verb]) >= 2


@pytest.mark.full
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_is_killed_at_any_step_harms_nothing(shop: Stack, verb: str) -> None:
    assert VERBS[verb](shop, 1) >= 10
