"""What of Redis survives which end, in each mode of persistence: docs/reference/redis-persistence.md is made of this.

Redis runs on the settings that the stack renders, on a disk of its own. The machine's end is the disk's: what the disk
holds at an instant, caches left out, is what the next start finds.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dbserver.contract import INNER_CONFIG, REDIS, config_path
from dbserver.docker import images
from dbserver.redis import settings
from dbserver.redis.settings import Persistence
from tests.support.commands import run
from tests.support.disk import KIB, filled
from tests.support.leftovers import process_name

MEMORY = 128 * 1024 * 1024
_numbers = itertools.count(1)


@dataclass
class Redis:
    """Redis in a container, on a disk that is a file."""

    directory: Path
    persistence: Persistence

    def __post_init__(self) -> None:
        self.name = f"{process_name()}-persistence-{next(_numbers)}"
        self.disks = [self.directory / "disk.img"]
        config = self.directory / "config"
        config.mkdir()
        (config / "redis.conf").write_text(settings.render(settings.derived(MEMORY, "noeviction", self.persistence)))
        (config / "users.acl").write_text("user default on nopass ~* &* +@all\n")
        with self.disks[0].open("wb") as file:
            file.truncate(48 * 1024 * 1024)
        run("mkfs.ext4", "-q", str(self.disks[0])).ok()
        self.run()

    def run(self) -> None:
        """Start it anew on the newest disk."""
        where = self.directory / f"mounted-{len(self.disks)}"
        where.mkdir()
        image = images.resolve("redis:8", stand_ins=True).name
        run("mount", "-o", "loop", str(self.disks[-1]), str(where)).ok()
        run(
            "docker", "run", "-d", "--name", self.name, "--network", "none", "-v", f"{where}:/data",
            "-v", f"{self.directory / 'config'}:{INNER_CONFIG[REDIS]}:ro", image, "redis-server",
            config_path(REDIS),
        ).ok()  # fmt: skip
        self.wait()

    def wait(self) -> None:
        deadline = time.monotonic() + 60
        while run("docker", "exec", self.name, "redis-cli", "ping").out != "PONG\n":
            assert time.monotonic() < deadline, run("docker", "logs", self.name).text
            time.sleep(0.05)

    def cli(self, *arguments: str) -> str:
        return run("docker", "exec", self.name, "redis-cli", "-e", *arguments).ok().out.strip()

    def push(self, numbers: range, *then: str) -> list[str]:
        """Append numbers to a list, one after the other, each acknowledged; return them as they are in it."""
        lines = [*(f"RPUSH list {number}" for number in numbers), *then]
        replies = run("docker", "exec", "-i", self.name, "redis-cli", stdin="\n".join(lines)).ok().out.split()
        assert replies == [*(str(number + 1) for number in numbers), *(["1", "0"] if then else [])]
        return [str(number) for number in numbers]

    def snapshot(self) -> None:
        self.cli("BGSAVE")
        while "rdb_bgsave_in_progress:0" not in self.cli("INFO", "persistence"):
            time.sleep(0.05)

    def stop(self) -> None:
        run("docker", "stop", "--time", "60", self.name).ok()
        run("docker", "start", self.name).ok()
        self.wait()

    def kill(self) -> None:
        run("docker", "kill", "--signal", "KILL", self.name).ok()
        run("docker", "start", self.name).ok()
        self.wait()

    def cut_power(self) -> None:
        """Take what the disk holds at an instant, and start Redis on that alone."""
        run("docker", "pause", self.name).ok()
        before, after = b"", self.disks[-1].read_bytes()
        while before != after:  # the kernel may be writing
            before, after = after, self.disks[-1].read_bytes()
        self.disks.append(self.directory / f"disk-{len(self.disks)}.img")
        self.disks[-1].write_bytes(after)
        self.remove()
        self.run()

    def remove(self) -> None:
        run("docker", "rm", "-f", "-v", self.name)
        for where in self.directory.glob("mounted-*"):
            run("umount", "--lazy", str(where))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Persistence], Redis]]:
    """Redis in a mode of persistence."""
    made: list[Redis] = []

    def make(persistence: Persistence) -> Redis:
        made.append(Redis(tmp_path, persistence))
        return made[-1]

    yield make
    for redis in made:
        redis.remove()


ENDS = pytest.mark.parametrize("end", [Redis.stop, Redis.kill, Redis.cut_power], ids=["stop", "kill", "power"])


@ENDS
def test_without_persistence_nothing_survives(
    start: Callable[[Persistence], Redis], end: Callable[[Redis], None]
) -> None:
    redis = start("none")
    redis.cli("SET", "key", "1")
    end(redis)
    assert redis.cli("DBSIZE") == "0"


@ENDS
def test_with_snapshots_the_last_one_survives_and_after_a_stop_everything(
    start: Callable[[Persistence], Redis], end: Callable[[Redis], None]
) -> None:
    redis = start("snapshot")
    redis.cli("MSET", "one", "1", "two", "2")
    redis.snapshot()
    redis.cli("MSET", "two", "changed", "three", "3")
    end(redis)
    kept = ["1", "changed", "3"] if end is Redis.stop else ["1", "2"]
    assert redis.cli("MGET", "one", "two", "three").split() == kept


def test_snapshots_come_after_an_hour_five_minutes_and_one_with_1_100_and_10000_changes(
    start: Callable[[Persistence], Redis],
) -> None:
    redis = start("snapshot")
    assert redis.cli("CONFIG", "GET", "save").split("\n")[1] == settings.SNAPSHOT_POINTS == "3600 1 300 100 60 10000"


@pytest.mark.full
def test_a_snapshot_is_taken_after_a_minute_with_10000_changes(start: Callable[[Persistence], Redis]) -> None:
    redis = start("snapshot")
    redis.cli("EVAL", "for i = 1, 10000 do redis.call('SET', i, i) end", "0")
    deadline = time.monotonic() + 120
    while "rdb_changes_since_last_save:0" not in redis.cli("INFO", "persistence").split():
        assert time.monotonic() < deadline
        time.sleep(1)
    redis.kill()
    assert redis.cli("DBSIZE") == "10000"


@pytest.mark.parametrize("end", [Redis.stop, Redis.kill], ids=["stop", "kill"])
def test_with_an_append_only_file_everything_acknowledged_survives_the_server(
    start: Callable[[Persistence], Redis], end: Callable[[Redis], None]
) -> None:
    redis = start("append-only")
    acknowledged = redis.push(range(500))
    end(redis)
    assert redis.cli("LRANGE", "list", "0", "-1").split() == acknowledged


def test_with_an_append_only_file_what_redis_has_synced_by_itself_survives_the_machine(
    start: Callable[[Persistence], Redis],
) -> None:
    """WAITAOF syncs nothing: it waits for the sync that comes every second. Of what came since, the end may be lost."""
    redis = start("append-only")
    synced = redis.push(range(500), "WAITAOF 1 0 30000")
    later = redis.push(range(500, 1000))
    redis.cut_power()
    found = redis.cli("LRANGE", "list", "0", "-1").split()
    assert found[:500] == synced
    assert found[500:] == later[: len(found) - 500]


def test_on_a_full_disk_writes_are_refused_and_with_room_again_everything_acknowledged_is_there(
    start: Callable[[Persistence], Redis],
) -> None:
    redis = start("append-only")
    acknowledged = 0
    push = ["docker", "exec", redis.name, "redis-cli", "-e", "RPUSH", "list"]
    with filled(redis.directory / "mounted-1", 64 * KIB):
        while (done := run(*push, f"{acknowledged}:{'x' * 10_000}")).code == 0:
            acknowledged += 1
            assert acknowledged < 100
        assert "MISCONF Errors writing to the AOF file" in done.text
    deadline = time.monotonic() + 60
    while run(*push, f"{acknowledged}:").code != 0:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # After a full disk a sync may take long, and Redis replies up to 2 s before it writes meanwhile.
    while "aof_buffer_length:0" not in redis.cli("INFO", "persistence"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    redis.kill()
    found = [value.partition(":")[0] for value in redis.cli("LRANGE", "list", "0", "-1").split()]
    assert found == [str(number) for number in range(acknowledged + 1)]
