from pathlib import Path
from typing import Any

import yaml

from bench.compose import Servers, document
from dbserver import compose
from dbserver.docker.images import Image
from dbserver.plan import Names, container_plan
from tools.compose import apt_command, source_line

NAMES = Names("/stack/data", "/stack/project/backups", "stack-network", "dbadmin", "stack")
SERVERS = Servers("side", Path("/stack"), Path("/stack/compose"), {"postgres": 5001, "redis": 5002})


def services() -> dict[str, Any]:
    """Return the services of the compared file, made of the one that a stack has rendered."""
    plans = [container_plan(name, NAMES, f"stack-{name}", f"{name}:1", 1, 2**27) for name in ("postgres", "redis")]
    rendered = yaml.safe_load(compose.render("stack", [(plan, Image(plan.image, "sha256:1", "1")) for plan in plans]))
    made = document(rendered, SERVERS)
    assert (made["name"], made["networks"]) == ("side", {"shared": {"name": "side-network"}})
    assert "labels" in rendered["services"]["postgres"]
    return dict(made["services"])


def test_the_compared_file_names_everything_by_its_prefix_and_stays_on_the_loopback() -> None:
    made = services()
    assert [service["container_name"] for service in made.values()] == ["side-postgres", "side-redis"]
    assert [service["ports"] for service in made.values()] == [["127.0.0.1:5001:5432"], ["127.0.0.1:5002:6379"]]


def test_the_compared_file_is_otherwise_the_rendered_one_without_the_labels_that_verbs_look_for() -> None:
    redis = services()["redis"]
    assert "labels" not in redis
    assert (redis["mem_limit"], redis["image"], redis["healthcheck"]["interval"]) == ("128m", "redis:1", "5s")
    assert redis["healthcheck"]["test"] == ["CMD-SHELL", '[ "$$(redis-cli ping 2>&1)" = PONG ]']


def test_the_compared_servers_have_directories_of_their_own() -> None:
    sources = [each["source"] for service in services().values() for each in service["volumes"]]
    assert sources == [
        "/stack/compose/data/postgres", "/stack/compose/data/config/postgres", "/stack/compose/project/backups",
        "/stack/compose/data/run/postgres", "/stack/compose/data/redis", "/stack/compose/data/config/redis",
    ]  # fmt: skip


def test_apt_works_on_lists_sources_and_cache_of_its_own() -> None:
    argv = apt_command(Path("/t"), "update")
    assert argv[0] == "apt-get"
    assert argv[-1] == "update"
    for option in ("Dir::State=/t/state", "Dir::Cache=/t/cache", "Dir::Etc::sourcelist=/t/sources.list"):
        assert argv[argv.index(option) - 1] == "-o"


def test_the_suite_is_checked_with_the_machine_s_own_keys(tmp_path: Path) -> None:
    keyring = tmp_path / "keys.gpg"
    assert source_line("http://mirror", keyring) == "deb http://mirror trixie main\n"
    keyring.touch()
    assert source_line("http://mirror", keyring) == f"deb [signed-by={keyring}] http://mirror trixie main\n"
