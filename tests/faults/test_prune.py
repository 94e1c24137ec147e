"""Pruning: the last good backups stay, another application's too, and a prune that is killed takes none of them."""

import json
import shutil
from collections.abc import Iterator

import pytest

from tests.faults.test_kills import each_step
from tests.support import interrupted
from tests.support.shop import backed_up, backups
from tests.support.stack import Stack

RULES = ("--keep-last", "1", "--minimum", "1")
EVERY = 6


@pytest.fixture(autouse=True)
def _no_backups(shop: Stack) -> Iterator[None]:
    yield
    remove_all(shop)


def remove_all(stack: Stack) -> None:
    for path in backups(stack).iterdir():
        shutil.rmtree(path)


def prune(stack: Stack, *arguments: str) -> None:
    stack.script("dbserver", "prune", *arguments).ok()


def damage(stack: Stack, backup: str) -> None:
    part = backups(stack) / backup / "data" / "toc.dat"
    content = part.read_bytes()
    part.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    done = stack.script("dbserver", "verify", backup, "--format", "json")
    assert (done.code, json.loads(done.out)["faults"]) == (1, ["data/toc.dat has another checksum"])


def test_fault_8_damaged_backups_take_no_good_one_s_place(shop: Stack) -> None:
    good, *newer = [backed_up(shop) for _ in range(3)]
    for backup in newer:
        damage(shop, backup)
    assert "DAMAGED" in shop.script("dbserver", "backups").ok().out
    prune(shop, "shop", "--keep-last", "1", "--minimum", "2")
    assert interrupted.made(shop) == {good, *newer}, "all stay while there are too few good ones"
    prune(shop, "shop", *RULES)
    assert interrupted.made(shop) == {good}
    prune(shop, "shop", "--keep-days", "1", "--minimum", "1")
    assert interrupted.made(shop) == {good}


def test_fault_9_an_application_whose_name_begins_alike_keeps_its_backups(shop: Stack) -> None:
    others = [backed_up(shop, "shop-two") for _ in range(2)]
    _, newest = [backed_up(shop) for _ in range(2)]
    prune(shop, "shop", *RULES)
    assert interrupted.made(shop) == {newest, *others}
    prune(shop, "--all", *RULES)
    assert interrupted.made(shop) == {newest, others[1]}


def killed(stack: Stack, every: int) -> int:
    """Kill prunes at their steps; return how many were killed."""
    for count, step in enumerate(each_step(every)):
        _, pinned, newest = made = [backed_up(stack) for _ in range(3)]
        stack.script("dbserver", "pin", pinned).ok()
        other = backed_up(stack, "shop-two")
        done = interrupted.killed(stack, step, "prune", "shop", *RULES)
        there = interrupted.made(stack)
        assert {pinned, newest, other} <= there <= {*made, other}, done.text
        for backup in there:
            stack.script("dbserver", "verify", backup).ok()
        prune(stack, "shop", *RULES)
        assert interrupted.made(stack) == {pinned, newest, other}
        assert interrupted.left_in_the_directory(stack) == []
        remove_all(stack)
        if done.code == 0:
            return count
    raise AssertionError("a prune has no end")


@pytest.mark.full
def test_a_prune_that_is_killed_takes_nothing_that_stays_and_the_next_one_cleans_up(shop: Stack) -> None:
    assert killed(shop, EVERY) >= 2


@pytest.mark.full
def test_a_prune_that_is_killed_at_any_step_takes_nothing_that_stays(shop: Stack) -> None:
    assert killed(shop, 1) >= 8
