"""What the verbs that keep backups print, and how they end."""

import json
from dataclasses import replace
from typing import Any

import pytest

from dbserver.actions import backup, keeping, restore
from dbserver.cli.render import keeping as render_keeping
from dbserver.errors import RefusedError
from dbserver.results.backups import BackedUp, BackupInfo, Checkpoint, Failure
from dbserver.results.keeping import Judged, OldDatabase, Pinned, Pruned
from tests.unit.dbserver.cli.test_main import Run, run

__all__ = ["run"]

INFO = BackupInfo(
    "shop_now", "shop", "application", "shop", "2026-11-23T14:05:07+00:00", 60, 1024, 1.5, 3, "green", "abc", "",
    pinned=False, encrypted=False, verified="",
)  # fmt: skip
PRUNED = Pruned(
    "dev", "/srv/backups", False,  # noqa: FBT003  a field
    (Judged("shop_b", "shop", True, "newest", 1024), Judged("shop_a", "shop", False, "no rule keeps it", 2048)),  # noqa: FBT003  a field
    (OldDatabase("shop__old_x", "shop", False, "2026-11-01T00:00:00+00:00", 1024),),  # noqa: FBT003  a field
)  # fmt: skip


@pytest.fixture
def acted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Record what was asked for; answer with a success."""
    asked: list[tuple[Any, ...]] = []

    def answer(module: Any, name: str, result: Any) -> None:
        def act(_: Any, *arguments: Any, **options: Any) -> Any:
            asked.append((name, *arguments, *options.values()))
            return result

        monkeypatch.setattr(module, name, act)

    answer(backup, "backup", BackedUp("dev", "/srv/backups", (INFO,)))
    answer(backup, "backup_all", BackedUp("dev", "/srv/backups", (INFO,), (Failure("blog", "no space left"),)))
    answer(backup, "checkpoint", Checkpoint("dev", INFO))
    answer(keeping, "prune", PRUNED)
    answer(keeping, "pin", Pinned("dev", "shop_now", True))  # noqa: FBT003  a field
    return asked


@pytest.mark.usefixtures("acted")
def test_a_backup_is_one_line_its_path_and_size(
    run: Run, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("backup", "shop") == 0
    assert capsys.readouterr() == ("/srv/backups/shop_now: 1.0 kB, 3 rows, 1.5 s\n", "")
    made = BackedUp("dev", "/srv/backups", (INFO,), removed=("shop__old_x",))
    monkeypatch.setattr(backup, "backup", lambda *_: made)
    assert run("backup", "shop") == 0
    told = capsys.readouterr()
    assert told.out.count("\n") == 1
    assert told.err == "removed shop__old_x, which a restore replaced more than 7 days ago\n"


def test_a_prune_says_of_each_why_and_how_much_was_freed() -> None:
    assert render_keeping.pruned(PRUNED).splitlines() == [
        "kept     shop_b       newest",
        "removed  shop_a       no rule keeps it",
        "removed  shop__old_x  database that a restore of shop replaced 2026-11-01T00:00:00+00:00",
        "3.0 kB were freed",
    ]


def test_the_rules_are_those_that_were_given(run: Run, acted: list[tuple[Any, ...]]) -> None:
    assert run("prune", "shop", "--keep-last", "7", "--weekly", "4", "--old-databases-days", "2", "--dry-run") == 0
    (_, name, wanted) = acted[0]
    rules = wanted.rules
    assert (name, rules.last, rules.weekly, rules.daily, rules.minimum) == ("shop", 7, 4, 0, 3)
    assert (wanted.old_databases_days, wanted.dry_run) == (2, True)


def test_a_prune_that_could_not_ask_the_server_says_so_and_ends_with_3(
    run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(keeping, "prune", lambda *_: replace(PRUNED, not_seen="no such container"))
    assert run("prune", "--all", "--keep-last", "7") == 3
    assert "replaced databases were not looked at: no such container" in capsys.readouterr().out


@pytest.mark.parametrize("form", ["text", "json"])
def test_one_of_several_that_failed_is_named_and_the_exit_code_is_1(
    run: Run, acted: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str], form: str
) -> None:
    assert run("backup", "--all", "--format", form) == 1
    shown = capsys.readouterr().out
    assert acted[0][0] == "backup_all"
    if form == "json":
        assert json.loads(shown)["failed"] == [{"subject": "blog", "cause": "no space left"}]
    else:
        assert "FAILED blog: no space left" in shown
        assert "shop_now: 1.0 kB, 3 rows" in shown


@pytest.mark.parametrize("arguments", [(), ("shop", "--all")])
@pytest.mark.parametrize("verb", ["backup", "prune"])
def test_an_application_or_all_has_to_be_chosen(
    run: Run, acted: list[tuple[Any, ...]], verb: str, arguments: tuple[str, ...]
) -> None:
    assert run(verb, *arguments, *(["--keep-last", "1"] if verb == "prune" else [])) == 2
    assert acted == []


def test_a_checkpoint_prints_its_id_alone(
    run: Run, acted: list[tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("checkpoint", "shop", "--colour", "green", "--revision", "abc", "--note", "why") == 0
    printed = capsys.readouterr()
    assert printed.out == "shop_now\n"
    assert "restore shop --checkpoint shop_now" in printed.err
    wanted = acted[0][2]
    assert (wanted.colour, wanted.revision, wanted.note) == ("green", "abc", "why")


@pytest.mark.parametrize("missing", ["--colour", "--revision"])
def test_a_checkpoint_without_what_it_is_of_is_a_fault_of_usage(
    run: Run, acted: list[tuple[Any, ...]], missing: str
) -> None:
    given = {"--colour": "green", "--revision": "abc"}
    del given[missing]
    assert run("checkpoint", "shop", *next(iter(given.items()))) == 2
    assert acted == []


@pytest.mark.parametrize(
    ("arguments", "chosen"),
    [
        (("shop_now",), "shop_now"), (("--checkpoint", "shop_now"), "shop_now"), ((), None),
        (("latest", "--checkpoint", "shop_now"), None),
    ],
)  # fmt: skip
def test_a_restore_is_of_a_backup_or_a_checkpoint(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], chosen: str | None
) -> None:
    asked: list[str] = []

    def plan(_: Any, __: str, text: str, ___: object, *, swapped: bool) -> None:
        assert swapped
        asked.append(text)
        raise RefusedError("enough", "nothing more")

    monkeypatch.setattr(restore, "plan", plan)
    assert run("restore", "shop", *arguments, "--confirm", "shop") == (5 if chosen else 2)
    assert asked == ([chosen] if chosen else [])


@pytest.mark.usefixtures("acted")
def test_pin_and_unpin_say_what_holds_now(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("pin", "shop_now") == 0
    assert run("unpin", "shop_now") == 0
    assert "is pinned: prune keeps it" in capsys.readouterr().out
    assert render_keeping.pinned(Pinned("dev", "shop_now", False)) == "shop_now is no longer pinned"  # noqa: FBT003  a field
