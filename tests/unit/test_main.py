"""The whole program under mocks: what it declares, and one test for each trap of the provider."""

import base64
import json
import pickle
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dill  # type: ignore[import-untyped]  # it has no types
import pulumi
import pytest
import yaml

from dbserver import certificates, contract
from dbserver.docker import daemon
from dbserver.docker.privileges import PRIVILEGES
from dbserver.postgres.settings import ENCRYPTED as PG_TLS
from dbserver.redis.access import fence
from dbserver.redis.settings import ENCRYPTED as REDIS_TLS
from dbserver.settings import file
from dbserver.settings.model import Settings
from infra.application_server import ApplicationProvider
from infra.certificate import CertificateProvider
from infra.network import NetworkProvider
from infra.password import PasswordProvider
from infra.plans import PROJECT
from infra.postgres_server import PostgresProvider
from infra.preflight import HostError
from infra.redis_server import RedisProvider
from infra.redis_users import RedisUsersProvider
from infra.server import ServerProvider
from tests.support import faulty
from tests.unit.program import (
    APPLICATION_PASSWORD,
    GENERATED,
    GIVEN,
    IDENTITY,
    PEM,
    REDIS_PASSWORD,
    ROOT,
    Program,
    declare,
    is_secret,
    opened,
    places,
    run,
)

SERVERS = ("postgres", "redis")
PROVIDERS = [
    NetworkProvider, PasswordProvider, PostgresProvider, RedisProvider, ApplicationProvider, RedisUsersProvider,
    CertificateProvider,
]  # fmt: skip
CONTAINER = "docker:index/container:Container"
DYNAMIC = "pulumi-python:dynamic/db-server"
DURATIONS = ("interval", "timeout", "startPeriod", "startInterval")
GO_UNITS = ((3600, "h"), (60, "m"), (1, "s"))

each_server = pytest.mark.parametrize("server", SERVERS)


def go_form(seconds: int) -> str:
    """Return whole seconds as Go prints them: 60 -> 1m0s."""
    hours, minutes = seconds // 3600, seconds // 60
    return (f"{hours}h" if hours else "") + (f"{minutes % 60}m" if minutes else "") + f"{seconds % 60}s"


def seconds_of(duration: str) -> int:
    parts = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", duration)
    assert parts, f"{duration!r} is no duration of whole seconds"
    return sum(int(part or 0) * unit for part, (unit, _) in zip(parts.groups(), GO_UNITS, strict=True))


# What is declared -----------------------------------------------------------


def test_the_program_declares_exactly_two_containers_their_servers_redis_users_and_a_password() -> None:
    assert declare().types() == {
        "admin-password": f"{DYNAMIC}:Password",
        "postgres": CONTAINER,
        "postgres-server": f"{DYNAMIC}:PostgresServer",
        "redis": CONTAINER,
        "redis-server": f"{DYNAMIC}:RedisServer",
        "redis-users": f"{DYNAMIC}:RedisUsers",
    }


def test_a_network_to_create_is_one_resource_more() -> None:
    declared = declare(network={"name": "dev-net", "create": True})
    assert set(declared.types()) - set(declare().types()) == {"network"}
    assert declared.resources["network"].inputs["name"] == "dev-net"
    assert declared.types()["network"] == f"{DYNAMIC}:Network"


def test_a_network_of_someone_else_is_no_resource() -> None:
    assert "network" not in declare(network={"name": "dev-net", "create": False}).types()


@each_server
def test_a_container_waits_for_the_network_that_the_stack_creates(server: str) -> None:
    request = declare(network={"create": True}).resources[server].request
    assert any(urn.endswith("Network::network") for urn in request.dependencies), list(request.dependencies)


def test_a_password_that_is_given_is_not_generated() -> None:
    assert "admin-password" not in declare(adminPassword=GIVEN).types()


