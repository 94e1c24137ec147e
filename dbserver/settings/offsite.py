"""Where copies of the backups go, as pydantic models."""

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from dbserver.backups.retention import MINIMUM
from dbserver.offsite import place
from dbserver.settings.types import HostPath, Period, Recipient, Section, between, spelled
from dbserver.units import parse_bytes


def _url(value: str) -> str:
    if value:
        place.parse(value)
    return value


def _bandwidth(value: object) -> object:
    try:
        return parse_bytes(value)
    except ValueError:
        raise ValueError("should be bytes a second such as 500k or 10m") from None


Url = Annotated[str, AfterValidator(_url)]
Bandwidth = Annotated[int, BeforeValidator(_bandwidth)]
Endpoint = Annotated[
    str, spelled(r"(https?://[^\s/@?#]+/?)?", "https://host or https://host:port, with nothing before or behind")
]
Count = Annotated[int, between(0)]


class Keep(Section):
    """Which copies stay, in the words of prune; 0 is no such rule."""

    last: Count = 0
    days: Count = 0
    daily: Count = 0
    weekly: Count = 0
    monthly: Count = 0
    yearly: Count = 0
    minimum: Annotated[int, between(1)] = MINIMUM


class Offsite(Section):
    """Where copies of the backups go; nowhere without a `url`. `bandwidth` is bytes a second, 0 without a limit.

    `archive_keep` is in seconds, None for that of the archive.
    """

    url: Url = ""
    endpoint: Endpoint = ""
    credentials_file: HostPath | None = None
    known_hosts: HostPath | None = None
    recipients: list[Recipient] = Field(default_factory=list)
    bandwidth: Bandwidth = 0
    keep: Keep = Field(default_factory=Keep)
    archive_keep: Period | None = None

    @model_validator(mode="after")
    def _encrypted(self) -> "Offsite":
        if self.url and not self.recipients:
            raise ValueError("recipients: at least one public key of age; nothing leaves the host in the clear")
        return self
