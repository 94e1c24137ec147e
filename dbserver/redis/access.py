"""Who may do what in Redis: the administrator, and either everybody or one tenant per application. Pure.

Sources: the Redis documentation on access control lists, and COMMAND DOCS of
Redis 8.0 for the commands that a key pattern does not fence.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from dbserver import cleaning

ADMIN_FILE = "admin-password"
ACL_FILE = "users.acl"
LOCAL_PASSWORD_BYTES = 24

# Commands that read the whole keyspace, tell of others, or act on all: no key pattern fences them.
UNFENCED = ("keys", "scan", "randomkey", "pubsub", "swapdb", "flushall", "flushdb", "move", "client",
            "function", "script", "sort", "sort_ro", "memory|stats", "memory|doctor",
            "memory|malloc-stats")  # fmt: skip
# Of those, what client libraries need at every connection. INFO tells numbers of the whole server, and no key; CLIENT
# INFO of one's own connection alone.
NEEDED = ("client|setname", "client|getname", "client|setinfo", "client|id", "client|info", "script|load",
          "script|exists", "info")  # fmt: skip
# A server refuses all rules for one word that it does not know: these are left out where it does not. Redis has the
# command since 7.2; modules answer from indexes over everybody's keys.
SINCE_LATELY = ("client|setinfo",)
MODULE_CATEGORIES = ("search", "timeseries")

HASH = "#[0-9a-f]{64}"
# Earlier versions gave the administrator two passwords, and their tenants DBSIZE denied, no INFO and no CLIENT INFO.
ADMINISTRATOR = re.compile(rf"user \S+ on sanitize-payload(?: {HASH})+ ~\* &\* \+@all")
TENANT = re.compile(
    rf"user \S+ on sanitize-payload {HASH}(?: ~\S+\*)+ resetchannels(?: &\S+)+ \+@all(?P<words>(?: \S+)+)"
)
ADDED = ("client|info",)
EVERYBODY = "user default on nopass sanitize-payload ~* &* +@all"
WHO_PINGS = "user default on nopass sanitize-payload resetchannels -@all +ping"
DEFAULTS = (EVERYBODY, WHO_PINGS)


@dataclass(frozen=True)
class Tenant:
    """One application in Redis: its user's name, the beginnings of its keys and channels, its password.

    `channels` are patterns of channels beside those.
    """

    name: str
    prefixes: Sequence[str]
    password: str
    scan: bool = False
    channels: Sequence[str] = ()


def rules(admin: str, password: str, tenants: Sequence[Tenant] | None, known: Sequence[str] = ()) -> str:
    """Return the ACL file: without tenants everybody may do everything, as in the integration document.

    `password` is the SHA-256 of the administrator's: the local one alone, for
    Redis' users have no addresses, and it never leaves the host. `known` are
    the categories and the commands for connections that the server has. With
    tenants, who comes without a password may only PING: health checks and
    deployment scripts ask `redis-cli ping` and expect PONG.
    """
    lines = [_tenant(tenant, known) for tenant in tenants or ()]
    return _file(admin, password, lines, is_open=tenants is None)


def first_rules(admin: str, password: str, before: str, *, is_open: bool) -> str:
    """Return the ACL file of a server that is made anew, until its users are declared to it.

    `password` is the SHA-256 of the administrator's new one, `before` the file that is there: its tenants are kept,
    line by line, where they are as this module writes them.
    """
    kept = [] if is_open else [line for line in cleaning.lines(before) if _whole(line)]
    return _file(admin, password, kept, is_open=is_open)


def is_whole(text: str) -> bool:
    """Return whether every line of an ACL file is one that this module writes: Redis does not start on any other."""
    lines = cleaning.lines(text)
    return bool(lines) and all(_whole(line) or ADMINISTRATOR.fullmatch(line) or line in DEFAULTS for line in lines)


def _file(admin: str, password: str, tenants: Sequence[str], *, is_open: bool) -> str:
    first = f"user {admin} on sanitize-payload #{password} ~* &* +@all"
    return "\n".join([first, EVERYBODY if is_open else WHO_PINGS, *tenants]) + "\n"


def _whole(line: str) -> bool:
    """A tenant's line that was cut off lacks what it is denied, and one word that Redis does not know refuses all."""
    found = TENANT.fullmatch(line)
    words = set(found["words"].split()) if found else set()
    denied = {"-@admin", "-@dangerous", *(f"-{name}" for name in UNFENCED)}
    lately = (*SINCE_LATELY, *ADDED)
    always = {*denied, *(f"+{name}" for name in NEEDED if name not in lately)}
    maybe = {"+scan", *(f"+{name}" for name in lately), *(f"-@{each}" for each in MODULE_CATEGORIES)}
    return any(each <= words <= each | maybe for each in (always, always - {"+info"} | {"-dbsize"}))


def fence() -> str:
    """Return what identifies these rules, whoever the tenants are: with other ones all tenants' are loaded again."""
    return hashed(rules("", "", [Tenant("", [""], "", scan=True)], (*SINCE_LATELY, *MODULE_CATEGORIES)))


def hashed(text: str) -> str:
    """Return the SHA-256 of a text: of a password, as ACL rules hold it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _tenant(tenant: Tenant, known: Sequence[str]) -> str:
    denied = ["-@admin", "-@dangerous", *(f"-{name}" for name in UNFENCED)]
    denied += [f"-@{category}" for category in MODULE_CATEGORIES if category in known]
    needed = [name for name in NEEDED if name in known or name not in SINCE_LATELY]
    allowed = [f"+{name}" for name in (*needed, *(["scan"] if tenant.scan else []))]
    own = [f"{prefix}*" for prefix in tenant.prefixes]
    keys, channels = [f"~{each}" for each in own], [f"&{each}" for each in (*own, *tenant.channels)]
    user = f"user {tenant.name} on sanitize-payload #{hashed(tenant.password)}"
    return " ".join([user, *keys, "resetchannels", *channels, "+@all", *denied, *allowed])