def test_the_exports_are_the_documented_ones() -> None:
    exports = declare().exports
    assert set(exports) == {
        "network", "dataDirectory", "backupDirectory", "postgres", "redis", "adminUser", "adminDatabase",
        "adminPassword", "applications",
    }  # fmt: skip
    assert exports["postgres"] == {
        "host": "db-server-postgres", "port": 5432, "publishedAddress": "127.0.0.1", "publishedPort": 5432,
        "containerId": "postgres-id", "image": "postgres:17", "imageIdentity": IDENTITY["postgres"], "version": "1.2",
    }  # fmt: skip
    assert exports["redis"] == {
        "host": "db-server-redis", "port": 6379, "publishedAddress": "127.0.0.1", "publishedPort": 6379,
        "containerId": "redis-id", "image": "redis:8", "imageIdentity": IDENTITY["redis"], "version": "1.2",
    }  # fmt: skip


def test_the_exported_password_is_the_one_given_and_a_secret() -> None:
    exported = declare(adminPassword=GIVEN).exports["adminPassword"]
    assert is_secret(exported)
    assert opened(exported) == GIVEN


def test_the_exported_password_is_the_generated_one_and_a_secret() -> None:
    exported = declare().exports["adminPassword"]
    assert is_secret(exported)
    assert opened(exported) == GENERATED


def test_names_ports_directories_and_network_are_all_configuration() -> None:
    declared = declare(
        network={"name": "other-net"},
        dataDirectory="/srv/other",
        postgres={"containerName": "other-pg", "port": 15432, "adminUser": "boss", "image": "postgres:18"},
        redis={"containerName": "other-redis", "port": 16379, "image": "redis:7"},
    )
    for server, name, image, port in (
        ("postgres", "other-pg", "postgres:18", 15432),
        ("redis", "other-redis", "redis:7", 16379),
    ):
        container = declared.container(server)
        assert (container["name"], container["image"], container["ports"][0]["external"]) == (name, image, port)
        assert container["networksAdvanced"][0]["name"] == "other-net"
        assert container["mounts"][0]["source"] == f"/srv/other/{server}"
    assert "POSTGRES_USER=boss" in declared.container("postgres")["envs"]
    everything = json.dumps([registered.raw for registered in declared.resources.values()])
    for default in ("db-server-postgres", "db-server-redis", "/data/db-server", "nginx-network", "dbadmin"):
        assert default not in everything, f"the default {default} is still used beside another configuration"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_committed_stacks_are_declared_without_a_fault(stack: str) -> None:
    stored = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    values = {key.removeprefix("db-server:"): value for key, value in stored.items()}
    assert ("network" in declare(**values).types()) == (stack == "dev")


def crypto() -> Program:
    """Return what the dev stack declares, its application with it."""
    stored = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]
    return declare(**{key.removeprefix("db-server:"): value for key, value in stored.items()})


def test_the_application_of_the_dev_stack_is_one_resource() -> None:
    types = crypto().types()
    assert {name: kind for name, kind in types.items() if name not in declare(network={"create": True}).types()} == {
        "crypto-ai-agent": f"{DYNAMIC}:Application",
    }
    assert len(types) == 8


def test_the_application_of_the_dev_stack_is_declared_with_exactly_these_properties() -> None:
    inputs = crypto().container("crypto-ai-agent")
    assert {name: value for name, value in inputs.items() if name != "__provider" and value is not None} == {
        "container": "db-server-postgres", "adminUser": "dbadmin", "name": "crypto-ai-agent",
        "database": "crypto_ai_agent", "role": "crypto", "poolSize": 10, "instances": 1, "redisDatabase": 0,
        "redisPrefix": "crypto-ai-agent:", "extensions": ["pg_trgm"], "settings": {}, "givenPassword": "",
        "passwordVersion": 1, "keepPassword": False, "drift": [], "image": "postgres:17",
        "passwordDirectory": "/data/db-server/config/passwords/crypto",
    }  # fmt: skip


def test_an_application_waits_for_its_server_and_the_users_of_redis_for_every_application() -> None:
    declared = crypto()
    needed = {name: [urn.rpartition("::")[2] for urn in registered.request.dependencies]
              for name, registered in declared.resources.items()}  # fmt: skip
    assert "postgres-server" in needed["crypto-ai-agent"]
    assert {"redis-server", "crypto-ai-agent"} <= set(needed["redis-users"])


