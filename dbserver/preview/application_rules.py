"""Rules on the applications: their databases and roles, and where they look for what is theirs."""

from collections.abc import Iterator

from dbserver.preview.rule import APPLICATION, NOTHING, RELOAD, RISK, Facts, Rule, Seen
from dbserver.preview.server_rules import settings, shown
from dbserver.preview.steps import CREATE, DELETE, REPLACE, UPDATE, Step


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


def _keys_left(step: Step, _: Facts) -> Iterator[Seen]:
    names = [n for n in ("redisPrefix", "redisDatabase") if step.kind == UPDATE and step.old.get(n) != step.new.get(n)]
    if names:
        what = "its keys in Redis stay where they are, and it looks for them elsewhere; nothing renames or moves them"
        yield Seen(what, [f"{n}: {step.old.get(n)} -> {step.new.get(n)}" for n in names])


def _application_created(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind == CREATE:
        yield Seen(f"role {step.new.get('role')}, database {step.new.get('database')}, a user of Redis")


def _application_changed(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind == UPDATE:
        named = [name for name in step.changed if name not in ("database", "role", "redisPrefix", "redisDatabase")]
        yield Seen("in force from its next connection on", [_compared(step, name) for name in named])


def _compared(step: Step, name: str) -> str:
    before, after = step.old.get(name), step.new.get(name)
    if name == "settings":
        changed = settings(step)
        return ", ".join(shown(changed, list(changed)))
    return name if "assword" in name and name != "passwordVersion" else f"{name}: {before} -> {after}"


APPLICATION_RULES = (
    Rule("application-removed", RISK, (APPLICATION,),
         "An application is declared no more. The stack drops neither database nor role, `dbserver drop` does; but"
         " nothing keeps them any more, and with `redis.access: password` its user of Redis goes at once.",
         _application_removed),
    Rule("application-renamed", RISK, (APPLICATION,),
         "An application's `database` or `role` is another one. The program refuses it too.", _application_renamed),
    Rule("application-keys-left", RISK, (APPLICATION,),
         "Another `redisPrefix` or `redisDatabase`: the application's keys stay under the old one, where it looks for"
         " them no more; with `redis.access: password` it may not even read them.", _keys_left),
    Rule("application-changed", RELOAD, (APPLICATION,),
         "Pool size, extensions, settings or password of an application.", _application_changed),
    Rule("application-created", NOTHING, (APPLICATION,),
         "A role and a database are made, or taken over.", _application_created),
)  # fmt: skip
