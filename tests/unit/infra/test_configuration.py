"""The configuration as the engine hands it over: texts, of which some are JSON."""

import json
from typing import Any

import pytest

from dbserver.settings.model import SettingsError
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


PASSWORDS = {
    "db-server__adminPassword": "of the administrator",
    "db-server__applications": json.dumps([{"name": "open"}, {"name": "shop", "password": "of the shop"}]),
}


def test_passwords_in_clear_text_are_faults_that_name_what_encrypts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    handed_over(monkeypatch, **PASSWORDS)
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", "[]")
    with pytest.raises(SettingsError) as caught:
        configuration.settings()
    way = "stands in clear text; encrypt it: pulumi config set --secret"
    assert caught.value.faults == [
        f"adminPassword: {way} adminPassword",
        f"applications.1.password: {way} --path 'db-server:applications[1].password'",
    ]
    assert "of the" not in str(caught.value)


def test_passwords_that_are_secrets_are_taken_and_other_faults_named_beside_open_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handed_over(monkeypatch, **PASSWORDS)
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps(["db-server:adminPassword", "db-server:applications"]))
    assert configuration.settings().admin_password == "of the administrator"
    handed_over(monkeypatch, **PASSWORDS, **{"db-server__redsi": "{}"})
    monkeypatch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps(["db-server:applications"]))
    with pytest.raises(SettingsError) as caught:
        configuration.settings()
    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["adminPassword", "redsi"]