@pytest.mark.parametrize("given", [{}, {"applications": [{"name": "shop"}], "archive": {"enabled": True}}])
def test_a_destroy_has_to_begin_with_the_users_of_redis_which_refuse_it(given: dict[str, Any]) -> None:
    """What nothing else needs is deleted first, whatever it is: then it has to be them alone."""
    declared = declare(**given)
    needed = {urn.rpartition("::")[2] for each in declared.resources.values() for urn in each.request.dependencies}
    assert set(declared.resources) - needed == {"redis-users"}


UNFINISHED = {"shop": ["one", "two"], "blog": ["three"], "fine": []}


def unfinished(*, preview: bool) -> Program:
    return run({"applications": [{"name": name} for name in UNFINISHED]}, drift=UNFINISHED, preview=preview)


def test_applications_that_cannot_be_finished_are_all_named_once_everything_else_and_the_outputs_are_registered() -> (
    None
):
    ended = unfinished(preview=False)
    assert isinstance(ended.fault, pulumi.RunError), repr(ended.fault)
    assert str(ended.fault) == (
        "application blog: three\napplication shop: one; two\n"
        "HINT: the other applications are done; mend these, then up again"
    )
    assert "redis-users" in ended.types(), "a fault of one application would leave the others without Redis"
    assert set(opened(ended.exports["applications"])) == set(UNFINISHED)


def test_a_preview_shows_what_an_application_lacks_instead_of_ending() -> None:
    assert unfinished(preview=True).fault is None


def test_an_update_after_which_a_server_is_not_there_ends_with_the_way_out_and_a_preview_does_not() -> None:
    ended = run({}, gone=["container db-server-redis is not there"])
    assert isinstance(ended.fault, pulumi.RunError), repr(ended.fault)
    assert str(ended.fault) == (
        "container db-server-redis is not there\nHINT: ./scripts/start.sh, or pulumi up --refresh"
    )
    assert run({}, gone=["container db-server-redis is not there"], preview=True).fault is None


def test_the_servers_are_looked_at_when_every_container_is_made() -> None:
    assert {"postgres", "redis", "archive"} <= run({"archive": {"enabled": True}}).before_the_end


def test_an_output_holds_exactly_the_variables_of_the_integration_document_as_a_secret() -> None:
    exported = crypto().exports["applications"]
    assert is_secret(exported)
    assert opened(exported) == {
        "crypto-ai-agent": {
            "DATABASE_URL": f"postgresql://crypto:{APPLICATION_PASSWORD}@db-server-postgres:5432/crypto_ai_agent",
            "DB_HOST": "db-server-postgres",
            "DB_PORT": "5432",
            "DB_NAME": "crypto_ai_agent",
            "DB_USER": "crypto",
            "DB_PASSWORD": APPLICATION_PASSWORD,
            "REDIS_URL": "redis://db-server-redis:6379/0",
            "REDIS_HOST": "db-server-redis",
            "REDIS_PORT": "6379",
            "REDIS_PREFIX": "crypto-ai-agent:",
        }
    }


def test_without_applications_the_output_is_an_empty_secret() -> None:
    exported = declare().exports["applications"]
    assert is_secret(exported)
    assert opened(exported) == {}


def test_with_access_by_password_an_application_comes_as_its_tenant() -> None:
    declared = declare(redis={"access": "password"}, applications=[{"name": "shop", "redisScan": True}])
    known = opened(declared.exports["applications"])["shop"]
    assert known["REDIS_URL"] == f"redis://shop:{REDIS_PASSWORD}@db-server-redis:6379/0"
    assert (known["REDIS_USER"], known["REDIS_PASSWORD"], known["REDIS_PREFIX"]) == ("shop", REDIS_PASSWORD, "shop:")
    users = declared.resources["redis-users"]
    assert is_secret(users.raw["tenants"])
    assert users.inputs["tenants"] == [
        {"name": "shop", "prefixes": ["shop:"], "password": REDIS_PASSWORD, "scan": True, "channels": []}
    ]  # fmt: skip
    assert (users.inputs["open"], users.inputs["fence"]) == (False, fence())


