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

# How far a commit has come when PostgreSQL confirms it; only where it waits for the archive do the last ones differ.
COMMITS = ("off", "local", "remote_write", "on")
WAITS = "synchronous_standby_names"
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


def shown(changed: Mapping[str, tuple[str | None, str | None]], names: Sequence[str]) -> list[str]:
    """Return settings as text, each with both values."""
    return [f"{name}: {_value(changed[name][0])} -> {_value(changed[name][1])}" for name in names]


def _value(value: str | None) -> str:
    return "its default" if value is None else value or "empty"


def _less_durable(step: Step, facts: Facts) -> Iterator[Seen]:
    changed = settings(step)
    given_up = [
        name for name, safe in SAFE.items()
        if name in changed and _kept(changed[name][0], safe=safe) and not _kept(changed[name][1], safe=safe)
    ]  # fmt: skip
    before, after = changed.get(WAITS, (None, None))
    given_up += [WAITS] * bool(before and not after)
    given_up += ["synchronous_commit"] * (_waits(facts) and _sooner(*changed.get("synchronous_commit", ("on", "on"))))
    if step.new and given_up:
        yield Seen("what PostgreSQL has confirmed may be lost or damaged", shown(changed, given_up))


def _kept(value: str | None, *, safe: bool) -> bool:
    return value is None or switched(value) in (safe, None)


def _waits(facts: Facts) -> bool:
    """Return whether commits may wait for the archive until now: the engine shows no server that does not change."""
    known = [step.old.get("settings") or {} for step in facts.digest.steps if step.type == POSTGRES]
    return not known or any(each.get(WAITS) for each in known)


def _sooner(before: str | None, after: str | None) -> bool:
    """Return whether a commit is confirmed before the archive has it, and was not until now. Off is any server's."""
    was, is_now = _confirmed(before), _confirmed(after)
    return is_now != "off" and {was, is_now} <= {*COMMITS} and COMMITS.index(is_now) < COMMITS.index(was)


def _confirmed(value: str | None) -> str:
    text = "on" if value is None else value.strip().lower()
    return {True: "on", False: "off", None: text.replace("remote_apply", "on")}[switched(text)]


def _restart(step: Step, facts: Facts) -> Iterator[Seen]:
    names = _with_context(step, facts, TAKEN_AT_A_START)
    if names:
        yield Seen(f"PostgreSQL takes {', '.join(names)} at a start only", shown(settings(step), names))


def _unknown(step: Step, facts: Facts) -> Iterator[Seen]:
    names = _with_context(step, facts, UNKNOWN)
    if names:
        what = f"whether PostgreSQL takes {', '.join(names)} while it runs is not known without the server"
        yield Seen(what, shown(settings(step), names))


def _reload(step: Step, facts: Facts) -> Iterator[Seen]:
    changed = settings(step)
    names = [name for name in _running(step, facts) if context(name, facts) not in (TAKEN_AT_A_START, UNKNOWN)]
    if names:
        yield Seen("PostgreSQL takes them while it runs", shown(changed, names))


def _with_context(step: Step, facts: Facts, wanted: str) -> list[str]:
    return [name for name in _running(step, facts) if context(name, facts) == wanted]


def _running(step: Step, facts: Facts) -> list[str]:
    """Return the settings that a running server has to take; a new container starts with them."""
    return list(settings(step)) if step.kind == UPDATE and not facts.renewed(contract.POSTGRES) else []


def _at_its_start(step: Step, facts: Facts) -> Iterator[Seen]:
    server = contract.POSTGRES if step.type == POSTGRES else contract.REDIS
    changed = settings(step)
    if step.kind == UPDATE and changed and facts.renewed(server):
        yield Seen("the new container starts with them", shown(changed, list(changed)))


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
        yield Seen("Redis takes them while it runs", shown(changed, list(changed)))


def closes(step: Step) -> bool:
    """Return whether a step has Redis refuse who comes without a password."""
    return step.type == USERS and step.kind == UPDATE and bool(step.old.get("open")) and not step.new.get("open")


def _closed(step: Step, _: Facts) -> Iterator[Seen]:
    if closes(step):
        yield Seen("who is connected without a password is cut off; with one, an application reaches its prefix only")


def _users(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind == UPDATE and step.old.get("open") != step.new.get("open"):
        if step.new.get("open"):
            yield Seen("open to everybody on the network")
    elif step.kind in (UPDATE, REPLACE) and not _only_its_container(step):
        yield Seen("users whose rules change are disconnected once")


def _users_again(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind in (CREATE, DELETE) or (step.kind == UPDATE and _only_its_container(step)):
        yield Seen("the users' rules are loaded" if step.kind != DELETE else "the users are looked after no more")


def _only_its_container(step: Step) -> bool:
    """A secret is shown as the same word before and after, so a step without a visible change has one."""
    return bool(step.changed) and {*step.changed} <= {"container", "containerId", "image", "configDirectory"}


SERVER_RULES = (
    Rule("less-durable", RISK, (POSTGRES, APPLICATION),
         "`fsync`, `full_page_writes` or `synchronous_commit` is turned off, `zero_damaged_pages`,"
         " `ignore_checksum_failure` or `ignore_invalid_pages` on, for the server or for an application's role. Commits"
         " wait for the archive no more (`archive.synchronous`), or with `synchronous_commit` at `local` or"
         " `remote_write` not until it has them; where a preview does not show the server, it is taken to wait.",
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
    Rule("redis-closed", RELOAD, (USERS,),
         "`redis.access` goes from `open` to `password`: connections without a password break, and whoever has none is"
         " refused from then on, the applications that are not declared among them.", _closed, cuts_off=True),
    Rule("redis-users", RELOAD, (USERS,),
         "Who may do what in Redis; a user whose rules change is disconnected once.", _users),
    Rule("certificate-taken", RELOAD, (POSTGRES, REDIS),
         "Another certificate: a renewed or a given one, or the file was changed by hand.", _certificate),
    Rule("starts-with-them", NOTHING, (POSTGRES, REDIS),
         "Settings that change together with the container: the new one starts with them.", _at_its_start),
    Rule("server-asked", NOTHING, (POSTGRES, REDIS),
         "The update proves that the server answers; nothing in it changes.", _again),
    Rule("users-made", NOTHING, (USERS,), "Redis' users are loaded for the first time, or again into a new container.",
         _users_again),
)  # fmt: skip
