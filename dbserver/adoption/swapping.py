"""The containers of elsewhere: kept while the stack's own have their names, and brought back."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from dbserver import contract, gap
from dbserver.adoption.record import Old, Record
from dbserver.backups.making import cause
from dbserver.docker import containers
from dbserver.docker.containers import Container
from dbserver.errors import CommandError, RefusedError
from dbserver.postgres import commands
from dbserver.postgres.server import Server
from dbserver.readiness import wait_until
from dbserver.redis import foreign

COMPOSE_DIRECTORY = "com.docker.compose.project.working_dir"


def old(container: Container) -> Old:
    """Return what has to be known of a container to bring it back."""
    directory = container.labels.get(COMPOSE_DIRECTORY, "")
    return Old(container.name, container.id, container.restart_policy, container.pids, directory)


def probes(record: Record) -> Mapping[str, gap.Probe]:
    """Return how a client asks each server on its published port."""
    ports = record.ports
    known: dict[str, gap.Probe] = {}
    if ports.get(contract.POSTGRES):
        known[contract.POSTGRES] = partial(gap.postgres_answers, ports[contract.POSTGRES], record.admin)
    if ports.get(contract.REDIS):
        known[contract.REDIS] = partial(gap.redis_serves, ports[contract.REDIS])
    return known


def hold(record: Record, tell: Callable[[str], None]) -> None:
    """Let nobody start the containers that are kept: a second server on the same data would destroy them."""
    for each in record.olds.values():
        try:
            containers.hold(each.kept)
        except CommandError as fault:
            tell(f"{each.kept} could be started by hand; never do that while {each.name} runs: {fault.output}")


def standing(record: Record) -> dict[str, Container]:
    """Return server -> its old container, under whatever name. Raises RefusedError where one is gone."""
    found = containers.inspect([each.id for each in record.olds.values()]).values()
    known = {container.id: container for container in found}
    gone = [each for each in record.olds.values() if each.id not in known]
    if gone:
        where = gone[0].compose_directory or "the directory of its compose file"
        names = " ".join(each.name for each in record.olds.values())
        hint = f"./scripts/stop.sh, docker rm {names}; then in {where}: docker compose up -d"
        raise RefusedError(
            f"the old container {gone[0].kept} was removed by somebody; the data are where they were", hint
        )
    return {server: known[each.id] for server, each in record.olds.items()}


def own(record: Record) -> dict[str, Container]:
    """Return server -> the stack's container that has the name now. Raises RefusedError where another one has it."""
    found = containers.inspect([each.name for each in record.olds.values()])
    strange = [e for e in record.olds.values() if e.name in found and found[e.name].id != e.id]
    others = [each.name for each in strange if not found[each.name].belongs_to(record.stack)]
    if others:
        raise RefusedError(f"container {others[0]} is not of stack {record.stack}", f"docker inspect {others[0]}")
    return {server: found[each.name] for server, each in record.olds.items() if each in strange}


def refuse_moved_on(record: Record, owns: Mapping[str, Container]) -> None:
    """Raise RefusedError where the stack's servers have done what the old ones cannot follow."""
    for server, container in owns.items():
        major, data = record.before["majors"][server], record.before["data"][server]
        now, where = container.labels.get(contract.LABEL_VERSION), container.mounts.get(contract.INNER_DATA[server])
        if now and now != major:
            told = f"the data of {container.name} are of version {now} by now, the old container is {major}"
            raise RefusedError(told, "the backups were made before: ./scripts/dbserver backups")
        if where != data:
            raise RefusedError(f"the data of {container.name} are in {where} by now, not in {data}", "adopt --finish")


def put_back(container: str, record: Record) -> str:
    """Give roles and databases back what they had; return what went wrong, or nothing."""
    server = Server(container, record.admin)
    for database, script in record.scripts:
        done = server.attempt(script, database)
        if not done.succeeded:
            return f"{database}: {cause(done.output)}"
    return ""


def exchange(record: Record, olds: Mapping[str, Container], owns: Mapping[str, Container]) -> None:
    """Stop and remove the stack's containers, and start the old ones on the same data, both servers at once."""
    with ThreadPoolExecutor() as pool:
        doing = [pool.submit(_exchange, record.olds[server], olds[server], owns.get(server)) for server in record.olds]
        for one in doing:
            one.result()
    wait_until(record.olds[contract.POSTGRES].name, commands.wait_until_ready(record.olds[contract.POSTGRES].name))
    wait_until(record.olds[contract.REDIS].name, foreign.ready(record.olds[contract.REDIS].name))


def _exchange(known: Old, container: Container, ours: Container | None) -> None:
    containers.release(known.id, known.restart_policy, known.pids)
    if ours:
        containers.stop(ours.id)
        containers.remove(ours.id)
    if container.name != known.name:
        containers.rename(known.id, known.name)
    containers.start(known.id)


def remove(record: Record) -> Sequence[str]:
    """Remove the containers that were kept; never their volumes. Those that are gone already are none."""
    found = containers.inspect([each.kept for each in record.olds.values()])
    ids = {each.id for each in record.olds.values()}
    going = [name for name, container in found.items() if container.id in ids and not container.running]
    for name in going:
        containers.remove(name)
    return going