def test_where_redis_is_open_no_application_has_a_tenant_or_its_password() -> None:
    declared = crypto()
    assert declared.container("redis-users")["tenants"] == []
    assert declared.container("redis-users")["open"] is True
    assert "fence" not in declared.container("redis-users"), "another version would load the same rules once more"
    assert REDIS_PASSWORD not in json.dumps(declared.exports)


@pytest.mark.parametrize("access", ["open", "password"])
@pytest.mark.parametrize("text", [GIVEN, APPLICATION_PASSWORD, REDIS_PASSWORD, GENERATED])
def test_no_password_of_an_application_stands_anywhere_but_in_a_secret(access: str, text: str) -> None:
    declared = declare(redis={"access": access}, applications=[{"name": "shop", "password": GIVEN}, {"name": "blog"}])
    inputs = {name: registered.raw for name, registered in declared.resources.items()}
    found = [*places(inputs, text), *places(declared.exports, text)]
    assert [place for place in found if "(secret)" not in place] == []
    if text == GIVEN:
        assert "shop.givenPassword(secret)" in found


def test_another_application_leaves_every_other_resource_but_the_gate_and_the_users_as_it_is() -> None:
    one, two = (declare(applications=[{"name": name} for name in names]) for names in (["a"], ["a", "b"]))
    for name in set(one.resources) - {"redis-users"}:
        assert one.resources[name].raw == two.resources[name].raw
    assert set(two.resources) - set(one.resources) == {"b"}


def test_the_main_program_is_one_screen() -> None:
    assert len((ROOT / "__main__.py").read_text().splitlines()) <= 40


# Traps of the provider --------------------------------------------------------


@each_server
def test_a_container_is_deleted_before_its_replacement_is_created(server: str) -> None:
    request = declare().resources[server].request
    assert request.deleteBeforeReplaceDefined
    assert request.deleteBeforeReplace


@each_server
def test_the_network_mode_with_which_compose_makes_a_container_replaces_none(server: str) -> None:
    assert list(declare().resources[server].request.ignoreChanges) == ["networkMode"]


@each_server
def test_a_changed_health_check_mount_or_directory_in_memory_replaces_the_container(server: str) -> None:
    assert list(declare().resources[server].request.replaceOnChanges) == ["healthcheck", "mounts", "tmpfs"]


@pytest.mark.parametrize("server", ["postgres", "redis", "archive"])
def test_a_container_may_do_no_more_than_it_needs(server: str) -> None:
    declared, allowed = declare(archive='{"enabled": true}').container(server), PRIVILEGES[server]
    assert [declared[key] for key in ("capabilities", "securityOpts", "readOnly", "tmpfs", "ulimits")] == [
        {"adds": list(allowed.capabilities), "drops": ["ALL"]}, ["no-new-privileges:true"], True, allowed.temporary,
        [{"name": "core", "soft": 0, "hard": 0}],
    ]  # fmt: skip


def test_redis_answers_nobody_beyond_the_host_unless_it_is_reached_from_outside() -> None:
    declared = declare()
    assert declared.container("redis")["sysctls"] == {"net.ipv4.ip_default_ttl": "1"}
    assert "sysctls" not in declared.container("postgres")


@each_server
def test_every_duration_is_written_as_docker_gives_it_back(server: str) -> None:
    check = declare().container(server)["healthcheck"]
    written = {name: check[name] for name in DURATIONS if name in check}
    assert {"interval", "timeout", "startPeriod"} <= set(written)
    assert written == {name: go_form(seconds_of(text)) for name, text in written.items()}


@each_server
@pytest.mark.parametrize(("memory", "megabytes"), [("512m", 512), ("2g", 2048)])
def test_both_memory_limits_are_the_same_or_the_daemon_doubles_the_second(
    server: str, memory: str, megabytes: int
) -> None:
    sections: dict[str, Any] = {server: {"memory": memory}}
    container = declare(**sections).container(server)
    assert (container["memory"], container["memorySwap"]) == (megabytes, megabytes)


@each_server
def test_a_container_has_60_seconds_to_stop_also_when_it_is_deleted(server: str) -> None:
    container = declare().container(server)
    assert (container["stopTimeout"], container["destroyGraceSeconds"]) == (60, 60)


@each_server
def test_a_deleted_container_leaves_its_volumes(server: str) -> None:
    assert declare().container(server)["removeVolumes"] is False


