"""The recorded previews are of today's program: their resources have the inputs that it registers."""

import functools
import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from dbserver.preview.rule import CONTAINER, COSTS, POSTGRES, REDIS
from dbserver.preview.steps import ENGINES, OWN
from tests.unit.dbserver.preview.expected import DIRECTORY, EXPECTED
from tests.unit.program import Program, declare

RECORDED = sorted(path.stem for path in DIRECTORY.glob("*.json"))
USUAL: dict[str, Any] = {"applications": [{"name": "shop"}], "network": {"create": True}}
ARMED = {
    "archive": {"enabled": True, "synchronous": True},
    "tls": {"address": "10.0.0.5", "names": ["db.example.test"]},
}
AGAIN = "RECORD_PREVIEWS=1 records them anew, see expected.py"


@functools.cache
def programs() -> tuple[Program, ...]:
    """Return what is declared with and without archive and TLS, and with a given password."""
    plain = declare(**USUAL)
    given = declare(**USUAL, adminPassword="given by the operator")
    return plain, given, declare(**USUAL, **ARMED)


def kind(type_: str, name: str) -> tuple[str, str]:
    """Return by what resources are alike: containers are so by their server."""
    return type_, name if type_ == CONTAINER else ""


def declared(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs without those that the engine or the provider has added."""
    added = {*ENGINES, *inputs.get("__defaults", ())}
    return {key: value for key, value in inputs.items() if key not in added and value is not None}


def registered() -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the inputs of each kind of resource, in every form."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for program in programs():
        for name, resource in program.resources.items():
            found.setdefault(kind(resource.request.type, name), []).append(declared(resource.inputs))
    return found


def recorded(name: str) -> Iterator[tuple[tuple[str, str], dict[str, Any]]]:
    """Yield the inputs that the program had registered when a preview was recorded."""
    for step in json.loads((DIRECTORY / f"{name}.json").read_text())["steps"]:
        _, _, qualified, resource = step["urn"].split("::", 3)
        type_ = qualified.rpartition("$")[2]
        inputs = step.get("newState", {}).get("inputs") or {}
        if inputs and (type_ == CONTAINER or type_.startswith(OWN)):
            yield kind(type_, resource), declared(inputs)


@pytest.mark.parametrize("name", RECORDED)
def test_each_resource_has_the_inputs_that_the_program_registers_today(name: str) -> None:
    today = registered()
    for which, inputs in recorded(name):
        assert inputs.keys() in [form.keys() for form in today[which]], f"{which}: {AGAIN}"


@pytest.mark.parametrize("name", RECORDED)
def test_each_container_and_server_has_what_the_program_declares_of_it_today(name: str) -> None:
    today = registered()
    for which, inputs in recorded(name):
        forms = today[which]
        if which[0] == CONTAINER:
            assert targets(inputs) in [targets(form) for form in forms], f"{which}: {AGAIN}"
            assert any(variables(form) <= variables(inputs) for form in forms), f"{which}: {AGAIN}"
            assert any(inputs["securityOpts"] == form["securityOpts"] for form in forms), f"{which}: {AGAIN}"
        if which[0] in (POSTGRES, REDIS):
            assert any(form["settings"].keys() <= inputs["settings"].keys() for form in forms), f"{which}: {AGAIN}"


def targets(inputs: Mapping[str, Any]) -> set[str]:
    return {each["target"] for each in inputs["mounts"]}


def variables(inputs: Mapping[str, Any]) -> set[str]:
    return {each.partition("=")[0] for each in inputs.get("envs", ())}


def test_there_are_forty_of_them_and_every_cost_archive_and_certificate_is_among_them() -> None:
    assert len(RECORDED) >= 40
    assert {cost for expected in EXPECTED.values() for cost in expected.values()} == {*COSTS}
    rules = {name.partition(":")[0] for expected in EXPECTED.values() for name in expected}
    assert {"archive-ended", "archive-moved", "archive-shorter", "archive-changed", "archive-made"} <= rules
    assert {"published-outside", "certificate-renewed", "certificate-made", "certificate-taken"} <= rules
