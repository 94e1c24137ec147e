"""What of an installation does not fit, each with its way out, and what will be different afterwards. Pure."""

import posixpath
import re
from collections.abc import Collection, Iterator, Sequence

from dbserver import contract
from dbserver.adoption.found import TEMPLATES, Database, Installation, Postgres, Redis
from dbserver.docker.containers import Container
from dbserver.plan import LOOPBACK
from dbserver.redis.settings import (
    APPEND_ONLY_DIRECTORY,
    APPEND_ONLY_FILES,
    EVICTION_POLICIES,
    SNAPSHOT_FILE,
    persistence_of,
)

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
APPLICATION = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Ways in that a client with a password passes under the stack's rules too.
METHODS = ("scram-sha-256", "md5", "password", "reject")
OPEN_FLAG = "--allow-open-redis"
LEAVE_FLAG = "--leave-out"
# Of the image: read at the first start of new data only, or nothing that a server reads.
HARMLESS_MOUNTS = ("/docker-entrypoint-initdb.d", "/etc/localtime", "/etc/timezone")


def declared(postgres: Postgres, left_out: Collection[str]) -> list[Database]:
    """Return the databases that become applications: all but the server's own and those left out."""
    own = (*TEMPLATES, postgres.admin)
    return [each for each in postgres.databases if each.name not in own and each.name not in left_out]


def refusals(found: Installation, left_out: Collection[str], *, allow_open: bool) -> list[str]:
    """Return every reason not to begin."""
    unknown = sorted(set(left_out) - {each.name for each in found.postgres.databases})
    return [
        *(f"{LEAVE_FLAG} {name}: there is no such database" for name in unknown),
        *_places(found),
        *_images(found),
        *_postgres(found.postgres),
        *_administrator(found),
        *_databases(found.postgres, declared(found.postgres, left_out)),
        *_redis(found.redis, allow_open=allow_open),
    ]


def notices(found: Installation, left_out: Collection[str]) -> list[str]:
    """Return what will be different afterwards, for whoever has to know before."""
    return [
        *_container_notices(found),
        f"the password of {found.postgres.admin} will be another one: pulumi stack output adminPassword --show-secrets",
        *_database_notices(found.postgres, left_out),
        *_redis_notices(found.redis),
    ]


def _places(found: Installation) -> Iterator[str]:
    for server, path in found.data.items():
        name, inner = found.containers[server].name, contract.INNER_DATA[server]
        if not path:
            yield (
                f"the data of {name} are on a volume, or in the container alone; the stack keeps them in a directory:"
                f" docker stop {name} && docker cp -a {name}:{inner} {contract.DEFAULT_DATA_DIRECTORY}/{server},"
                f" mount that directory there in the compose file, docker compose up -d, then adopt"
            )
        elif posixpath.basename(path) != server:
            wanted = f"{posixpath.dirname(path)}/{server}"
            yield f"the data of {name} are in {path}, the stack wants {wanted}: stop it, mv, mount {wanted} at {inner}"
    roots = {posixpath.dirname(path) for path in found.data.values() if path}
    if len(roots) > 1:
        yield f"the data are in {' and '.join(sorted(roots))}; one directory has to hold postgres and redis: stop, mv"


def _images(found: Installation) -> Iterator[str]:
    for container, known in (
        (found.postgres.container, found.postgres.image_id),
        (found.redis.container, found.redis.image_id),
    ):
        if known != container.image_id:
            way = f"docker tag {container.image_id} {container.image}"
            yield f"{container.name} runs another image than {container.image} means by now; to keep it: {way}"


