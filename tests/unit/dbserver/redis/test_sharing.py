"""What an application's added channels share with others."""

import pytest

from dbserver.redis.sharing import Reach, meets, warnings

SHOP = Reach(["shop:"], ())


@pytest.mark.parametrize(
    "pattern",
    ["blog:news.*", "rq:pubsub:*", "blog:/0.celeryev/worker.*", "__keyspace@0__:blog:*", "__keyspace@*__:rq:*",
     "news", "bl[a-m]g-*", "shop"],
)  # fmt: skip
def test_a_pattern_of_its_own_or_of_nobody_else_needs_no_word(pattern: str) -> None:
    assert list(warnings({"shop": SHOP, "blog": Reach(["blog:", "rq:"], [pattern])})) == []


@pytest.mark.parametrize("pattern", ["shop:news", "shop:*", "sh*", "*", "[rs]hop:x", "?hop:*", "shop:*:x"])
def test_a_pattern_that_reaches_another_s_channels_is_told_with_whose_they_are(pattern: str) -> None:
    found = list(warnings({"shop": SHOP, "blog": Reach(["blog:"], [pattern])}))
    assert found[-1] == (
        f"application blog: the pattern {pattern} in redisChannels reaches channels of shop:"
        " it reads what is published there, and can publish there"
    )


def test_a_channel_that_two_have_is_told_of_both() -> None:
    found = list(warnings({"shop": Reach(["shop:"], ["events:*"]), "blog": Reach(["blog:"], ["events:new"])}))
    assert [text.partition(" it reads")[0].split()[-1] for text in found] == ["blog:", "shop:"]


@pytest.mark.parametrize("pattern", ["__keyevent@0__:expired", "__key*", "__keyspace@0__:*", "__keyspace@*__:b*", "*"])
def test_a_pattern_for_everybody_s_events_is_told(pattern: str) -> None:
    (found,) = warnings({"blog": Reach(["blog:"], [pattern])})
    assert found.endswith("tells it the names of every application's keys as they change")


@pytest.mark.parametrize(
    ("one", "other", "met"),
    [("a", "a", True), ("a", "b", False), ("a", "ab", False), ("a*", "ab", True), ("a", "ab*", False),
     ("a*", "b*", False), ("*", "x", True), ("a*", "a", True), ("ab?", "a*", True)],
)  # fmt: skip
def test_whether_a_channel_may_fit_both(one: str, other: str, met: object) -> None:
    assert meets(one, other) == meets(other, one) == met
