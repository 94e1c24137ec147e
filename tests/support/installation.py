"""An installation as the original one: a compose file, databases and roles made by hand, clients that keep writing."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from dbserver.docker.images import stand_in
from tests.support.commands import Ran, run
from tests.support.project import ROOT
from tests.support.stack import Stack

OFFICIAL = {"postgres": "postgres:15", "redis": "redis:7"}
IMAGES = {server: stand_in(name) for server, name in OFFICIAL.items()}
ADMIN_PASSWORD = "the admin's own"
PASSWORD = "nobody knows it"
BY_HAND = f"""
CREATE ROLE readers NOLOGIN;
CREATE ROLE crypto LOGIN PASSWORD '{PASSWORD}';
CREATE ROLE shop LOGIN PASSWORD 'of shop' CREATEDB;
ALTER ROLE shop SET statement_timeout = '45s';
CREATE ROLE reports LOGIN PASSWORD 'of reports' CONNECTION LIMIT 7;
CREATE DATABASE crypto_ai_agent OWNER crypto;
CREATE DATABASE shop OWNER shop;
CREATE DATABASE reports OWNER reports;
ALTER SYSTEM SET work_mem = '5MB';
SELECT pg_reload_conf();
\\connect crypto_ai_agent
CREATE EXTENSION pg_trgm;
SET ROLE crypto;
CREATE TABLE ledger (number int PRIMARY KEY);
CREATE TABLE users AS SELECT n FROM generate_series(1, 1000) n;
\\connect shop
CREATE EXTENSION citext;
CREATE TABLE orders AS SELECT n FROM generate_series(1, 500) n;
ALTER TABLE orders OWNER TO shop;
"""
# What the stack changes in a server, and the way back has to give back.
RIGHTS = """
SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolinherit, rolconnlimit, rolpassword,
  (SELECT setconfig FROM pg_db_role_setting WHERE setrole = oid AND setdatabase = 0)
  FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 1;
SELECT datname, pg_get_userbyid(datdba), array_to_string(array(SELECT unnest(coalesce(datacl,
  acldefault('d', datdba)))::text ORDER BY 1), ' ') FROM pg_database WHERE datname <> 'template1' ORDER BY 1;
SELECT name, setting, source, reset_val FROM pg_settings WHERE name IN ('work_mem', 'shared_buffers', 'max_connections',
  'log_min_duration_statement') ORDER BY 1;
"""
WRITE = """
n={first}
while [ ! -e /shared/stop ]; do
  n=$((n + 1))
  if {command}; then echo $n >> /shared/{name}; fi
