"""A configuration with twelve faults of twelve kinds, and the line that tells of each."""

from typing import Any

TWELVE: dict[str, Any] = {
    "aplications": [],
    "offsite": "nowhere",
    "standIns": "perhaps",
    "network": {"driver": "bridge"},
    "postgres": {"port": 99999, "memory": "100MB", "maxConnections": 40},
    "redis": {"access": "password", "persistence": "aof", "settings": {"timeout": "5m"}},
    "applications": [
        {"name": "Crypto"},
        {"name": "shop", "poolSize": 9},
        {"name": "shop-eu", "database": "shop", "role": "eu", "redisPrefix": "shop:eu:", "poolSize": 9},
    ],
}
NAME = "lower-case letters, digits and -, at most 63, neither beginning nor ending with -"
TERMS = (
    "applications.0 10 x 1 x 2 colours + shop 9 x 1 x 2 colours + shop-eu 9 x 1 x 2 colours +"
    " administrator's reserve 10 + superuser reserve 3;"
    " lower a poolSize, or raise postgres.maxConnections or postgres.memory"
)
LINES = [
    "network.driver: unknown key; known: name, create",
    "offsite: 'nowhere' should be a mapping of keys",
    "standIns: 'perhaps' should be true or false",
    "postgres.port: 99999 should be from 1 to 65535",
    "postgres.memory: '100MB' should be at least 256m",
    "redis.persistence: 'aof' should be 'none', 'snapshot' or 'append-only'",
    f"applications.0.name: 'Crypto' should be {NAME}",
    "aplications: unknown key; did you mean applications?",
    "redis.settings.timeout: '5m' should be a whole number",
    "applications: database shop is used twice: applications.1, applications.2",
    "applications: the Redis prefix 'shop:' of shop reaches into 'shop:eu:' of shop-eu",
    f"applications: 69 connections are declared, max_connections is 40: {TERMS}",
]


def lines(text: str) -> list[str]:
    """Return the faults that a text has, below the line that says that there are some."""
    # The engine says the beginning twice: as a change goes on, and below its diagnostics.
    after = text.rpartition("nothing was changed:\n")[2].splitlines()
    indent = len(after[0]) - len(after[0].lstrip()) if after else 0
    found = []
    for line in after:
        if not line.startswith(" " * indent) or not indent:
            break
        found.append(line.strip())
    return found
