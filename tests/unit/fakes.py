"""What stands where the outside would be: programs that answer what a test says, and a clock that does not wait."""

import json
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from dbserver import contract
from dbserver.docker.containers import Container, Published
from dbserver.docker.images import Image
from dbserver.docker.privileges import PROCESSES
from dbserver.plan import ContainerPlan

IDENTITY = f"sha256:{'a' * 64}"
POSTGRES_IMAGE = Image("postgres:17", IDENTITY, "17")


@dataclass(frozen=True)
class Call:
    """One program that was started."""

    argv: tuple[str, ...]
    stdin: str
    options: dict[str, Any]

    @property
    def text(self) -> str:
        return " ".join(self.argv) + "\n" + self.stdin


@dataclass(frozen=True)
class Failed:
    """A program's failure."""

    stderr: str
    status: int = 1


@dataclass(frozen=True)
class Both:
    """A program that succeeds and prints on both streams."""

    stdout: str
    stderr: str


Answer = str | Failed | Both | BaseException


class Programs:
    """Answers for programs, by words of their command or input; a program without an answer fails the test."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.rules: list[tuple[str, list[Answer]]] = []

    def answer(self, words: str, *answers: Answer) -> None:
        """Give these answers, one after the other, to programs with these words; the last one stays."""
        self.rules.insert(0, (words, list(answers)))

    def started(self, words: str) -> list[Call]:
        return [call for call in self.calls if words in call.text]

    def __call__(self, argv: Sequence[str], **options: Any) -> "subprocess.CompletedProcess[bytes]":
        call = Call(tuple(argv), (options.pop("input", b"") or b"").decode(errors="replace"), options)
        self.calls.append(call)
        for words, answers in self.rules:
            if words in call.text:
                return _done(argv, answers.pop(0) if len(answers) > 1 else answers[0])
        pytest.fail(f"started without an answer prepared: {call.text}")

    def popen(self, argv: Sequence[str], **options: Any) -> "Running | Staying":
        """Start a program that is waited for; it has the answer of one that is run."""
        if options.get("stdin") != subprocess.PIPE:
            return Running(self(argv, **options).returncode)
        for words, answers in self.rules:
            if words in " ".join(argv) and isinstance(answers[0], OSError):
                raise answers[0]
        if options.get("start_new_session"):
            return Staying(self, argv, options)
        return Running(0, lambda question: self(argv, input=question, **options))


@dataclass
class Running:
    """A program that was started; it ends when it is waited for. One that never answers ends when it is killed."""

    returncode: int
    answer: "Callable[[bytes], subprocess.CompletedProcess[bytes]] | None" = None
    killed: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> int:
        return self.returncode

    def communicate(self, question: bytes = b"") -> tuple[bytes, bytes]:
        assert self.answer is not None
        try:
            done = self.answer(question)
        except subprocess.TimeoutExpired:
            self.killed.wait()
            self.returncode = -signal.SIGKILL
            return b"", b""
        self.returncode = done.returncode
        return done.stdout, done.stderr

    def kill(self) -> None:
        self.killed.set()

    def send_signal(self, number: int) -> None:
        self.returncode = 128 + number


class Staying:
    """A psql that stays: a script has the answer of a program that is run with it, in the database it connects to."""

    def __init__(self, programs: Programs, argv: Sequence[str], options: dict[str, Any]) -> None:
        self.stdin = self.stdout = self
        self.programs, self.argv, self.errors = programs, argv, options["stderr"]
        self.database, self.returncode = "", cast("int | None", None)
        self.lines: queue.SimpleQueue[bytes | BaseException | None] = queue.SimpleQueue()

    def write(self, text: bytes) -> None:
        """Connect, or take a script, which then says that it has ended, goes home and says that too."""
        first, *script = text.decode().rstrip("\n").split("\n")
        if len(script) == 1:
            self.database = first.partition("dbname=''")[2].removesuffix("'''").replace("\\\\''", "'")
            self.lines.put(script[0].removeprefix("\\echo ").encode() + b"\n")
            return
        *script, _, ended, _, home = first, *script
        asked = "\n".join(script).encode()
        try:
            done = self.programs([*self.argv[:-1], self.database], input=asked)
        except subprocess.TimeoutExpired:
            self.end(-signal.SIGKILL)
        except BaseException as fault:  # noqa: BLE001  raised where the answer is read
            self.lines.put(fault)
        else:
            self.errors.write(done.stderr)
            self.errors.flush()
            said = done.stdout.decode().removesuffix("\n").split("\n") if done.stdout else []
            for line in [*said, *([] if done.returncode else [ended, home])]:
                self.lines.put(line.removeprefix("\\echo ").encode() + b"\n")
            if done.returncode:
                self.end(done.returncode)

    def close(self) -> None:
        pass

    def end(self, status: int) -> None:
        self.returncode = status
        self.lines.put(None)

    def flush(self) -> None:
        pass

    def __iter__(self) -> "Staying":
        return self

    def __next__(self) -> bytes:
        line = self.lines.get()
        if isinstance(line, BaseException):
            raise line
        if line is None:
            raise StopIteration
        return line

    def poll(self) -> int | None:
        return self.returncode

    def wait(self) -> int | None:
        return self.returncode

    def kill(self) -> None:
        self.returncode = -signal.SIGKILL


def _done(argv: Sequence[str], answer: Answer) -> "subprocess.CompletedProcess[bytes]":
    if isinstance(answer, BaseException):
        raise answer
    if isinstance(answer, Failed):
        return subprocess.CompletedProcess(list(argv), answer.status, b"", answer.stderr.encode())
    if isinstance(answer, Both):
        return subprocess.CompletedProcess(list(argv), 0, answer.stdout.encode(), answer.stderr.encode())
    return subprocess.CompletedProcess(list(argv), 0, answer.encode(), b"")


class Clock:
    """Time that passes only where somebody sleeps, plus a little at every look."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        self.now += 0.001
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def gmtime(self) -> time.struct_time:
        return time.gmtime(0)

    def strftime(self, form: str, moment: time.struct_time) -> str:
        return time.strftime(form, moment)


