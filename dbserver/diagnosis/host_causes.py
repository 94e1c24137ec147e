"""Causes on the machine: the daemon, the network, the engine's lock, the kernel, the clock. Pure."""

from collections.abc import Iterator

from dbserver import contract
from dbserver.diagnosis.cause import (
    BY_SERVER,
    FAULT,
    HOST,
    NOT_RUNNING,
    REDIS_FAILED,
    START,
    WARNING,
    Cause,
    Find,
    Seen,
    of,
)  # fmt: skip
from dbserver.diagnosis.facts import Facts, Server
from dbserver.docker.daemon import letting_neighbours_in
from dbserver.units import duration, size

# Asking takes a second at most: five are no delay any more.
CLOCK_SECONDS = 5
# Below that the kernel soon ends processes, and a database is the largest.
MEMORY_SHARE = 0.03
# Never let an allocation go beyond the memory: a fork counts as if it copied everything.
OVERCOMMIT_NEVER, OVERCOMMIT_GUESS = 2, 0


def _daemon(kind: str, what: str) -> Find:
    def find(facts: Facts) -> Iterator[Seen]:
        if facts.daemon == kind:
            yield Seen(what, facts.said.splitlines())

    return find


def _neighbours(facts: Facts) -> Iterator[Seen]:
    what = letting_neighbours_in(facts.version)
    if what:
        # Who comes to it from other machines is to come on.
        address = facts.declared.outside.get(contract.POSTGRES, "")
        yield Seen(what, values={"unless": f" ! --ctorigdst {address}" if address else ""})


def _network(facts: Facts) -> Iterator[Seen]:
    if facts.network is False:
        yield Seen(f"network {facts.declared.network} does not exist: applications cannot reach the servers")


def _lock(facts: Facts) -> Iterator[Seen]:
    for pid in facts.dead_updates:
        yield Seen(f"the state is locked by an update of process {pid}, which is gone: no update can begin")


def _compose_foreign(facts: Facts) -> Iterator[Seen]:
    for name in facts.compose_foreign:
        yield Seen(
            f"`docker compose` reads {name}, which is not ours: it does not know our containers", values={"file": name}
        )


def _compose_stale(facts: Facts) -> Iterator[Seen]:
    if facts.compose_fault:
        yield Seen(f"{contract.COMPOSE_FILE} {facts.compose_fault}: `docker compose` would not make what is declared")


def _memory(facts: Facts) -> Iterator[Seen]:
    for place in [server.place for server in facts.servers.values() if server.place][:1]:
        if place.memory and place.memory_available < place.memory * MEMORY_SHARE:
            yield Seen(f"{size(place.memory_available)} of {size(place.memory)} memory are available on the host")


def _clock(_: Facts, server: Server) -> Iterator[Seen]:
    found = server.postgres
    if found and found.checkpoint - found.now > CLOCK_SECONDS:
        ahead = duration(found.checkpoint - found.now)
        yield Seen(f"the last checkpoint was made {ahead} in the future: the clock was set back")
    elif found and (apart := max(found.asked - found.now, found.now - found.answered)) > CLOCK_SECONDS:
        yield Seen(f"the clocks of the server and of this machine are {duration(apart)} apart")


def _overcommit(_: Facts, server: Server) -> Iterator[Seen]:
    place, redis = server.place, server.redis
    if not (place and redis):
        return
    limit = int(redis.settings.get("maxmemory") or 0) or place.memory
    saves = redis.settings.get("appendonly") == "yes" or bool(redis.settings.get("save"))
    large = limit > (place.memory + place.swap) / 2
    if place.overcommit == OVERCOMMIT_NEVER or (place.overcommit == OVERCOMMIT_GUESS and saves and large):
        what = f"vm.overcommit_memory is {place.overcommit}: the fork that saves may be refused"
        yield Seen(f"{what}, with maxmemory {size(limit)} of {size(place.memory + place.swap)} memory and swap")