done
"""
POSTGRES = 'psql -XqAt -c "INSERT INTO ledger VALUES ($n)" 2>> /shared/errors'
REDIS = '[ "$(redis-cli -h {redis} SET ledger:$n x 2>> /shared/errors)" = OK ]'


@dataclass
class Installation:
    """The installation in the names, ports and directories of a stack that has no configuration yet."""

    stack: Stack

    def __post_init__(self) -> None:
        self.directory = self.stack.directory / "compose"
        self.file = self.directory / "docker-compose.yml"
        (self.stack.project / f"Pulumi.{self.stack.name}.yaml").unlink(missing_ok=True)

    def up(self) -> "Installation":
        """Start it, and make databases and roles by hand."""
        run(str(ROOT / "tools" / "image"), *OFFICIAL.values()).ok()
        self.directory.mkdir()
        self.file.write_text(yaml.safe_dump(self.document()))
        run("docker", "network", "create", self.stack.network).ok()
        self.compose("up", "-d").ok()
        self.stack.until(self.answers, 60, what="the installation")
        self.stack.sql(BY_HAND, "postgres")
        return self

    def answers(self) -> bool:
        ready = run("docker", "exec", self.stack.postgres, "pg_isready", "-q", "-h", "127.0.0.1").code == 0
        return ready and self.stack.psql("SELECT 1").code == 0

    def compose(self, *arguments: str) -> Ran:
        return run(str(ROOT / "tools" / "compose"), "--file", str(self.file), *arguments, cwd=self.directory)

    def document(self) -> dict[str, Any]:
        stack = self.stack
        common = {"networks": ["nginx-network"], "restart": "always"}
        return {
            "name": f"{stack.name}-compose",
            "services": {
                "postgres": {
                    **common,
                    "image": IMAGES["postgres"],
                    "container_name": stack.postgres,
                    "command": ["postgres", "-c", "log_min_duration_statement=250ms"],
                    "environment": {"POSTGRES_USER": "dbadmin", "POSTGRES_PASSWORD": ADMIN_PASSWORD},
                    "ports": [f"127.0.0.1:{stack.postgres_port}:5432"],
                    "volumes": [f"{stack.data}/postgres:/var/lib/postgresql/data"],
                },
                "redis": {
                    **common,
                    "image": IMAGES["redis"],
                    "container_name": stack.redis,
                    "command": ["redis-server", "--appendonly", "yes", "--protected-mode", "no"],
                    "ports": [f"127.0.0.1:{stack.redis_port}:6379"],
                    "volumes": [f"{stack.data}/redis:/data"],
                },
            },
            "networks": {"nginx-network": {"name": stack.network, "external": True}},
        }

    def adopt(self, *arguments: str) -> Ran:
        names = ["--postgres", self.stack.postgres, "--redis", self.stack.redis]
        return self.stack.script("dbserver", "adopt", *names, *arguments)

    def rights(self) -> str:
        return self.stack.sql(RIGHTS, "postgres")

    @contextmanager
    def writing(self) -> Iterator["Writers"]:
        """Clients on the network that write one row, one key after the other, and note what was acknowledged."""
        shared = Path(self.directory / "shared")
        shared.mkdir(exist_ok=True)
        (shared / "stop").unlink(missing_ok=True)
        writers = Writers(self.stack, shared)
        writers.start()
        try:
            yield writers
        finally:
            writers.stop()


@dataclass
class Writers:
    """Two clients in containers, and what was acknowledged to them, by server."""

    stack: Stack
    shared: Path

    def start(self) -> None:
        secrets = {"PGHOST": self.stack.postgres, "PGUSER": "crypto", "PGPASSWORD": PASSWORD,
                   "PGDATABASE": "crypto_ai_agent", "PGCONNECT_TIMEOUT": "5"}  # fmt: skip
        self._run("postgres", POSTGRES, secrets)
        self._run("redis", REDIS.format(redis=self.stack.redis), {})
        self.go_on()

    def _run(self, name: str, command: str, secrets: dict[str, str]) -> None:
        script = WRITE.format(name=name, command=command, first=max(self.acknowledged(name), default=0))
        options = [word for key, value in secrets.items() for word in ("--env", f"{key}={value}")]
        run(
            "docker", "run", "-d", "--name", f"{self.stack.name}-writer-{name}", "--network", self.stack.network,
            *options, "--volume", f"{self.shared}:/shared", "--entrypoint", "sh", IMAGES[name], "-c", script,
        ).ok()  # fmt: skip

    def acknowledged(self, name: str) -> set[int]:
        path = self.shared / name
        return {int(line) for line in path.read_text().split()} if path.exists() else set()

    def go_on(self) -> None:
        """Return once both have had something acknowledged since now: they come in again, with their passwords."""
        for name in IMAGES:
            self.stack.until(
                partial(self._more_than, name, len(self.acknowledged(name)) + 3), 60, what=f"writes: {name}"
            )

    def _more_than(self, name: str, count: int) -> bool:
        return len(self.acknowledged(name)) > count

    def assert_nothing_lost(self) -> None:
        """What was acknowledged before now is there."""
        known = self.acknowledged("postgres")
        rows = {int(row) for row in self.stack.sql("SELECT number FROM ledger", "crypto_ai_agent").split()}
        assert known, "nothing was ever acknowledged"
        assert known <= rows, f"lost: {sorted(known - rows)[:10]} of {len(known)}"
        known = self.acknowledged("redis")
        keys = {int(key.partition(":")[2]) for key in self.stack.cli("KEYS", "ledger:*").split()}
        assert known
        assert known <= keys, f"lost: {sorted(known - keys)[:10]} of {len(known)}"

    def stop(self) -> None:
        (self.shared / "stop").touch()
        time.sleep(0.2)
        for name in IMAGES:
            run("docker", "rm", "-f", "-v", f"{self.stack.name}-writer-{name}")