def container(**changes: Any) -> Container:
    """Return our PostgreSQL container, running, with changes."""
    values: dict[str, Any] = {
        "id": "c" * 64, "name": "db-server-postgres", "image": "postgres:17", "image_id": IDENTITY,
        "state": "running", "health": "healthy", "exit_code": 0, "oom_killed": False, "restarts": 0,
        "started_at": "2026-01-01T00:00:00Z",
        "labels": {"com.database.stack": "unit", "com.database.image": IDENTITY},
        "environment": {"PG_MAJOR": "17", "POSTGRES_USER": "dbadmin"},
        "mounts": {"/var/lib/postgresql/data": "/data/db-server/postgres"},
        "published": (Published("5432/tcp", "127.0.0.1", 5432),), "networks": ("nginx-network",),
    }  # fmt: skip
    return Container(**{**values, **changes})


def inspected(name: str = "db-server-postgres", **state: Any) -> dict[str, Any]:
    """Return one entry of `docker container inspect` as Docker prints it."""
    restarts = state.pop("RestartCount", 0)
    return {
        "Id": "c" * 64,
        "Created": "2026-01-01T00:00:00Z",
        "Path": "docker-entrypoint.sh",
        "State": {
            "Status": "running", "Running": True, "Paused": False, "Restarting": False, "OOMKilled": False,
            "Dead": False, "Pid": 4711, "ExitCode": 0, "Error": "", "StartedAt": "2026-01-01T00:00:01Z",
            "Health": {"Status": "healthy", "FailingStreak": 0, "Log": []}, **state,
        },
        "Image": IDENTITY,
        "Name": f"/{name}",
        "RestartCount": restarts,
        "HostConfig": {
            "Memory": 1024**3, "Binds": None, "NetworkMode": "bridge",
            "PortBindings": {"5432/tcp": [{"HostIp": "127.0.0.1", "HostPort": "5432"}]},
            "RestartPolicy": {"Name": "always", "MaximumRetryCount": 0},
        },
        "Mounts": [
            {"Type": "bind", "Source": "/data/db-server/postgres", "Destination": "/var/lib/postgresql/data",
             "Mode": "", "RW": True, "Propagation": "rprivate"},
            {"Type": "bind", "Source": "/data/db-server/config/postgres", "Destination": "/etc/postgresql",
             "Mode": "", "RW": False, "Propagation": "rprivate"},
        ],
        "Config": {
            "Image": "postgres:17", "Env": ["PG_MAJOR=17"], "Labels": {"com.database.server": "postgres"},
            "Cmd": ["postgres"],
            "Healthcheck": {
                "Test": ["CMD", "true"], "Interval": 5 * 10**9, "Timeout": 5 * 10**9, "StartPeriod": 60 * 10**9,
                "Retries": 5,
            },
        },
        "NetworkSettings": {"Networks": {"nginx-network": {"NetworkID": "n", "Aliases": ["postgres"]}}},
    }  # fmt: skip


