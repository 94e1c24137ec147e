"""What a newer Redis has written is known before an older one is started on it."""

import itertools
from pathlib import Path

import pytest

from dbserver import contract, refusals
from dbserver.docker import host, images
from tests.support.commands import run, until
from tests.support.leftovers import process_name

_numbers = itertools.count(1)


def written(directory: Path, image: str, *options: str) -> None:
    """Let a Redis keep a key in a directory, and end."""
    name = f"{process_name()}-writer-{next(_numbers)}"
    directory.chmod(0o777)
    where = ["docker", "run", "--detach", "--name", name, "--network", "none", "--volume", f"{directory}:/data"]
    run(*where, image, "redis-server", *options).ok()
    try:
        until(lambda: "OK" in run("docker", "exec", name, "redis-cli", "SET", "kept", "yes").out, what="Redis")
        run("docker", "stop", name).ok()
    finally:
        run("docker", "rm", "--force", name)


@pytest.mark.parametrize("options", [("--save", "3600 1"), ("--appendonly", "yes")], ids=["snapshot", "append-only"])
@pytest.mark.parametrize(("writer", "reader", "refused"), [("8", "7", True), ("7", "8", False)])
def test_an_older_redis_is_refused_on_newer_data_and_a_newer_one_is_not(
    tmp_path: Path, writer: str, reader: str, options: tuple[str, ...], *, refused: bool
) -> None:
    data = tmp_path / "redis"
    data.mkdir()
    image = images.resolve(f"redis:{reader}", stand_ins=True)
    written(data, images.resolve(f"redis:{writer}", stand_ins=True).name, *options)
    found = host.inspect_directory(str(data), image.name, contract.REDIS)
    reasons = refusals.directory(contract.REDIS, found, image, None)
    assert [f"holds data of Redis {writer}." in reason for reason in reasons] == [True] * refused
    assert all(reason.endswith(f"set redis.image to redis:{writer}") for reason in reasons)
