"""The configuration: every fault is found, named by its path, and never repeats a secret."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dbserver.postgres.scram import verifier
from dbserver.postgres.settings import MANAGED
from dbserver.redis.settings import EVICTION_POLICIES
from dbserver.settings.file import parsed
from dbserver.settings.model import Settings, SettingsError, load

ROOT = Path(__file__).resolve().parents[4]
MIB = 1024 * 1024


def faults(values: dict[str, Any]) -> list[str]:
    """Return the faults that the configuration has; fail where it has none."""
    with pytest.raises(SettingsError) as caught:
        load(values)
    return caught.value.faults


def nested(path: str, value: Any) -> dict[str, Any]:
    """Return {a: {b: value}} for a.b."""
    head, _, rest = path.partition(".")
    return {head: nested(rest, value) if rest else value}


HOSTILE_NAMES = [
    "", " ", "with space", "semi;colon", "quo'te", 'dou"ble', "new\nline", "trailing\n", "../up", "a/b", "-rf",
    "$(reboot)", "`reboot`", "a|b", "a&b", "naïve", "数据", "nul\x00", "a" * 200, ".hidden", "tab\t",
]  # fmt: skip
NAME_PATHS = ["network.name", "postgres.containerName", "redis.containerName"]
HOSTILE_ROLES = [*HOSTILE_NAMES, "Upper", "1digit", "with-dash", "with.dot", "pg_monitor", "r" * 64]
HOSTILE_DIRECTORIES = [
    "", "data", "./data", "../data", "~/data", "/", "/data/", "/da:ta", "/da,ta", "/da\nta", "/data\n", "/da\x00ta",
]  # fmt: skip
HOSTILE_IMAGES = ["", " ", "post gres", "postgres;rm", "postgres\n", "-v", "$(x)", "Postgres", "postgres'", "a" * 300]
WRONG_TYPES = [
    ("network", "nginx-network"), ("network", []), ("network.name", 1), ("network.name", None),
    ("network.create", "true"), ("network.create", 1), ("dataDirectory", 1), ("dataDirectory", ["/data"]),
    ("standIns", "yes"), ("standIns", 1), ("adminPassword", 12345678), ("adminPassword", ["12345678"]),
    ("postgres", []), ("postgres", "postgres:17"), ("postgres.image", 17), ("postgres.port", "5432"),
    ("postgres.port", 5432.5), ("postgres.port", True), ("postgres.port", None), ("postgres.adminUser", 1),
    ("postgres.maxConnections", "100"), ("postgres.maxConnections", 100.5), ("postgres.settings", []),
    ("postgres.settings", "work_mem=1MB"), ("redis", 1), ("redis.port", "6379"), ("redis.evictionPolicy", 1),
    ("redis.persistence", True),
]  # fmt: skip
OUT_OF_RANGE = [
    ("postgres.port", 0), ("postgres.port", -1), ("postgres.port", 65536), ("redis.port", 0), ("redis.port", 65536),
    ("postgres.maxConnections", 9), ("postgres.maxConnections", 10001), ("postgres.memory", "255m"),
    ("redis.memory", "31m"), ("postgres.memory", 1024), ("redis.evictionPolicy", "lru"), ("redis.evictionPolicy", ""),
    ("redis.persistence", "aof"), ("adminPassword", "short"), ("adminPassword", ""), ("adminPassword", "line\nbreak"),
]  # fmt: skip
NO_MEMORY = ["", "lots", "-1g", "1x", "1gg", "1 000m", "0x10", "1e9", "g", "1.g", ".5g", "1,5g", True, None, [], {}]
UNKNOWN = ["applications2", "network.driver", "postgres.prot", "redis.pasword", "postgres.container_name", "stand_ins"]

TABLE = (
    [(path, name) for path in NAME_PATHS for name in HOSTILE_NAMES]
    + [("postgres.adminUser", name) for name in HOSTILE_ROLES]
    + [("dataDirectory", directory) for directory in HOSTILE_DIRECTORIES]
    + [(f"{server}.image", image) for server in ("postgres", "redis") for image in HOSTILE_IMAGES]
    + WRONG_TYPES
    + OUT_OF_RANGE
    + [(f"{server}.memory", text) for server in ("postgres", "redis") for text in NO_MEMORY]
)


@pytest.mark.parametrize(("path", "value"), TABLE, ids=lambda part: repr(part)[:40])
def test_a_faulty_value_is_the_only_fault_and_has_its_path(path: str, value: Any) -> None:
    found = faults(nested(path, value))
    assert len(found) == 1, found
    assert found[0].startswith(f"{path}: "), found


@pytest.mark.parametrize("path", UNKNOWN)
def test_an_unknown_key_is_named_at_every_level(path: str) -> None:
    assert faults(nested(path, 1)) == [f"{path}: unknown key"]


def test_the_fault_of_a_memory_says_how_to_write_it() -> None:
    assert faults({"redis": {"memory": "much"}}) == [
        "redis.memory: should be an amount of memory such as 512m or 2g"
    ]  # fmt: skip


def test_an_amount_of_memory_beyond_every_number_is_a_fault_like_any_other() -> None:
    assert faults({"redis": {"memory": "9" * 400 + "g"}})[0].startswith("redis.memory: ")


@pytest.mark.parametrize("name", ["pg_", "pg_monitor", "pg_signal_backend", "public", "none", "default"])
def test_a_reserved_role_is_refused_with_the_reason(name: str) -> None:
    assert faults({"postgres": {"adminUser": name}}) == [
        "postgres.adminUser: is reserved by PostgreSQL or Redis"
    ]  # fmt: skip


# Faults between values -----------------------------------------------------------


def test_a_port_used_twice_is_refused_by_both_names() -> None:
    assert faults({"postgres": {"port": 7000}, "redis": {"port": 7000}}) == [
        "postgres.port and redis.port are the same: 7000"
    ]


def test_a_port_that_is_the_default_of_the_other_server_is_used_twice_too() -> None:
    assert faults({"postgres": {"port": 6379}}) == ["postgres.port and redis.port are the same: 6379"]


def test_the_same_container_name_twice_is_refused() -> None:
    assert faults({"redis": {"containerName": "db-server-postgres"}}) == [
        "postgres.containerName and redis.containerName are the same: 'db-server-postgres'"
    ]


def test_names_and_ports_used_twice_are_reported_together() -> None:
    same = {"containerName": "one", "port": 7000}
    text = "\n".join(faults({"postgres": same, "redis": same}))
    assert "containerName" in text
    assert "postgres.port and redis.port are the same" in text


def test_a_port_used_twice_is_reported_beside_another_fault() -> None:
    text = "\n".join(faults({"unknown": 1, "postgres": {"port": 7000}, "redis": {"port": 7000}}))
    assert "unknown: unknown key" in text
    assert "postgres.port and redis.port are the same: 7000" in text


# Settings of PostgreSQL ------------------------------------------------------------


@pytest.mark.parametrize("name", [*MANAGED, *(name.upper() for name in MANAGED)])
def test_a_setting_that_the_stack_decides_is_refused_with_the_reason(name: str) -> None:
    expected = f"postgres.settings.{name}: cannot be set here: {MANAGED[name.lower()]}"
    assert faults({"postgres": {"settings": {name: "1"}}}) == [expected]


@pytest.mark.parametrize(
    "name", ["", " ", "work mem", "work_mem\nport", "work_mem = 1", "a.b.c", "1st", "work'mem", "work-mem", "数", ".x"]
)
def test_what_is_no_name_of_a_setting_is_refused(name: str) -> None:
    assert faults({"postgres": {"settings": {name: "1"}}}) == [
        f"postgres.settings.{name}: is no name of a setting"
    ]  # fmt: skip


@pytest.mark.parametrize("value", ["1\nport = 1", "\n", "a\x00b", "\r", "tab\t", None, [], {"a": 1}])
def test_the_value_of_a_setting_is_one_line_of_text(value: Any) -> None:
    found = faults({"postgres": {"settings": {"work_mem": value}}})
    assert len(found) == 1
    assert found[0].startswith("postgres.settings.work_mem: ")


def test_every_faulty_setting_is_reported_at_once() -> None:
    text = "\n".join(faults({"postgres": {"settings": {"port": "1", "data_directory": "/x", "no name": "1"}}}))
    for name in ("port", "data_directory", "no name"):
        assert name in text.replace("postgres.port", ""), text


def test_a_faulty_name_of_a_setting_is_reported_beside_a_faulty_value() -> None:
    text = "\n".join(faults({"postgres": {"settings": {"hba_file": "/x", "work_mem": "1\n"}}}))
    assert "hba_file: cannot be set here" in text
    assert "postgres.settings.work_mem" in text


def test_a_setting_written_twice_in_two_spellings_is_refused() -> None:
    assert "work_mem" in faults({"postgres": {"settings": {"work_mem": "1MB", "Work_Mem": "2MB"}}})[0]


@pytest.mark.parametrize(
    ("written", "text"), [(True, "on"), (False, "off"), (100, "100"), (0.9, "0.9"), ("7MB", "7MB"), ("", "")]
)
def test_the_value_of_a_setting_may_be_a_number_or_a_switch(written: Any, text: str) -> None:
    assert load({"postgres": {"settings": {"any.setting": written}}}).postgres.settings == {"any.setting": text}


def test_a_declared_setting_wins_over_the_derived_one() -> None:
    settings = load({"postgres": {"settings": {"Shared_Buffers": "64MB"}, "maxConnections": 55}}).postgres
    assert settings.effective_settings["shared_buffers"] == "64MB"
    assert settings.effective_settings["max_connections"] == "55"
    assert "Shared_Buffers" not in settings.effective_settings


# All faults, no secrets ---------------------------------------------------------------


def test_all_faults_are_reported_at_once_each_with_its_path() -> None:
    values = {
        "network": {"name": "a b", "colour": 1}, "dataDirectory": "data", "standIns": "maybe", "adminPassword": "short",
        "postgres": {"image": "", "port": 0, "memory": "1m", "settings": {"work_mem": "\n"}},
        "redis": {"persistence": "aof", "port": 99999, "memory": "x"}, "extra": {},
    }  # fmt: skip
    paths = [fault.partition(": ")[0] for fault in faults(values)]
    assert sorted(paths) == [
        "adminPassword", "dataDirectory", "extra", "network.colour", "network.name", "postgres.image",
        "postgres.memory", "postgres.port", "postgres.settings.work_mem", "redis.memory", "redis.persistence",
        "redis.port", "standIns",
    ]  # fmt: skip


def test_the_text_of_an_error_holds_every_fault_on_a_line_of_its_own() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"a": 1, "b": 2})
    assert str(caught.value).splitlines() == [
        "the configuration has faults; nothing was changed:", "  a: unknown key", "  b: unknown key",
    ]  # fmt: skip


@pytest.mark.parametrize("password", ["hunter2", "hunter2-with\nline", ["hunter2-listed"], {"hunter2": "x"}, 17171717])
def test_a_faulty_password_never_stands_in_the_message(password: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"adminPassword": password, "postgres": {"port": 0}})
    assert "adminPassword" in str(caught.value)
    for secret in ("hunter2", "17171717"):
        assert secret not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_good_password_never_stands_in_the_message_of_another_fault() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"adminPassword": "correct-horse", "postgres": {"port": 6379}})
    assert "correct-horse" not in str(caught.value)


def test_a_password_that_clients_prepare_is_prepared_here_too_or_refused() -> None:
    """The client library normalises a password (SASLprep, RFC 4013): U+2168 is sent as IX."""
    try:
        settings = load({"adminPassword": "\u2168-password"})
    except SettingsError:
        return
    assert settings.admin_password is not None
    assert verifier(settings.admin_password, b"salt") == verifier("IX-password", b"salt")


# Good configurations ----------------------------------------------------------------------


def test_the_defaults_are_the_documented_ones() -> None:
    settings = load({})
    assert (settings.network.name, settings.network.create) == ("nginx-network", False)
    assert settings.data_directory == "/data/db-server"
    assert settings.stand_ins is False
    assert settings.admin_password is None
    postgres, redis = settings.postgres, settings.redis
    assert (postgres.image, postgres.container_name, postgres.port) == ("postgres:17", "db-server-postgres", 5432)
    assert (postgres.admin_user, postgres.max_connections, postgres.settings) == ("dbadmin", None, {})
    assert (redis.image, redis.container_name, redis.port) == ("redis:8", "db-server-redis", 6379)
    assert (redis.persistence, redis.eviction_policy) == ("append-only", "noeviction")


def test_the_defaults_of_the_project_file_are_those_of_the_program() -> None:
    typed = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert load({key: entry["default"] for key, entry in typed.items()}) == load({})


def stored(stack: str) -> Settings:
    content = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    assert all(key.startswith("db-server:") for key in content), content
    names = {key.removeprefix("db-server:"): value for key, value in content.items()}
    return load({name: parsed(name, value) if isinstance(value, str) else value for name, value in names.items()})


def test_production_creates_no_network_and_runs_no_stand_ins() -> None:
    settings = stored("prod")
    assert (settings.network.name, settings.network.create) == ("nginx-network", False)
    assert settings.stand_ins is False


def test_development_creates_its_network_and_may_run_stand_ins() -> None:
    settings = stored("dev")
    assert settings.network.create is True
    assert settings.stand_ins is True


@pytest.mark.parametrize("policy", EVICTION_POLICIES)
def test_every_eviction_policy_of_redis_is_known(policy: str) -> None:
    settings = load({"redis": {"evictionPolicy": policy}}).redis
    assert settings.effective_settings["maxmemory-policy"] == policy


def test_settings_cannot_be_changed_after_they_were_judged() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load({}).data_directory = "/elsewhere"  # type: ignore[misc]  # that is what is tested


UNITS = st.sampled_from([("", 1), ("k", 1024), ("m", MIB), ("g", 1024 * MIB), ("t", 1024 * 1024 * MIB)])


@given(
    number=st.integers(1, 4096),
    unit=UNITS,
    ending=st.sampled_from(["", "b", "ib"]),
    upper=st.booleans(),
    space=st.sampled_from(["", " "]),
)
def test_an_amount_of_memory_is_read_back_as_the_bytes_it_means(
    *, number: int, unit: tuple[str, int], ending: str, upper: bool, space: str
) -> None:
    name, factor = unit
    written = f"{number}{space}{name}{ending}"
    expected = number * factor
    values = {"redis": {"memory": written.upper() if upper else written}}
    if expected < 32 * MIB:
        assert faults(values)[0].startswith("redis.memory: ")
    else:
        assert load(values).redis.memory == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
SECTIONS = {
    "network": ["name", "create"],
    "postgres": ["image", "containerName", "port", "adminUser", "memory", "maxConnections", "settings"],
    "redis": ["image", "port", "memory", "evictionPolicy", "persistence"],
}


def section(keys: list[str]) -> st.SearchStrategy[Any]:
    return JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(keys, JSON))


LIKELY = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("dataDirectory", "standIns", "adminPassword", "unknown"), JSON),
        **{name: section(keys) for name, keys in SECTIONS.items()},
    },
)


@given(LIKELY | st.dictionaries(st.text(max_size=10), JSON, max_size=4))
def test_whatever_is_configured_ends_in_settings_or_in_their_faults(values: dict[str, Any]) -> None:
    with contextlib.suppress(SettingsError):
        assert isinstance(load(values), Settings)


def test_a_recipient_that_no_key_could_open_is_a_fault_with_its_place() -> None:
    key = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
    assert load({"backupRecipients": [key]}).backup_recipients == [key]
    for typo in (key[:-1] + "q", "", "AGE-SECRET-KEY-1", "ssh-ed25519 AAAA"):
        assert faults({"backupRecipients": [key, typo]}) == [
            "backupRecipients.1: is no public key of age's: age-keygen -y prints one"
        ]


def test_a_setting_of_redis_that_cannot_be_declared_is_refused_with_those_that_can() -> None:
    found = faults({"redis": {"settings": {"save": "", "requirepass": "x"}}})
    assert [fault.partition(": ")[0] for fault in found] == ["redis.settings.save", "redis.settings.requirepass"]
    assert "cannot be set here; these can: maxmemory, proto-max-bulk-len, " in found[0]


def test_declared_limits_of_redis_are_judged_against_its_memory() -> None:
    declared = {"redis": {"memory": "128m", "settings": {"maxmemory": "120m", "timeout": 300}}}
    (said,) = faults(declared)
    assert said.startswith("redis.settings.maxmemory: 120.0 MB and maxmemory-clients 16.0 MB should be at least 1 MB")
    assert said.endswith("together at most redis.memory 128.0 MB")
    declared["redis"]["memory"] = "256m"
    found = load(declared).redis.effective_settings
    assert (found["maxmemory"], found["timeout"]) == (str(120 * 1024 * 1024), "300")


@pytest.mark.parametrize(
    ("name", "value"), [("wal_level", "minimal"), ("max_wal_senders", "2"), ("max_replication_slots", "0")]
)
def test_a_setting_that_leaves_the_archive_without_the_log_is_a_fault(name: str, value: str) -> None:
    written = {"postgres": {"settings": {name: value}}}
    assert [fault for fault in faults({**written, "archive": {"enabled": True}}) if name in fault]
    assert load(written)


def test_settings_that_the_archive_bears_are_none() -> None:
    settings = {"wal_level": "logical", "max_wal_senders": "3", "max_replication_slots": "2"}
    assert load({"archive": {"enabled": True}, "postgres": {"settings": settings}})
