"""An application as a declared resource: its role and its database, as they are in the server."""

import json
import secrets
from dataclasses import replace
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from dbserver import cleaning, contract
from dbserver.applications import Application as Entry
from dbserver.docker import containers, passwords
from dbserver.docker.passwords import Passwords
from dbserver.errors import DbServerError
from dbserver.postgres import access, scram, server
from infra.server import Properties, ServerError, patiently

PASSWORD_BYTES = 24
# What is wrong where a line of access.existing is not t.
MISSING, UNKNOWN = ("role is missing", "database is missing"), "the registry knows it otherwise"
STANDING = (*MISSING, "database takes no connections", UNKNOWN)
DECLARED = (
    "container", "adminUser", "database", "role", "poolSize", "instances", "redisDatabase", "redisPrefix",
    "redisOtherPrefixes", "extensions", "settings", "givenPassword", "passwordVersion", "keepPassword", "drift",
    contract.KEPT_IN,
)  # fmt: skip


class ApplicationProvider(ResourceProvider):
    """Grants on create and update; finds what differs on read; drops nothing on delete.

    A fault of one application is kept as its drift instead of being raised:
    an engine that meets an error starts no further resource, and the other
    applications have to be finished. A resource that needs all of them raises
    it, and the drift makes the next update try again.
    """

    serialize_as_secret_always = False

    def create(self, props: Properties) -> CreateResult:
        """Make or adopt the role and the database."""
        return CreateResult(props["name"], _granted(props, {}))

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        """Repair and change; a password stays until it is given, or its version says that it shall change."""
        return UpdateResult(_granted(news, olds))

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        """Everything changes in place; a renamed database or role is refused while the preview is made."""
        for key in ("database", "role"):
            if olds.get(key) != news[key]:
                raise ServerError(_renamed(news["name"], key, olds.get(key), news[key]))
        return DiffResult(changes=any(olds.get(key) != news.get(key) for key in DECLARED), replaces=[])

    def read(self, id_: str, props: Properties) -> ReadResult:
        """Return what differs in the running server; one that is stopped is another resource's matter."""
        found = containers.inspect([props["container"]]).get(props["container"])
        if found is None or not found.running:
            return ReadResult(id_, props)
        try:
            return ReadResult(id_, {**props, "drift": differences(props)})
        except DbServerError as fault:
            raise ServerError(str(fault)) from None


def differences(props: Properties) -> list[str]:
    """Return what differs from the declaration, in words."""
    running = server.Server(props["container"], props["adminUser"])
    entry = _entry(props)
    said = cleaning.lines(patiently(running.wait, lambda: running.query(access.existing(entry, props["adminUser"]))))
    wrong = [text for there, text in zip(said, STANDING, strict=True) if there != "t"]
    if wrong and wrong != [UNKNOWN]:  # what follows from it is not told as well
        return [text for text in wrong if text in MISSING] or wrong
    wanted = access.Access(entry, props["extensions"], props["settings"])
    found = json.loads(running.query(access.differences(wanted), entry.database))
    drift = [str(text) for text in found["drift"]]
    return wrong + drift + _password_drift(props, found["verifier"]) + _place_drift(props)


def _password_drift(props: Properties, verifier: str) -> list[str]:
    """A password that nobody here knows is a difference at every update: what `env` tells would let nobody in."""
    if props["keepPassword"]:
        return []
    password = props.get("password")
    if not password:
        return ["this stack does not know the role's password"]
    return [] if scram.matches(verifier, password) else ["role has another password"]


def _place_drift(props: Properties) -> list[str]:
    """The state of an older version names no place; its difference is that."""
    place = props.get(contract.KEPT_IN)
    return ["its passwords are not kept on the host"] if place and passwords.missing(place) else []


def _granted(props: Properties, olds: Properties) -> Properties:
    """Keep the passwords, grant, and return what holds afterwards: a fault as drift, and what the role really has."""
    running, before = server.Server(props["container"], props["adminUser"]), _of_state(olds)
    try:
        before = before if before.postgres else _of_host(props, running) or before
        wanted, ours = _wanted(props, before)
        _keep(props, olds, wanted, before)
    except DbServerError as fault:
        unkept = {**props, contract.KEPT_IN: olds.get(contract.KEPT_IN, "")}
        return _outputs(unkept, before, [fault.message])
    script = access.grant(_access(props, wanted.postgres, ours=ours))
    done = running.attempt(script, props["adminUser"])
    drift = [] if done.succeeded else [_reason(done.output)]
    if access.GRANTED not in done.stdout:
        # A rotation that failed is still to be done; a role that was refused is not to be rotated.
        return _outputs(props, replace(before, redis=before.redis or wanted.redis), drift)
    return _outputs(props, wanted, drift)


