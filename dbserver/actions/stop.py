"""stop: one server or both, gracefully; containers, data and state stay as they are."""

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

from dbserver import clients, contract, locks
from dbserver.declared import Declared
from dbserver.docker import containers
from dbserver.results.servers import Stopped


def stop(declared: Declared, names: Collection[str] = contract.SERVERS, *, override: bool = False) -> Stopped:
    """Stop what of these runs, with up to 60 s for each server to shut down; an interruption waits for that.

    Raises RefusedError while application containers are connected, unless `override`.
    """
    with locks.held(declared.stack, "stop"):
        clients.refuse(declared.servers(names), override=override)
        wanted = [declared.containers[name] for name in names]
        found = containers.inspect(wanted)
        going = [name for name, container in found.items() if container.state in ("running", "restarting", "paused")]
        with ThreadPoolExecutor() as pool:
            list(pool.map(containers.stop, going))
    return Stopped(declared.stack, tuple(going), tuple(name for name in wanted if name not in going))
