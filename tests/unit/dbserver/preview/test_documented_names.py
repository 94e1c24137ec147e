"""The names that the documentation allows are names that allow something."""

import re
from collections.abc import Iterator

import pytest

from dbserver.preview.rule import RISK, Facts, judge
from dbserver.preview.rules import RULES
from dbserver.preview.steps import Digest, parse
from tests.unit.dbserver.preview.expected import DIRECTORY, EXPECTED
from tests.unit.dbserver.preview.made import text
from tests.unit.dbserver.preview.test_rules import MADE
from tools.preview_rules import PAGE

ROOT = PAGE.parents[2]
PLACES = [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("dbserver/cli/*.py")]
NAME = re.compile(r"""(?:--allow '|^allow: )([a-z-]+:[^=']+)=""", re.MULTILINE)


def documented() -> dict[str, str]:
    """Return each name with the file that has it."""
    return {name: str(path.relative_to(ROOT)) for path in PLACES for name in NAME.findall(path.read_text())}


def previews() -> Iterator[Digest]:
    yield from (parse((DIRECTORY / f"{name}.json").read_text()) for name in EXPECTED)
    yield from (parse(text(*steps)) for steps, _ in MADE.values())


@pytest.fixture(scope="module")
def risks() -> dict[str, Digest]:
    """Return name of a change that puts data at risk -> a preview with it."""
    return {
        change.name: digest
        for digest in previews()
        for change in judge(Facts(digest), RULES, {}).changes
        if change.cost == RISK
    }


def test_every_rule_of_data_at_risk_has_a_documented_name() -> None:
    assert {rule.name for rule in RULES if rule.cost == RISK} <= {name.partition(":")[0] for name in documented()}


@pytest.mark.parametrize("name", documented())
def test_a_documented_name_allows_its_change(risks: dict[str, Digest], name: str) -> None:
    assert name in risks, f"{documented()[name]}: no change is called so"
    found = judge(Facts(risks[name]), RULES, {name: "meant"})
    assert [change.allowed for change in found.changes if change.name == name] == ["meant"]


@pytest.mark.parametrize("name", [name for name, where in documented().items() if not where.endswith("preview.md")])
def test_an_example_is_none_that_the_program_refuses_all_the_same(name: str) -> None:
    assert name.partition(":")[0] not in ("container-name", "application-renamed")