def _access(props: Properties, password: str, *, ours: bool) -> access.Access:
    return access.Access(
        application=_entry(props),
        extensions=props["extensions"],
        settings=props["settings"],
        verifier="" if props["keepPassword"] else scram.verifier(password),
        keep_password=bool(props["keepPassword"]),
        new_password=ours,
    )


def _outputs(props: Properties, known: Passwords, drift: list[str]) -> Properties:
    """Return the outputs; Redis has a password in any case."""
    return {
        **props,
        "password": known.postgres,
        "redis_password": known.redis or _generated(),
        "passwordVersion": known.version or props["passwordVersion"],
        "drift": drift,
    }


def _of_state(olds: Properties) -> Passwords:
    version = int(olds.get("passwordVersion") or 0)
    return Passwords(olds.get("password") or "", olds.get("redis_password") or "", version)


def _of_host(props: Properties, running: server.Server) -> Passwords | None:
    """Return the passwords that are kept on the host, where the role has one of them.

    Others were never set, or are of an application that was dropped. Where the declaration decides on the role's
    password, Redis' counts alone.
    """
    verifier = running.query(access.verifier(_entry(props)))
    if not verifier:
        return None
    known = passwords.read(props[contract.KEPT_IN], props["image"])
    for each in known:
        if each.postgres and scram.matches(verifier, each.postgres):
            return each
    decided = props["givenPassword"] or props["keepPassword"]
    return replace(known[0], postgres="") if known and decided else None


def _wanted(props: Properties, before: Passwords) -> tuple[Passwords, bool]:
    """Return the passwords that shall be, and whether PostgreSQL's may replace one that the role has."""
    version = int(props["passwordVersion"])
    rotated = before.version not in (0, version)
    redis = _generated() if rotated or not before.redis else before.redis
    if props["givenPassword"]:
        return Passwords(props["givenPassword"], redis, version), True
    if props["keepPassword"]:
        return Passwords(before.postgres, redis, version), False
    if rotated or not before.postgres:
        return Passwords(_generated(), redis, version), rotated
    return Passwords(before.postgres, redis, version), True


def _keep(props: Properties, olds: Properties, wanted: Passwords, before: Passwords) -> None:
    """Keep the passwords on the host before a server has them, with those that it may still have.

    Where something differs from the state, what is kept may be gone as well: on new data it is.
    """
    kept = [_without_given(props, wanted), _without_given(olds, before)]
    place = props[contract.KEPT_IN]
    moved = olds.get(contract.KEPT_IN) != place
    if kept[0] != kept[1] or moved or olds.get("drift") or passwords.missing(place):
        known = [each for each in dict.fromkeys(kept) if each.redis]
        passwords.write(place, known, props["image"])


def _without_given(props: Properties, known: Passwords) -> Passwords:
    """What is given stands in the configuration, encrypted, and nowhere else on the host."""
    return replace(known, postgres="") if props.get("givenPassword") else known


def _generated() -> str:
    return secrets.token_urlsafe(PASSWORD_BYTES)


def _entry(props: Properties) -> Entry:
    return Entry(
        name=props["name"],
        database=props["database"],
        role=props["role"],
        pool_size=int(props["poolSize"]),
        instances=int(props["instances"]),
        redis_database=int(props["redisDatabase"]),
        redis_prefix=props["redisPrefix"],
        redis_other_prefixes=tuple(props.get("redisOtherPrefixes", ())),
    )


def _reason(output: str) -> str:
    lines = [line.partition("ERROR:")[2].strip() for line in cleaning.lines(output) if "ERROR:" in line]
    return cleaning.printable(lines[0] if lines else output)


def _renamed(name: str, key: str, before: object, after: object) -> str:
    return (
        f"application {name}: its {key} cannot be renamed from {before} to {after} here, the data would stay behind;"
        f" rename it in the server (ALTER {key.upper()} {before} RENAME TO {after}) while no client is connected,"
        f" then: pulumi state delete --target-dependents its URN, and up again with keepPassword or the password"
    )


class Application(Resource, module="db-server", name="Application"):
    """A declared application."""

    password: pulumi.Output[str]
    redis_password: pulumi.Output[str]
    drift: pulumi.Output[list[str]]

    def __init__(self, resource_name: str, props: dict[str, Any], opts: pulumi.ResourceOptions) -> None:
        outputs = {"password": None, "redis_password": None}
        super().__init__(ApplicationProvider(), resource_name, {**props, **outputs, "drift": []}, opts)
