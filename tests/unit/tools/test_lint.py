"""What lint looks at, and that any of its programs fails it."""

from pathlib import Path

import pytest

from dbserver import execute
from tools import actionlint, checks, lint, machine
from tools.machine import ROOT


@pytest.mark.parametrize("faulty", ["ruff", "actionlint", "zizmor", ""])
def test_ruff_actionlint_and_zizmor_look_and_a_fault_of_each_fails(
    monkeypatch: pytest.MonkeyPatch, faulty: str
) -> None:
    ran: list[str] = []

    def stream(argv: list[str], *_: object, **__: object) -> int:
        ran.append(" ".join(argv))
        return 3 if faulty and faulty in " ".join(argv[:3]) else 0

    monkeypatch.setattr(actionlint, "provide", lambda *_: None)
    monkeypatch.setattr(execute, "stream", stream)
    assert lint.main() == bool(faulty)
    assert len(ran) == len(("ruff", "actionlint", "zizmor"))


def test_every_workflow_is_looked_at() -> None:
    _, workflows, _ = lint.commands(ROOT, machine.here())
    names = {Path(each).name for each in workflows if each.endswith(".yml")}
    assert names == {path.name for path in (ROOT / lint.WORKFLOWS).iterdir()}
    assert len(names) >= 4


def test_the_tier_lint_is_this() -> None:
    (tier,) = [tier for tier in checks.tiers([]) if tier.name == "lint"]
    assert tier.argv[-1] == "tools.lint"
