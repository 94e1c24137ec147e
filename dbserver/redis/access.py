"""Who may do what in Redis: the administrator, and either everybody or one tenant per application. Pure.

Sources: the Redis documentation on access control lists, and COMMAND DOCS of
Redis 8.0 for the commands that a key pattern does not fence.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

ADMIN_FILE = "admin-password"
ACL_FILE = "users.acl"
LOCAL_PASSWORD_BYTES = 24

# Commands that read the whole keyspace, tell of others, or act on all: no key pattern fences them.
UNFENCED = ("keys", "scan", "randomkey", "dbsize", "pubsub", "swapdb", "flushall", "flushdb", "move", "client",
            "function", "script", "sort", "sort_ro", "memory|stats", "memory|doctor",
            "memory|malloc-stats")  # fmt: skip
# Of those, what client libraries need at every connection.
NEEDED = ("client|setname", "client|getname", "client|setinfo", "client|id", "script|load", "script|exists")
# A server refuses all rules for one word that it does not know: these are left out where it does not. Redis has the
# command since 7.2; modules answer from indexes over everybody's keys.
SINCE_LATELY = ("client|setinfo",)
MODULE_CATEGORIES = ("search", "timeseries")

HASH = "#[0-9a-f]{64}"
ADMINISTRATOR = re.compile(rf"user (?P<name>\S+) on sanitize-payload(?P<hashes>(?: {HASH})+) ~\* &\* \+@all")
TENANT = re.compile(rf"user \S+ on sanitize-payload {HASH} ~\S+\* resetchannels &\S+\* \+@all(?P<words>(?: \S+)+)")
EVERYBODY = "user default on nopass sanitize-payload ~* &* +@all"
WHO_PINGS = "user default on nopass sanitize-payload resetchannels -@all +ping"
DEFAULTS = (EVERYBODY, WHO_PINGS)


@dataclass(frozen=True)
class Tenant:
    """One application in Redis: its user's name, the beginning of its keys and channels, its password."""

    name: str
    prefix: str
    password: str
    scan: bool = False


def rules(admin: str, hashes: Sequence[str], tenants: Sequence[Tenant] | None, known: Sequence[str] = ()) -> str:
    """Return the ACL file: without tenants everybody may do everything, as in the integration document.

    `hashes` are the SHA-256 of the administrator's passwords: the local one,
    which operations use, and the declared one. `known` are the categories and
    the commands for connections that the server has. With tenants, who comes
    without a password may only PING: health checks and deployment scripts ask
    `redis-cli ping` and expect PONG.
    """
    lines = [_tenant(tenant, known) for tenant in tenants or ()]
    return _file(admin, [f"#{each}" for each in hashes], lines, is_open=tenants is None)


def first_rules(admin: str, local: str, before: str, *, is_open: bool) -> str:
    """Return the ACL file of a server that is made anew, until its users are declared to it.

    `local` is the SHA-256 of the administrator's new local password, `before` the file that is there: its tenants and
    the administrator's other passwords are kept, line by line, where they are as this module writes them.
    """
    lines = before.splitlines()
    known = [found for line in lines if (found := ADMINISTRATOR.fullmatch(line)) and found["name"] == admin]
    hashes = [each for found in known for each in found["hashes"].split()]
    kept = [] if is_open else [line for line in lines if _whole(line)]
    return _file(admin, [f"#{local}", *hashes], kept, is_open=is_open)


def is_whole(text: str) -> bool:
    """Return whether every line of an ACL file is one that this module writes: Redis does not start on any other."""
    lines = text.splitlines()
    return bool(lines) and all(_whole(line) or ADMINISTRATOR.fullmatch(line) or line in DEFAULTS for line in lines)


def _file(admin: str, passwords: Sequence[str], tenants: Sequence[str], *, is_open: bool) -> str:
    first = f"user {admin} on sanitize-payload {' '.join(passwords)} ~* &* +@all"
    return "\n".join([first, EVERYBODY if is_open else WHO_PINGS, *tenants]) + "\n"


def _whole(line: str) -> bool:
    """A tenant's line that was cut off lacks what it is denied, and one word that Redis does not know refuses all."""
    found = TENANT.fullmatch(line)
    words = found["words"].split() if found else []
    denied = {"-@admin", "-@dangerous", *(f"-{name}" for name in UNFENCED)}
    always = {*denied, *(f"+{name}" for name in NEEDED if name not in SINCE_LATELY)}
    maybe = {"+scan", *(f"+{name}" for name in SINCE_LATELY), *(f"-@{each}" for each in MODULE_CATEGORIES)}
    return always <= set(words) <= always | maybe


def hashed(password: str) -> str:
    """Return a password's SHA-256, as ACL rules hold it."""
    return hashlib.sha256(password.encode()).hexdigest()


def _tenant(tenant: Tenant, known: Sequence[str]) -> str:
    denied = ["-@admin", "-@dangerous", *(f"-{name}" for name in UNFENCED)]
    denied += [f"-@{category}" for category in MODULE_CATEGORIES if category in known]
    needed = [name for name in NEEDED if name in known or name not in SINCE_LATELY]
    allowed = [f"+{name}" for name in (*needed, *(["scan"] if tenant.scan else []))]
    pattern = f"~{tenant.prefix}* resetchannels &{tenant.prefix}*"
    return " ".join([
        f"user {tenant.name} on sanitize-payload #{hashed(tenant.password)} {pattern} +@all", *denied, *allowed,
    ])  # fmt: skip
