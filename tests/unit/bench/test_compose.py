from pathlib import Path

from bench.compose import Servers, document
from tools.compose import apt_command, source_line

SERVERS = Servers(
    prefix="side",
    directory=Path("/somewhere"),
    images={"postgres": "stand-in/postgres:17", "redis": "redis:8"},
    ports={"postgres": 5001, "redis": 5002},
    memory={"postgres": "512m", "redis": "128m"},
)


def test_the_compose_file_names_everything_by_its_prefix_and_stays_on_the_loopback() -> None:
    made = document(SERVERS)
    assert made["name"] == "side"
    assert made["networks"]["shared"]["name"] == "side-network"
    assert [service["container_name"] for service in made["services"].values()] == ["side-postgres", "side-redis"]
    assert made["services"]["postgres"]["ports"] == ["127.0.0.1:5001:5432"]
    assert made["services"]["redis"]["mem_limit"] == "128m"


def test_the_compose_file_asks_for_health_every_five_seconds_with_the_shell_s_own_dollar_signs() -> None:
    checks = {name: service["healthcheck"] for name, service in document(SERVERS)["services"].items()}
    assert {check["interval"] for check in checks.values()} == {"5s"}
    assert checks["postgres"]["test"] == ["CMD", "pg_isready", "-U", "dbadmin", "-d", "postgres"]
    assert checks["redis"]["test"] == ["CMD-SHELL", '[ "$$(redis-cli ping 2>&1)" = PONG ]']


def test_the_compose_file_mounts_data_and_settings_where_the_stack_does() -> None:
    assert document(SERVERS)["services"]["redis"]["volumes"] == [
        "/somewhere/data/redis:/data",
        "/somewhere/data/config/redis:/usr/local/etc/redis:ro",
    ]


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
