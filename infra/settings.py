"""The whole configuration, typed; every fault is reported at once, each with its path."""

import posixpath
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from dbserver import contract
from dbserver.postgres import settings as postgres_settings
from dbserver.redis import settings as redis_settings

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
SettingName = Annotated[str, AfterValidator(_setting_name)]
# libpq normalises other characters before it hashes them (SASLprep); such a password would not be the one declared.
PasswordText = Annotated[str, Field(min_length=8, max_length=512, pattern=r"^[\x20-\x7e]*$")]
SettingValue = Annotated[str, BeforeValidator(_text), Field(pattern=r"^[^\x00-\x1f]*$")]


class SettingsError(Exception):
    """The configuration has faults; nothing was declared."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__(f"{contract.FAULTY}\n  " + "\n  ".join(faults))
        self.faults = faults


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, strict=True)


class Network(_Section):
    """The network that the servers share with the applications."""

    name: DockerName = contract.DEFAULT_NETWORK
    create: bool = False


class Postgres(_Section):
    """The PostgreSQL server. `memory` is the container's limit in bytes."""

    image: ImageName = contract.DEFAULT_IMAGE[contract.POSTGRES]
    container_name: DockerName = contract.DEFAULT_CONTAINER[contract.POSTGRES]
    port: Port = contract.DEFAULT_PORT[contract.POSTGRES]
    admin_user: RoleName = contract.DEFAULT_ADMIN
    memory: Memory = Field(default=1024 * MIB, ge=256 * MIB)
    max_connections: int | None = Field(default=None, ge=10, le=10000)
    settings: dict[SettingName, SettingValue] = Field(default_factory=dict)

    @field_validator("settings")
    @classmethod
    def _written_once(cls, value: dict[str, str]) -> dict[str, str]:
        names = [name.lower() for name in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"set twice, in other letters: {', '.join(twice)}")
        return {name.lower(): text for name, text in value.items()}

    @field_validator("admin_user")
    @classmethod
    def _no_reserved_role(cls, value: str) -> str:
        if value.startswith("pg_"):
            raise ValueError("names that begin with pg_ are reserved by PostgreSQL")
        return value

    @property
    def effective_settings(self) -> dict[str, str]:
        """The settings in the server's file: derived from the memory, then what is declared."""
        return {**postgres_settings.derived(self.memory, self.max_connections), **self.settings}


class Redis(_Section):
    """The Redis server. `memory` is the container's limit in bytes."""

    image: ImageName = contract.DEFAULT_IMAGE[contract.REDIS]
    container_name: DockerName = contract.DEFAULT_CONTAINER[contract.REDIS]
    port: Port = contract.DEFAULT_PORT[contract.REDIS]
    memory: Memory = Field(default=256 * MIB, ge=32 * MIB)
    eviction_policy: Literal[redis_settings.EVICTION_POLICIES] = "noeviction"  # type: ignore[valid-type]
    persistence: redis_settings.Persistence = "append-only"

    @property
    def effective_settings(self) -> dict[str, str]:
        """The settings in the server's file."""
        return redis_settings.derived(self.memory, self.eviction_policy, self.persistence)


class Settings(_Section):
    """The stack's whole configuration."""

    network: Network = Field(default_factory=Network)
    data_directory: HostPath = contract.DEFAULT_DATA_DIRECTORY
    stand_ins: bool = False
    admin_password: PasswordText | None = None
    postgres: Postgres = Field(default_factory=Postgres)
    redis: Redis = Field(default_factory=Redis)


def load(values: Mapping[str, Any]) -> Settings:
    """Return the settings; raise SettingsError with every fault and its path.

    A password never stands in a message: pydantic's own text repeats inputs,
    so only its reasons are used.
    """
    faults = _clashes(values)
    try:
        settings = Settings.model_validate(dict(values))
    except ValidationError as invalid:
        raise SettingsError([_fault(error) for error in invalid.errors(include_input=False)] + faults) from None
    if faults:
        raise SettingsError(faults)
    return settings


def _clashes(values: Mapping[str, Any]) -> list[str]:
    """Return what two sections may not share; judged on the raw values, so that no other fault hides it."""
    faults = []
    for key, default in (("containerName", contract.DEFAULT_CONTAINER), ("port", contract.DEFAULT_PORT)):
        both = [_raw(values.get(server), key, default[server]) for server in contract.SERVERS]
        if both[0] == both[1]:
            faults.append(f"postgres.{key} and redis.{key} are the same: {both[0]!r}"[:200])
    return faults


def _raw(section: object, key: str, default: object) -> object:
    return section.get(key, default) if isinstance(section, dict) else default


def _fault(error: Any) -> str:
    path = ".".join(str(part) for part in error["loc"] if part != "[key]")
    reason = "unknown key" if error["type"] == "extra_forbidden" else error["msg"].removeprefix("Value error, ")
    return f"{path}: {reason}" if path else reason
