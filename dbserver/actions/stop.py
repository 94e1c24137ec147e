"""stop: both servers gracefully; containers, data and state stay as they are."""

from dbserver import engine, locks
from dbserver.declared import Declared
from dbserver.docker import containers
from dbserver.results import Stopped


def stop(declared: Declared) -> Stopped:
    """Stop what runs, with up to 60 s for each server to shut down."""
    with locks.held(engine.STATE / "locks", declared.stack, "stop"):
        found = containers.inspect(list(declared.containers.values()))
        going = [name for name, container in found.items() if container.state in ("running", "restarting", "paused")]
        for name in going:
            containers.stop(name)
    return Stopped(declared.stack, tuple(going), tuple(n for n in declared.containers.values() if n not in going))