def _postgres(postgres: Postgres) -> Iterator[str]:
    told = postgres.told
    if told["recovery"]:
        yield f"{postgres.container.name} is a standby: adopt the primary"
    if told["standbys"]:
        yield "standbys replicate over the network, which the stack rejects: stop them first"
    if told["tablespaces"]:
        yield f"tablespaces are outside the data directory: {', '.join(told['tablespaces'])}; move what is in them back"
    strange = sorted(set(told["methods"]) - set(METHODS))
    if strange:
        yield (
            f"pg_hba.conf lets clients in by {', '.join(strange)}; the stack wants a password (scram-sha-256):"
            " give the roles one, change pg_hba.conf to scram-sha-256, reload, and see that everybody still comes in"
        )
    old = [name for name, role in postgres.roles.items() if role["login"] and role["verifier"].startswith("md5")]
    if old:
        way = "SET password_encryption = 'scram-sha-256', then \\password ROLE with the same password"
        yield f"the passwords of {', '.join(old)} are stored as md5, which cannot log in under the stack: {way}"
    if not NAME.fullmatch(postgres.admin):
        yield f"the administrator's name {postgres.admin} cannot be declared: a-z, 0-9 and _"


def _administrator(found: Installation) -> Iterator[str]:
    """Superusers do not come over the network: whoever does so now would be shut out."""
    for each in found.postgres.told["connected"]:
        role = found.postgres.roles.get(each["role"])
        away = each["address"] not in ("", "127.0.0.1", "::1", *found.gateways)
        if role and each["role"] == found.postgres.admin and away:
            yield (
                f"{each['address']} is connected to {each['database']} as the administrator {each['role']}, who comes"
                " from the host alone afterwards: give that application a role of its own first"
            )


def _databases(postgres: Postgres, chosen: Sequence[Database]) -> Iterator[str]:
    owners = [each.owner for each in chosen]
    for each in chosen:
        role = postgres.roles[each.owner]
        leave = f"or {LEAVE_FLAG} {each.name}"
        if role["super"]:
            way = f"ALTER DATABASE {each.name} OWNER TO the application's role; its tables too"
            yield f"database {each.name} belongs to the superuser {each.owner}: {way}; {leave}"
        elif owners.count(each.owner) > 1:
            yield f"database {each.name} belongs to {each.owner}, as others do: give it an owner of its own; {leave}"
        if not NAME.fullmatch(each.name) or not NAME.fullmatch(each.owner):
            yield f"database {each.name} of {each.owner}: such names cannot be declared; rename, {leave}"
        elif not APPLICATION.fullmatch(application(each.name)):
            yield f"database {each.name} gives no application's name; {leave}"
        if role["member_of"]:
            groups = ", ".join(member["role"] for member in role["member_of"])
            yield f"role {each.owner} is a member of {groups}, which it would leave: grant it those rights; {leave}"
        if not each.public:
            yield f"database {each.name} has no schema public: CREATE SCHEMA public; {leave}"
        yield from _strangers(postgres, each, leave)


def _strangers(postgres: Postgres, database: Database, leave: str) -> Iterator[str]:
    others = {
        each["role"]
        for each in postgres.told["connected"]
        if each["database"] == database.name and each["role"] not in (database.owner, postgres.admin)
    }
    strangers = sorted(name for name in others if name in postgres.roles and not postgres.roles[name]["super"])
    if strangers:
        way = f"let them come as {database.owner}"
        yield f"{', '.join(strangers)} are connected to {database.name}, which lets its owner alone in: {way}; {leave}"


def application(database: str) -> str:
    """Return the name of the application that has a database."""
    return database.replace("_", "-")


def _redis(redis: Redis, *, allow_open: bool) -> Iterator[str]:
    settings, version = redis.settings, redis.info.get("redis_version", "")
    oldest = contract.OLDEST[contract.REDIS]
    if int(version.partition(".")[0] or 0) < oldest:
        yield f"Redis {version} is too old for the stack's settings: run Redis {oldest} on the same data first"
        return
    if redis.info.get("role") != "master" or settings.get("cluster-enabled") == "yes":
        yield f"{redis.container.name} is a replica or of a cluster: the stack runs a single Redis"
    if redis.has_password and not allow_open:
        yield (
            "Redis wants a password; the stack's wants none at first, and turns away who sends one (AUTH) until that"
            f" application is deployed without: {OPEN_FLAG} accepts that"
        )
    others = sorted(set(redis.users) - {"default"})
    if others:
        yield f"Redis has users of its own: {', '.join(others)}; let their applications come as default: ACL DELUSER"
    if settings["maxmemory-policy"] not in EVICTION_POLICIES:
        yield f"Redis' maxmemory-policy {settings['maxmemory-policy']} cannot be declared: CONFIG SET another one"
    yield from _redis_data(redis)


