"""The servers' certificate, of an authority of the stack's own: kept in the state, renewed before it ends."""

from datetime import UTC, datetime
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from dbserver import certificates
from dbserver.certificates import Pair

Properties = dict[str, Any]


class CertificateProvider(ResourceProvider):
    """Issues on create; renews on update under the same authority, which clients trust."""

    serialize_as_secret_always = False

    def create(self, props: Properties) -> CreateResult:
        """Make an authority, and a certificate of it."""
        now = datetime.now(UTC)
        return CreateResult("certificate", _issued(props, certificates.authority(props["name"], now), now))

    def update(self, _id: str, olds: Properties, news: Properties) -> UpdateResult:
        """Issue another certificate; the authority's key stays."""
        now, authority = datetime.now(UTC), Pair(olds["authority"], olds["authorityKey"])
        if _authority_ends(olds, now):
            authority = certificates.authority(olds["name"], now, authority.key)
        return UpdateResult(_issued({**news, "name": olds["name"]}, authority, now))

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        """Names and addresses, or less than a third of its life is left: then any update renews it."""
        now = datetime.now(UTC)
        differs = any(olds.get(name) != news[name] for name in ("names", "addresses"))
        due = certificates.ends_soon(olds["certificate"], now) or _authority_ends(olds, now)
        return DiffResult(changes=differs or due, replaces=[])


def _authority_ends(olds: Properties, now: datetime) -> bool:
    """Clients have as long to get its next certificate as one of the servers lives."""
    return certificates.expires(olds["authority"]) - now < 2 * certificates.SERVER_LIFE


def _issued(props: Properties, authority: Pair, now: datetime) -> Properties:
    issued = certificates.issue(authority, props["names"], props["addresses"], now)
    return {
        **props,
        "authority": authority.certificate,
        "authorityKey": authority.key,
        "certificate": issued.certificate,
        "pem": issued.pem,
        "expires": certificates.expires(issued.certificate).isoformat(),
    }


class Certificate(Resource, module="db-server", name="Certificate"):
    """The servers' certificate and the authority behind it; `pulumi up --replace URN` makes another authority."""

    authority: pulumi.Output[str]
    pem: pulumi.Output[str]
    expires: pulumi.Output[str]

    def __init__(self, resource_name: str, props: Properties) -> None:
        made = dict.fromkeys(("authority", "authorityKey", "certificate", "pem", "expires"))
        options = pulumi.ResourceOptions(additional_secret_outputs=["authorityKey", "pem"])
        super().__init__(CertificateProvider(), resource_name, {**props, **made}, options)