def network(*members: tuple[str, str], name: str = "nginx-network", gateway: str = "172.18.0.1") -> str:
    """Return what `docker network inspect` prints: a member is a container's name and its address."""
    containers = {f"id-of-{container}": {"Name": container, "IPv4Address": f"{address}/16", "IPv6Address": ""}
                  for container, address in members}  # fmt: skip
    addresses = {"Config": [{"Subnet": "172.18.0.0/16", "Gateway": gateway}]}
    entry = {"Name": name, "Id": "n", "Driver": "bridge", "IPAM": addresses, "Containers": containers}
    return json.dumps([entry])


def postgres_row(address: str, total: int = 1, database: str = "shop_data", **counts: Any) -> dict[str, Any]:
    """Return one group of connections as PostgreSQL tells of them: idle ones of a pool, with changes."""
    idle = {"active": 0, "idle": total, "idle_in_transaction": 0, "waiting": 0, "oldest": 0}
    return {"database": database, "role": "shop_user", "address": address, "total": total, **idle, **counts}


SHOP = {"name": "shop", "database": "shop_data", "role": "shop_user", "limit": 20}


def activity(*rows: dict[str, Any], applications: Sequence[dict[str, Any]] = (SHOP,)) -> str:
    """Return what PostgreSQL prints of its clients: the applications in one line, the clients in another."""
    told = {"clients": rows, "used": sum(row["total"] for row in rows) + 1, "max_connections": 102}
    return f"{json.dumps(applications)}\n{json.dumps(told)}\n"


def redis_listing(*clients: tuple[str, str, int], maxclients: int = 10_000) -> str:
    """Return CLIENT LIST and the limit as Redis prints them: address, user, seconds of idleness; and our own."""
    lines = [f"id={number} addr={address}:5{number:04} laddr=172.18.0.3:6379 fd=8 name= age=7 idle={idle} flags=N db=0 "
             f"cmd=ping user={user} lib-name=" for number, (address, user, idle) in enumerate(clients)]  # fmt: skip
    own = "id=99 addr=127.0.0.1:40000 laddr=127.0.0.1:6379 idle=0 flags=N db=0 cmd=client|list user=dbadmin"
    return "\n".join([*lines, own, "maxclients", str(maxclients)]) + "\n"


def connected(programs: Programs, *rows: dict[str, Any], redis: Sequence[tuple[str, str, int]] = ()) -> None:
    """Prepare servers with these clients, on a network where 172.18.0.4 is shop-blue and 172.18.0.5 is shop-green."""
    servers = [("db-server-postgres", "172.18.0.2"), ("db-server-redis", "172.18.0.3")]
    programs.answer("network inspect", network(*servers, ("shop-blue", "172.18.0.4"), ("shop-green", "172.18.0.5")))
    programs.answer("container inspect", printed(*(inspected(name) for name, _ in servers)))
    programs.answer("pg_stat_activity WHERE backend_type = 'client backend'", activity(*rows))
    programs.answer("CLIENT LIST", redis_listing(*redis))


