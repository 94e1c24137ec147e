"""Rules on the running servers: their settings, what they promise to keep, who may use them."""

from collections.abc import Iterator, Mapping, Sequence

from dbserver import contract
from dbserver.postgres.settings import RESTARTING
from dbserver.preview.rule import (
    APPLICATION,
    NOTHING,
    POSTGRES,
    REDIS,
    RELOAD,
    RESTART,
    RISK,
    SERVER_OF,
    USERS,
    Facts,
    Rule,
    Seen,
)
from dbserver.preview.steps import CREATE, DELETE, REPLACE, UPDATE, Step
from dbserver.redis.settings import persistence_of

# The value that keeps data safe, which is the default; in any other, committed data may be lost or damage stay unseen.
SAFE = {
    "fsync": True, "full_page_writes": True, "synchronous_commit": True,
    "zero_damaged_pages": False, "ignore_checksum_failure": False, "ignore_invalid_pages": False,
}  # fmt: skip
LESS_FIRST = ("none", "snapshot", "append-only")
TAKEN_AT_A_START, UNKNOWN = "postmaster", "unknown"


def switched(value: str) -> bool | None:
    """Return what PostgreSQL reads as a boolean; None for a value that is none, such as `local`."""
    text = value.strip().lower()
    for words, meant in ((("on", "true", "yes", "1"), True), (("off", "false", "no", "0"), False)):
        if text and text != "o" and any(word.startswith(text) for word in words):
            return meant
    return None


