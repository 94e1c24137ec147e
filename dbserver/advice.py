"""What deserves a look although a server answers, each with the command that helps. Pure."""

import shlex
from collections.abc import Iterator, Sequence

from dbserver.docker.containers import Container
from dbserver.postgres.sql import identifier

CRASHED_LINES = 5


def of_container(server: str, found: Container, oom_kills: int) -> Iterator[str]:
    """Yield that Docker had to start a server again, and that memory was short."""
    if found.restarts:
        times = "once" if found.restarts == 1 else f"{found.restarts} times"
        yield f"{found.name} ended by itself and was started again {times}: docker logs --tail 100 {found.name}"
    if oom_kills:
        yield f"{found.name} lacked memory, processes were killed: raise {server}.memory, then ./scripts/start.sh"


def of_crash(found: Container) -> Iterator[str]:
    """Yield the way out for a server that does not stay up."""
    if found.state == "restarting" or (not found.running and found.exit_code):
        yield f"./scripts/start.sh makes it anew on the same data; all that it said: docker logs {found.name}"


def of_collations(container: str, admin: str, databases: Sequence[str]) -> Iterator[str]:
    """Yield the command for each database whose indexes on text are to be made again."""
    for name in databases:
        again = f"docker exec {container} reindexdb -U {admin} --dbname {shlex.quote(name)}"
        noted = shlex.quote(f"ALTER DATABASE {identifier(name)} REFRESH COLLATION VERSION")
        yield (
            f"the indexes of database {name} were made under another collation version:"
            f" {again} && docker exec {container} psql -U {admin} -d postgres -c {noted}"
        )
