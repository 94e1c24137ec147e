"""A data directory and its machine, as the script prints them."""

from dbserver.diagnosis.facts import Place
from dbserver.docker import examination
from dbserver.docker.host import Identity
from tests.unit.fakes import Programs

PRINTED = """\
uid 999
room 100 400 4096 50 200
mount /var/lib/postgresql/data ro,relatime
file . 999
file PG_VERSION 4711
version 17
filled 1
overcommit 2
pages always
MemTotal 1000
MemAvailable 400
SwapTotal 0
killed 3
identity 7123
remembered 7123
owner {"token": "ab", "place": "here:/a b", "user": "me"}
"""


def test_what_the_script_prints_is_read() -> None:
    assert examination.parse(PRINTED) == Place(
        exists=True, filled=True, server_uid=999, owners=((".", 999), ("PG_VERSION", 4711)), version="17",
        free=409600, total=1638400, free_inodes=50, total_inodes=200, mount="/var/lib/postgresql/data",
        read_only=True, overcommit=2, huge_pages="always", memory=1024000, memory_available=409600, swap=0, killed=3,
        identity=Identity("7123", "7123", '{"token": "ab", "place": "here:/a b", "user": "me"}'),
    )  # fmt: skip


def test_a_directory_that_is_not_there_and_a_kernel_that_tells_nothing_are_read() -> None:
    found = examination.parse("uid -1\nroom 100 400 4096 0 0\nmount /\novercommit \npages \n")
    assert (found.exists, found.filled, found.server_uid, found.read_only) == (False, False, -1, False)
    assert (found.total_inodes, found.memory, found.huge_pages, found.mount) == (0, 0, "", "/")


def test_a_running_container_is_looked_into_as_root(programs: Programs) -> None:
    programs.answer("docker exec", PRINTED)
    examination.inside("db-server-postgres", "postgres")
    assert programs.calls[0].argv[:5] == ("docker", "exec", "-u", "0", "db-server-postgres")
    assert programs.calls[0].argv[-5:] == (
        "postgres", "/var/lib/postgresql/data", "/proc/self/mounts", "/var/lib/postgresql/data",
        "/etc/postgresql/db-server-identity",
    )  # fmt: skip


def test_a_container_that_does_not_run_is_looked_at_from_a_host_mounted_read_only(
    programs: Programs,
) -> None:
    programs.answer("docker run", PRINTED)
    examination.through_helper("sha256:1", "redis", "/data/db-server/redis", "/data/db-server/config/redis/mark")
    argv = programs.calls[0].argv
    assert "type=bind,source=/,target=/host,readonly" in argv
    assert (argv[2], argv[argv.index("--network") + 1]) == ("--rm", "none")
    assert argv[-5:] == (
        "redis", "/host/data/db-server/redis", "/proc/1/mounts", "/data/db-server/redis",
        "/host/data/db-server/config/redis/mark",
    )  # fmt: skip