def _redis_data(redis: Redis) -> Iterator[str]:
    """What of its files and keys the stack's Redis would not read, or keep less well."""
    settings = redis.settings
    known = {"dbfilename": SNAPSHOT_FILE, "appenddirname": APPEND_ONLY_DIRECTORY, "appendfilename": "appendonly.aof"}
    yield from (
        f"Redis' {name} is {settings[name]}, and has to be {value}"
        for name, value in known.items()
        if settings.get(name, value) != value
    )
    stale = [name for name in APPEND_ONLY_FILES if name in redis.files and settings["appendonly"] != "yes"]
    if stale:
        where = posixpath.join(redis.data, stale[0])
        yield f"Redis does not append, but {where} is there, which its next start would read: mv it away"
    if settings.get("appendfsync") == "always" and settings["appendonly"] == "yes":
        yield "Redis syncs always, the stack every second; to accept that: CONFIG SET appendfsync everysec"
    beyond = [name for name in redis.keys if int(name.removeprefix("db")) > 15]  # noqa: PLR2004  Redis' default is 16
    if beyond:
        yield f"Redis holds keys in {', '.join(beyond)}; the stack's has 16 databases: MOVE them"


def _container_notices(found: Installation) -> Iterator[str]:
    for server, container in found.containers.items():
        inner = f"{contract.INNER_PORT[server]}/tcp"
        _, address, port = container.at(inner)
        if port and address != LOOPBACK:
            yield f"port {port} of {container.name} will be on {LOOPBACK} alone, not on {address or 'every address'}"
        others = sorted(set(container.networks) - {found.network})
        if others:
            yield f"{container.name} will not be on {', '.join(others)} any more"
        yield from _lost_names(server, container)
        kept = (contract.INNER_DATA[server], *HARMLESS_MOUNTS)
        lost = [target for target in container.mounts if not target.startswith(kept)]
        if lost:
            yield f"what is mounted into {container.name} at {', '.join(sorted(lost))} will not be"


def _lost_names(server: str, container: Container) -> Iterator[str]:
    kept = {container.name, server, container.id[:12]}
    lost = sorted(set(container.aliases) - kept)
    if lost:
        yield f"{container.name} will not be found as {', '.join(lost)} any more, but as {container.name} and {server}"


def _database_notices(postgres: Postgres, left_out: Collection[str]) -> Iterator[str]:
    for each in declared(postgres, left_out):
        role = postgres.roles[each.owner]
        if not role["verifier"]:
            yield f"role {each.owner} has no password: nobody logs in as it; passwordVersion: 2 would generate one"
        powers = [key for key in ("createdb", "createrole", "replication", "bypassrls") if role[key]]
        if powers:
            yield f"role {each.owner} will lose {', '.join(powers)}"
        own = (each.owner, postgres.admin)
        others = sorted(entry["name"] for entry in each.roles if entry["login"] and entry["name"] not in own)
        if others:
            yield f"{', '.join(others)} have rights in {each.name}, and will not be let in: its owner alone is"
    for name in sorted(left_out):
        yield f"database {name} is left as it is: served and backed up, declared nowhere"


def _redis_notices(redis: Redis) -> Iterator[str]:
    if persistence_of(redis.settings) == "none":
        yield "Redis keeps nothing on the disk: the restart empties it, as every restart of it does"
    if redis.settings.get("maxmemory") == "0":
        yield "Redis will have a maxmemory, see redis.memory; it has none now"
    kept = {"notify-keyspace-events": "", "maxclients": "10000", "timeout": "0"}
    known = {name: redis.settings.get(name, usual) for name, usual in kept.items()}
    other = [f"{name} {value}" for name, value in known.items() if value != kept[name]]
    if other:
        yield f"Redis' settings go back to their defaults, unless redis.settings has them: {', '.join(other)}"
