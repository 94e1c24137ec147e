"""The types of configuration values: what is a name, an amount of memory, a port, a setting."""

import posixpath
import re
from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError
from pyrage import RecipientError, x25519

from dbserver.backups import schedule
from dbserver.postgres import settings as postgres_settings
from dbserver.redis import limits
from dbserver.settings.faults import meant
from dbserver.units import BYTES, parse_bytes, parse_seconds


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
        right = meant(value, limits.PARSE)
        which = f"did you mean {right}?" if right else f"these can: {', '.join(limits.PARSE)}"
        raise ValueError(f"cannot be set here; {which}")
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
    if not isinstance(value, str | list):
        raise PydanticCustomError("text_or_list", "should be a text or a list of texts")
    return [value] if isinstance(value, str) else value


def _period(value: object) -> object:
    return int(parse_seconds(value)) if isinstance(value, str) else value


def _schedule(value: str) -> str:
    try:
        return schedule.fields(value)
    except ValueError as fault:
        raise ValueError(f"{fault}; allowed: {schedule.HINT}") from None


def written(amount: int) -> str:
    """Return an amount of memory as it is written in the configuration: 256m, 1g."""
    unit = next((unit for unit in "tgmk" if amount and amount % BYTES[unit] == 0), "")
    return f"{amount // BYTES[unit]}{unit}"


def between(least: int, most: int | None = None, say: Callable[[int], str] = str) -> AfterValidator:
    """Take numbers in a range only; `say` is how one of them is written."""
    allowed = f"at least {say(least)}" if most is None else f"from {say(least)} to {say(most)}"

    def judge(value: int) -> int:
        if value < least or (most is not None and value > most):
            raise ValueError(f"should be {allowed}")
        return value

    return AfterValidator(judge)


def spelled(pattern: str, words: str) -> AfterValidator:
    """Take texts only that are wholly of a pattern; `words` say so to people."""

    def judge(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"should be {words}")
        return value

    return AfterValidator(judge)


def each_spelled(pattern: str, words: str) -> AfterValidator:
    """Take one or several texts that are wholly of a pattern each; `words` say so to people."""

    def judge(values: list[str]) -> list[str]:
        wrong = [value for value in values if not re.fullmatch(pattern, value)]
        if not values:
            raise ValueError("should have at least 1")
        if wrong:
            which = f"has {wrong[0]!r}; each " if len(values) > 1 else ""
            raise ValueError(f"{which}should be {words}")
        return values

    return AfterValidator(judge)


def _days(seconds: int) -> str:
    return f"{seconds // 86400}d" if seconds >= 86400 else f"{seconds}s"  # noqa: PLR2004  a day


NO_CONTROLS = "without colon, comma and control characters"
Period = Annotated[int, BeforeValidator(_period), between(60, 10 * 366 * 86400, _days)]
Schedule = Annotated[str, AfterValidator(_schedule)]
Memory = Annotated[int, BeforeValidator(parse_bytes)]
Recipient = Annotated[str, AfterValidator(_recipient)]
Port = Annotated[int, between(1, 65535)]
DockerName = Annotated[
    str,
    spelled(
        r"[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}",
        "letters, digits, _, . and -, at most 128, beginning with a letter or a digit",
    ),
]
ImageName = Annotated[
    str,
    spelled(
        r"[a-z0-9][a-zA-Z0-9_./:@-]{0,254}",
        "an image's name such as postgres:17, of at most 255 letters, digits and _ . / : @ -",
    ),
]
RoleName = Annotated[
    str,
    spelled(
        r"[a-z_][a-z0-9_]{0,62}",
        "lower-case letters, digits and _, at most 63, beginning with a letter or _",
    ),
]
HostPath = Annotated[
    str,
    spelled(r"/[^\x00-\x1f:,]*[^\x00-\x1f:,/]", f"an absolute path {NO_CONTROLS}, and without a / at its end"),
    AfterValidator(_normal_path),
]
BackupPath = Annotated[
    str,
    spelled(r"[^\x00-\x1f:,]*[^\x00-\x1f:,/]", f"a path {NO_CONTROLS}, and without a / at its end"),
    AfterValidator(_normal_path),
]
ApplicationName = Annotated[
    str,
    spelled(
        r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        "lower-case letters, digits and -, at most 63, neither beginning nor ending with -",
    ),
]
ExtensionName = Annotated[
    str,
    spelled(
        r"[a-z][a-z0-9_-]{0,62}",
        "an extension's name: lower-case letters, digits, _ and -, at most 63, beginning with a letter",
    ),
]
RedisPrefixes = Annotated[
    list[str],
    BeforeValidator(_listed),
    each_spelled(r"[a-zA-Z0-9_.:-]{1,64}", "1 to 64 letters, digits and _ . : -"),
]
# No space: in Redis' rules the next word would be another rule.
RedisChannel = Annotated[
    str,
    spelled(
        r"[a-zA-Z0-9_.:/@#*?\[\]^-]{1,128}",
        "a pattern of channels: 1 to 128 letters, digits and _ . : / @ # * ? [ ] ^ -",
    ),
]
SettingName = Annotated[str, AfterValidator(_setting_name)]
RedisSettingName = Annotated[str, AfterValidator(_redis_setting)]
# libpq normalises other characters before it hashes them (SASLprep); such a password would not be the one declared.
PasswordText = Annotated[str, spelled(r"[\x20-\x7e]{8,512}", "8 to 512 printable ASCII characters")]
SettingValue = Annotated[str, BeforeValidator(_text), spelled(r"[^\x00-\x1f]*", "one line without control characters")]


class Section(BaseModel):
    """A part of the configuration: unknown keys are faults, keys are written as in Pulumi (camelCase)."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, strict=True)