def settings(step: Step) -> dict[str, tuple[str | None, str | None]]:
    """Return the settings that differ, by name: before and after."""
    before, after = (
        {k.lower(): str(v) for k, v in (each.get("settings") or {}).items()} for each in (step.old, step.new)
    )
    return {
        name: (before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    }


def context(name: str, facts: Facts) -> str:
    """Return when PostgreSQL takes a setting: from the running server, else from the table of its manual."""
    if facts.live.contexts is not None and name in facts.live.contexts:
        return facts.live.contexts[name]
    if name in RESTARTING:
        return TAKEN_AT_A_START
    return UNKNOWN if "." in name or facts.live.contexts is not None else "sighup"


def _shown(changed: Mapping[str, tuple[str | None, str | None]], names: Sequence[str]) -> list[str]:
    return [f"{name}: {_value(changed[name][0])} -> {_value(changed[name][1])}" for name in names]


def _value(value: str | None) -> str:
    return "its default" if value is None else value or "empty"


def _less_durable(step: Step, _: Facts) -> Iterator[Seen]:
    changed = settings(step)
    given_up = [
        name for name, safe in SAFE.items()
        if name in changed and _kept(changed[name][0], safe=safe) and not _kept(changed[name][1], safe=safe)
    ]  # fmt: skip
    before, after = changed.get("synchronous_standby_names", (None, None))
    given_up += ["synchronous_standby_names"] * bool(before and not after)
    if step.new and given_up:
        yield Seen("what PostgreSQL has confirmed may be lost or damaged", _shown(changed, given_up))


def _kept(value: str | None, *, safe: bool) -> bool:
    return value is None or switched(value) in (safe, None)


def _restart(step: Step, facts: Facts) -> Iterator[Seen]:
    names = _with_context(step, facts, TAKEN_AT_A_START)
    if names:
        yield Seen(f"PostgreSQL takes {', '.join(names)} at a start only", _shown(settings(step), names))


def _unknown(step: Step, facts: Facts) -> Iterator[Seen]:
    names = _with_context(step, facts, UNKNOWN)
    if names:
        what = f"whether PostgreSQL takes {', '.join(names)} while it runs is not known without the server"
        yield Seen(what, _shown(settings(step), names))


def _reload(step: Step, facts: Facts) -> Iterator[Seen]:
    changed = settings(step)
    names = [name for name in _running(step, facts) if context(name, facts) not in (TAKEN_AT_A_START, UNKNOWN)]
    if names:
        yield Seen("PostgreSQL takes them while it runs", _shown(changed, names))


def _with_context(step: Step, facts: Facts, wanted: str) -> list[str]:
    return [name for name in _running(step, facts) if context(name, facts) == wanted]


def _running(step: Step, facts: Facts) -> list[str]:
    """Return the settings that a running server has to take; a new container starts with them."""
    return list(settings(step)) if step.kind == UPDATE and not facts.renewed(contract.POSTGRES) else []


def _at_its_start(step: Step, facts: Facts) -> Iterator[Seen]:
    server = contract.POSTGRES if step.type == POSTGRES else contract.REDIS
    changed = settings(step)
    if step.kind == UPDATE and changed and facts.renewed(server):
        yield Seen("the new container starts with them", _shown(changed, list(changed)))


def _administrator(step: Step, _: Facts) -> Iterator[Seen]:
    # A secret is shown as the same word before and after.
    about = [name for name in step.changed if name in ("adminPassword", "adminUser", "network")]
    if step.kind == UPDATE and (about or not step.changed):
        certificate = ", or the certificate" if "certificate" in step.new and not about else ""
        yield Seen(f"the administrator's password, or who may connect from where{certificate}", about)


def _certificate(step: Step, facts: Facts) -> Iterator[Seen]:
    if _takes_certificate(step) and not facts.renewed(SERVER_OF[step.type]):
        yield Seen("the running server takes the certificate that the update puts in place")


def _takes_certificate(step: Step) -> bool:
    """A secret is shown as the same word before and after; one that is not there yet is."""
    silent = step.type == REDIS and not step.changed
    return step.kind == UPDATE and "certificate" in step.new and ("certificate" in step.changed or silent)


def _again(step: Step, _: Facts) -> Iterator[Seen]:
    about = {"adminPassword", "adminUser", "network", "certificate"}
    told = settings(step) or not step.changed or {*step.changed} & about
    if step.kind == UPDATE and not told:
        yield Seen("the server is asked again whether it answers", step.changed)
    if step.kind in (CREATE, DELETE, REPLACE):
        yield Seen(
            "the update waits until the server answers" if step.kind != DELETE else "the server is asked no more"
        )


def _persistence(step: Step, _: Facts) -> Iterator[Seen]:
    if not step.old.get("settings") or not step.new.get("settings"):
        return
    before, after = (persistence_of({"appendonly": "", "save": "", **_plain(each)}) for each in (step.old, step.new))
    if LESS_FIRST.index(after) < LESS_FIRST.index(before):
        yield Seen(f"Redis keeps less over a crash: {before} -> {after}")


def _plain(inputs: Mapping[str, Mapping[str, object]]) -> dict[str, str]:
    return {name: str(value) for name, value in inputs["settings"].items()}


def _redis_reload(step: Step, facts: Facts) -> Iterator[Seen]:
    changed = settings(step)
    if step.kind == UPDATE and changed and not facts.renewed(contract.REDIS):
        yield Seen("Redis takes them while it runs", _shown(changed, list(changed)))


def _users(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind == UPDATE and step.old.get("open") != step.new.get("open"):
        yield Seen(
            "closed to who comes without a password" if step.old.get("open") else "open to everybody on the network"
        )
    elif step.kind in (UPDATE, REPLACE) and not _only_its_container(step):
        yield Seen("users whose rules change are disconnected once")


def _users_again(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind in (CREATE, DELETE) or (step.kind == UPDATE and _only_its_container(step)):
        yield Seen("the users' rules are loaded" if step.kind != DELETE else "the users are looked after no more")


def _only_its_container(step: Step) -> bool:
    """A secret is shown as the same word before and after, so a step without a visible change has one."""
    return bool(step.changed) and {*step.changed} <= {"container", "containerId", "image", "configDirectory"}


def _application_removed(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind in (DELETE, REPLACE):
        database, role = step.old.get("database", "?"), step.old.get("role", "?")
        yield Seen(f"database {database} and role {role} belong to no application any more; its user of Redis goes")


def _application_renamed(step: Step, _: Facts) -> Iterator[Seen]:
    names = [name for name in ("database", "role") if step.kind == UPDATE and step.old.get(name) != step.new.get(name)]
    if names:
        yield Seen(
            "the data stays behind under the old name", [f"{n}: {step.old.get(n)} -> {step.new.get(n)}" for n in names]
        )


def _application_created(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind == CREATE:
        yield Seen(f"role {step.new.get('role')}, database {step.new.get('database')}, a user of Redis")


def _application_changed(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind == UPDATE:
        named = [name for name in step.changed if name not in ("database", "role")]
        yield Seen("in force from its next connection on", [_compared(step, name) for name in named])


def _compared(step: Step, name: str) -> str:
    before, after = step.old.get(name), step.new.get(name)
    if name == "settings":
        changed = settings(step)
        return ", ".join(_shown(changed, list(changed)))
    return name if "assword" in name and name != "passwordVersion" else f"{name}: {before} -> {after}"


SERVER_RULES = (
    Rule("less-durable", RISK, (POSTGRES, APPLICATION),
         "`fsync`, `full_page_writes` or `synchronous_commit` is turned off, `zero_damaged_pages`,"
         " `ignore_checksum_failure` or `ignore_invalid_pages` on, for the server or for an application's role. Commits"
         " wait for the archive no more (`archive.synchronous`).",
         _less_durable),
    Rule("postgres-restart", RESTART, (POSTGRES,),
         "A setting whose `context` in pg_settings is `postmaster`, such as `max_connections`, or `shared_buffers`,"
         " which follows from `postgres.memory`. Without a running server: by a table.", _restart),
    Rule("postgres-unknown", RESTART, (POSTGRES,),
         "A setting of an extension that no running server tells of: it may take a restart.", _unknown),
    Rule("postgres-reload", RELOAD, (POSTGRES,),
         "Every other setting of PostgreSQL. One that only new connections take is among them.", _reload),
    Rule("postgres-administrator", RELOAD, (POSTGRES,),
         "The administrator's password, from where somebody may connect, or a given certificate.", _administrator),
    Rule("redis-persistence", RISK, (REDIS,),
         "`redis.persistence` goes from `append-only` to `snapshot` or `none`, or from `snapshot` to `none`.",
         _persistence),
    Rule("redis-reload", RELOAD, (REDIS,),
         "Every setting of Redis: `CONFIG SET`, then its file. Less memory, or another `evictionPolicy`, lets it remove"
         " keys once it is full.", _redis_reload),
    Rule("redis-users", RELOAD, (USERS,),
         "Who may do what in Redis. From `open` to `password`, applications without their password are refused.",
         _users),
    Rule("certificate-taken", RELOAD, (POSTGRES, REDIS),
         "Another certificate: a renewed or a given one, or the file was changed by hand.", _certificate),
    Rule("starts-with-them", NOTHING, (POSTGRES, REDIS),
         "Settings that change together with the container: the new one starts with them.", _at_its_start),
    Rule("server-asked", NOTHING, (POSTGRES, REDIS),
         "The update proves that the server answers; nothing in it changes.", _again),
    Rule("users-made", NOTHING, (USERS,), "Redis' users are loaded for the first time, or again into a new container.",
         _users_again),
    Rule("application-removed", RISK, (APPLICATION,),
         "An application is declared no more. The stack drops neither database nor role, `dbserver drop` does; but"
         " nothing keeps them any more, and with `redis.access: password` its user of Redis goes at once.",
         _application_removed),
    Rule("application-renamed", RISK, (APPLICATION,),
         "An application's `database` or `role` is another one. The program refuses it too.", _application_renamed),
    Rule("application-changed", RELOAD, (APPLICATION,),
         "Pool size, extensions, settings or password of an application.", _application_changed),
    Rule("application-created", NOTHING, (APPLICATION,),
         "A role and a database are made, or taken over.", _application_created),
)  # fmt: skip