def restrictions(plan: ContainerPlan) -> dict[str, Any]:
    """Return what Docker shows of how a container as planned is bounded."""
    return {
        "PidsLimit": PROCESSES, "CapAdd": list(plan.privileges.capabilities), "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges:true"], "ReadonlyRootfs": True, "Tmpfs": dict(plan.privileges.temporary),
        "Ulimits": [{"Name": "core", "Hard": 0, "Soft": 0}], "Sysctls": dict(plan.sysctls), "MemorySwap": plan.memory,
        "ShmSize": 1024**3, "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
    }  # fmt: skip


def mounted(plan: ContainerPlan) -> list[dict[str, Any]]:
    """Return the mounts of a container as planned as Docker shows them."""
    return [
        {"Source": source, "Destination": target, "RW": not plan.read_only(target)}
        for target, source in plan.mounts.items()
    ]


def as_planned(plan: ContainerPlan, stack: str = "unit", identity: str = IDENTITY) -> dict[str, Any]:
    """Return what Docker shows of a container that is as planned."""
    inner = f"{contract.INNER_PORT[plan.server]}/tcp"
    check = {
        "Test": list(plan.health_check.test), "Interval": plan.health_check.interval * 10**9,
        "Timeout": plan.health_check.timeout * 10**9, "StartPeriod": plan.health_check.start_period * 10**9,
        "Retries": plan.health_check.retries,
    }  # fmt: skip
    labels = {
        contract.LABEL_SERVER: plan.server,
        contract.LABEL_IMAGE: identity,
        contract.LABEL_STACK: stack,
        contract.LABEL_PROJECT: plan.project,
    }
    entry = inspected(plan.name)
    return {
        **entry,
        "Image": identity,
        "Mounts": mounted(plan),
        "HostConfig": {
            "Memory": plan.memory, "RestartPolicy": {"Name": "always"}, **restrictions(plan),
            "PortBindings": {inner: [{"HostIp": "127.0.0.1", "HostPort": str(plan.port)}]},
        },
        "Config": {
            "Image": plan.image, "Env": ["PATH=/bin", *plan.environment], "Labels": labels,
            "Cmd": list(plan.command), "Healthcheck": check, "StopTimeout": 60,
        },
        "NetworkSettings": {"Networks": {plan.network: {"Aliases": [plan.name, plan.server]}}},
    }  # fmt: skip


def printed(*entries: dict[str, Any]) -> str:
    return json.dumps(entries)


NO_CONTAINER = Failed("Error response from daemon: No such container: db-server-postgres")

# What the servers print when they are asked for the status: the container's figures, then the replies.
FIGURES = """\
disk 4096 1000 250 900 800
memory/memory.usage_in_bytes:70000000
memory/memory.oom_control:oom_kill 2
memory/memory.stat:inactive_file 1
memory/memory.stat:total_inactive_file 20000000
"""
POSTGRES_SAYS = (
    FIGURES
    + """\
{"collations" : [], "version" : "17.5 (Debian 17.5-1)", "connections" : 4, "max_connections" : 100, \
"transactions" : 1234, "hit" : 990, "read" : 10}
[["shop", 3000000], ["dbadmin", 2000000]]
[{"name" : "shop__old_1", "application" : "shop", "purpose" : "kept", "backup" : "", "since" : 1795698840, \
"size" : 4000000}, {"name" : "shop__restore_2", "application" : "shop", "purpose" : "restoring", "backup" : "", \
"since" : 1795698841, "size" : 1}]
"""
)
REDIS_SAYS = (
    FIGURES
    + """\
PONG
# Server\r
redis_version:8.2.1\r
\r
# Clients\r
connected_clients:4\r
maxclients:10000\r
used_memory:1000000\r
maxmemory:100000000\r
# Persistence\r
rdb_changes_since_last_save:12\r
rdb_last_bgsave_status:ok\r
aof_enabled:0\r
aof_last_bgrewrite_status:ok\r
aof_last_write_status:ok\r
evicted_keys:3\r
keyspace_hits:3\r
keyspace_misses:1\r
save
3600 1 300 100 60 10000
"""
)
