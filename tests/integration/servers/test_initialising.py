"""A new cluster is there whole or not at all, whatever is killed while it is made."""

import subprocess
from pathlib import Path

import pytest

from dbserver.errors import CommandError
from dbserver.postgres import initialising
from tests.integration.servers.test_collations import BUILTIN, LOCALES, STAND_IN, new_cluster, planned
from tests.support.commands import run, until


def made_in(data: Path) -> list[str]:
    """Return the helpers that work in a data directory."""
    return run("docker", "ps", "--quiet", "--no-trunc", "--filter", f"volume={data}").ok().out.split()


@pytest.mark.parametrize("killed", ["the helper", "its client"])
def test_an_initdb_that_is_killed_half_way_leaves_no_cluster_and_the_next_start_makes_one(
    tmp_path: Path, killed: str
) -> None:
    image, data = f"{STAND_IN}:17", tmp_path / "postgres"
    argv, none = initialising.command(planned(tmp_path, image), "17"), subprocess.DEVNULL
    client = subprocess.Popen(argv, stdin=none, stdout=none, stderr=none)
    until((data / initialising.UNFINISHED / "PG_VERSION").exists, 30, what="an initdb at work")
    (helper,) = made_in(data)
    if killed == "the helper":
        run("docker", "kill", helper).ok()
        until(lambda: not made_in(data), 30, what="the helper's end")
        assert [path.name for path in data.iterdir()] == [initialising.UNFINISHED]
    client.kill()
    client.wait()
    with new_cluster(tmp_path, image, "17") as ask:
        assert ask(LOCALES).strip() == BUILTIN
        assert ask("SELECT count(*) FROM pg_database").strip() == "3"
        assert [path.name for path in data.iterdir() if path.name.startswith(".")] == []
    assert not made_in(data)


def test_a_cluster_that_was_made_and_not_put_in_place_is_and_nothing_else_is_touched(tmp_path: Path) -> None:
    image, data = f"{STAND_IN}:17", tmp_path / "postgres"
    plan = planned(tmp_path, image)
    initialising.initialise(plan, "17")
    before = {path.name for path in data.iterdir()}
    whole = data / initialising.WHOLE
    whole.mkdir()
    for name in ("PG_VERSION", "base", "postgresql.conf"):
        (data / name).rename(whole / name)
    initialising.initialise(plan, "17")
    assert {path.name for path in data.iterdir()} == before
    (data / "PG_VERSION").unlink()
    with pytest.raises(CommandError, match="is not empty, and holds no PG_VERSION"):
        initialising.initialise(plan, "17")
    assert {path.name for path in data.iterdir()} == before - {"PG_VERSION"}
