"""Reasons not to begin, each with the way out. Pure: facts in, texts out."""

from collections.abc import Collection, Sequence
from pathlib import PurePath

from dbserver import contract
from dbserver.docker import images
from dbserver.docker.containers import Container
from dbserver.docker.host import Directory, Identity
from dbserver.docker.images import Image
from dbserver.docker.networks import Network
from dbserver.docker.ports import Holder
from dbserver.identity import Known, mismatch
from dbserver.owner import Owner

FREE_BYTES = 1024 * 1024 * 1024


def network(name: str, found: Network | None, *, create: bool) -> list[str]:
    """A missing network belongs to someone else: it is made only where the stack says so."""
    if found or create:
        return []
    return [f"network {name} does not exist; create it: docker network create {name}"]


def context(name: str, address: str) -> list[str]:
    """The provider knows no contexts: it would make the servers beside another daemon than was looked at."""
    known = f"the Docker context {name} is selected, which Pulumi does not know: export DOCKER_HOST={address}"
    return [known] if name else []


def owners(existing: Sequence[Container], stack: str, admin: str) -> list[str]:
    """Another stack's server is not ours to take over; and data knows its administrator by one name."""
    reasons = []
    for container in existing:
        other = container.labels.get(contract.LABEL_STACK) or stack
        known = container.environment.get("POSTGRES_USER", admin)
        if other != stack:
            hint = "give this stack other containerNames, ports and data"
            reasons.append(f"container {container.name} belongs to stack {other}; {hint}")
        elif known != admin:
            hint = f"set postgres.adminUser to {known}"
            reasons.append(f"the data in {container.name} knows its administrator as {known}; {hint}")
    return reasons


def compose_files(directory: PurePath, foreign: Sequence[str]) -> list[str]:
    """Somebody else's file is not ours to replace, and beside ours `docker compose` would read it instead."""
    return [
        f"{directory / name} is not ours, and `docker compose` has to find ours here; put it elsewhere:"
        f" mv {name} {name}.before"
        for name in foreign
    ]


def publishes(own: Container | None, number: int) -> bool:
    """Return True where our own container holds the port already."""
    return bool(own and own.running and any(each.port == number for each in own.published))


def port(number: int, holders: list[Holder]) -> list[str]:
    """A port that something else listens on would leave a container half created."""
    return [
        f"port {number} is taken by {holder.name}; stop it, or set another port in the configuration"
        for holder in holders
    ]


def address(wanted: str, own: Collection[str]) -> list[str]:
    """Docker starts no container on an address that the host does not have; `own` is empty where nobody can tell."""
    if not own or wanted in own:
        return []
    return [f"tls.address {wanted} is no address of this host; it has {', '.join(sorted(own))}"]


def settled(own: Container | None, image: Image, path: str, server: str) -> bool:
    """Return True where our container runs this very image on this directory: there is nothing to look at."""
    return bool(
        own
        and own.running
        and own.labels.get(contract.LABEL_IMAGE) == image.identity
        and own.mounts.get(contract.INNER_DATA[server]) == path
    )


def directory(server: str, found: Directory, image: Image, own: Container | None) -> list[str]:
    """Data of another version, of another owner, in use by another server; too little room."""
    reasons = []
    if server == contract.POSTGRES and found.version and found.version != image.major:
        reasons.append(_other_major(found, image))
    if server == contract.POSTGRES and not found.version and found.beside:
        reasons.append(
            f"{found.path} holds no data, {', '.join(found.beside)} beside it does: an upgrade was interrupted, or a"
            " directory moved; ./scripts/dbserver upgrade postgres --rollback brings it back"
        )
    reasons += _newer_redis(found, image, own) if server == contract.REDIS else []
    foreign = [(name, uid) for name, uid in found.owners if uid not in (found.server_uid, 0) or _strict(name, uid)]
    if foreign:
        name, uid = foreign[0]
        hint = f"chown -R {found.server_uid} {found.path}"
        reasons.append(f"{found.path}/{name} belongs to uid {uid}, the server runs as {found.server_uid}; {hint}")
    reasons += _occupied(found, own)
    if found.free_bytes < FREE_BYTES:
        free = found.free_bytes // (1024 * 1024)
        reasons.append(f"{found.path}: only {free} MB free, at least {FREE_BYTES // (1024 * 1024)} MB are needed")
    return reasons


