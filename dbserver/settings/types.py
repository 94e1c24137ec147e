"""The types of configuration values: what is a name, an amount of memory, a port, a setting."""

import posixpath
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pyrage import RecipientError, x25519

from dbserver.backups import schedule
from dbserver.postgres import settings as postgres_settings
from dbserver.redis import limits
from dbserver.units import parse_bytes, parse_seconds


def _text(value: object) -> object:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) if isinstance(value, int | float) else value


def _setting_name(value: str) -> str:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*)?", value):
        raise ValueError("is no name of a setting")
    if reason := postgres_settings.MANAGED.get(value.lower()):
        raise ValueError(f"cannot be set here: {reason}")
    return value


def _redis_setting(value: str) -> str:
    if value not in limits.PARSE:
        raise ValueError(f"cannot be set here; these can: {', '.join(limits.PARSE)}")
    return value


def _normal_path(value: str) -> str:
    if posixpath.normpath(value) != value:
        raise ValueError(f"should be written as {posixpath.normpath(value)}")
    return value


def _recipient(value: str) -> str:
    try:
        x25519.Recipient.from_str(value)
    except RecipientError:
        raise ValueError("is no public key of age's: age-keygen -y prints one") from None
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _prefixes(values: list[str]) -> list[str]:
    if not values or not all(re.fullmatch(r"[a-zA-Z0-9_.:-]{1,64}", value) for value in values):
        raise ValueError("should be one or several of 1 to 64 letters, digits, _ . : -")
    return values


def _channels(values: list[str]) -> list[str]:
    # No space: in Redis' rules the next word would be another rule.
    if not all(re.fullmatch(r"[a-zA-Z0-9_.:/@#*?\[\]^-]{1,128}", value) for value in values):
        raise ValueError("should be patterns of 1 to 128 letters, digits, _ . : / @ # * ? [ ] ^ -")
    return values


def _period(value: object) -> object:
    return int(parse_seconds(value)) if isinstance(value, str) else value


Period = Annotated[int, BeforeValidator(_period), Field(ge=60, le=10 * 366 * 86400)]
Schedule = Annotated[str, AfterValidator(schedule.fields)]
Memory = Annotated[int, BeforeValidator(parse_bytes)]
Recipient = Annotated[str, AfterValidator(_recipient)]
Port = Annotated[int, Field(ge=1, le=65535)]
DockerName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$")]
ImageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-zA-Z0-9_./:@-]*$", max_length=255)]
RoleName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
HostPath = Annotated[str, Field(pattern=r"^/[^\x00-\x1f:,]*[^\x00-\x1f:,/]$"), AfterValidator(_normal_path)]
BackupPath = Annotated[str, Field(pattern=r"^[^\x00-\x1f:,]*[^\x00-\x1f:,/]$"), AfterValidator(_normal_path)]
ApplicationName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
ExtensionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
RedisPrefixes = Annotated[list[str], BeforeValidator(_listed), AfterValidator(_prefixes)]
RedisChannels = Annotated[list[str], AfterValidator(_channels)]
SettingName = Annotated[str, AfterValidator(_setting_name)]
RedisSettingName = Annotated[str, AfterValidator(_redis_setting)]
# libpq normalises other characters before it hashes them (SASLprep); such a password would not be the one declared.
PasswordText = Annotated[str, Field(min_length=8, max_length=512, pattern=r"^[\x20-\x7e]*$")]
SettingValue = Annotated[str, BeforeValidator(_text), Field(pattern=r"^[^\x00-\x1f]*$")]


class Section(BaseModel):
    """A part of the configuration: unknown keys are faults, keys are written as in Pulumi (camelCase)."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, strict=True)
