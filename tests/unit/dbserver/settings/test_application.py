"""The applications' entries: defaults, and every fault within one, between them, and against the servers."""

from typing import Any

import pytest

from dbserver.applications import Budget
from dbserver.settings.application import Application
from dbserver.settings.model import Settings, SettingsError, load


def faults(*entries: dict[str, Any], **sections: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load({"applications": list(entries), **sections})
    return caught.value.faults


def loaded(*entries: dict[str, Any], **sections: Any) -> list[Application]:
    return load({"applications": list(entries), **sections}).applications


FENCED = {"redis": {"access": "password"}}


def test_a_name_is_all_that_an_application_has_to_give() -> None:
    (entry,) = loaded({"name": "my-shop"})
    assert (entry.database_name, entry.role_name, entry.prefixes) == ("my_shop", "my_shop", ("my-shop:",))
    assert entry.model_dump() == {
        "name": "my-shop", "database": None, "role": None, "pool_size": 10, "instances_per_colour": 1,
        "extensions": [], "settings": {}, "password": None, "password_version": 1, "keep_password": False,
        "redis_database": 0, "redis_prefix": None, "redis_channels": [], "redis_scan": False,
    }  # fmt: skip


def test_the_role_is_by_default_named_as_the_database() -> None:
    (entry,) = loaded({"name": "shop", "database": "shop_data"})
    assert (entry.database_name, entry.role_name) == ("shop_data", "shop_data")


def test_without_applications_nothing_is_declared() -> None:
    assert load({}).applications == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ""), ("name", "Upper"), ("name", "under_score"), ("name", "-a"), ("name", "a-"), ("name", "a" * 64),
        ("name", "a\n"), ("name", "a b"), ("name", "a';--"), ("name", 1), ("name", None),
        ("database", "with-dash"), ("database", "1digit"), ("database", 'a"b'), ("database", "d" * 64),
        ("database", ""), ("role", "Upper"), ("role", "a;b"), ("role", "r\n"),
        ("poolSize", 0), ("poolSize", 1001), ("poolSize", "10"), ("poolSize", True), ("poolSize", 1.5),
        ("instancesPerColour", 0), ("instancesPerColour", 101), ("instancesPerColour", "1"),
        ("extensions", "pg_trgm"), ("settings", []), ("password", "short"), ("password", "größe-größe"),
        ("password", "line\nbreak-in-it"), ("password", 12345678), ("passwordVersion", 0), ("passwordVersion", "2"),
        ("keepPassword", "true"), ("redisDatabase", -1), ("redisDatabase", 16), ("redisDatabase", "0"),
        ("redisPrefix", ""), ("redisPrefix", "a*"), ("redisPrefix", "a b"), ("redisPrefix", "a?"),
        ("redisPrefix", "[a]"), ("redisPrefix", "p" * 65), ("redisPrefix", "a\n"), ("redisScan", 1),
        ("redisPrefix", []), ("redisPrefix", ["a:", "b c"]), ("redisPrefix", {}),
        ("redisPrefix", 5), ("redisChannels", "news"),
    ],
)  # fmt: skip
def test_a_faulty_value_is_the_only_fault_and_has_its_path(key: str, value: Any) -> None:
    found = faults({"name": "shop", key: value})
    assert len(found) == 1, found
    assert found[0].startswith(f"applications.0.{key}: "), found


@pytest.mark.parametrize("extension", ["", "Upper", 'pg"trgm', "pg;trgm", "1x", "x\n", 1])
def test_a_faulty_extension_is_named_by_its_place(extension: Any) -> None:
    (found,) = faults({"name": "shop", "extensions": ["pg_trgm", extension]})
    assert found.startswith("applications.0.extensions.1: ")


@pytest.mark.parametrize("channel", ["", "a ~*", "a\n", "c" * 129, '"a"', 1])
def test_a_faulty_channel_is_named_by_its_place(channel: Any) -> None:
    (found,) = faults({"name": "shop", "redisChannels": ["news", channel]})
    assert found.startswith("applications.0.redisChannels.1: ")


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("a*", "'a*' should be 1 to 64 letters, digits and _ . : -"),
        (["b c"], "should be 1 to 64 letters, digits and _ . : -"),
        (["a:", "b c"], "has 'b c'; each should be 1 to 64 letters, digits and _ . : -"),
        ([], "should have at least 1"),
        (5, "5 should be a text or a list of texts"),
    ],
)
def test_what_a_prefix_may_be_is_told_in_words(prefix: Any, said: str) -> None:
    assert faults({"name": "shop", "redisPrefix": prefix}) == [f"applications.0.redisPrefix: {said}"]


