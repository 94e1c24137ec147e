"""The certificate as a declared resource: made once, renewed before it ends, its authority's key stays."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dbserver import certificates
from dbserver.certificates import Pair
from infra.certificate import CertificateProvider

INPUTS: dict[str, Any] = {
    "name": "database-server unit",
    "names": ["db.example.com"],
    "addresses": ["10.0.0.5", "127.0.0.1"],
}
PROVIDER = CertificateProvider()
MADE: dict[str, Any] = dict(PROVIDER.create(INPUTS).outs or {})


def issued(days: int, **changes: Any) -> dict[str, Any]:
    """Return the state of a certificate that was issued so many days ago."""
    authority = Pair(MADE["authority"], MADE["authorityKey"])
    when = datetime.now(UTC) - timedelta(days=days)
    pair = certificates.issue(authority, INPUTS["names"], INPUTS["addresses"], when)
    return {**MADE, "certificate": pair.certificate, "pem": pair.pem, **changes}


def ending_authority(days: int) -> dict[str, Any]:
    """Return the state of one whose authority ends in so many days."""
    when = datetime.now(UTC) - certificates.AUTHORITY_LIFE + timedelta(days=days)
    authority = certificates.authority(INPUTS["name"], when, MADE["authorityKey"])
    return {**MADE, "authority": authority.certificate}


def test_what_is_made_fits_together_and_says_when_it_ends() -> None:
    assert MADE["pem"].endswith(MADE["certificate"])
    assert "PRIVATE KEY" in MADE["pem"]
    assert MADE["expires"] == certificates.expires(MADE["certificate"]).isoformat()
    now = datetime.now(UTC)
    key = MADE["pem"].removesuffix(MADE["certificate"])
    assert not list(
        certificates.faults(Pair(MADE["certificate"], key), MADE["authority"], INPUTS["names"], "10.0.0.5", now)
    )


@pytest.mark.parametrize(
    ("olds", "news", "changes"),
    [
        (MADE, INPUTS, False),
        (issued(264), INPUTS, False),
        (issued(266), INPUTS, True),
        (issued(500), INPUTS, True),
        (MADE, {**INPUTS, "names": ["other.example.com"]}, True),
        (MADE, {**INPUTS, "addresses": ["10.0.0.6", "127.0.0.1"]}, True),
        (MADE, {**INPUTS, "name": "database-server renamed"}, False),
        (ending_authority(800), INPUTS, False),
        (ending_authority(790), INPUTS, True),
    ],
    ids=["new", "of 264 days", "of 266 days", "expired", "another name", "another address", "another stack's name",
         "an authority of 800 days", "an authority of 790 days"],
)  # fmt: skip
def test_an_update_is_asked_for_by_its_age_and_by_what_it_is_for(
    olds: dict[str, Any], news: dict[str, Any], changes: object
) -> None:
    found = PROVIDER.diff("certificate", olds, news)
    assert (found.changes, found.replaces) == (changes, [])


def test_a_renewed_one_is_another_of_the_same_authority() -> None:
    outs = dict(PROVIDER.update("certificate", issued(300), {**INPUTS, "name": "renamed"}).outs or {})
    assert (outs["authority"], outs["authorityKey"]) == (MADE["authority"], MADE["authorityKey"])
    assert outs["certificate"] != MADE["certificate"]
    assert outs["name"] == INPUTS["name"], "an authority of another name would be another one to clients"
    assert not PROVIDER.diff("certificate", outs, INPUTS).changes


def test_an_authority_near_its_end_is_renewed_with_its_key() -> None:
    olds = ending_authority(700)
    outs = dict(PROVIDER.update("certificate", olds, INPUTS).outs or {})
    assert outs["authorityKey"] == MADE["authorityKey"]
    assert certificates.expires(outs["authority"]) > certificates.expires(olds["authority"])
    assert not PROVIDER.diff("certificate", outs, INPUTS).changes
