"""TLS from outside the host: who proves the server comes in, nobody else does, and renewing cuts nobody off."""

import json
import socket
import ssl
import struct
import warnings
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dbserver import certificates, contract
from tests.support.commands import Ran
from tests.support.ports import address
from tests.support.stack import Stack

NAME, OTHER = "db.example.test", "other.example.test"
KEY = "PRIVATE KEY"


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose servers are both reached from outside, with one application."""
    made = Stack(tmp_path_factory.mktemp("secured"))
    made.configure(redis={"access": "password"})
    made.configure(tls={"address": address(), "names": [NAME], "servers": ["postgres", "redis"]})
    made.declare({"name": "shop", "poolSize": 2})
    made.start().ok()
    yield made
    made.remove()


def told(stack: Stack) -> dict[str, Any]:
    return dict(stack.output("tls"))


def psql(stack: Stack, where: str, mode: str, *, user: str = "shop", password: str = "") -> list[str]:
    """Return the documented command, with the password in the environment."""
    secret = password or stack.variables("shop")["DB_PASSWORD"]
    database = "dbadmin" if user == "dbadmin" else "shop"
    place = f"host={where} port={stack.postgres_port} dbname={database} user={user}"
    line = f"{place} sslmode={mode} sslrootcert=/tmp/ca.pem"
    asked = "SELECT ssl, coalesce(version, 'none') FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    return ["env", f"PGPASSWORD={secret}", "psql", "-XAtq", line, "-c", asked]


def elsewhere(
    stack: Stack, authority: str, commands: Sequence[Sequence[str]], network: str = "bridge", server: str = "postgres"
) -> list[Ran]:
    """Run commands in a container that is not on the stack's network and trusts an authority."""
    known = [] if network == "host" else [f"--add-host={name}:{address()}" for name in (NAME, OTHER)]
    trusting = [["sh", "-c", f"printf %s '{authority}' > /tmp/ca.pem; {quoted(each)}"] for each in commands]
    return stack.attempts(trusting, "--network", network, *known, server=server)


def quoted(command: Sequence[str]) -> str:
    return " ".join('"' + word.replace('"', '\\"').replace("$", "\\$") + '"' for word in command)


def assert_refused(done: Ran, *reasons: str) -> None:
    assert done.code != 0, f"it was not refused:\n{done.text}"
    assert any(reason in done.text for reason in reasons), done.text


def foreign() -> certificates.Pair:
    return certificates.authority("another", datetime.now(UTC))


def pem(stack: Stack, server: str) -> Path:
    return stack.data / "config" / server / contract.CERTIFICATE_FILE


def running_since(stack: Stack) -> list[tuple[str, str]]:
    return [(stack.inspect(name)["Id"], stack.started_at(name)) for name in (stack.postgres, stack.redis)]


def served(stack: Stack, authority: str) -> str:
    """Return the subject that PostgreSQL's certificate has for a client that proves it by an authority."""
    done = elsewhere(stack, authority, [psql(stack, NAME, "verify-full")])[0].ok()
    assert done.out.startswith("t|TLSv1."), done.text
    return certificates.expires(pem(stack, "postgres").read_text()).isoformat()


def test_a_client_elsewhere_proves_the_server_and_no_other_way_leads_in(secured: Stack) -> None:
    authority, password = told(secured)["caCertificate"], secured.output("adminPassword")
    proved, by_address, wrong_name, clear, administrator = elsewhere(secured, authority, [
        psql(secured, NAME, "verify-full"),
        psql(secured, address(), "verify-full"),
        psql(secured, OTHER, "verify-full"),
        psql(secured, NAME, "disable"),
        psql(secured, NAME, "require", user="dbadmin", password=password),
    ])  # fmt: skip
    assert proved.ok().out.startswith("t|TLSv1.")
    assert by_address.ok().out.startswith("t|TLSv1.")
    assert_refused(wrong_name, "does not match host name")
    assert_refused(clear, "rejects connection")
    assert_refused(administrator, "rejects connection")
    untrusted = elsewhere(secured, foreign().certificate, [psql(secured, NAME, "verify-full")])[0]
    assert_refused(untrusted, "certificate verify failed")


