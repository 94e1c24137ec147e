"""Amounts as people write them. Pure."""

import re

MIB = 1024 * 1024
BYTES = {"": 1, "k": 1024, "m": MIB, "g": 1024 * MIB, "t": 1024 * 1024 * MIB}
SECONDS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def parse_bytes(value: object) -> int:
    """Return an amount of memory in bytes, such as 512m or 2g. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)\s*([kmgt]?)(?:i?b)?", str(value).strip().lower())
    if not match:
        raise ValueError("should be an amount of memory such as 512m or 2g")
    return int(float(match[1]) * BYTES[match[2]])


def parse_seconds(value: str) -> float:
    """Return a duration in seconds, such as 90, 60s, 5m or 2h. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)\s*(s|m|min|h|d)?", value.strip().lower())
    if not match:
        raise ValueError("should be a duration such as 60s, 5m or 2h")
    return float(match[1]) * SECONDS[match[2] or ""]


def size(amount: float) -> str:
    """Return bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1024 or unit == "GB":  # noqa: PLR2004  the step between units
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def duration(seconds: float) -> str:
    """Return a duration for people, in its two largest units."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:  # noqa: PLR2004  a minute
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004  two figures are enough
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004  an hour
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"  # noqa: PLR2004  a day
