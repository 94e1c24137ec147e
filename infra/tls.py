"""The certificate with which the servers are reached from outside the host: the stack's own, or a given one."""

from dataclasses import dataclass, field
from typing import Any

import pulumi

from dbserver import contract
from dbserver.plan import LOOPBACK
from dbserver.settings.model import Settings
from dbserver.settings.tls import authorities, given


@dataclass(frozen=True)
class Tls:
    """Certificate and key as one secret, what is told of them, and the resources that they wait for."""

    pem: pulumi.Output[str]
    expires: pulumi.Input[str]
    authority: pulumi.Input[str]
    needs: list[pulumi.Resource] = field(default_factory=list)


def create_tls(settings: Settings) -> Tls | None:
    """Declare the certificate; nothing where the servers are reached from this host alone."""
    if not settings.tls.address:
        return None
    # Their library takes longer to import than all else here: only a stack that needs it waits for it.
    from dbserver import certificates  # noqa: PLC0415
    from infra.certificate import Certificate  # noqa: PLC0415

    pair = given(settings.tls)
    if pair:
        expires = certificates.expires(pair.certificate).isoformat()
        return Tls(pulumi.Output.secret(pair.pem), expires, authorities(settings.tls))
    # By the names of the network and the host's own address, too: who is there may ask for TLS and prove the server.
    containers = [settings.postgres.container_name, settings.redis.container_name]
    properties = {
        "name": f"database-server {pulumi.get_stack()}",
        "names": [*settings.tls.names, *containers, *contract.SERVERS, "localhost"],
        "addresses": [settings.tls.address, LOOPBACK],
    }
    made = Certificate("certificate", properties)
    return Tls(pulumi.Output.secret(made.pem), made.expires, made.authority, [made])


def tls_output(settings: Settings, tls: Tls) -> dict[str, Any]:
    """Return what a client needs to know."""
    return {
        "address": settings.tls.address,
        "names": settings.tls.names,
        "servers": list(settings.tls.outside),
        "expires": tls.expires,
        "caCertificate": tls.authority,
    }
