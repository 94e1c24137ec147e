"""Who may do what in Redis: the administrator, and either everybody or one tenant per application. Pure.

Sources: the Redis documentation on access control lists, and COMMAND DOCS of
Redis 8.0 for the commands that a key pattern does not fence.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

ADMIN_FILE = "admin-password"
ACL_FILE = "users.acl"

# Commands that read the whole keyspace, tell of others, or act on all: no key pattern fences them.
UNFENCED = ("keys", "scan", "randomkey", "pubsub", "swapdb", "flushall", "flushdb", "move", "client",
            "function", "script", "sort", "sort_ro", "memory|stats", "memory|doctor",
            "memory|malloc-stats")  # fmt: skip
# Of those, what client libraries need at every connection. INFO tells numbers of the whole server, and no key.
NEEDED = ("client|setname", "client|getname", "client|setinfo", "client|id", "script|load", "script|exists", "info")
# A server refuses all rules for one word that it does not know: these are left out where it does not. Redis has the
# command since 7.2; modules answer from indexes over everybody's keys.
SINCE_LATELY = ("client|setinfo",)
MODULE_CATEGORIES = ("search", "timeseries")


@dataclass(frozen=True)
class Tenant:
    """One application in Redis: its user's name, the beginning of its keys and channels, its password."""

    name: str
    prefix: str
    password: str
    scan: bool = False


def rules(admin: str, password: str, tenants: Sequence[Tenant] | None, known: Sequence[str] = ()) -> str:
    """Return the ACL file: without tenants everybody may do everything, as in the integration document.

    `password` is the SHA-256 of the administrator's: the local one alone, for
    Redis' users have no addresses, and it never leaves the host. `known` are
    the categories and the commands for connections that the server has. With
    tenants, who comes without a password may only PING: health checks and
    deployment scripts ask `redis-cli ping` and expect PONG.
    """
    lines = [f"user {admin} on sanitize-payload #{password} ~* &* +@all"]
    if tenants is None:
        lines.append("user default on nopass sanitize-payload ~* &* +@all")
    else:
        lines.append("user default on nopass sanitize-payload resetchannels -@all +ping")
        lines += [_tenant(tenant, known) for tenant in tenants]
    return "\n".join(lines) + "\n"


def fence() -> str:
    """Return what identifies these rules, whoever the tenants are: with other ones all tenants' are loaded again."""
    return hashed(rules("", "", [Tenant("", "", "", scan=True)], (*SINCE_LATELY, *MODULE_CATEGORIES)))


def hashed(text: str) -> str:
    """Return the SHA-256 of a text: of a password, as ACL rules hold it."""
    return hashlib.sha256(text.encode()).hexdigest()


def _tenant(tenant: Tenant, known: Sequence[str]) -> str:
    denied = ["-@admin", "-@dangerous", *(f"-{name}" for name in UNFENCED)]
    denied += [f"-@{category}" for category in MODULE_CATEGORIES if category in known]
    needed = [name for name in NEEDED if name in known or name not in SINCE_LATELY]
    allowed = [f"+{name}" for name in (*needed, *(["scan"] if tenant.scan else []))]
    pattern = f"~{tenant.prefix}* resetchannels &{tenant.prefix}*"
    return " ".join([
        f"user {tenant.name} on sanitize-payload #{hashed(tenant.password)} {pattern} +@all", *denied, *allowed,
    ])  # fmt: skip
