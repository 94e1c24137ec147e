"""The types of configuration values: what is a name, an amount of memory, a port, a setting."""

import posixpath
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from dbserver.postgres import settings as postgres_settings

MIB = 1024 * 1024
UNITS = {"": 1, "k": 1024, "m": MIB, "g": 1024 * MIB, "t": 1024 * 1024 * MIB}


def _bytes(value: object) -> object:
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)\s*([kmgt]?)(?:i?b)?", str(value).strip().lower())
    if not match:
        raise ValueError("should be an amount of memory such as 512m or 2g")
    return int(float(match[1]) * UNITS[match[2]])


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


def _normal_path(value: str) -> str:
    if posixpath.normpath(value) != value:
        raise ValueError(f"should be written as {posixpath.normpath(value)}")
    return value


Memory = Annotated[int, BeforeValidator(_bytes)]
Port = Annotated[int, Field(ge=1, le=65535)]
DockerName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$")]
ImageName = Annotated[str, Field(pattern=r"^[a-z0-9][a-zA-Z0-9_./:@-]*$", max_length=255)]
RoleName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]{0,62}$")]
HostPath = Annotated[str, Field(pattern=r"^/[^\x00-\x1f:,]*[^\x00-\x1f:,/]$"), AfterValidator(_normal_path)]
ApplicationName = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
ExtensionName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
RedisPrefix = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.:-]{1,64}$")]
SettingName = Annotated[str, AfterValidator(_setting_name)]
# libpq normalises other characters before it hashes them (SASLprep); such a password would not be the one declared.
PasswordText = Annotated[str, Field(min_length=8, max_length=512, pattern=r"^[\x20-\x7e]*$")]
SettingValue = Annotated[str, BeforeValidator(_text), Field(pattern=r"^[^\x00-\x1f]*$")]


class Section(BaseModel):
    """A part of the configuration: unknown keys are faults, keys are written as in Pulumi (camelCase)."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, strict=True)
