"""The applications of the last update, out of its state."""

import json
from pathlib import Path
from typing import Any

import pytest

from dbserver.applied.applications import applied, named
from dbserver.engine import state
from dbserver.errors import DbServerError

SHOP = {"name": "shop", "database": "shop_data", "role": "shop_user"}
RESOURCES = [
    {"type": "pulumi:pulumi:Stack", "urn": "urn:pulumi:unit::db-server::pulumi:pulumi:Stack::db-server-unit"},
    {"type": "pulumi-python:dynamic/db-server:Application", "inputs": {**SHOP, "password": {"ciphertext": "x"}}},
]
KNOWN = {"shop": ("shop_data", "shop_user")}


@pytest.mark.parametrize(
    ("state", "known"),
    [
        ({"version": 3, "checkpoint": {"latest": {"resources": RESOURCES}}}, KNOWN),
        ({"version": 3, "deployment": {"resources": RESOURCES}}, KNOWN),
        ({"version": 3, "checkpoint": {"latest": {}}}, {}),
        ({"version": 3, "checkpoint": {"latest": None}}, {}),
        ({"version": 3, "deployment": {"resources": RESOURCES[:1]}}, {}),
    ],
    ids=["a local backend's file", "exported", "destroyed", "new", "without applications"],
)
def test_the_applications_of_a_state_are_known_by_name(state: dict[str, Any], known: dict[str, Any]) -> None:
    assert named("unit", json.dumps(state)) == known


@pytest.mark.parametrize("text", ["", "{", "[]", '{"deployment": {"resources": [{}]}}', '{"deployment": []'])
def test_a_state_that_cannot_be_read_is_no_state_without_applications(text: str) -> None:
    with pytest.raises(DbServerError, match="cannot be read; nothing was changed"):
        named("unit", text)


def test_a_state_that_is_not_there_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    assert applied("unit") == {}


def test_the_engine_is_asked_for_a_state_of_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://states")
    monkeypatch.setattr(state, "exported", lambda _: json.dumps({"deployment": {"resources": RESOURCES}}))
    assert applied("unit") == KNOWN
