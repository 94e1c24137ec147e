"""What may be declared of TLS, and every reason why something may not."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from dbserver import certificates
from dbserver.settings.model import SettingsError, load

ADDRESS = {"address": "10.0.0.5"}
NOW = datetime.now(UTC)
AUTHORITY = certificates.authority("company", NOW)
GIVEN = certificates.issue(AUTHORITY, ["db.example.com"], [], NOW)


def faults(tls: dict[str, Any], **others: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load({"tls": tls, **others})
    return caught.value.faults


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("0.0.0.0", "is every address of this host"),
        ("127.0.0.1", "is the loopback"),
        ("127.9.9.9", "is the loopback"),
        ("::", "is IPv6: Docker's proxy would hide the client"),
        ("2001:db8::1", "is IPv6"),
        ("224.0.0.1", "is no address of one host"),
        ("255.255.255.255", "is no address of one host"),
        ("db.example.com", "is no address; one of this host"),
        ("10.0.0.5:5432", "is no address; one of this host"),
        ("", "is no address; one of this host"),
    ],
)
def test_an_address_that_is_none_of_one_way_in_is_refused_with_its_reason(address: str, reason: str) -> None:
    found = faults({"address": address})
    assert len(found) == 1
    assert found[0].startswith(f"tls.address: {address!r} {reason}")


@pytest.mark.parametrize(
    ("tls", "fault"),
    [
        ({"names": ["db.example.com"]}, "tls.address: is missing"),
        ({**ADDRESS, "certificateFile": "a.crt"}, "tls: certificateFile and keyFile: one without the other"),
        ({**ADDRESS, "keyFile": "a.key"}, "tls: certificateFile and keyFile: one without the other"),
        ({**ADDRESS, "caFile": "ca.crt"}, "tls.caFile: is the authority of a given certificate"),
        ({**ADDRESS, "names": ["a.example", "A.example"]}, "tls.names: names one twice"),
        ({**ADDRESS, "names": ["a b"]}, "tls.names.0: "),
        ({**ADDRESS, "names": ["-a"]}, "tls.names.0: "),
        ({**ADDRESS, "names": ["*.example.com"]}, "tls.names.0: "),
        ({**ADDRESS, "servers": []}, "tls.servers: "),
        ({**ADDRESS, "servers": ["postgres", "postgres"]}, "tls.servers: names one twice"),
        ({**ADDRESS, "servers": ["mysql"]}, "tls.servers.0: "),
        ({**ADDRESS, "servers": ["redis"]}, "tls.servers: redis takes redis.access: password"),
        ({**ADDRESS, "port": 1}, "tls.port: unknown key"),
    ],
)
def test_what_does_not_fit_together_is_the_only_fault(tls: dict[str, Any], fault: str) -> None:
    found = faults(tls)
    assert len(found) == 1, found
    assert found[0].startswith(fault)


@pytest.mark.parametrize("name", ["ssl", "SSL_cert_file", "ssl_key_file"])
def test_a_setting_that_tls_decides_is_refused_beside_it_and_taken_without(name: str) -> None:
    postgres = {"settings": {name: "x"}}
    assert faults(ADDRESS, postgres=postgres) == [f"postgres.settings.{name.lower()}: tls decides it"]
    redis = {**ADDRESS, "servers": ["redis"]}
    assert load({"tls": redis, "postgres": postgres, "redis": {"access": "password"}}).postgres.settings == {
        name.lower(): "x"
    }
    assert load({"postgres": postgres}).postgres.settings == {name.lower(): "x"}


@pytest.mark.parametrize(("least", "good"), [("TLSv1", False), ("tlsv1.1", False), ("", False), ("TLSv1.3", True)])
def test_an_older_protocol_than_tls_1_2_is_refused(least: str, good: object) -> None:
    values = {"tls": ADDRESS, "postgres": {"settings": {"ssl_min_protocol_version": least}}}
    if good:
        assert load(values)
    else:
        assert len(faults(ADDRESS, postgres=values["postgres"])) == 1


def test_postgres_alone_is_reached_from_outside_where_nobody_says_more() -> None:
    assert load({"tls": ADDRESS}).tls.outside == {"postgres": "10.0.0.5"}
    assert load({}).tls.outside == load({"tls": {}}).tls.outside == {}


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """A given certificate, as it is declared."""
    texts = {"certificateFile": GIVEN.certificate, "keyFile": GIVEN.key, "caFile": AUTHORITY.certificate}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return {**ADDRESS, "names": ["db.example.com"], **{name: str(tmp_path / name) for name in texts}}


def test_a_given_certificate_that_fits_is_taken(files: dict[str, Any]) -> None:
    assert load({"tls": files}).tls.certificate_file == files["certificateFile"]


@pytest.mark.parametrize("name", ["certificateFile", "keyFile", "caFile"])
def test_a_file_that_cannot_be_read_is_named(files: dict[str, Any], name: str) -> None:
    path = Path(files[name])
    path.unlink()
    assert faults(files) == [f"tls: {path} cannot be read: No such file or directory"]
    path.write_bytes(b"\xff\xfe")
    assert faults(files) == ["tls: a given file cannot be read: it is no text"]


def test_what_is_wrong_with_given_files_is_a_fault_of_the_configuration_and_shows_no_key(files: dict[str, Any]) -> None:
    Path(files["keyFile"]).write_text(AUTHORITY.key)
    found = faults({**files, "names": ["other.example.com"]})
    assert found == [
        "tls: the key is not the certificate's",
        "tls: the certificate does not have other.example.com among its names",
    ]
