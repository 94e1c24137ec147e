"""TLS for connections from outside the host, as a pydantic model, and the judgement of given certificates."""

import ipaddress
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from dbserver import contract
from dbserver.postgres import settings as postgres_settings
from dbserver.settings.types import Section, spelled

if TYPE_CHECKING:
    from dbserver.certificates import Pair

PROJECT = Path(__file__).resolve().parent.parent.parent
WEAK = ("", "tlsv1", "tlsv1.1")
DECIDED = ("ssl", "ssl_cert_file", "ssl_key_file")


def _outside(value: str) -> str:
    try:
        found = ipaddress.ip_address(value)
    except ValueError:
        raise ValueError("is no address; one of this host, such as 10.0.0.5") from None
    if found.version != 4:  # noqa: PLR2004  of the two versions there are
        raise ValueError("is IPv6: Docker's proxy would hide the client, who would look like this host itself")
    if found.is_unspecified:
        raise ValueError("is every address of this host; declare the one by which clients come")
    if found.is_loopback:
        raise ValueError("is the loopback, on which the servers are published anyway")
    if found.is_multicast or value == "255.255.255.255":
        raise ValueError("is no address of one host")
    return value


Address = Annotated[str, AfterValidator(_outside)]
LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
HostName = Annotated[
    str,
    spelled(rf"(?=.{{1,253}}$){LABEL}(\.{LABEL})*", "a host's name: labels of letters, digits and -, joined by dots"),
]
FilePath = Annotated[str, spelled(r"[^\x00-\x1f]*[^\x00-\x1f/]", "a file's path without control characters")]
Server = Literal["postgres", "redis"]


class Tls(Section):
    """Where, by which names and with which certificate the servers are reached from outside; not without `address`."""

    address: Address | None = None
    names: list[HostName] = Field(default_factory=list)
    servers: list[Server] = Field(default=["postgres"], min_length=1)
    certificate_file: FilePath | None = None
    key_file: FilePath | None = None
    ca_file: FilePath | None = None

    @field_validator("names", "servers")
    @classmethod
    def _each_once(cls, value: list[str]) -> list[str]:
        if len({each.lower() for each in value}) < len(value):
            raise ValueError("names one twice")
        return value

    @model_validator(mode="after")
    def _complete(self) -> "Tls":
        if self.model_fields_set and self.address is None:
            raise ValueError("address: is missing; the address of this host by which clients come, such as 10.0.0.5")
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificateFile and keyFile: one without the other")
        if self.ca_file is not None and self.certificate_file is None:
            raise ValueError("caFile: is the authority of a given certificate; certificateFile is missing")
        return self

    @property
    def outside(self) -> dict[str, str]:
        """Server -> the address on which it is reached from outside, of those that are."""
        return dict.fromkeys(self.servers, self.address) if self.address else {}


def given(tls: Tls) -> "Pair | None":
    """Return the given certificate and its key; None where the stack has its own authority."""
    if tls.certificate_file is None or tls.key_file is None:
        return None
    from dbserver.certificates import Pair  # noqa: PLC0415  its library is only imported where it is needed

    return Pair((PROJECT / tls.certificate_file).read_text(), (PROJECT / tls.key_file).read_text())


def authorities(tls: Tls) -> str:
    """Return the authority of a given certificate, empty where none is given."""
    return (PROJECT / tls.ca_file).read_text() if tls.ca_file else ""


def tls_faults(tls: Tls, access: str, settings: Mapping[str, str], now: datetime) -> Iterator[str]:
    """Yield what of the section does not fit the others, and what is wrong with given files."""
    if contract.REDIS in tls.outside and access == "open":
        yield "tls.servers: redis takes redis.access: password; with open, who reaches it may do everything in it"
    if contract.POSTGRES in tls.outside:
        yield from _clashes(settings)
    try:
        pair, issuers = given(tls), authorities(tls)
    except (OSError, UnicodeDecodeError) as fault:
        name = getattr(fault, "filename", None)
        yield f"tls: {name or 'a given file'} cannot be read: {getattr(fault, 'strerror', None) or 'it is no text'}"
        return
    if pair and tls.address:
        from dbserver import certificates  # noqa: PLC0415  as above

        yield from (f"tls: {fault}" for fault in certificates.faults(pair, issuers, tls.names, tls.address, now))


def _clashes(settings: Mapping[str, str]) -> Iterator[str]:
    yield from (f"postgres.settings.{name}: tls decides it" for name in DECIDED if name in settings)
    least = settings.get("ssl_min_protocol_version", postgres_settings.ENCRYPTED["ssl_min_protocol_version"])
    if least.lower() in WEAK:
        yield "postgres.settings.ssl_min_protocol_version: TLSv1.2 is the least from outside the host"
