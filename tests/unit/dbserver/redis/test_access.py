"""Redis' users: the administrator, everybody or nobody, and tenants within their fences."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.redis import access
from dbserver.redis.access import Tenant

HASH = "a" * 64
ADMIN = f"user dbadmin on sanitize-payload #{HASH} ~* &* +@all"
SHOP = Tenant("shop", "shop:", "the-password")
PASSWORDS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=8)


def rules_of(tenant: Tenant = SHOP, known: tuple[str, ...] = ()) -> list[str]:
    """Return the words of the tenant's line."""
    lines = access.rules("dbadmin", HASH, [tenant], known).splitlines()
    return next(line for line in lines if line.startswith(f"user {tenant.name} ")).split(" ")


def test_an_open_redis_lets_everybody_do_everything() -> None:
    expected = f"{ADMIN}\nuser default on nopass sanitize-payload ~* &* +@all\n"
    assert access.rules("dbadmin", HASH, None) == expected


def test_who_comes_without_a_password_may_only_ping_where_there_are_tenants() -> None:
    """Health checks and deployment scripts ask `redis-cli ping` and expect PONG."""
    expected = f"{ADMIN}\nuser default on nopass sanitize-payload resetchannels -@all +ping\n"
    assert access.rules("dbadmin", HASH, []) == expected


def test_the_administrator_has_one_password() -> None:
    line = access.rules("boss", HASH, []).splitlines()[0]
    assert line == f"user boss on sanitize-payload #{HASH} ~* &* +@all"


def test_a_tenant_reaches_its_own_keys_and_channels_only() -> None:
    words = rules_of()
    assert words[:4] == ["user", "shop", "on", "sanitize-payload"]
    assert [word for word in words if word[0] in "~&%" or word in ("allkeys", "allchannels")] == ["~shop:*", "&shop:*"]
    assert words.index("resetchannels") < words.index("&shop:*")
    assert "nopass" not in words


@pytest.mark.parametrize(
    "command",
    [
        "@admin", "@dangerous", "keys", "scan", "randomkey", "pubsub", "swapdb", "flushall", "flushdb",
        "move", "client", "function", "script", "sort", "sort_ro",
    ],
)  # fmt: skip
def test_a_tenant_is_denied_what_no_key_pattern_fences(command: str) -> None:
    words = rules_of()
    assert words.index("+@all") < words.index(f"-{command}"), "the last word on a command counts"
    assert f"+{command}" not in words


def test_what_client_libraries_need_at_every_connection_is_allowed_after_all_denials() -> None:
    words = rules_of(known=("connection", "client|id", "client|setinfo"))
    denials = max(place for place, word in enumerate(words) if word.startswith("-"))
    assert words[denials + 1 :] == [
        "+client|setname", "+client|getname", "+client|setinfo", "+client|id", "+script|load", "+script|exists",
        "+info",
    ]  # fmt: skip
    assert "-dbsize" not in words


def test_a_command_that_the_server_lacks_is_left_out_because_it_would_refuse_the_rules() -> None:
    """Redis 7.0 has no CLIENT SETINFO; libraries that call it ignore the answer."""
    older, newer = rules_of(known=("connection", "client|id")), rules_of(known=("connection", "client|setinfo"))
    assert [word for word in newer if word not in older] == ["+client|setinfo"]


@pytest.mark.parametrize("name", ["UNFENCED", "NEEDED", "MODULE_CATEGORIES"])
def test_what_a_tenant_may_do_has_an_identity_that_changes_with_it(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    before = access.fence()
    assert access.fence() == before
    monkeypatch.setattr(access, name, (*getattr(access, name), "hotkeys"))
    assert access.fence() != before


def test_scanning_is_for_the_tenant_that_declares_it() -> None:
    words = rules_of(Tenant("shop", "shop:", "the-password", scan=True))
    assert words.index("-scan") < words.index("+scan")


@pytest.mark.parametrize(
    ("known", "denied"),
    [((), []), (("search",), ["-@search"]), (("keyspace", "search", "timeseries"), ["-@search", "-@timeseries"])],
)
def test_a_category_that_the_server_lacks_is_left_out_because_it_would_refuse_the_rules(
    known: tuple[str, ...], denied: list[str]
) -> None:
    words = rules_of(known=known)
    assert [word for word in words if word in ("-@search", "-@timeseries")] == denied


@given(PASSWORDS)
def test_a_password_stands_in_no_rule_and_its_hash_in_one_word(password: str) -> None:
    text = access.rules("dbadmin", access.hashed("admin-password"), [Tenant("shop", "shop:", password)])
    digest = hashlib.sha256(password.encode()).hexdigest()
    assert text.split().count(f"#{digest}") == 1
    assert len(text.splitlines()) == 3
    lines = access.rules("dbadmin", HASH, [Tenant("shop", "shop:", "another-password")]).splitlines()
    assert text.splitlines()[1] == lines[1]


def test_every_user_is_named_once() -> None:
    tenants = [Tenant(name, f"{name}:", "the-password") for name in ("a", "b")]
    names = [line.split()[1] for line in access.rules("dbadmin", HASH, tenants).splitlines()]
    assert names == ["dbadmin", "default", "a", "b"]
