"""What each recorded preview shall be judged as: name of a change -> its cost. Without a running server.

The files in `recorded` are what the real engine printed: `RECORD_PREVIEWS=1 python -m pytest -m full
tests/integration/engine/test_preview.py` records them anew. Of a step its op, urn, reasons and states' inputs and
outputs are kept; names, directories, ports and ids of the machine are replaced.
"""

from collections.abc import Mapping
from pathlib import Path

DIRECTORY = Path(__file__).parent / "recorded"
NOTHING, RELOAD, RESTART, RECREATE, RISK = "nothing", "reload", "restart", "recreate", "data at risk"

ASKED = {
    "postgres": {"server-asked:postgres": NOTHING},
    "redis": {"server-asked:redis": NOTHING, "users-made:redis": NOTHING},
}
RECREATED = {name: {f"container-recreated:{name}": RECREATE, **asked} for name, asked in ASKED.items()}

EXPECTED: Mapping[str, Mapping[str, str]] = {
    "unchanged": {},
    "unchanged-refreshed": {},
    "postgres-port": RECREATED["postgres"],
    "redis-port": RECREATED["redis"],
    "postgres-image-same-tag": RECREATED["postgres"],
    "redis-other-major": {"major-version:redis": RISK, **RECREATED["redis"]},
    "backup-directory": RECREATED["postgres"],
    "data-directory": {
        "data-directory:postgres": RISK, "data-directory:redis": RISK, **RECREATED["postgres"], **RECREATED["redis"],
    },
    "network-renamed": {
        "network-deleted:network": RISK, "postgres-administrator:postgres": RELOAD,
        **RECREATED["redis"], "container-recreated:postgres": RECREATE,
    },
    "network-given-up": {"network-deleted:network": RISK},
    "settings-reload": {"postgres-reload:postgres": RELOAD},
    "settings-restart": {"postgres-restart:postgres": RESTART},
    "settings-both": {"postgres-restart:postgres": RESTART, "postgres-reload:postgres": RELOAD},
    "settings-of-an-extension": {"postgres-unknown:postgres": RESTART},
    "settings-with-a-port": {"starts-with-them:postgres": NOTHING, "container-recreated:postgres": RECREATE},
    "fsync-off": {"less-durable:postgres": RISK, "postgres-reload:postgres": RELOAD},
    "application-asynchronous": {
        "less-durable:shop": RISK, "application-changed:shop": RELOAD, "redis-users:redis": RELOAD,
    },
    "postgres-memory": {
        "container-in-place:postgres": NOTHING, "postgres-restart:postgres": RESTART,
        "postgres-reload:postgres": RELOAD,
    },
    "redis-memory": {"container-in-place:redis": NOTHING, "redis-reload:redis": RELOAD},
    "redis-eviction": {"redis-reload:redis": RELOAD},
    "redis-snapshot": {"redis-persistence:redis": RISK, "redis-reload:redis": RELOAD},
    "redis-none": {"redis-persistence:redis": RISK, "redis-reload:redis": RELOAD},
    "redis-closed": {"redis-closed:redis": RELOAD},
    "application-added": {"application-created:blog": NOTHING, "redis-users:redis": RELOAD},
    "application-removed": {"application-removed:shop": RISK},
    "application-pool": {"application-changed:shop": RELOAD, "redis-users:redis": RELOAD},
    "application-rotated": {"application-changed:shop": RELOAD, "redis-users:redis": RELOAD},
    "administrator-password": {
        "password-renewed:admin-password": RELOAD, "postgres-administrator:postgres": RELOAD,
        "redis-users:redis": RELOAD,
    },
    "changed-by-hand": {
        "postgres-reload:postgres": RELOAD, "redis-reload:redis": RELOAD, "application-changed:shop": RELOAD,
        "container-in-place:redis": NOTHING, "redis-users:redis": RELOAD,
    },
    "application-prefix": {
        "application-keys-left:shop": RISK, "application-changed:shop": RELOAD, "redis-users:redis": RELOAD,
    },
    "application-other-keys": {
        "application-keys-left:shop": RISK, "application-changed:shop": RELOAD, "redis-users:redis": RELOAD,
    },
    "archive-begun": {"archive-made:archive": NOTHING, "postgres-reload:postgres": RELOAD},
    "tls-begun": {
        "container-recreated:postgres": RECREATE, "starts-with-them:postgres": NOTHING,
        "published-outside:postgres": NOTHING, "certificate-made:certificate": NOTHING,
    },
    "containers-gone": {
        "container-created:postgres": NOTHING, "container-created:redis": NOTHING,
        **ASKED["postgres"], **ASKED["redis"],
    },
    "archive-ended": {"archive-ended:archive": RISK, "less-durable:postgres": RISK, "postgres-reload:postgres": RELOAD},
    "archive-shorter": {"archive-shorter:archive": RISK, "archive-changed:archive": NOTHING},
    "archive-moved": {"archive-moved:archive": RISK, "archive-changed:archive": NOTHING},
    "archive-asynchronous": {
        "less-durable:postgres": RISK, "postgres-reload:postgres": RELOAD, "archive-changed:archive": NOTHING,
    },
    "archive-not-waited-for": {"less-durable:postgres": RISK, "postgres-reload:postgres": RELOAD},
    "application-not-waiting": {
        "less-durable:shop": RISK, "application-changed:shop": RELOAD, "redis-users:redis": RELOAD,
    },
    "tls-renamed": {"certificate-renewed:certificate": RELOAD, "certificate-taken:postgres": RELOAD},
    "tls-given-up": {
        "container-recreated:postgres": RECREATE, "starts-with-them:postgres": NOTHING,
        "certificate-made:certificate": NOTHING,
    },
    "first": {
        "application-created:crypto-ai-agent": NOTHING, "application-created:shop": NOTHING,
        "archive-made:archive": NOTHING, "bookkeeping:db-server-recorded": NOTHING,
        "certificate-made:certificate": NOTHING, "container-created:postgres": NOTHING,
        "container-created:redis": NOTHING, "network-kept:network": NOTHING, "password-made:admin-password": NOTHING,
        "published-outside:postgres": NOTHING, **ASKED["postgres"], **ASKED["redis"],
    },
    "containers-removed-and-renamed": {
        "container-name:postgres": RISK, "container-name:redis": RISK, **RECREATED["postgres"],
        "container-recreated:redis": RECREATE, "server-asked:redis": NOTHING, "redis-users:redis": RELOAD,
        "application-changed:crypto-ai-agent": RELOAD, "application-changed:shop": RELOAD,
    },
}  # fmt: skip
# Those that the program refuses while the preview is made: the exit code.
REFUSED = {"faulty": 2, "archive-cannot": 2, "network-missing": 5, "container-name": 5, "application-renamed": 1}
