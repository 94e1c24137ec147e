"""What is read of a preview, and what is no preview."""

import json
from typing import Any

import pytest

from dbserver.errors import UsageError
from dbserver.preview.steps import CREATE, DELETE, HOW, REPLACE, SAME, Step, parse

SHOP = "urn:pulumi:prod::db-server::a:b$pulumi-python:dynamic/db-server:Application::shop"


def one(**found: Any) -> Step:
    (step,) = parse(json.dumps({"steps": [{"op": "update", "urn": SHOP, **found}]})).steps
    return step


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "this is no JSON"),
        ("[]", "this is no preview: it has no steps"),
        ("1", "this is no preview: it has no steps"),
        ('{"steps": {}}', "this is no preview: it has no steps"),
        ('{"steps": 1, "diagnostics": "x"}', "this is no preview: it has no steps"),
        *(
            (json.dumps({"steps": [step]}), "this is no preview: a step has no urn or no op")
            for step in (
                {}, 1, None, {"op": "same"}, {"urn": SHOP}, {"op": 1, "urn": SHOP}, {"op": "same", "urn": "x"},
                {"op": "same", "urn": "urn:pulumi:::db-server::T::n"}, {"op": "same", "urn": "urn:pulumi:prod:T"},
            )
        ),
    ],
)  # fmt: skip
def test_what_is_no_preview_is_refused_with_how_to_get_one(text: str, words: str) -> None:
    with pytest.raises(UsageError) as fault:
        parse(text)
    assert (fault.value.message, fault.value.hint) == (words, HOW)


def test_two_stacks_are_not_judged_as_one() -> None:
    steps = [{"op": "same", "urn": SHOP}, {"op": "same", "urn": SHOP.replace("prod", "dev")}]
    with pytest.raises(UsageError) as fault:
        parse(json.dumps({"steps": steps}))
    assert fault.value.message == "this is the preview of several stacks: dev, prod"
    assert fault.value.hint == "one at a time"


def test_a_preview_that_only_failed_has_its_errors_and_no_others() -> None:
    said = [
        {"severity": "error", "message": " it does not fit\n"}, {"severity": "warning", "message": "never mind"},
        {"severity": "error"}, "severity",
    ]  # fmt: skip
    found = parse(json.dumps({"diagnostics": said}))
    assert (found.stack, found.steps, found.errors) == ("", (), ("it does not fit", ""))
    assert found.warnings == ("never mind",)


def test_a_step_is_named_by_its_urn_and_a_name_may_hold_colons() -> None:
    found = one(urn=f"{SHOP}::more")
    assert (found.type, found.name) == ("pulumi-python:dynamic/db-server:Application", "shop::more")
    assert parse(json.dumps({"steps": [{"op": "same", "urn": SHOP}]})).stack == "prod"


@pytest.mark.parametrize(
    ("ops", "kind"),
    [
        (["same", "refresh"], SAME), (["refresh", "create"], CREATE), (["update", "replace", "refresh"], REPLACE),
        (["create-replacement", "delete-replaced"], REPLACE), (["annihilate", "replace"], DELETE),
    ],
)  # fmt: skip
def test_of_several_steps_the_one_that_does_most_is_judged(ops: list[str], kind: str) -> None:
    steps = [{"op": op, "urn": SHOP, "newState": {"inputs": {"op": op}}} for op in ops]
    (found,) = parse(json.dumps({"steps": steps})).steps
    assert found.kind == kind
    assert found.new["op"] != "refresh"


def test_what_differs_is_what_the_provider_says_else_what_is_compared() -> None:
    old, new = {"inputs": {"a": 1, "b": 2, "c": 3}}, {"inputs": {"a": 1, "b": 4, "d": 5}}
    assert one(oldState=old, newState=new).changed == ["b", "c", "d"]
    assert one(oldState=old, newState=new, diffReasons=["b", "a"]).changed == ["a", "b"]


def test_our_own_resource_is_judged_by_what_was_found_and_no_secret_is_taken_for_a_value() -> None:
    state = {"inputs": {"a": 1, "b": 2, "__provider": "x"}, "outputs": {"a": 9, "b": "[secret]", "c": 3}}
    assert one(oldState=state).old == {"a": 9, "b": 2}
    other = one(oldState=state, urn=SHOP.replace("pulumi-python:dynamic/db-server", "docker:index"))
    assert other.old == {"a": 1, "b": 2}
