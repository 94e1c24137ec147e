"""PostgreSQL's settings: what follows from the memory, and how they are written down."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.postgres import settings

MIB = 1024 * 1024
GIB = 1024 * MIB
MEMORY = st.integers(256, 512 * 1024).map(lambda mebibytes: mebibytes * MIB)


def mebibytes(text: str) -> int:
    assert text.endswith("MB")
    return int(text.removesuffix("MB"))


def test_one_gibibyte_gives_these_settings() -> None:
    assert settings.derived(GIB, None) == {
        "max_connections": "102",
        "shared_buffers": "256MB",
        "effective_cache_size": "768MB",
        "maintenance_work_mem": "64MB",
        "work_mem": "1MB",
        "password_encryption": "scram-sha-256",
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
        "authentication_timeout": "5s",
    }


@given(MEMORY)
def test_what_the_server_takes_fits_into_the_limit_of_its_container(memory: int) -> None:
    found = settings.derived(memory, None)
    sorting = int(found["max_connections"]) * mebibytes(found["work_mem"])
    reserved = mebibytes(found["shared_buffers"]) + mebibytes(found["maintenance_work_mem"])
    assert (reserved + sorting) * MIB <= memory
    assert mebibytes(found["effective_cache_size"]) * MIB <= memory


@given(MEMORY)
def test_no_derived_amount_is_zero(memory: int) -> None:
    assert all(mebibytes(text) > 0 for text in settings.derived(memory, 10_000).values() if text.endswith("MB"))


@pytest.mark.parametrize(
    ("memory", "connections"), [(256 * MIB, 25), (GIB, 102), (4 * GIB, 409), (64 * GIB, 500)]
)  # fmt: skip
def test_the_connections_grow_with_the_memory_within_bounds(memory: int, connections: int) -> None:
    assert settings.default_connections(memory) == connections


def test_declared_connections_win_and_share_the_memory() -> None:
    few, many = settings.derived(4 * GIB, 10), settings.derived(4 * GIB, 400)
    assert (few["max_connections"], many["max_connections"]) == ("10", "400")
    assert mebibytes(few["work_mem"]) > mebibytes(many["work_mem"])


def test_maintenance_memory_has_a_ceiling() -> None:
    assert settings.derived(512 * GIB, None)["maintenance_work_mem"] == "2048MB"


def test_the_file_includes_what_initdb_chose_and_then_the_declared_settings_in_order() -> None:
    assert settings.render({"work_mem": "4MB", "log_line_prefix": "it's %m"}) == (
        "# Rendered by the db-server stack: change its configuration, not this file.\n"
        "hba_file = '/etc/postgresql/pg_hba.conf'\n"
        "include '/var/lib/postgresql/data/postgresql.conf'\n"
        "log_line_prefix = 'it''s %m'\n"
        "work_mem = '4MB'\n"
    )


def test_the_administrator_comes_from_the_host_alone_and_everybody_else_from_the_network_with_a_password() -> None:
    assert settings.render_hba("boss", ("172.18.0.1", "fd00::1")) == (
        "# Rendered by the db-server stack: change its configuration, not this file.\n"
        "local all all trust\n"
        'local replication "boss" trust\n'
        'host all "boss" 127.0.0.1/32 scram-sha-256\n'
        'host all "boss" ::1/128 scram-sha-256\n'
        'host all "boss" 172.18.0.1/32 scram-sha-256\n'
        'host all "boss" fd00::1/128 scram-sha-256\n'
        'host all "boss" all reject\n'
        "host replication all all reject\n"
        "host all all 127.0.0.1/32 scram-sha-256\n"
        "host all all ::1/128 scram-sha-256\n"
        "host all all samenet scram-sha-256\n"
        "host all all all reject\n"
    )


def test_without_a_gateway_the_administrator_is_refused_from_every_container() -> None:
    lines = settings.render_hba("boss", ()).splitlines()
    assert lines.index('host all "boss" all reject') < lines.index("host all all samenet scram-sha-256")
    assert not [line for line in lines if "trust" in line and not line.startswith("local ")]


def test_from_outside_nobody_comes_without_tls_and_the_administrator_not_at_all() -> None:
    assert settings.render_hba("boss", ("172.18.0.1", "fd00::1"), outside=True) == (
        "# Rendered by the db-server stack: change its configuration, not this file.\n"
        "local all all trust\n"
        'local replication "boss" trust\n'
        'host all "boss" 127.0.0.1/32 scram-sha-256\n'
        'host all "boss" ::1/128 scram-sha-256\n'
        'host all "boss" all reject\n'
        "host replication all all reject\n"
        "hostnossl all all 172.18.0.1/32 reject\n"
        "hostnossl all all fd00::1/128 reject\n"
        "host all all 127.0.0.1/32 scram-sha-256\n"
        "host all all ::1/128 scram-sha-256\n"
        "host all all samenet scram-sha-256\n"
        "hostssl all all all scram-sha-256\n"
        "host all all all reject\n"
    )


def test_a_server_with_the_stack_s_certificate_is_reached_from_outside_and_one_with_another_is_not() -> None:
    assert settings.published({**settings.derived(GIB, None), **settings.ENCRYPTED})
    assert not settings.published(settings.derived(GIB, None))
    assert not settings.published({"ssl": "on", "ssl_key_file": "/elsewhere/server.key"})


def unquoted(text: str) -> str:
    """Return what PostgreSQL's configuration parser (guc-file.l, DeescapeQuotedString) reads."""
    assert re.fullmatch(r"'([^'\\\n]|\\.|'')*'", text), text
    return re.sub(r"\\(.)|''", lambda found: found[1] or "'", text[1:-1])


@given(st.text(st.characters(exclude_characters="\n\x00")))
def test_a_value_is_read_back_as_it_was_declared(value: str) -> None:
    assert unquoted(settings.quoted(value)) == value


@pytest.mark.parametrize("value", ["'; port = 1 #", "\\'", "a\\", "''", "# no comment"])
def test_a_hostile_value_stays_one_value(value: str) -> None:
    assert unquoted(settings.quoted(value)) == value


@pytest.mark.parametrize("name", settings.MANAGED)
def test_every_managed_setting_has_a_reason_and_is_written_in_small_letters(name: str) -> None:
    assert settings.MANAGED[name]
    assert name == name.lower()


def test_the_settings_that_two_files_do_not_share_are_named_once_each() -> None:
    before = settings.render({"work_mem": "4MB", "gone": "1", "same": "x = y"})
    after = settings.render({"work_mem": "8MB", "new": "1", "same": "x = y"})
    assert settings.changed(before, after) == ["gone", "new", "work_mem"]
    assert settings.changed(after, after) == []
    assert settings.changed("", settings.render({"work_mem": "8MB"})) == ["hba_file", "work_mem"]
