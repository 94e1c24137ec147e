"""A workflow with a fault proves that the checkers of lint look."""

from pathlib import Path

import pytest

from tests.support.commands import run
from tools import lint, machine

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


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    path = tmp_path / ".github" / "workflows" / "faulty.yml"
    path.parent.mkdir(parents=True)
    path.write_text(FAULTY)
    return path


def test_lint_finds_what_is_wrong_with_a_workflow(faulty: Path) -> None:
    root = faulty.parents[2]
    (root / ".github" / "actionlint.yaml").write_text("self-hosted-runner: {labels: []}\n")
    _, actionlint, zizmor = (run(*argv) for argv in lint.commands(root, machine.here()))
    assert actionlint.code == 1
    assert "[expression]" in actionlint.out
    assert zizmor.code != 0
    names = ("dangerous-triggers", "template-injection", "unpinned-uses", "artipacked")
    assert [name for name in names if f"[{name}]" not in zizmor.out] == []
