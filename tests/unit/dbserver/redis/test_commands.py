"""Commands in the Redis container, and what Redis prints of its clients."""

import pytest

from dbserver.redis import commands

SCRIPT = 'REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password) exec redis-cli --user "$0" -e "$@"'


@pytest.mark.parametrize(("terminal", "option"), [(False, "-i"), (True, "-it")])
def test_the_administrator_s_password_stays_in_the_container(option: str, *, terminal: bool) -> None:
    assert commands.cli("c", "dbadmin", "GET", "a b", terminal=terminal) == [
        "docker", "exec", option, "c", "sh", "-c", SCRIPT, "dbadmin", "GET", "a b",
    ]  # fmt: skip


ADMIN = 'REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password) redis-cli --user "$0" -e'


def test_of_the_local_password_only_the_hash_is_printed_and_nothing_where_something_is_missing() -> None:
    *start, script, admin = commands.rules_before("c", "dbadmin")
    assert (start, admin) == (["docker", "exec", "c", "sh", "-c"], "dbadmin")
    assert script.split("; ") == [
        "set -e",
        "test -s /usr/local/etc/redis/admin-password",
        "tr -d '\\n' < /usr/local/etc/redis/admin-password | sha256sum | cut -d ' ' -f 1",
        "printf '\\0'",
        f"{ADMIN} ACL CAT",
        f"{ADMIN} ACL CAT connection",
        "printf '\\0'",
        "cat /usr/local/etc/redis/users.acl || true",
    ]


def test_rules_that_are_refused_are_told_apart_from_those_that_are_not_listed() -> None:
    assert commands.load_rules("c", "dbadmin") == [
        "docker", "exec", "c", "sh", "-c", f"{ADMIN} ACL LOAD || exit 1; {ADMIN} ACL LIST || exit 9", "dbadmin",
    ]  # fmt: skip


def test_a_tenant_s_password_is_named_in_the_arguments_and_never_there() -> None:
    assert commands.tenant_cli("c", "shop", "1", ["GET", "shop:a"], terminal=True) == [
        "docker", "exec", "-it", "--env", "REDISCLI_AUTH", "c", "redis-cli", "--user", "shop", "-n", "1", "-e",
        "GET", "shop:a",
    ]  # fmt: skip


def test_where_everybody_may_come_in_nobody_logs_in() -> None:
    assert commands.tenant_cli("c", "", "0", [], terminal=False) == [
        "docker", "exec", "-i", "c", "redis-cli", "-n", "0", "-e",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("url", "login"),
    [
        ("redis://shop:p%40ss%2Fword@db-server-redis:6379/1", ("shop", "p@ss/word")),
        ("redis://db-server-redis:6379/0", ("", "")),
        ("redis://:only@h:1/0", ("", "only")),
    ],
)
def test_the_login_of_an_address_is_read_as_it_was_before_it_was_encoded(url: str, login: tuple[str, str]) -> None:
    assert commands.login_of(url) == login


LISTING = """\
id=3 addr=172.18.0.4:50001 laddr=172.18.0.3:6379 fd=8 name=worker age=7 idle=4 flags=N db=1 cmd=get user=shop lib-name=
id=4 addr=172.18.0.9:50002 laddr=172.18.0.3:6379 idle=0 flags=S cmd=replconf user=default
id=5 addr=172.18.0.9:50003 laddr=172.18.0.3:6379 idle=0 flags=M cmd=ping user=default
id=6 addr=127.0.0.1:50004 laddr=127.0.0.1:6379 idle=0 flags=N cmd=client|list user=dbadmin
id=7 addr=172.18.0.4:50005 idle=0 flags=P cmd=subscribe user=default

"""


def test_clients_are_all_but_this_question_and_replication() -> None:
    found = commands.client_list(LISTING)
    assert [(row["id"], row["user"], row["idle"], row["cmd"]) for row in found] == [
        ("3", "shop", "4", "get"),
        ("7", "default", "0", "subscribe"),
    ]
    assert (found[0]["name"], found[0]["lib-name"]) == ("worker", "")
    assert commands.client_list("") == []


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("172.18.0.4:50001", "172.18.0.4"),
        ("[fd00::4]:50001", "fd00::4"),
        ("/var/run/redis.sock:0", ""),
        ("", ""),
    ],
)
def test_an_address_is_told_without_its_port_and_a_socket_has_none(address: str, told: str) -> None:
    assert commands.address_of({"addr": address}) == told