@each_server
def test_no_word_of_a_command_is_empty(server: str) -> None:
    command = declare(redis={"persistence": "none"}).container(server)["command"]
    assert command
    assert all(word.strip() for word in command), command


@each_server
def test_the_only_network_is_named_not_numbered_on_a_bridge(server: str) -> None:
    container = declare(network={"name": "shared-net"}).container(server)
    assert container["networkMode"] == "bridge"
    assert [network["name"] for network in container["networksAdvanced"]] == ["shared-net"]


@each_server
def test_the_network_alias_is_the_name_that_compose_gave(server: str) -> None:
    aliases = declare(**{server: {"containerName": "another"}}).container(server)["networksAdvanced"][0]["aliases"]
    assert aliases == [server]


@each_server
def test_the_log_is_rotated_and_every_option_is_text(server: str) -> None:
    container = declare().container(server)
    assert container["logDriver"] == "json-file"
    assert set(container["logOpts"]) == {"max-size", "max-file"}
    assert all(isinstance(value, str) for value in container["logOpts"].values()), container["logOpts"]


@each_server
def test_a_container_that_was_only_stopped_is_not_reported_as_changed(server: str) -> None:
    assert declare().container(server)["mustRun"] is False


@each_server
def test_the_slow_wait_of_the_provider_is_not_used(server: str) -> None:
    assert declare().container(server)["wait"] is False


@each_server
def test_the_labels_say_what_runs_and_show_a_new_image_under_an_old_name(server: str) -> None:
    labels = {entry["label"]: entry["value"] for entry in declare().container(server)["labels"]}
    assert labels == {
        contract.LABEL_SERVER: server,
        contract.LABEL_VERSION: {"postgres": "17", "redis": "8"}[server],
        contract.LABEL_STACK: "unit",
        contract.LABEL_IMAGE: IDENTITY[server],
    }


@each_server
def test_the_image_has_the_same_name_wherever_it_is_named(server: str) -> None:
    declared = declare()
    named = {
        declared.container(server)["image"],
        declared.container(f"{server}-server")["image"],
        declared.exports[server]["image"],
    }
    assert named == {contract.DEFAULT_IMAGE[server]}


@each_server
def test_a_port_is_published_on_the_loopback_only(server: str) -> None:
    port = contract.DEFAULT_PORT[server]
    assert declare().container(server)["ports"] == [{"internal": port, "external": port, "ip": "127.0.0.1"}]


TLS = {"address": "10.0.0.5", "names": ["db.example.com"], "servers": ["postgres", "redis"]}
BOTH = {"tls": TLS, "redis": {"access": "password"}}


@each_server
def test_with_an_address_the_port_is_published_there_too_where_the_server_speaks_tls(server: str) -> None:
    here, outside = sorted(declare(**BOTH).container(server)["ports"], key=lambda each: each["ip"] != "127.0.0.1")
    port = contract.DEFAULT_PORT[server]
    assert here == {"internal": port, "external": port, "ip": "127.0.0.1"}
    assert outside == {"internal": contract.TLS_PORT[server], "external": port, "ip": "10.0.0.5"}


def test_only_the_servers_that_are_named_are_reached_from_outside() -> None:
    declared = declare(tls={"address": "10.0.0.5"})
    assert len(declared.container("postgres")["ports"]) == 2
    assert len(declared.container("redis")["ports"]) == 1
    assert "certificate" not in declared.container("redis-server")
    assert "tls-port" not in declared.container("redis-server")["settings"]


def test_a_certificate_has_every_name_and_address_by_which_the_servers_are_found() -> None:
    inputs = declare(**BOTH).container("certificate")
    names = ["db.example.com", "db-server-postgres", "db-server-redis", "postgres", "redis", "localhost"]
    assert (inputs["names"], inputs["addresses"]) == (names, ["10.0.0.5", "127.0.0.1"])


