"""Which step comes when: from the seed alone, so that a run can be replayed. Pure."""

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

APPLICATIONS = ("orders", "stock")
SERVERS = ("postgres", "redis")


@dataclass(frozen=True)
class Step:
    """What is done, and to whom; `part` (0 to 1) chooses the rest: which backup, when a command is killed."""

    number: int
    name: str
    application: str
    server: str
    part: float


def sequence(seed: int, names: Sequence[str]) -> Iterator[Step]:
    """Yield steps without end: every name once, in some order, then every name again in another."""
    chosen = random.Random(seed)
    waiting: list[str] = []
    for number in itertools.count(1):
        waiting = waiting or chosen.sample(sorted(names), len(names))
        yield Step(number, waiting.pop(), chosen.choice(APPLICATIONS), chosen.choice(SERVERS), chosen.random())