@pytest.mark.parametrize("entries", [{}, "shop", [1], ["shop"]])
def test_what_is_no_list_of_entries_is_a_fault(entries: Any) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"applications": entries})
    assert all(fault.startswith("applications") for fault in caught.value.faults)


def test_a_name_that_is_missing_and_a_key_that_is_unknown_are_told_together() -> None:
    assert faults({"pool_size": 1}) == [
        "applications.0.name: is missing", "applications.0.pool_size: unknown key; did you mean poolSize?",
    ]  # fmt: skip


def test_settings_are_kept_in_small_letters_and_one_written_twice_is_a_fault() -> None:
    (entry,) = loaded({"name": "shop", "settings": {"Work_Mem": "8MB", "jit": False, "own.x": 1}})
    assert entry.settings == {"work_mem": "8MB", "jit": "off", "own.x": "1"}
    found = faults({"name": "shop", "settings": {"jit": "on", "JIT": "off"}})
    assert found == ["applications.0.settings: set twice, in other letters: jit"]


def test_names_databases_and_roles_used_twice_are_all_told() -> None:
    same = {"name": "shop", "database": "data", "role": "reader"}
    assert faults(same, same, {**same, "name": "other"}) == [
        "applications: name shop is used twice: applications.0, applications.1",
        "applications: database data is used twice: applications.0, applications.1, applications.2",
        "applications: role reader is used twice: applications.0, applications.1, applications.2",
    ]


def test_two_names_that_give_the_same_database_are_refused() -> None:
    assert faults({"name": "a-b"}, {"name": "x", "database": "a_b", "role": "x"}) == [
        "applications: database a_b is used twice: applications.0, applications.1"
    ]


def test_a_role_that_is_another_s_default_is_refused() -> None:
    assert faults({"name": "shop"}, {"name": "other", "role": "shop"}) == [
        "applications: role shop is used twice: applications.0, applications.1"
    ]


@pytest.mark.parametrize("database", ["postgres", "template0", "template1", "boss"])
def test_a_database_of_the_server_itself_is_refused(database: str) -> None:
    found = faults({"name": "shop", "database": database, "role": "shop"}, postgres={"adminUser": "boss"})
    assert found == [f"applications.0.database: {database} is the server's own"]


@pytest.mark.parametrize("role", ["postgres", "boss", "pg_monitor", "pg_"])
def test_a_role_of_the_server_itself_is_refused(role: str) -> None:
    found = faults({"name": "shop", "role": role}, postgres={"adminUser": "boss"})
    assert found == [f"applications.0.role: {role} is the server's own"]


def test_the_administrator_s_name_is_refused_because_redis_has_users_by_application_name() -> None:
    found = faults({"name": "boss", "database": "shop"}, postgres={"adminUser": "boss"})
    assert found == ["applications.0.name: boss is the name of Redis's own user or of the administrator"]


def test_the_name_of_redis_own_user_is_refused() -> None:
    """ACL LOAD refuses a file that names a user twice, and a Redis that starts on it ends at once."""
    found = faults({"name": "default"}, **FENCED)
    assert len(found) == 1
    assert found[0].startswith("applications.0.name: ")


def test_an_administrator_named_as_redis_own_user_is_refused() -> None:
    """The rules would name the user `default` twice."""
    assert any(fault.startswith("postgres.adminUser: ") for fault in faults(postgres={"adminUser": "default"}))


@pytest.mark.parametrize("role", ["public", "none"])
def test_a_role_name_that_postgres_reserves_is_refused(role: str) -> None:
    """Quoted or not, PostgreSQL takes neither for a role: CREATE ROLE fails, role name is reserved."""
    found = faults({"name": "shop", "role": role})
    assert found == [f"applications.0.role: {role} is the server's own"]


def test_a_name_that_begins_with_a_digit_needs_a_database_of_its_own() -> None:
    found = faults({"name": "9lives"})
    assert found == ["applications.0.database: 9lives begins with a digit; give database and role names of their own"]
    assert loaded({"name": "9lives", "database": "lives"})[0].role_name == "lives"


def test_a_password_beside_keep_password_is_refused_and_not_repeated() -> None:
    found = faults({"name": "shop", "password": "the-password", "keepPassword": True})
    assert found == ["applications.0.keepPassword: a password is given as well; leave one of them out"]


def test_a_redis_database_by_number_is_no_fence_where_access_is_by_password() -> None:
    entry = {"name": "shop", "redisDatabase": 3}
    (found,) = faults(entry, **FENCED)
    assert found.startswith("applications.0.redisDatabase: ")
    assert loaded(entry)[0].redis_database == 3