@each_server
def test_certificate_and_key_are_one_secret_that_the_servers_wait_for(server: str) -> None:
    declared = declare(**BOTH)
    resource = declared.resources[f"{server}-server"]
    assert is_secret(resource.raw["certificate"])
    assert "certificate" in resource.request.additionalSecretOutputs
    assert resource.inputs["settings"].items() >= {"postgres": PG_TLS, "redis": REDIS_TLS}[server].items()
    assert any(urn.endswith("::certificate") for urn in declared.resources[server].request.dependencies)
    assert {"authorityKey", "pem"} <= {*declared.resources["certificate"].request.additionalSecretOutputs}
    assert [path for path in places(declared.resources[server].raw, PEM) if "(secret)" not in path] == []


def test_what_a_client_needs_for_tls_is_exported_and_no_key_is() -> None:
    exports = declare(**BOTH).exports
    assert exports["tls"] == {
        "address": "10.0.0.5", "names": ["db.example.com"], "servers": ["postgres", "redis"],
        "expires": "end-of-the-mock", "caCertificate": "authority-of-the-mock",
    }  # fmt: skip
    assert list(places(exports, PEM)) == []


@each_server
def test_without_an_address_there_is_no_certificate_and_nothing_of_tls(server: str) -> None:
    declared = declare()
    assert "certificate" not in declared.types()
    assert "certificate" not in declared.container(f"{server}-server")
    assert "tls" not in declared.exports
    assert [name for name in declared.container(f"{server}-server")["settings"] if "ssl" in name or "tls" in name] == []