def strange(server: str, where: str, found: Identity, known: Known | None, *, new: bool) -> list[str]:
    """An empty directory where data is known is a disk that is not mounted; another server's data is another mistake.

    `known` is what the stack remembers, `found` what is there and what is remembered beside it.
    """
    said = "" if new else mismatch(server, where, found, known)
    way = f"for a server that begins with what is there: ./scripts/start.sh {contract.NEW_SERVER_FLAG}"
    return [f"{said}; {way}"] if said else []


def owned(stack: str, containers: Sequence[str], theirs: Owner, ours: Owner) -> list[str]:
    """Two states that bring the same servers in line undo each other, passwords included."""
    if ours.same(theirs):
        return []
    share = "work there, or share one state: docs/how-to/state-and-secrets.md"
    made = f"{' and '.join(containers)} of stack {stack} were made by another state, {theirs.user}'s in {theirs.place}"
    way = f"{share}; where that one is gone: ./scripts/start.sh {contract.TAKE_OVER_FLAG}"
    return [f"{made}; this one is in {ours.place}: {way}"]


def archived(path: str, archive: str) -> list[str]:
    """A new server in the place of a lost one would be taken for it, and its emptiness archived."""
    way = f"./scripts/dbserver restore --all brings the server back (for a new one: mv {archive} {archive}.before)"
    return [f"{path} holds no data, the archive {archive} does; {way}"]


def _other_major(found: Directory, image: Image) -> str:
    return (
        f"{found.path} holds data of PostgreSQL {found.version}, the image {image.name} is {image.major}: it would"
        f" not start; {_set_image(contract.POSTGRES, image, found.version)}{_upgrade(found, image)}"
    )


def _set_image(server: str, image: Image, version: str) -> str:
    name = image.name.removeprefix(contract.STAND_IN_PREFIX)
    return f"set {server}.image to {images.of_version(name, version) or f'the same one of version {version}'}"


def _newer_redis(found: Directory, image: Image, own: Container | None) -> list[str]:
    """What a Redis that runs writes at its stop is as new as itself, whatever there is of it by now."""
    running = own.labels.get(contract.LABEL_VERSION, "") if own and own.running else ""
    if found.newer:
        known, way = f"Redis {found.newer}", _set_image(contract.REDIS, image, found.newer.partition(".")[0])
        if found.newer == "unknown":
            known, way = "a newer Redis", "set redis.image to it"
        return [
            f"{found.path} holds data of {known}, which the image {image.name} cannot read: it would not start; {way}"
        ]
    if own and running.isdigit() and image.major.isdigit() and int(running) > int(image.major):
        way = _set_image(contract.REDIS, image, running)
        return [f"{own.name} is Redis {running}: what it has to keep, the image {image.name} cannot read; {way}"]
    return []


def version(server: str, image: Image) -> list[str]:
    """What is older than anything that was tried would fail somewhere, with words of its own."""
    if not image.major.isdigit() or int(image.major) >= contract.OLDEST[server]:
        return []
    oldest = contract.OLDEST[server]
    return [
        f"the image {image.name} is of version {image.major}, {server} has to be {oldest} or newer: set {server}.image"
    ]


def _upgrade(found: Directory, image: Image) -> str:
    if not (image.major.isdigit() and found.version.isdigit() and int(image.major) > int(found.version)):
        return ""
    return f"; ./scripts/dbserver upgrade postgres --to {image.major} brings it there"


def _strict(name: str, uid: int) -> bool:
    """PostgreSQL refuses root's files; Redis's own start-up hands them over."""
    return name == "PG_VERSION" and uid == 0


def _occupied(found: Directory, own: Container | None) -> list[str]:
    return [
        f"{found.path} is in use by process {occupant.pid} ({occupant.command.strip()})"
        + (f" of container {occupant.container_id[:12]}" if occupant.container_id else "")
        + "; a second server would destroy the data: stop the first one"
        for occupant in found.occupants
        if not (own and occupant.container_id == own.id)
    ]
