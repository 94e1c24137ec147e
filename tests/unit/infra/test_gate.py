"""The gate: every application was tried, and those that could not be finished are named together."""

from typing import Any

import pytest

from infra.gate import GateProvider
from infra.server import ServerError

GATE = GateProvider()


def test_without_faults_the_gate_is_passed() -> None:
    props: dict[str, Any] = {"faults": {"a": [], "b": []}}
    assert (GATE.create(props).outs, GATE.update("id", {}, props).outs) == (props, props)


def test_every_faulty_application_is_named_with_all_its_faults_and_what_to_do() -> None:
    with pytest.raises(ServerError) as caught:
        GATE.create({"faults": {"shop": ["one", "two"], "fine": [], "blog": ["three"]}})
    assert str(caught.value) == (
        "application blog: three\napplication shop: one; two\n"
        "HINT: the other applications are done; mend these, then up again"
    )


def test_an_update_is_refused_as_a_creation_is() -> None:
    with pytest.raises(ServerError, match="application a: x"):
        GATE.update("id", {"faults": {}}, {"faults": {"a": ["x"]}})


@pytest.mark.parametrize(("news", "changes"), [({"a": []}, False), ({"a": ["x"]}, True), ({}, True)])
def test_another_list_of_faults_is_another_passing(news: dict[str, list[str]], *, changes: bool) -> None:
    result = GATE.diff("id", {"faults": {"a": []}, "__provider": "old"}, {"faults": news})
    assert (result.changes, result.replaces) == (changes, [])