def test_a_given_certificate_needs_no_authority_of_the_stack_s(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    authority = certificates.authority("company", now)
    given = certificates.issue(authority, ["db.example.com"], [], now)
    files = {"certificateFile": given.certificate, "keyFile": given.key, "caFile": authority.certificate}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    declared = declare(tls={**TLS, "servers": ["postgres"], **{name: str(tmp_path / name) for name in files}})
    assert "certificate" not in declared.types()
    assert opened(declared.resources["postgres-server"].raw["certificate"]) == given.pem
    assert is_secret(declared.resources["postgres-server"].raw["certificate"])
    assert declared.exports["tls"]["caCertificate"] == authority.certificate


@each_server
def test_data_and_configuration_are_bind_mounts_and_the_configuration_is_read_only(server: str) -> None:
    data, config, *backups = declare().container(server)["mounts"]
    expected = {"postgres": "/var/lib/postgresql/data", "redis": "/data"}[server]
    assert data == {"type": "bind", "source": f"/data/db-server/{server}", "target": expected}
    assert config == {
        "type": "bind",
        "source": f"/data/db-server/config/{server}",
        "target": contract.INNER_CONFIG[server],
        "readOnly": True,
    }
    own = [
        {"type": "bind", "source": str(PROJECT / "backups"), "target": "/backups"},
        {"type": "bind", "source": "/data/db-server/run/postgres", "target": "/var/run/postgresql"},
    ]
    assert backups == (own if server == "postgres" else []), "PostgreSQL's own programs write the backups"


def test_the_archive_comes_to_the_server_by_its_socket_alone() -> None:
    declared = declare(archive='{"enabled": true, "keep": "3d", "baseBackup": "weekly sunday 01:30"}')
    archive = declared.container("archive")
    assert (archive["networkMode"], archive["user"], "ports" in archive) == ("none", "postgres", False)
    assert {mount["target"]: mount["source"] for mount in archive["mounts"]} == {
        "/archive": "/data/db-server/archive",
        "/var/run/postgresql": "/data/db-server/run/postgres",
    }
    script, name, *arguments = archive["command"][1:]
    assert "pg_receivewal" in script
    assert [name, *arguments[:4]] == ["archive", "dbadmin", "259200", "604800", "asynchronous"]
    assert [arguments[4], arguments[5], arguments[8]] == [" 30 ", " 1 ", " 0 "]
    assert declared.container("postgres-server")["settings"]["summarize_wal"] == "on"
    assert "synchronous_standby_names" not in declared.container("postgres-server")["settings"]


def test_a_synchronous_archive_holds_up_commits_until_it_has_them() -> None:
    declared = declare(archive='{"enabled": true, "synchronous": true}')
    assert declared.container("archive")["command"][6] == "synchronous"
    assert declared.container("postgres-server")["settings"]["synchronous_standby_names"] == "db_server_archive"


def test_without_an_archive_nothing_of_it_is_declared() -> None:
    declared = declare()
    assert "max_slot_wal_keep_size" not in declared.container("postgres-server")["settings"]
    with pytest.raises((KeyError, StopIteration)):
        declared.container("archive")


@each_server
def test_a_container_comes_back_by_itself(server: str) -> None:
    assert declare().container(server)["restart"] == "always"


def test_the_data_directory_is_explicit_so_that_every_image_version_uses_the_mount() -> None:
    container = declare().container("postgres")
    assert f"PGDATA={container['mounts'][0]['target']}" in container["envs"]


def test_a_new_data_directory_has_utf8_checksums_scram_and_a_database_of_the_administrator() -> None:
    envs = dict(entry.split("=", 1) for entry in declare().container("postgres")["envs"])
    assert envs["POSTGRES_DB"] == envs["POSTGRES_USER"] == "dbadmin"
    arguments = envs["POSTGRES_INITDB_ARGS"].split()
    assert {"--encoding=UTF8", "--data-checksums", "--auth-host=scram-sha-256"} <= set(arguments)


def test_the_health_check_of_postgres_asks_as_the_administrator() -> None:
    declared = declare(postgres={"adminUser": "boss"})
    check = ["CMD", "pg_isready", "-U", "boss", "-d", "postgres"]
    assert declared.container("postgres")["healthcheck"]["tests"] == check


def test_the_health_check_of_redis_takes_pong_and_nothing_else() -> None:
    check = ["CMD-SHELL", '[ "$(redis-cli ping 2>&1)" = PONG ]']
    assert declare().container("redis")["healthcheck"]["tests"] == check


@each_server
def test_a_container_is_prepared_by_a_hook_before_it_is_created_and_never_in_a_preview(server: str) -> None:
    declared = declare()
    assert list(declared.resources[server].request.hooks.before_create) == [f"prepare-{server}"]
    assert declared.hooks[f"prepare-{server}"].opts is None


# Settings ---------------------------------------------------------------------


def test_another_postgres_setting_leaves_both_containers_as_they_are() -> None:
    one, other = declare(), declare(postgres={"settings": {"work_mem": "7MB"}, "maxConnections": 77})
    for server in SERVERS:
        assert one.resources[server].raw == other.resources[server].raw
    assert other.container("postgres-server")["settings"]["work_mem"] == "7MB"
    assert other.container("postgres-server")["settings"]["max_connections"] == "77"


def test_another_eviction_policy_or_persistence_leaves_both_containers_as_they_are() -> None:
    one, other = declare(), declare(redis={"evictionPolicy": "allkeys-lru", "persistence": "none"})
    for server in SERVERS:
        assert one.resources[server].raw == other.resources[server].raw
    assert other.container("redis-server")["settings"]["maxmemory-policy"] == "allkeys-lru"


@each_server
def test_the_gate_of_a_server_runs_again_for_a_new_container(server: str) -> None:
    gate = declare().container(f"{server}-server")
    assert gate["containerId"] == f"{server}-id"
    assert gate["configDirectory"] == f"/data/db-server/config/{server}"


# Secrets ------------------------------------------------------------------------


@pytest.mark.parametrize(("configured", "password"), [({"adminPassword": GIVEN}, GIVEN), ({}, GENERATED)])
def test_the_password_stands_in_secret_properties_and_nowhere_else(configured: dict[str, Any], password: str) -> None:
    declared = declare(**configured)
    inputs = {name: registered.raw for name, registered in declared.resources.items()}
    assert list(places(inputs, password)) == ["postgres-server.adminPassword(secret)"]
    assert list(places(declared.exports, password)) == ["adminPassword(secret)"]


def test_the_first_password_of_a_new_server_is_one_that_nobody_knows() -> None:
    envs = declare().container("postgres")["envs"]
    assert "POSTGRES_PASSWORD_FILE=/proc/sys/kernel/random/uuid" in envs
    assert not [entry for entry in envs if entry.startswith("POSTGRES_PASSWORD=")]


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("admin-password", ["value"]),
        ("postgres-server", ["adminPassword"]),
        ("redis-users", ["tenants"]),
        ("crypto", ["password", "redis_password", "givenPassword"]),
    ],
)
def test_what_a_resource_reads_back_of_a_password_stays_secret(name: str, secret: list[str]) -> None:
    declared = declare(applications=[{"name": "crypto"}])
    assert list(declared.resources[name].request.additionalSecretOutputs) == secret


