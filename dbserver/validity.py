"""Until when a running server's certificate is valid."""

from datetime import datetime

from dbserver.docker import certificate
from dbserver.results.status import Validity


def of(container: str, server: str, now: datetime) -> Validity | None:
    """Return it; None where the container does not tell."""
    # A status of servers without one would be a tenth of a second later for it.
    from dbserver import certificates  # noqa: PLC0415

    try:
        expires = certificates.expires(certificate.shown(container, server))
    except ValueError:
        return None
    return Validity(expires.isoformat(), (expires - now).days)
