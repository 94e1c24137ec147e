"""stop: both servers gracefully; containers, data and state stay as they are."""

from concurrent.futures import ThreadPoolExecutor

from dbserver import clients, locks
from dbserver.declared import Declared
from dbserver.docker import containers
from dbserver.results.servers import Stopped


def stop(declared: Declared, *, override: bool = False) -> Stopped:
    """Stop what runs, with up to 60 s for each server to shut down; an interruption waits for that.

    Raises RefusedError while application containers are connected, unless `override`.
    """
    with locks.held(declared.stack, "stop"):
        clients.refuse(declared.servers(), override=override)
        found = containers.inspect(list(declared.containers.values()))
        going = [name for name, container in found.items() if container.state in ("running", "restarting", "paused")]
        with ThreadPoolExecutor() as pool:
            list(pool.map(containers.stop, going))
    return Stopped(declared.stack, tuple(going), tuple(n for n in declared.containers.values() if n not in going))
