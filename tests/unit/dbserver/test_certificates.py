"""Certificates: what is issued is what clients accept, and every fault of a given one is named."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from dbserver import certificates
from dbserver.certificates import Pair

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
DAY = timedelta(days=1)
Name = x509.DNSName | x509.IPAddress
AUTHORITY = certificates.authority("database-server unit", NOW)
ISSUED = certificates.issue(AUTHORITY, ["db.example.com"], ["10.0.0.5"], NOW)


def accepted(pair: Pair, authority: Pair, name: Name, when: datetime = NOW) -> bool:
    """Return whether a client that trusts the authority accepts the certificate for a name."""
    store = Store([x509.load_pem_x509_certificate(authority.certificate.encode())])
    verifier = PolicyBuilder().store(store).time(when).build_server_verifier(name)
    try:
        verifier.verify(x509.load_pem_x509_certificate(pair.certificate.encode()), [])
    except VerificationError:
        return False
    return True


def faults(
    given: Pair = ISSUED, authorities: str = "", names: Sequence[str] = ("db.example.com",), now: datetime = NOW
) -> list[str]:
    return list(certificates.faults(given, authorities, names, "10.0.0.5", now))


@pytest.mark.parametrize(
    ("name", "good"),
    [
        (x509.DNSName("db.example.com"), True),
        (x509.IPAddress(IPv4Address("10.0.0.5")), True),
        (x509.DNSName("other.example.com"), False),
    ],
    ids=["its name", "its address", "another name"],
)
def test_a_certificate_is_accepted_for_its_names_and_addresses_alone(name: Name, good: object) -> None:
    assert accepted(ISSUED, AUTHORITY, name) is good
    assert not accepted(ISSUED, certificates.authority("database-server unit", NOW), name), "another authority"


def test_it_lives_397_days_and_its_authority_ten_years() -> None:
    assert certificates.expires(ISSUED.certificate) == NOW + 397 * DAY
    assert certificates.expires(AUTHORITY.certificate) == NOW + 3653 * DAY
    name = x509.DNSName("db.example.com")
    assert [accepted(ISSUED, AUTHORITY, name, NOW + days * DAY) for days in (0, 396, 398)] == [True, True, False]


def test_who_trusts_an_authority_trusts_what_its_renewed_one_issues() -> None:
    later = NOW + 3000 * DAY
    renewed = certificates.authority("database-server unit", later, AUTHORITY.key)
    issued = certificates.issue(renewed, ["db.example.com"], [], later)
    assert accepted(issued, AUTHORITY, x509.DNSName("db.example.com"), later + DAY)
    assert renewed.key == AUTHORITY.key


def test_a_certificate_ends_with_its_authority_at_the_latest() -> None:
    issued = certificates.issue(AUTHORITY, ["db.example.com"], [], NOW + 3600 * DAY)
    assert certificates.expires(issued.certificate) == certificates.expires(AUTHORITY.certificate)


@pytest.mark.parametrize(("days", "soon"), [(0, False), (264, False), (266, True), (396, True), (400, True)])
def test_it_ends_soon_once_less_than_a_third_of_its_life_is_left(days: int, soon: object) -> None:
    assert certificates.ends_soon(ISSUED.certificate, NOW + days * DAY) is soon


def test_certificate_and_key_are_one_text_in_which_both_are_found() -> None:
    assert x509.load_pem_x509_certificates(ISSUED.pem.encode())[0].serial_number
    assert serialization.load_pem_private_key(ISSUED.pem.encode(), None)
    assert AUTHORITY.key.splitlines()[1] not in ISSUED.pem


OTHER = certificates.issue(AUTHORITY, ["db.example.com"], [], NOW)
FAULTY = {
    "not PEM": (Pair("no certificate", ISSUED.key), "is no PEM"),
    "no key": (Pair(ISSUED.certificate, ISSUED.certificate), "is no PEM"),
    "another key": (Pair(ISSUED.certificate, OTHER.key), "the key is not the certificate's"),
    "an RSA key": (
        Pair(
            ISSUED.certificate,
            rsa.generate_private_key(65537, 2048)
            .private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
            .decode(),
        ),
        "the key is not the certificate's",
    ),
    "expired": (
        certificates.issue(AUTHORITY, ["db.example.com"], [], NOW - 398 * DAY),
        "the certificate has expired on 2026-11-25",
    ),
    "not yet": (
        certificates.issue(AUTHORITY, ["db.example.com"], [], NOW + DAY),
        "the certificate is not valid before 2026-11-27",
    ),
    "another name": (
        certificates.issue(AUTHORITY, ["other.example.com"], [], NOW),
        "the certificate does not have db.example.com among its names",
    ),
}


@pytest.mark.parametrize("name", FAULTY)
def test_what_is_wrong_with_a_given_certificate_is_named_alone(name: str) -> None:
    given, reason = FAULTY[name]
    found = faults(given)
    assert len(found) == 1, found
    assert found[0].endswith(reason)


def test_a_key_with_a_passphrase_is_refused() -> None:
    key = serialization.load_pem_private_key(ISSUED.key.encode(), None)
    locked = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    assert faults(Pair(ISSUED.certificate, locked.decode())) == [
        "the key is encrypted; the servers need one without a passphrase"
    ]


def test_a_good_one_has_no_fault_and_a_wildcard_covers_one_label() -> None:
    assert faults(authorities=AUTHORITY.certificate) == []
    wild = certificates.issue(AUTHORITY, ["*.example.com"], [], NOW)
    assert faults(wild) == []
    assert faults(wild, names=["DB.example.com"]) == []
    assert faults(wild, names=["a.db.example.com"]) != []


def test_an_address_has_to_be_certified_only_where_no_name_is_declared() -> None:
    named = certificates.issue(AUTHORITY, ["db.example.com"], [], NOW)
    assert faults(named) == []
    assert faults(named, names=[]) == ["the certificate does not have 10.0.0.5 among its names"]
    assert faults(ISSUED, names=[]) == []


@pytest.mark.parametrize("authorities", [certificates.authority("x", NOW).certificate, "no PEM"])
def test_an_authority_that_did_not_issue_it_is_refused(authorities: str) -> None:
    assert faults(authorities=authorities) == ["caFile has not issued the certificate"]


def test_a_chain_leads_to_the_authority_whatever_its_order() -> None:
    root, between = certificates.authority("root", NOW), certificates.authority("between", NOW)
    crossed = _signed(between, root)
    leaf = certificates.issue(between, ["db.example.com"], [], NOW)
    stray = certificates.authority("stray", NOW).certificate
    chained = Pair(leaf.certificate + stray + crossed, leaf.key)
    assert faults(chained, root.certificate) == []
    assert faults(leaf, root.certificate) == ["caFile has not issued the certificate"]
    assert faults(leaf, stray + between.certificate) == []


def _signed(subject: Pair, by: Pair) -> str:
    """Return the certificate of an authority as another one has signed it."""
    known, issuer = (x509.load_pem_x509_certificate(each.certificate.encode()) for each in (subject, by))
    key = serialization.load_pem_private_key(by.key.encode(), None)
    builder = x509.CertificateBuilder(
        issuer.subject, known.subject, known.public_key(), x509.random_serial_number(),
        known.not_valid_before_utc, known.not_valid_after_utc, list(known.extensions),
    )  # fmt: skip
    signature = known.signature_hash_algorithm
    built = builder.sign(key, signature)  # type: ignore[arg-type]  # of the kind that signed the first one
    return built.public_bytes(serialization.Encoding.PEM).decode()
