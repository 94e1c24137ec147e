"""Causes in a data directory: it is missing, of another owner or version, read-only, on a full disk. Pure."""

from collections.abc import Iterator

from dbserver import contract
from dbserver.diagnosis.cause import (
    BY_SERVER,
    FAULT,
    NOT_RUNNING,
    SET_IMAGE,
    START,
    WARNING,
    Cause,
    Check,
    Seen,
    each,
    image_of,
    of,
)  # fmt: skip
from dbserver.diagnosis.container_causes import HIDDEN_BY_STATE, down
from dbserver.diagnosis.facts import Facts, Place, Server
from dbserver.identity import mismatch
from dbserver.redis.settings import persistence_of
from dbserver.units import MIB, size

# PostgreSQL's log grows by files of 16 MB and recycles a handful: with less it stops within minutes.
FULL_BYTES = 256 * MIB
# A tenth, but never more than 10 GB: that much of a large disk is not nearly full.
FILLING_SHARE, FILLING_BYTES = 0.1, 10 * 1024 * MIB
# A server makes a file per table, index and log segment.
INODE_SHARE, INODES = 0.01, 1000
NOT_SERVING = ("container-missing", "server-silent", *HIDDEN_BY_STATE)


def directory(facts: Facts, server: Server) -> str:
    """Return the host directory that holds the server's data."""
    return contract.data_directory(facts.declared.data_directory, server.server)


def _missing(facts: Facts, server: Server) -> Iterator[Seen]:
    place = server.place
    if place and server.container:
        if not place.exists:
            yield Seen(f"{directory(facts, server)} is gone, and container {server.name} is made for it")
        elif server.server == contract.POSTGRES and not place.filled and server.container.state != "created":
            yield Seen(f"{directory(facts, server)} is empty: its file system is not mounted, or the data was removed")


def _strangers(server: Server, place: Place) -> list[tuple[str, int]]:
    """A start takes over what belongs to root, but for PostgreSQL's own files; a server that runs cannot."""
    starts = server.container is None or down(server)
    return [
        (name, uid)
        for name, uid in place.owners
        if uid != place.server_uid and not (starts and uid == 0 and name != "PG_VERSION")
    ]


def _other_owner(facts: Facts, server: Server) -> Iterator[Seen]:
    place = server.place
    if not place or place.server_uid < 0:
        return
    found = _strangers(server, place)
    if found:
        path = directory(facts, server)
        lines = [f"{path}/{name}: uid {uid}".replace("/.:", ":") for name, uid in found]
        what = f"{path} belongs to uid {found[0][1]}, the server runs as uid {place.server_uid}"
        yield Seen(what, lines, {"uid": place.server_uid})


def _other_version(facts: Facts, server: Server) -> Iterator[Seen]:
    place = server.place
    if place and place.version and server.image_major and place.version != server.image_major:
        what = f"{directory(facts, server)} holds data of PostgreSQL {place.version}"
        yield Seen(f"{what}, the image is {server.image_major}", (), {"image": image_of(facts, place.version)})


def _not_the_stacks(facts: Facts, server: Server) -> Iterator[Seen]:
    if server.redis and persistence_of({"appendonly": "", "save": "", **server.redis.settings}) == "none":
        return  # it keeps nothing that could be another's
    if server.place and server.container:
        what = mismatch(server.server, directory(facts, server), server.place.identity, server.known)
        if what:
            yield Seen(what)


def _read_only(facts: Facts, server: Server) -> Iterator[Seen]:
    place = server.place
    if place and place.exists and place.read_only:
        yield Seen(f"{directory(facts, server)} is mounted read-only ({place.mount})")


def _space(*, full: bool) -> Check:
    def check(facts: Facts, server: Server) -> Iterator[Seen]:
        place = server.place
        if not place or not place.total:
            return
        is_full = place.free < FULL_BYTES
        filling = place.free < FILLING_BYTES and place.free < place.total * FILLING_SHARE
        if is_full if full else filling and not is_full:
            what = f"{size(place.free)} of {size(place.total)} are free for {directory(facts, server)}"
            lines = [line for line in server.log if "No space left" in line]
            yield Seen(what, lines[-2:])

    return check


def _inodes(facts: Facts, server: Server) -> Iterator[Seen]:
    place = server.place
    if place and place.total_inodes and place.free_inodes < max(INODES, place.total_inodes * INODE_SHARE):
        what = f"{place.free_inodes} of {place.total_inodes} inodes are free for {directory(facts, server)}"
        yield Seen(f"{what}: no more files can be made")


LARGEST = "sudo du -xh --max-depth=3 {data}/.. | sort -h | tail -n 20"

CAUSES = (
    Cause("data-missing", NOT_RUNNING, "both", FAULT,
          "The data directory is gone or empty: its file system is not mounted, or somebody moved it. A server that"
          " starts there begins EMPTY, so start only once the data is back.",
          f"sudo mount -a && sudo ls -A {{data}} | grep . && {START}", each(_missing),
          (*NOT_SERVING, "data-other-owner", "data-not-the-stacks", "declared-differs")),
    Cause("data-other-owner", NOT_RUNNING, "both", FAULT,
          "The data belongs to another user than the server runs as: copied, or restored as another user.",
          "sudo chown -R {uid} {data} && docker restart --time 60 {container}", each(_other_owner),
          (*NOT_SERVING, "redis-persistence-fails")),
    Cause("data-not-the-stacks", BY_SERVER, "both", FAULT,
          "The data is not what the stack's last update left: the file system with it is not mounted, and a new, empty"
          " server began in its place, or another server's data was put there. What is written now is not in the"
          " stack's data. Where what is there is right, on purpose: `./scripts/start.sh --new-server`.",
          f"sudo mount -a && docker restart --time 60 {{container}} && {START}", each(_not_the_stacks),
          ("application-missing", "database-unknown", "password-wrong")),
    Cause("data-other-version", NOT_RUNNING, "postgres", FAULT,
          "The data was written by another major version than the image has; PostgreSQL refuses it. Take the"
          " same build of the image: another's collations and extensions do not fit the data.",
          SET_IMAGE, of(_other_version, "postgres"), NOT_SERVING),
    Cause("data-read-only", NOT_RUNNING, "both", FAULT,
          "The file system of the data is mounted read-only, often by the kernel after an error of the disk: look"
          " into `dmesg` first.",
          f"sudo mount -o remount,rw $(findmnt -no TARGET -T {{data}}) && {START}", each(_read_only),
          (*NOT_SERVING, "redis-persistence-fails")),
    Cause("disk-full", BY_SERVER, "both", FAULT,
          "The disk of the data is full. PostgreSQL stops, Redis refuses writes. Remove what is not the servers':"
          " never a file inside the data directories.",
          LARGEST, each(_space(full=True)), (*NOT_SERVING, "redis-persistence-fails", "disk-inodes")),
    Cause("disk-filling", BY_SERVER, "both", WARNING,
          "The disk of the data is nearly full.", LARGEST, each(_space(full=False))),
    Cause("disk-inodes", BY_SERVER, "both", FAULT,
          "The file system of the data has no inodes left: too many small files. It is full although it has space.",
          "sudo du -x --inodes --max-depth=3 {data}/.. | sort -n | tail -n 20", each(_inodes),
          (*NOT_SERVING, "redis-persistence-fails")),
)  # fmt: skip
