"""An application as a declared resource: its role and its database, as they are in the server."""

import json
import secrets
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, ReadResult, Resource, ResourceProvider, UpdateResult

from dbserver.applications import Application as Entry
from dbserver.docker import containers
from dbserver.errors import DbServerError
from dbserver.postgres import access, scram, server, session
from infra.server import Properties, ServerError, patiently

PASSWORD_BYTES = 24
DECLARED = (
    "container", "adminUser", "database", "role", "poolSize", "instances", "redisDatabase", "redisPrefix",
    "extensions", "settings", "givenPassword", "passwordVersion", "keepPassword", "drift",
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
        return CreateResult(props["name"], _granted(props, {}, rotated=False))

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        """Repair and change; a password stays until it is given, or its version says that it shall change."""
        rotated = olds.get("passwordVersion") != news["passwordVersion"]
        return UpdateResult(_granted(news, olds, rotated=rotated))

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
    role, database = patiently(running.wait, lambda: session.query(running, access.existing(entry))).split("|")
    missing = [text for there, text in ((role, "role is missing"), (database, "database is missing")) if there != "t"]
    if missing:
        return missing
    wanted = access.Access(entry, props["extensions"], props["settings"])
    found = json.loads(session.query(running, access.differences(wanted), entry.database))
    drift = [str(text) for text in found["drift"]]
    return drift + _password_drift(props, found["verifier"])


def _password_drift(props: Properties, verifier: str) -> list[str]:
    """A password that nobody here knows is a difference at every update: what `env` tells would let nobody in."""
    if props["keepPassword"]:
        return []
    password = props.get("password")
    if not password:
        return ["this stack does not know the role's password"]
    return [] if scram.matches(verifier, password) else ["role has another password"]


def _granted(props: Properties, olds: Properties, *, rotated: bool) -> Properties:
    """Grant, and return what holds afterwards: a fault as drift, and the password that the role really has."""
    password, ours = _password(props, olds, rotated=rotated)
    wanted = access.Access(
        application=_entry(props),
        extensions=props["extensions"],
        settings=props["settings"],
        verifier=scram.verifier(password) if password else "",
        keep_password=bool(props["keepPassword"]),
        new_password=ours,
    )
    running = server.Server(props["container"], props["adminUser"])
    done = session.attempt(running, access.grant(wanted), props["adminUser"])
    drift = [] if done.succeeded else [_reason(done.output)]
    if access.GRANTED not in done.stdout:
        # A rotation that failed is still to be done; a role that was refused is not to be rotated.
        version = olds.get("passwordVersion", props["passwordVersion"])
        return {**props, **_known(olds), "drift": drift, "passwordVersion": version}
    kept = _known({} if rotated else olds)
    return {**props, **kept, "password": password or _known(olds)["password"], "drift": drift}


def _known(olds: Properties) -> Properties:
    """Return the passwords that are known; Redis has a new one where there is none."""
    return {
        "password": olds.get("password") or "",
        "redis_password": olds.get("redis_password") or secrets.token_urlsafe(PASSWORD_BYTES),
    }


def _password(props: Properties, olds: Properties, *, rotated: bool) -> tuple[str, bool]:
    """Return the password to set (none: it stays), and whether it may replace one that the role has."""
    if props["givenPassword"]:
        return props["givenPassword"], True
    if props["keepPassword"]:
        return "", False
    if rotated or not olds.get("password"):
        return secrets.token_urlsafe(PASSWORD_BYTES), rotated
    return olds["password"], True


def _entry(props: Properties) -> Entry:
    return Entry(
        name=props["name"],
        database=props["database"],
        role=props["role"],
        pool_size=int(props["poolSize"]),
        instances=int(props["instances"]),
        redis_database=int(props["redisDatabase"]),
        redis_prefix=props["redisPrefix"],
    )


def _reason(output: str) -> str:
    lines = [line.partition("ERROR:")[2].strip() for line in output.splitlines() if "ERROR:" in line]
    return lines[0] if lines else output


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
