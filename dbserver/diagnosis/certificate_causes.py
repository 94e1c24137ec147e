"""Causes in the certificate with which a server is reached from outside the host. Pure."""

from collections.abc import Iterator

from dbserver.diagnosis.cause import BY_SERVER, FAULT, START, WARNING, Cause, Seen, each
from dbserver.diagnosis.facts import Facts, Server

# Every update renews the stack's own once less than a third of its life is left: here none came for months.
SOON_DAYS = 30


def _expired(_: Facts, server: Server) -> Iterator[Seen]:
    if server.certificate and not server.certificate.well:
        yield Seen(f"the certificate of {server.name} has expired on {server.certificate.expires[:10]}")


def _expires(_: Facts, server: Server) -> Iterator[Seen]:
    found = server.certificate
    if found and found.well and found.days_left < SOON_DAYS:
        yield Seen(f"the certificate of {server.name} expires in {found.days_left} days, on {found.expires[:10]}")


HOW = "start.sh renews the stack's own, without a restart. A given one (`tls.certificateFile`) is to be renewed first."
CAUSES = (
    Cause("certificate-expired", BY_SERVER, "both", FAULT,
          f"No client that proves the server comes in from outside the host any more: {HOW}", START, each(_expired)),
    Cause("certificate-expires", "", "both", WARNING,
          f"In less than {SOON_DAYS} days no client that proves the server comes in any more: {HOW}",
          START, each(_expires)),
)  # fmt: skip
