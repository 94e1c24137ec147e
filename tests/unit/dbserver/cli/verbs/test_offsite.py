"""What the verbs on copies print, how they end, and what they refuse."""

from dataclasses import replace
from typing import Any

import pytest

from dbserver.actions import offsite, rescue
from dbserver.cli.render import offsite as render_offsite
from dbserver.results.backups import Failure
from dbserver.results.copies import OffsiteRun, OffsiteState
from dbserver.results.keeping import Judged
from dbserver.results.offsite import (
    OffsiteCopies,
    OffsiteCopy,
    OffsiteFetched,
    OffsitePruned,
    OffsitePushed,
    OffsiteVerified,
    Rescued,
    RescuedPart,
)
from tests.unit.dbserver.cli.test_main import Run, run

__all__ = ["run"]

URL = "s3://copies/db"
PUSHED = OffsitePushed("dev", URL, ("shop_1",), 2048, 1.5)
COPY = OffsiteCopy("shop_1", "shop", "2026-11-23T14:05:07+00:00", 1024, 2048, here=True)
VERIFIED = OffsiteVerified("dev", URL, 2, (), 1.5, read=True, opened=False)
RESCUED = Rescued("dev", URL, "server.setup_1", (RescuedPart("shop", "shop_1", "2026", 3),), 1024, 1.0, 62.0)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Record what was asked for; answer with a success."""
    found: list[tuple[Any, ...]] = []

    def answer(module: Any, name: str, result: Any) -> None:
        def act(*arguments: Any, **options: Any) -> Any:
            found.append((name, *arguments[1:], *options.values()))
            return result

        monkeypatch.setattr(module, name, act)

    answer(offsite, "push", PUSHED)
    answer(offsite, "listed", OffsiteCopies("dev", URL, (COPY,), ("blog_1",), ("blog_2",)))
    answer(offsite, "verify", VERIFIED)
    answer(offsite, "prune", OffsitePruned("dev", URL, True, ()))  # noqa: FBT003  a field
    answer(offsite, "fetch", OffsiteFetched("dev", "shop_1", "/srv/backups/shop_1", 1024, 1.5))
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ("push", "shop_1"), ("push", "--identity", "k"), ("push", "--dry-run"), ("push", "--sizes"), ("list", "shop_1"),
        ("verify", "--dry-run"), ("verify", "--sizes", "--identity", "k"), ("prune", "shop_1"), ("fetch",),
        ("fetch", "shop_1"), ("fetch", "shop_1", "--identity", "k", "--sizes"), ("destroy",),
    ],
)  # fmt: skip
def test_what_an_act_does_not_take_is_refused_and_nothing_is_done(
    run: Run, asked: list[tuple[Any, ...]], arguments: tuple[str, ...]
) -> None:
    assert run("offsite", *arguments) == 2
    assert asked == []


def test_each_act_is_given_what_was_asked_for(run: Run, asked: list[tuple[Any, ...]]) -> None:
    assert run("offsite") == 0
    assert run("offsite", "push") == 0
    assert run("offsite", "verify", "shop_1", "--sizes") == 0
    assert run("offsite", "prune", "--dry-run") == 0
    assert run("offsite", "fetch", "shop_1", "--identity", "key") == 0
    assert [each[0] for each in asked] == ["listed", "push", "verify", "prune", "fetch"]
    assert asked[2][1:] == ("shop_1", None, False)
    assert asked[3][1:] == (True,)
    assert (asked[4][1], str(asked[4][2])) == ("shop_1", "key")


@pytest.mark.parametrize(
    ("act", "result"),
    [("push", replace(PUSHED, failed=(Failure("shop_2", "full"),))), ("verify", replace(VERIFIED, faults=("x",)))],
)
def test_what_is_not_well_ends_with_1(run: Run, monkeypatch: pytest.MonkeyPatch, act: str, result: Any) -> None:
    monkeypatch.setattr(offsite, act, lambda *_, **__: result)
    assert run("offsite", act) == 1


def test_a_rescue_is_of_a_stack_that_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted: list[Any] = []

    def act(given: Any, _: Any) -> Rescued:
        wanted.append(given)
        return RESCUED

    monkeypatch.setattr(rescue, "rescue", act)
    arguments = ("rescue", "--from", URL, "--identity", "key")
    assert run(*arguments) == 2
    assert (
        run(*arguments, "--stack", "prod", "--endpoint", "http://nas", "--credentials", "c", "--known-hosts", "h") == 0
    )
    assert run(*arguments, "--stack", "prod", "--tls-address", "10.0.0.9") == 0
    assert [each.tls_address for each in wanted] == [None, "10.0.0.9"]
    place = wanted[0].place
    assert (wanted[0].stack, place.url, place.endpoint) == ("prod", URL, "http://nas")
    assert (place.credentials_file, place.known_hosts) == ("c", "h")


def test_the_text_says_what_happened() -> None:
    assert render_offsite.pushed(PUSHED) == f"1 copied, 2.0 kB sent in 1.5 s: {URL}"
    assert render_offsite.pushed(replace(PUSHED, pushed=(), sent_bytes=0)) == f"nothing to copy: {URL}"
    failed = replace(PUSHED, pushed=(), sent_bytes=0, failed=(Failure("shop_2", "full"),))
    assert render_offsite.pushed(failed).splitlines() == ["FAILED shop_2: full", f"nothing copied: {URL}"]
    shown = render_offsite.copies(OffsiteCopies("dev", URL, (COPY,), ("blog_1",), ("blog_2",)))
    assert "BROKEN blog_1" in shown
    assert "unfinished blog_2" in shown
    assert "no copy of stack dev" in render_offsite.copies(OffsiteCopies("dev", URL, ()))
    assert "every byte was read back" in render_offsite.verified(VERIFIED)
    assert "sizes alone" in render_offsite.verified(replace(VERIFIED, read=False))
    assert render_offsite.verified(replace(VERIFIED, faults=("a/1.age is missing",))).startswith("DAMAGED:")
    gone = OffsitePruned("dev", URL, False, (Judged("shop_1", "shop", False, "no rule keeps it", 2048),))  # noqa: FBT003  a field
    assert render_offsite.pruned(gone).splitlines() == ["removed  shop_1  no rule keeps it", "2.0 kB were freed"]
    assert "stack dev is up" in render_offsite.rescued(RESCUED)


def test_what_is_wrong_with_the_copies_is_said_in_words() -> None:
    run = OffsiteRun("2026", "2026", 0, ("shop_1: full",))
    assert render_offsite.state_faults(OffsiteState(URL, run, ("shop_2",))) == [
        "the last push failed: shop_1: full", "not copied for more than a day: shop_2",
    ]  # fmt: skip
    assert render_offsite.state_faults(OffsiteState(URL)) == []
