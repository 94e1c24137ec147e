"""The configuration as the engine hands it over: texts, of which some are JSON."""

import json
from typing import Any

import pytest

from infra import configuration


def handed_over(monkeypatch: pytest.MonkeyPatch, **values: str) -> dict[str, Any]:
    named = {name.replace("__", ":"): value for name, value in values.items()}
    monkeypatch.setenv("PULUMI_CONFIG", json.dumps(named))
    return configuration.values()


def test_objects_and_switches_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"db-server__network": '{"create": true}', "db-server__standIns": "true", "db-server__redis": "{}"}
    assert handed_over(monkeypatch, **values) == {"network": {"create": True}, "standIns": True, "redis": {}}


def test_a_password_that_looks_like_json_stays_text(monkeypatch: pytest.MonkeyPatch) -> None:
    assert handed_over(monkeypatch, **{"db-server__adminPassword": "12345678"}) == {"adminPassword": "12345678"}


def test_what_should_be_an_object_and_is_none_is_left_for_the_settings_to_judge(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert handed_over(monkeypatch, **{"db-server__redis": "{"}) == {"redis": "{"}


def test_keys_of_other_packages_are_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"docker__host": "ssh://host", "db-server-2__x": "1", "db-server__unknown": "1"}
    assert handed_over(monkeypatch, **values) == {"unknown": "1"}


def test_no_configuration_at_all_is_an_empty_one() -> None:
    assert configuration.values() == {}
