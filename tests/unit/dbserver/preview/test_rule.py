"""What may be allowed, by which name, and what an allowed change still says."""

import pytest

from dbserver.errors import UsageError
from dbserver.preview.rule import COSTS, NOTHING, RISK, Facts, Live, Rule, always, judge
from dbserver.preview.rules import RULES
from dbserver.preview.steps import CREATE, DELETE, parse
from tests.unit.dbserver.preview.made import container, judged, replaced, step, text

ELSEWHERE = {"/var/lib/postgresql/data": "/elsewhere"}
MOVED = replaced(mounts=ELSEWHERE)


def refused(name: str, reason: str = "a reason") -> UsageError:
    with pytest.raises(UsageError) as fault:
        judge(Facts(parse(text(MOVED))), RULES, {name: reason})
    return fault.value


def test_a_change_is_allowed_by_its_own_name_and_keeps_the_reason() -> None:
    found = judged(MOVED, data_directory__postgres="moved by hand")
    assert {change.name: change.allowed for change in found.changes} == {
        "data-directory:postgres": "moved by hand",
        "container-recreated:postgres": "",
    }
    assert (found.well, found.cost, found.stack) == (True, RISK, "prod")


def test_the_same_rule_on_another_server_is_not_allowed_with_it() -> None:
    both = [MOVED, replaced("redis", mounts={"/data": "/elsewhere"})]
    found = judged(*both, data_directory__redis="moved by hand")
    assert [change.name for change in found.at_risk] == ["data-directory:postgres"]
    assert not found.well


@pytest.mark.parametrize(
    "name", ["", "data-directory", "data-directory:", "nothing:postgres", "container-recreated:postgres", ":postgres"]
)
def test_what_names_no_data_at_risk_is_refused_with_the_names_that_do(name: str) -> None:
    fault = refused(name)
    assert fault.message == f"{name} is no name of data at risk"
    assert fault.hint is not None
    assert fault.hint.startswith("RULE:RESOURCE, the rule one of: archive-ended, ") or "data-directory, " in fault.hint
    assert "container-recreated" not in fault.hint


def test_the_resource_is_all_that_follows_the_rule() -> None:
    assert judged(MOVED, data_directory__a__b="x").well is False


@pytest.mark.parametrize("reason", ["", "  "])
def test_a_reason_is_needed(reason: str) -> None:
    fault = refused("data-directory:postgres", reason)
    assert (fault.message, fault.hint) == (
        "data-directory:postgres is allowed without a reason",
        "--allow data-directory:postgres=REASON",
    )


def test_only_data_at_risk_has_a_reason() -> None:
    rules = [Rule("made", cost, ("docker:index/container:Container",), "", always("is made", CREATE)) for cost in COSTS]
    found = judge(Facts(parse(text(step("create", "redis", None, container("redis"))))), rules, {"made:redis": "why"})
    assert {change.cost: change.allowed for change in found.changes} == {**dict.fromkeys(COSTS, ""), RISK: "why"}
    assert [change.cost for change in found.changes] == list(reversed(COSTS))


def test_what_is_always_seen_is_seen_of_its_kinds_only() -> None:
    find = always("goes", DELETE)
    steps = parse(text(step("delete", "redis", container("redis"), None), step("create", "network", None, {}))).steps
    facts = Facts(parse(text()))
    assert [[seen.what for seen in find(each, facts)] for each in steps] == [["goes"], []]


def test_nothing_costs_nothing() -> None:
    found = judge(Facts(parse(text()), Live(not_seen=("a server",))), RULES, {})
    assert (found.cost, found.changes, found.not_seen) == (NOTHING, (), ("a server",))


def test_who_is_connected_is_unknown_nobody_or_named() -> None:
    for connected, told in ((None, None), ({}, ()), ({"postgres": ("shop-blue",)}, ("shop-blue",))):
        (change, *_) = judged(replaced(shmSize=1), live=Live(connected=connected)).changes
        assert (change.seconds, change.connected) == (1.5, told)
