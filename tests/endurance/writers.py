"""Blue and green containers of the applications, which write through pools, and what was acknowledged to them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.endurance.judge import Write
from tests.support.commands import run
from tests.support.stack import Stack

COLOURS = ("blue", "green")
CONNECTIONS = 2  # of each pool
PAUSE = 0.2  # seconds between two writes of a connection
SCRIPT = Path(__file__).with_name("writer.sh")
TABLE = """
CREATE TABLE written (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(), writer text NOT NULL, born oid NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp());
"""
# A server that has gone without a word is noticed within seconds, as pools are to be configured.
NOTICING = "connect_timeout=3 tcp_user_timeout=5000 keepalives_idle=5 keepalives_interval=2 keepalives_count=2"


@dataclass(frozen=True)
class Writers:
    """The containers of an application, and the host's directory with what was acknowledged to them."""

    stack: Stack
    application: str
    ledger: Path

    def start(self) -> None:
        """Make the table, as the application's role does, and start both colours."""
        variables = self.stack.variables(self.application)
        argv = ["docker", "exec", "-i", self.stack.postgres, "psql", "-Xq", "-v", "ON_ERROR_STOP=1"]
        run(*argv, "-U", variables["DB_USER"], "-d", variables["DB_NAME"], stdin=TABLE).ok()
        self.ledger.mkdir(parents=True)
        image = self.stack.inspect(self.stack.postgres)["Config"]["Image"]
        for colour in COLOURS:
            file = self.ledger.with_name(f"{self.application}-{colour}.env")
            file.write_text("".join(f"{key}={value}\n" for key, value in self._environment(variables, colour).items()))
            run(
                "docker", "run", "-d", "--init", "--restart", "always", "--name", self.container(colour),
                "--network", self.stack.network, "--env-file", str(file), "-v", f"{self.ledger}:/ledger",
                "-v", f"{SCRIPT}:/writer.sh:ro", "--entrypoint", "bash", image, "/writer.sh",
            ).ok()  # fmt: skip

    def stop(self) -> None:
        run("docker", "rm", "-f", "-v", *map(self.container, COLOURS)).ok()

    def rows(self) -> list[Write]:
        """Return the acknowledged rows of PostgreSQL."""
        lines = (line.split("|") for _, text in self._files("postgres-") for line in text.splitlines())
        return [Write(row, int(born), float(at), float(told)) for row, born, at, told in lines]

    def increments(self) -> dict[str, list[int]]:
        """Return the acknowledged increments of each of the application's keys in Redis."""
        return {
            f"{self.application}:written:{name}": [int(line) for line in text.split()]
            for name, text in self._files("redis-")
        }

    def progress(self) -> dict[str, int]:
        """Return how much was acknowledged to each connection, in bytes of its file."""
        names = [f"{server}-{colour}-{number}" for server in ("postgres", "redis") for colour in COLOURS
                 for number in range(1, CONNECTIONS + 1)]  # fmt: skip
        return {f"{self.application}: {name}": self._size(name) for name in names}

    def _size(self, name: str) -> int:
        path = self.ledger / name
        return path.stat().st_size if path.exists() else 0

    def container(self, colour: str) -> str:
        return f"{self.stack.name}-{self.application}-{colour}"

    def _files(self, prefix: str) -> Iterator[tuple[str, str]]:
        """Yield the end of each file's name and its whole lines; the last one may be under way."""
        for path in sorted(self.ledger.glob(f"{prefix}*")):
            yield path.name.removeprefix(prefix), path.read_text().rpartition("\n")[0]

    @staticmethod
    def _environment(variables: Mapping[str, str], colour: str) -> dict[str, str]:
        redis = urlsplit(variables["REDIS_URL"])
        where = f"host={variables['DB_HOST']} port={variables['DB_PORT']} dbname={variables['DB_NAME']}"
        return {
            **variables,
            "PGPASSWORD": variables["DB_PASSWORD"],
            "CONNECTION": f"{where} user={variables['DB_USER']} {NOTICING}",
            "REDIS_USER": redis.username or "",
            "REDIS_PASSWORD": unquote(redis.password or ""),
            "COLOUR": colour,
            "CONNECTIONS": str(CONNECTIONS),
            "PAUSE": str(PAUSE),
        }
