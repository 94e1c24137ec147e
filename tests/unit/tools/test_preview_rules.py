"""The page on what a change costs is the one that the table of rules gives."""

import re

import pytest

from dbserver.preview.rule import (
    COSTS,
    RECREATE_SECONDS,
    RECREATE_SOURCE,
    RESTART_SECONDS,
    RESTART_SOURCE,
    Rule,
)
from dbserver.preview.rules import RULES
from tools import preview_rules

ROOT = preview_rules.PAGE.parents[2]


def test_the_page_is_that_of_the_table() -> None:
    assert preview_rules.PAGE.read_text() == preview_rules.page(), "python -m tools.preview_rules writes it anew"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_every_rule_stands_under_its_cost(rule: Rule) -> None:
    section = preview_rules.page().partition(f"\n### {rule.cost.capitalize()}\n")[2].partition("\n### ")[0]
    assert f"| `{rule.name}` |" in section


@pytest.mark.parametrize("server", ["postgres", "redis"])
def test_the_expected_seconds_are_those_that_were_measured(server: str) -> None:
    measured = {
        RESTART_SOURCE: (RESTART_SECONDS, r"`dbserver restart`: {} away +\| ([\d.]+) s"),
        RECREATE_SOURCE: (RECREATE_SECONDS, r"\| {} away +\| ([\d.]+) s"),
    }
    for source, (known, row) in measured.items():
        page = ROOT / source.partition(",")[0]
        found = re.search(row.format(server), page.read_text())
        assert found, f"{source} has no figure of {server}"
        assert known[server] == pytest.approx(float(found[1]), rel=0.25), source


def test_every_rule_has_a_name_of_its_own_and_a_known_cost() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert {rule.cost for rule in RULES} == set(COSTS)