def test_the_path_of_a_fault_is_that_of_its_entry() -> None:
    found = faults({"name": "a"}, {"name": "b", "role": "postgres"})
    assert found == ["applications.1.role: postgres is the server's own"]


@pytest.mark.parametrize(
    ("one", "other"), [("shop", "shop:"), ("shop:", "shop:eu:"), ("a", "ab"), ("same:", "same:")]
)  # fmt: skip
def test_prefixes_that_reach_into_each_other_are_refused_where_they_are_the_fence(one: str, other: str) -> None:
    entries = {"name": "first", "redisPrefix": one}, {"name": "second", "redisPrefix": other}
    found = faults(*entries, **FENCED)
    assert f"applications: the Redis prefix {one!r} of first reaches into {other!r} of second" in found
    assert len(loaded(*entries)) == 2, "in an open Redis nothing is fenced"


def test_a_list_of_prefixes_is_judged_one_by_one_and_its_own_may_reach_into_each_other() -> None:
    first, second = {"name": "first", "redisPrefix": ["jobs", "jobs:", "rq:"]}, {"name": "second"}
    assert [entry.prefixes for entry in loaded(first, second, **FENCED)] == [("jobs", "jobs:", "rq:"), ("second:",)]
    found = faults(first, {**second, "redisPrefix": ["second:", "rq:eu:"]}, **FENCED)
    assert found == ["applications: the Redis prefix 'rq:' of first reaches into 'rq:eu:' of second"]


def test_channels_are_patterns_of_redis() -> None:
    patterns = ["shop:/0.celeryev/worker.*", "__keyspace@0__:shop:*", "a[bc]?"]
    assert loaded({"name": "shop", "redisChannels": patterns})[0].redis_channels == patterns


def test_names_of_which_one_begins_with_the_other_are_told_apart_by_the_colon() -> None:
    assert len(loaded({"name": "shop"}, {"name": "shop-eu"}, **FENCED)) == 2


# Connections ----------------------------------------------------------------------


def budgeted(connections: int, *entries: dict[str, Any], **settings: str) -> Settings:
    postgres = {"maxConnections": connections, "adminReserve": 7, "settings": settings}
    return load({"applications": list(entries), "postgres": postgres})


TWO = ({"name": "a", "poolSize": 10, "instancesPerColour": 2}, {"name": "b", "poolSize": 5})


def test_connections_that_fit_exactly_are_accepted() -> None:
    assert len(budgeted(10 * 2 * 2 + 5 * 2 + 7 + 3, *TWO).applications) == 2


def test_one_connection_too_many_is_refused_with_every_term() -> None:
    with pytest.raises(SettingsError) as caught:
        budgeted(59, *TWO)
    terms = "a 10 x 2 x 2 colours + b 5 x 1 x 2 colours + administrator's reserve 7 + superuser reserve 3"
    way_out = "lower a poolSize, or raise postgres.maxConnections or postgres.memory"
    declared = "applications: 60 connections are declared, max_connections is 59"
    assert caught.value.faults == [f"{declared}: {terms}; {way_out}"]


def test_both_reserves_of_the_server_count() -> None:
    reserves = {"superuser_reserved_connections": "5", "reserved_connections": "2"}
    assert budgeted(64, *TWO, **reserves).applications
    with pytest.raises(SettingsError, match="superuser reserve 7"):
        budgeted(63, *TWO, **reserves)


def test_the_sum_is_that_of_the_terms() -> None:
    budget = Budget((("a", 3, 4), ("b", 5, 6)), admin_reserve=7, superuser_reserve=8, max_connections=99)
    assert budget.needed == 3 * 4 * 2 + 5 * 6 * 2 + 7 + 8 == 99
    assert budget.fault() == ""


def test_all_faults_between_entries_are_told_at_once() -> None:
    found = faults(
        {"name": "a", "role": "pg_x", "poolSize": 1000}, {"name": "a", "database": "template1"}, **FENCED
    )  # fmt: skip
    for part in ("name a is used twice", ".0.role", ".1.database", "connections are"):
        assert any(part in fault for fault in found), (part, found)


def test_an_extension_whose_library_is_not_loaded_is_refused_with_the_setting_to_write() -> None:
    entry = {"name": "shop", "extensions": ["pg_cron", "pg_trgm"]}
    (fault,) = faults(entry)
    assert fault.startswith("applications.0.extensions: pg_cron needs its library")
    assert fault.endswith("postgres.settings.shared_preload_libraries: pg_cron")
    (beside,) = faults(entry, postgres={"settings": {"shared_preload_libraries": "citus"}})
    assert beside.endswith(": citus,pg_cron")
    load({"applications": [entry], "postgres": {"settings": {"Shared_Preload_Libraries": "citus, $libdir/pg_cron"}}})