def _huge_pages(_: Facts, server: Server) -> Iterator[Seen]:
    place, redis = server.place, server.redis
    if place and redis and place.huge_pages == "always" and redis.settings.get("disable-thp") == "no":
        yield Seen("transparent huge pages are always on and disable-thp is no: each save copies 2 MB per write")


CAUSES = (
    Cause("docker-missing", NOT_RUNNING, HOST, FAULT,
          "There is no docker on PATH.", START, _daemon("missing", "there is no docker on PATH")),
    Cause("daemon-down", NOT_RUNNING, HOST, FAULT,
          "Nobody listens where the Docker daemon should. Check `DOCKER_HOST` where it is set.",
          "sudo systemctl start docker", _daemon("down", "the Docker daemon does not run")),
    Cause("daemon-silent", NOT_RUNNING, HOST, FAULT,
          "The Docker daemon takes connections but does not answer. Restarting it restarts the containers, unless it"
          " runs with `live-restore`.",
          "sudo systemctl restart docker", _daemon("silent", "the Docker daemon runs, but does not answer")),
    Cause("not-in-docker-group", NOT_RUNNING, HOST, FAULT,
          "This user may not use the Docker daemon. The group holds from the next login on.",
          "sudo usermod -aG docker $USER && newgrp docker",
          _daemon("denied", "this user may not use the Docker daemon: not in the group docker")),
    Cause("docker-before-28", "", HOST, WARNING,
          "A machine on the same link as the host can reach ports that are published on 127.0.0.1, and containers' own"
          " addresses: Docker drops that since version 28 (https://github.com/moby/moby/issues/45610)."
          " [What the servers do about it](../reference/isolation.md#from-the-neighbourhood). Update Docker, or run"
          " this at each start of the host; `<unless>` spares `tls.address`.",
          "subnet=$(docker network inspect -f '{{{{(index .IPAM.Config 0).Subnet}}}}' {network});"
          " sudo iptables -I DOCKER-USER -d $subnet ! -s $subnet -p tcp -m multiport --dports 5432,6379"
          " -m conntrack --ctdir ORIGINAL{unless} -j DROP",
          _neighbours),
    Cause("network-missing", NOT_RUNNING, HOST, FAULT,
          "The network that applications and servers share does not exist.",
          f"docker network create {{network}}; {START}", _network,
          ("container-off-network", "container-stopped", "container-missing")),
    Cause("state-locked", "", HOST, FAULT,
          "An update was killed and left its lock. A start releases it; an update at work is never touched.",
          START, _lock),
    Cause("compose-file-foreign", "", HOST, WARNING,
          "Somebody else's compose file lies in the project's directory: `docker compose` acts on what that says, and"
          " an update is refused.",
          f"mv {{file}} {{file}}.before && {START}", _compose_foreign, ("compose-file-stale",)),
    Cause("compose-file-stale", "", HOST, WARNING,
          "The file from which `docker compose` makes the containers is missing, was edited, or the configuration has"
          " changed since the last update.",
          START, _compose_stale),
    Cause("memory-short", BY_SERVER, HOST, WARNING,
          "The host has hardly any memory left: the kernel may end a server.",
          "ps -eo rss,pid,args --sort=-rss | head", _memory),
    Cause("clock-wrong", "", "postgres", WARNING,
          "Clocks differ, or were set back. Timestamps lie, and restoring to a point in time misses it.",
          "sudo timedatectl set-ntp true", of(_clock, "postgres")),
    Cause("overcommit", REDIS_FAILED, "redis", WARNING,
          "The kernel may refuse the fork that Redis saves with; Redis then refuses writes.",
          "sudo sysctl -w vm.overcommit_memory=1", of(_overcommit, "redis")),
    Cause("transparent-huge-pages", REDIS_FAILED, "redis", WARNING,
          "Every save makes Redis slow and large: the kernel copies huge pages.",
          "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
          of(_huge_pages, "redis")),
)  # fmt: skip
