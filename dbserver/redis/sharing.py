"""What an application's added channels share with others. Pure.

Source: the Redis documentation on access control lists and on keyspace notifications.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

EVENTS = ("__keyspace@", "__keyevent@")
OF_A_KEY = re.compile(r"__keyspace@(?:\d+|\*)__:")
SPECIAL = re.compile(r"[*?\[].*")


@dataclass(frozen=True)
class Reach:
    """What an application's keys begin with, and the patterns of channels that it may use beside those."""

    prefixes: Sequence[str]
    channels: Sequence[str]


def warnings(applications: Mapping[str, Reach]) -> Iterator[str]:
    """Tell of each added pattern that reaches more than its application's own channels and its own keys' events."""
    for name, reach in applications.items():
        for pattern in reach.channels:
            said = f"application {name}: the pattern {pattern} in redisChannels"
            if _head(OF_A_KEY.sub("", pattern)).startswith(tuple(reach.prefixes)):
                continue
            if any(meets(pattern, f"{events}*") for events in EVENTS):
                yield f"{said} tells it the names of every application's keys as they change"
            others = ", ".join(
                other for other, theirs in applications.items() if other != name and _met(pattern, theirs)
            )
            if others:
                yield f"{said} reaches channels of {others}: it reads what is published there, and can publish there"


def meets(one: str, other: str) -> bool:
    """Return whether a channel may fit both patterns; in doubt it may."""
    shorter, longer = sorted((one, other), key=lambda pattern: len(_head(pattern)))
    if shorter == _head(shorter) and len(shorter) < len(_head(longer)):
        return False
    return _head(longer).startswith(_head(shorter))


def _met(pattern: str, theirs: Reach) -> bool:
    return any(meets(pattern, each) for each in (*(f"{prefix}*" for prefix in theirs.prefixes), *theirs.channels))


def _head(pattern: str) -> str:
    return SPECIAL.sub("", pattern)