# Dynamic providers ----------------------------------------------------------------


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_provider_is_stored_as_a_reference_so_that_new_code_shows_no_difference(provider: type[Any]) -> None:
    stored = dill.dumps(provider(), recurse=True)
    assert len(stored) < 200
    assert type(pickle.loads(stored)) is provider
    assert provider.__module__.startswith("infra.")


@pytest.mark.parametrize("provider", [*PROVIDERS, ServerProvider])
def test_the_reference_to_a_provider_is_no_secret(provider: type[Any]) -> None:
    assert provider.serialize_as_secret_always is False


@pytest.mark.parametrize(
    "name",
    ["admin-password", "network", "postgres-server", "redis-server", "redis-users", "crypto"],
)
def test_the_registered_provider_is_a_readable_reference(name: str) -> None:
    stored = declare(network={"create": True}, applications=[{"name": "crypto"}]).resources[name].raw["__provider"]
    assert isinstance(stored, str), "the reference is stored as a secret"
    assert len(base64.b64decode(stored)) < 200
    assert type(pickle.loads(base64.b64decode(stored))).__module__.startswith("infra.")


# Faults ----------------------------------------------------------------------------


def test_configuration_faults_end_the_run_all_at_once_and_declare_nothing() -> None:
    ended = run({"redi": {}, "dataDirectory": "data", "postgres": {"port": 0, "memory": "12x"}})
    assert isinstance(ended.fault, pulumi.RunError), repr(ended.fault)
    for path in ("redi", "dataDirectory", "postgres.port", "postgres.memory"):
        assert re.search(rf"^  {re.escape(path)}: ", str(ended.fault), re.MULTILINE), str(ended.fault)
    assert (ended.resources, ended.exports) == ({}, {})


def test_twelve_faults_of_twelve_kinds_are_twelve_lines_of_one_run() -> None:
    assert faulty.lines(str(run(faulty.TWELVE).fault)) == faulty.LINES


def test_the_host_is_not_examined_where_the_configuration_has_faults() -> None:
    def examine(_: Settings) -> Any:
        pytest.fail("the host was examined")

    assert isinstance(run({"unknown": "key"}, examine).fault, pulumi.RunError)


def test_a_host_that_is_refused_ends_the_run_with_every_reason_and_has_declared_nothing_of_it() -> None:
    def examine(_: Settings) -> Any:
        raise HostError("refused before anything was changed:\n  first reason\n  second reason")

    ended = run({}, examine)
    assert isinstance(ended.fault, pulumi.RunError), repr(ended.fault)
    assert "first reason" in str(ended.fault)
    assert "second reason" in str(ended.fault)
    assert ([*ended.resources], ended.exports) == (["admin-password"], {})


def test_a_daemon_that_does_not_answer_ends_the_run_with_the_way_out() -> None:
    def examine(_: Settings) -> Any:
        raise daemon.refused("Cannot connect to the Docker daemon")

    ended = run({}, examine)
    assert isinstance(ended.fault, pulumi.RunError), repr(ended.fault)
    assert "HINT: sudo systemctl start docker" in str(ended.fault)
    assert [*ended.resources] == ["admin-password"]


def test_the_typed_keys_of_the_project_file_are_the_keys_of_the_settings() -> None:
    typed = set(yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"])
    known = {field.alias for field in Settings.model_fields.values()}
    # A key without a default is required by the engine, so an optional secret is not typed.
    assert known - typed == {"adminPassword"}
    assert typed - known == set()


def test_every_object_of_the_project_file_is_read_as_one() -> None:
    typed = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    structured = {key for key, entry in typed.items() if not isinstance(entry["default"], str)}
    assert structured == set(file.STRUCTURED)


def test_the_engine_judges_no_type_so_that_one_list_has_every_fault() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    assert {key for entry in declared.values() for key in entry} == {"description", "default"}