@pytest.mark.full
def test_who_arrives_without_docker_s_proxy_needs_tls_too(secured: Stack) -> None:
    authority, password = told(secured)["caCertificate"], secured.output("adminPassword")
    proved, clear, administrator, here, here_clear, boss = elsewhere(secured, authority, [
        psql(secured, address(), "verify-full"),
        psql(secured, address(), "disable"),
        psql(secured, address(), "require", user="dbadmin", password=password),
        psql(secured, "localhost", "verify-full"),
        psql(secured, "127.0.0.1", "disable"),
        psql(secured, "127.0.0.1", "require", user="dbadmin", password=password),
    ], network="host")  # fmt: skip
    assert proved.ok().out.startswith("t|TLSv1.")
    assert here.ok().out.startswith("t|TLSv1.")
    for refused in (clear, administrator, here_clear, boss):
        assert_refused(refused, "rejects connection")
    assert secured.password_works(password), "the administrator comes in from inside the container"


def test_what_env_prints_for_the_host_encrypts_there(secured: Stack) -> None:
    url = secured.script("dbserver", "env", "shop", "--for", "host", "--field", "DATABASE_URL").ok().out.strip()
    assert url.endswith("?sslmode=require")
    ask = ["psql", "-XAtq", url, "-c", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"]
    assert secured.attempts([ask], "--network", "host")[0].ok().out == "t"
    redis = secured.script("dbserver", "env", "shop", "--for", "host", "--field", "REDIS_URL").ok().out.strip()
    asked = ["redis-cli", "--no-auth-warning", "-u", redis, "PING"]
    assert secured.attempts([asked], "--network", "host", server="redis")[0].ok().out == "PONG"


def test_the_network_of_the_applications_is_as_it_was(secured: Stack) -> None:
    url = secured.variables("shop")["DATABASE_URL"]
    ask = ["psql", "-XAtq", f"{url}?sslmode=disable", "-c", "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"]
    administrator = f"postgresql://dbadmin:{secured.output('adminPassword')}@{secured.postgres}:5432/dbadmin"
    clear, boss = secured.attempts([ask, ["psql", administrator, "-c", "SELECT 1"]])
    assert clear.ok().out == "f"
    assert_refused(boss, "rejects connection")
    redis = secured.variables("shop")["REDIS_URL"]
    asked = ["redis-cli", "--no-auth-warning", "-u", redis, "PING"]
    assert secured.attempts([asked], server="redis")[0].ok().out == "PONG"


def test_redis_is_proved_by_the_same_authority_and_speaks_nothing_but_tls_there(secured: Stack) -> None:
    user, password = secured.variables("shop")["REDIS_URL"].removeprefix("redis://").partition("@")[0].split(":")
    where = f"-h {NAME} -p {secured.redis_port} --user {user} --askpass -e"
    tls = f"redis-cli --tls --cacert /tmp/ca.pem {where}"
    proved, wrong, clear = elsewhere(secured, told(secured)["caCertificate"], [
        ["sh", "-c", f"echo {password} | {tls} SET shop:tls yes"],
        ["sh", "-c", f"echo x{password} | {tls} SET shop:tls no"],
        ["sh", "-c", f"echo {password} | timeout 10 redis-cli {where} PING"],
    ], server="redis")  # fmt: skip
    assert proved.ok().out.endswith("OK")
    assert "WRONGPASS" in wrong.out, wrong.text
    assert "PONG" not in clear.out, clear.text
    untrusted = elsewhere(secured, foreign().certificate, [["sh", "-c", f"echo x | {tls} PING"]], server="redis")[0]
    assert_refused(untrusted, "certificate verify failed")
    assert secured.redis_admin("GET", "shop:tls") == "yes"


def spoken(stack: Stack, port: int, most: ssl.TLSVersion) -> str | None:
    """Return the protocol that a client and a server agree on; the client is as lenient as clients were once."""
    context = ssl.create_default_context(cadata=told(stack)["caCertificate"])
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, most
    with socket.create_connection((address(), port), timeout=10) as plain:
        if port == stack.postgres_port:
            plain.sendall(struct.pack("!II", 8, 80877103))  # SSLRequest
            assert plain.recv(1) == b"S"
        with context.wrap_socket(plain, server_hostname=NAME) as secured:
            return secured.version()


def test_nothing_older_than_tls_1_2_is_spoken(secured: Stack) -> None:
    for port in (secured.postgres_port, secured.redis_port):
        assert spoken(secured, port, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            spoken(secured, port, ssl.TLSVersion.TLSv1_1)


@pytest.mark.full
def test_the_key_is_its_server_s_alone_and_stands_nowhere_else(secured: Stack) -> None:
    keys = [line for server in contract.SERVERS for line in pem(secured, server).read_text().splitlines()[1:3]]
    places = {name: json.dumps(secured.inspect(name)) for name in (secured.postgres, secured.redis)}
    preview = secured.pulumi("preview", "--diff", "--refresh").ok()
    shown = secured.pulumi("stack", "output", "--json").ok()
    state = secured.pulumi("stack", "export").ok()
    places |= {"preview": preview.text, "outputs": shown.text, "state": state.out}
    for path in (secured.project / contract.COMPOSE_FILE, *(secured.project / ".state").rglob("*.json*")):
        places[str(path)] = path.read_text(errors="replace") if path.suffix != ".gz" else ""
    places["logs"] = secured.script("dbserver", "logs", "--lines", "500").ok().text
    assert [(place, line) for place, text in places.items() for line in keys if line in text] == []
    assert KEY not in "".join(places.values())
    for server, container in (("postgres", secured.postgres), ("redis", secured.redis)):
        inner = f"{contract.INNER_CONFIG[server]}/{contract.CERTIFICATE_FILE}"
        known = pem(secured, server).stat()
        owner = secured.client(f"id -u {server}", server=server).ok().out.strip()
        assert (known.st_mode & 0o777, str(known.st_uid)) == (0o600, owner), container
        nobody = secured.client(f"cat {inner}", "--user", "65534", "--volumes-from", container, server=server)
        assert_refused(nobody, "ermission denied")


@pytest.mark.full
def test_a_start_changes_nothing_and_a_file_changed_by_hand_is_seen_and_repaired(secured: Stack) -> None:
    before = running_since(secured)
    secured.start().ok()
    secured.assert_clean()
    texts = {server: pem(secured, server).read_text() for server in contract.SERVERS}
    pem(secured, "postgres").chmod(0o644)
    pem(secured, "redis").unlink()
    assert secured.pulumi("preview", "--refresh", "--expect-no-changes").code != 0
    secured.start().ok()
    secured.assert_clean()
    assert {server: pem(secured, server).read_text() for server in contract.SERVERS} == texts
    assert pem(secured, "postgres").stat().st_mode & 0o777 == 0o600
    assert running_since(secured) == before


def exported(stack: Stack) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the state, and the outputs of the certificate in it."""
    state = json.loads(stack.pulumi("stack", "export", "--show-secrets").ok().out)
    found = next(r for r in state["deployment"]["resources"] if r["urn"].endswith("::certificate"))
    return state, found["outputs"]


def issued(known: dict[str, Any], days: int) -> certificates.Pair:
    """Return a certificate of the stack's own authority that was issued so many days ago."""
    authority = certificates.Pair(known["authority"], json.loads(known["authorityKey"]["plaintext"]))
    when = datetime.now(UTC) - timedelta(days=days)
    return certificates.issue(authority, known["names"], known["addresses"], when)


def examined(stack: Stack, verb: str) -> tuple[int, dict[str, Any]]:
    done = stack.script("dbserver", verb, "--format", "json")
    return done.code, json.loads(done.out)


def certificate_findings(diagnosis: dict[str, Any]) -> list[tuple[str, str]]:
    """Return these alone: what the other tests were refused is found too."""
    findings = [(str(each["cause"]), str(each["server"])) for each in diagnosis["findings"]]
    return [each for each in findings if each[0].startswith("certificate")]


@pytest.mark.full
def test_a_certificate_that_ends_soon_and_one_that_has_ended_are_told_and_mended_by_start(secured: Stack) -> None:
    _, known = exported(secured)
    code, status = examined(secured, "status")
    assert (code, status["servers"][0]["certificate"]["days_left"]) == (0, 396)
    before = running_since(secured)
    for days, cause, exit_code in ((380, "certificate-expires", 0), (400, "certificate-expired", 3)):
        pem(secured, "redis").write_text(issued(known, days).pem)
        _, diagnosis = examined(secured, "doctor")
        code, status = examined(secured, "status")
        assert certificate_findings(diagnosis) == [(cause, "redis")]
        assert status["servers"][1]["certificate"]["days_left"] == 396 - days
        assert code == exit_code, cause
    secured.start().ok()
    assert certificate_findings(examined(secured, "doctor")[1]) == []
    assert running_since(secured) == before


def near_its_end(stack: Stack) -> str:
    """Put a certificate into the state that was issued 300 days ago; return its end."""
    state, known = exported(stack)
    old = issued(known, 300)
    known |= {"certificate": old.certificate, "expires": certificates.expires(old.certificate).isoformat()}
    known["pem"]["plaintext"] = json.dumps(old.pem)
    stack.pulumi("stack", "import", stdin=json.dumps(state)).ok()
    return str(known["expires"])


@pytest.mark.full
def test_a_certificate_near_its_end_is_renewed_by_start_and_nobody_is_cut_off(secured: Stack) -> None:
    authority, before = told(secured)["caCertificate"], running_since(secured)
    ending = near_its_end(secured)
    costs = json.loads(secured.script("dbserver", "preview", "--format", "json").ok().out)
    assert {"certificate-renewed:certificate", "certificate-taken:postgres", "certificate-taken:redis"} <= {
        change["name"] for change in costs["changes"]
    }
    secured.start().ok()
    after = told(secured)
    assert after["expires"] > ending
    assert after["caCertificate"] == authority
    assert served(secured, authority) == after["expires"]
    assert running_since(secured) == before
    secured.assert_clean()


def company(names: Sequence[str], since: datetime) -> tuple[certificates.Pair, certificates.Pair]:
    """Return an authority of somebody else's, and a certificate of it."""
    authority = certificates.authority("company", since)
    return authority, certificates.issue(authority, names, [], since)


def put(stack: Stack, given: certificates.Pair, authority: certificates.Pair) -> dict[str, Any]:
    directory = stack.project / "given"
    directory.mkdir(exist_ok=True)
    (directory / "tls.crt").write_text(given.certificate)
    (directory / "tls.key").write_text(given.key)
    (directory / "ca.crt").write_text(authority.certificate)
    return {"certificateFile": "given/tls.crt", "keyFile": "given/tls.key", "caFile": "given/ca.crt"}


@pytest.mark.full
def test_a_given_certificate_is_served_and_a_broken_one_refused_before_anything_changes(secured: Stack) -> None:
    before, now = running_since(secured), datetime.now(UTC)
    authority, good = company([NAME], now)
    with secured.configured(tls=put(secured, good, authority)):
        secured.start().ok()
        assert served(secured, authority.certificate) == told(secured)["expires"]
        assert told(secured)["caCertificate"] == authority.certificate
        text = pem(secured, "postgres").read_text()
        assert text == good.pem
        put(secured, company([OTHER], now - timedelta(days=400))[1], authority)
        refused = secured.start()
        assert (refused.code, KEY in refused.text) == (2, False), refused.text
        for reason in (f"does not have {NAME} among its names", "has expired on", "caFile has not issued"):
            assert reason in refused.text, refused.text
        assert pem(secured, "postgres").read_text() == text
    secured.start().ok()
    assert served(secured, told(secured)["caCertificate"]) == told(secured)["expires"]
    assert running_since(secured) == before


@pytest.mark.full
def test_an_address_of_another_machine_and_an_open_redis_are_refused_before_anything_changes(secured: Stack) -> None:
    before = running_since(secured)
    with secured.configured(tls={"address": "198.51.100.7"}):
        assert_refused(secured.start(), "is no address of this host")
    with secured.configured(redis={"access": "open"}):
        refused = secured.start()
        assert refused.code == 2, refused.text
        assert_refused(refused, "redis takes redis.access: password")
    assert running_since(secured) == before
