"""What docs/reference/security.md promises and no other test looks at."""

import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.support.commands import Ran, run
from tests.support.stack import Stack


@pytest.fixture(scope="module")
def guarded() -> Iterator[Stack]:
    """A stack whose own directory everybody may enter: what is closed was closed by the product."""
    made = Stack(Path(tempfile.mkdtemp(prefix="dbs-test-")))
    made.directory.chmod(0o755)
    made.configure(redis={"access": "password", "persistence": "append-only"})
    made.declare({"name": "shop", "poolSize": 5})
    made.start().ok()
    made.script("backup-database.sh", "--all").ok()
    made.script("backup-database.sh", "--redis").ok()
    yield made
    made.remove()


def as_nobody(*argv: str) -> Ran:
    return run("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *argv)


def secrets(stack: Stack) -> list[str]:
    """Return every password in clear text: the administrator's, an application's of each server, the local one."""
    known = stack.variables("shop")
    local = (stack.data / "config" / "redis" / "admin-password").read_text()
    return [stack.output("adminPassword"), known["DB_PASSWORD"], known["REDIS_URL"].split(":")[2].split("@")[0], local]


def test_each_port_is_published_on_one_address_and_on_none_of_ipv6(guarded: Stack) -> None:
    ports = {guarded.postgres: guarded.postgres_port, guarded.redis: guarded.redis_port}
    for name, port in ports.items():
        published = guarded.inspect(name)["NetworkSettings"]["Ports"].values()
        assert [each for found in published for each in found or ()] == [{"HostIp": "127.0.0.1", "HostPort": str(port)}]
        with socket.socket(socket.AF_INET6) as tried:
            assert tried.connect_ex(("::1", port)) != 0
    listening = [tuple(each.laddr) for each in psutil.net_connections("tcp") if each.status == psutil.CONN_LISTEN]
    assert {address for address, port in listening if port in ports.values()} <= {"127.0.0.1"}


def test_a_container_on_another_network_reaches_neither_server(guarded: Stack) -> None:
    networks = [guarded.inspect(name)["NetworkSettings"]["Networks"] for name in (guarded.postgres, guarded.redis)]
    postgres, redis = (found[guarded.network]["IPAddress"] for found in networks)
    assert guarded.client(f"pg_isready -h {postgres} -t 3").code == 0
    assert guarded.client(f"pg_isready -h {postgres} -t 3", "--network", "bridge").code != 0
    asked = f"timeout 3 redis-cli -h {redis} ping"
    assert guarded.client(asked, server="redis").out == "PONG\n"
    assert "PONG" not in guarded.client(asked, "--network", "bridge", server="redis").text


def test_no_password_stands_in_a_container_a_rendered_file_a_backup_or_its_manifest(guarded: Stack) -> None:
    texts = {name: run("docker", "container", "inspect", name).ok().out.encode()
             for name in (guarded.postgres, guarded.redis)}  # fmt: skip
    backups, rendered = guarded.project / "backups", guarded.data / "config"
    files = [path for place in (backups, rendered) for path in place.rglob("*") if path.is_file()]
    files += [guarded.project / "docker-compose.yml", guarded.project / f"Pulumi.{guarded.name}.yaml"]
    assert {"manifest.json", "globals.sql", "users.acl", "pg_hba.conf"} <= {path.name for path in files}
    # What is kept for root alone, and is in no container but the one that needs it.
    private = ("admin-password", "generated.json")
    texts |= {str(path): path.read_bytes() for path in files if path.name not in private}
    known = secrets(guarded)
    assert len(set(known)) == 4
    assert min(map(len, known)) >= 16
    for where, text in texts.items():
        assert not [secret for secret in known if secret.encode() in text], where


def test_nobody_else_on_the_host_reads_or_writes_data_backups_or_the_passphrase(guarded: Stack) -> None:
    as_nobody("ls", str(guarded.project)).ok()
    kept = [guarded.data, guarded.project / "backups"]
    names = {path.name for each in kept for path in each.rglob("*")}
    assert {"PG_VERSION", "admin-password", "generated.json", "manifest.json"} <= names
    for right in ("-readable", "-writable"):
        found = as_nobody("find", *map(str, kept), "-type", "f", right).out
        assert found == "", f"{right}:\n{found}"
    # The tests' own environment has a passphrase; without one the project makes its own.
    bare = ["env", "-u", "PULUMI_CONFIG_PASSPHRASE_FILE", "-u", "PULUMI_CONFIG_PASSPHRASE"]
    run(*bare, "bash", "-c", ". tools/environment.sh", cwd=guarded.project).ok()
    assert (guarded.project / ".state" / "passphrase").is_file()
    assert "Permission denied" in as_nobody("cat", str(guarded.project / ".state" / "passphrase")).err
    assert (guarded.data / "run" / "postgres" / ".s.PGSQL.5432").is_socket()
    assert "Permission denied" in as_nobody("ls", str(guarded.data / "run" / "postgres")).err
