"""The workflows as their checkers see them; a workflow with a fault proves that they look."""

from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.project import ROOT
from tools import actionlint, machine

FAULTY = """\
name: faulty
on: [pull_request_target]
jobs:
  job:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v5
      - run: echo ${{ github.event.pull_request.title }} ${{ matrix.absent }}
"""
ACTIONLINT = str(actionlint.place(machine.here()))
ZIZMOR = (str(ROOT / ".venv" / "bin" / "zizmor"), "--offline", "--persona", "pedantic", "--no-progress")


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / ".github" / "workflows" / "faulty.yml"
    path.parent.mkdir(parents=True)
    path.write_text(FAULTY)
    return path


def test_actionlint_finds_nothing_in_the_workflows() -> None:
    files = [str(path) for path in (ROOT / ".github" / "workflows").iterdir()]
    assert len(files) >= 4
    config = str(ROOT / ".github" / "actionlint.yaml")
    assert run(ACTIONLINT, "-no-color", "-config-file", config, *files).ok().text.strip() == ""


def test_actionlint_finds_a_fault(faulty: Path) -> None:
    found = run(ACTIONLINT, "-no-color", str(faulty))
    assert found.code == 1
    assert "[expression]" in found.out


def test_zizmor_finds_nothing_in_the_workflows() -> None:
    assert "No findings" in run(*ZIZMOR, str(ROOT / ".github")).ok().text


def test_zizmor_finds_a_fault(faulty: Path) -> None:
    found = run(*ZIZMOR, str(faulty))
    assert found.code != 0
    names = ("dangerous-triggers", "template-injection", "unpinned-uses", "artipacked")
    assert [name for name in names if f"[{name}]" not in found.out] == []
