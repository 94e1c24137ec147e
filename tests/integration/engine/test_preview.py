"""What a change costs: previews of the real engine, judged beside the servers that run, and recorded for the others."""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest

from dbserver.postgres.settings import RESTARTING
from tests.support.archived import archiver
from tests.support.commands import Ran, run
from tests.support.ports import address
from tests.support.stack import Stack
from tests.unit.dbserver.preview.expected import DIRECTORY, EXPECTED, REFUSED

SHOP = {"name": "shop", "poolSize": 3}
CRYPTO = {"name": "crypto-ai-agent", "database": "crypto_ai_agent", "role": "crypto", "poolSize": 3}
RECORDING = bool(os.environ.get("RECORD_PREVIEWS"))
Change = Callable[[Stack], Mapping[str, Any]]

CHANGES: dict[str, Change] = {
    "unchanged": lambda _: {},
    "unchanged-refreshed": lambda _: {},
    "postgres-port": lambda stack: {"postgres": {"port": stack.other_port}},
    "redis-port": lambda stack: {"redis": {"port": stack.other_port}},
    "postgres-image-same-tag": lambda _: {},
    "redis-other-major": lambda stack: {"redis": {"image": f"{stack.name}-image:9"}},
    "backup-directory": lambda stack: {"backupDirectory": f"{stack.data}/backups"},
    "data-directory": lambda stack: {"dataDirectory": f"{stack.data}/elsewhere"},
    "network-renamed": lambda stack: {"network": {"name": f"{stack.network}-other"}},
    "network-given-up": lambda _: {"network": {"create": False}},
    "settings-reload": lambda _: {"postgres": {"settings": {"work_mem": "7MB", "checkpoint_timeout": "7min"}}},
    "settings-restart": lambda _: {"postgres": {"settings": {"wal_level": "logical"}}},
    "settings-both": lambda _: {"postgres": {"settings": {"max_wal_senders": "7", "work_mem": "7MB"}}},
    "settings-of-an-extension": lambda _: {"postgres": {"settings": {"some_extension.size": "7"}}},
    "settings-with-a-port": lambda stack: {
        "postgres": {"port": stack.other_port, "settings": {"wal_level": "logical"}}
    },
    "fsync-off": lambda _: {"postgres": {"settings": {"fsync": "off"}}},
    "application-asynchronous": lambda _: {
        "applications": [{**SHOP, "settings": {"synchronous_commit": "off"}}, CRYPTO]
    },
    "postgres-memory": lambda _: {"postgres": {"memory": "640m"}},
    "redis-memory": lambda _: {"redis": {"memory": "160m"}},
    "redis-eviction": lambda _: {"redis": {"evictionPolicy": "allkeys-lru"}},
    "redis-snapshot": lambda _: {"redis": {"persistence": "snapshot"}},
    "redis-none": lambda _: {"redis": {"persistence": "none"}},
    "redis-closed": lambda _: {"redis": {"access": "password"}},
    "application-added": lambda _: {"applications": [SHOP, CRYPTO, {"name": "blog", "poolSize": 2}]},
    "application-removed": lambda _: {"applications": [CRYPTO]},
    "application-pool": lambda _: {"applications": [{**SHOP, "poolSize": 4}, CRYPTO]},
    "application-rotated": lambda _: {"applications": [{**SHOP, "passwordVersion": 2}, CRYPTO]},
    "administrator-password": lambda _: {"adminPassword": "given by the operator"},
    "changed-by-hand": lambda _: {},
    "application-prefix": lambda _: {"applications": [{**SHOP, "redisPrefix": "s:"}, CRYPTO]},
    "application-other-keys": lambda _: {"applications": [{**SHOP, "redisDatabase": 3}, CRYPTO]},
    "archive-begun": lambda stack: {"archive": archive(stack)},
    "tls-begun": lambda _: {"tls": tls()},
    "containers-gone": lambda _: {},
    "containers-removed-and-renamed": lambda stack: {
        "postgres": {"containerName": f"{stack.name}-other-postgres"},
        "redis": {"containerName": f"{stack.name}-other-redis"},
    },
    "faulty": lambda _: {"postgres": {"port": 99999}},
    "network-missing": lambda stack: {"network": {"name": f"{stack.network}-missing", "create": False}},
    "container-name": lambda stack: {"postgres": {"containerName": f"{stack.name}-other-postgres"}},
    "application-renamed": lambda _: {"applications": [{**SHOP, "database": "other"}, CRYPTO]},
}
# Of the stack with an archive that commits wait for, and with TLS.
ARMED: dict[str, Change] = {
    "archive-ended": lambda _: {"archive": {"enabled": False}},
    "archive-shorter": lambda _: {"archive": {"keep": "1h"}},
    "archive-moved": lambda stack: {"archive": {"directory": f"{stack.data}/other-archive"}},
    "archive-asynchronous": lambda _: {"archive": {"synchronous": False}},
    "archive-not-waited-for": lambda _: {"postgres": {"settings": {"synchronous_commit": "local"}}},
    "application-not-waiting": lambda _: {
        "applications": [{**SHOP, "settings": {"synchronous_commit": "remote_write"}}, CRYPTO]
    },
    "archive-cannot": lambda _: {"postgres": {"settings": {"wal_level": "minimal"}}},
    "tls-renamed": lambda _: {"tls": {"names": ["other.example.test"]}},
    "tls-given-up": lambda _: {"tls": None},
    "first": lambda _: {},
}
# These change something besides the configuration, which a start mends.
OUTSIDE = ("postgres-image-same-tag", "changed-by-hand", "containers-removed-and-renamed", "containers-gone", "first")
REFRESHED = ("unchanged-refreshed", "changed-by-hand", "containers-gone")
SHORT = ("settings-both", "network-given-up")


@pytest.fixture(scope="module")
def town(shared: Stack) -> Iterator[Stack]:
    """A running stack with two applications, its PostgreSQL under a tag of its own."""
    image = shared.inspect(shared.postgres)["Config"]["Image"]
    redis = shared.inspect(shared.redis)["Config"]["Image"]
    run("docker", "tag", image, f"{shared.name}-image:17").ok()
    shared.build_image(f"{shared.name}-image:9", f"FROM {redis}\n")
    shared.configure(applications=[SHOP, CRYPTO], postgres={"image": f"{shared.name}-image:17"})
    shared.start().ok()
    yield shared
    run("docker", "image", "rm", "-f", f"{shared.name}-image:17", f"{shared.name}-image:9")


@pytest.fixture(scope="module")
def armed(town: Stack) -> Iterator[Stack]:
    """The town with an archive that commits wait for, reached from outside by TLS."""
    with town.configured(archive=archive(town), tls=tls()):
        town.start().ok()
        yield town
    town.start().ok()


def archive(stack: Stack) -> dict[str, Any]:
    return {"enabled": True, "containerName": archiver(stack), "keep": "2h", "synchronous": True}


def tls() -> dict[str, Any]:
    return {"address": address(), "names": ["db.example.test"]}


def guard(stack: Stack, preview: str, *arguments: str) -> Ran:
    return stack.script("dbserver", "guard", "-", *arguments, stdin=preview)


def costs(shown: Ran) -> dict[str, str]:
    found = json.loads(shown.out)
    # As in what is recorded: the stack itself is among the resources.
    return {change["name"].replace(found["stack"], "recorded"): change["cost"] for change in found["changes"]}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in SHORT else pytest.mark.full) for name in CHANGES]
)
def test_a_preview_of_the_engine_is_judged(town: Stack, name: str) -> None:
    try:
        judge(town, name)
    finally:
        if name in OUTSIDE:
            town.start().ok()


@pytest.mark.full
@pytest.mark.parametrize("name", ARMED)
def test_a_preview_of_a_stack_with_archive_and_tls_is_judged(armed: Stack, name: str) -> None:
    try:
        with without_state(armed) if name == "first" else nullcontext():
            judge(armed, name)
    finally:
        if name in OUTSIDE:
            armed.start().ok()


@contextmanager
def without_state(stack: Stack) -> Iterator[None]:
    """Have the engine know nothing of what there is."""
    kept = stack.pulumi("stack", "export").ok().out
    found = json.loads(kept)
    stack.pulumi("stack", "import", stdin=json.dumps({**found, "deployment": {**found["deployment"], "resources": []}}))
    try:
        yield
    finally:
        stack.pulumi("stack", "import", stdin=kept).ok()


def judge(town: Stack, name: str) -> None:
    image = town.inspect(town.postgres)["Config"]["Image"]
    if name == "postgres-image-same-tag":
        town.build_image(image, f"FROM {image}\nLABEL changed=yes\n")
    if name == "changed-by-hand":
        by_hand(town)
    if name in ("containers-removed-and-renamed", "containers-gone", "first"):
        run("docker", "rm", "-f", "-v", town.postgres, town.redis, *([archiver(town)] if name == "first" else [])).ok()
    refresh = ["--refresh"] if name in REFRESHED else []
    with town.configured(**(CHANGES | ARMED)[name](town)):
        preview = town.pulumi("preview", "--json", *refresh)
    if RECORDING:
        record(town, name, preview.out)
    shown = guard(town, preview.out, "--format", "json")
    if name in REFUSED:
        assert (preview.code != 0, shown.code) == (True, REFUSED[name]), shown.text
    else:
        assert costs(shown) == EXPECTED[name], shown.text
        assert shown.code == (5 if "data at risk" in EXPECTED[name].values() else 0)


def by_hand(stack: Stack) -> None:
    stack.sql("ALTER SYSTEM SET work_mem = '3MB'")
    stack.sql("SELECT pg_reload_conf()")
    stack.sql("ALTER ROLE shop CONNECTION LIMIT 99")
    stack.cli("CONFIG", "SET", "maxmemory", "50000000")
    run("docker", "update", "--memory", "100m", "--memory-swap", "100m", stack.redis).ok()


def record(stack: Stack, name: str, printed: str) -> None:
    """Keep what a judgement may look at, without what belongs to this machine."""
    found = json.loads(printed)
    states = ("oldState", "newState")
    steps = [
        {key: step[key] for key in ("op", "urn", "diffReasons", "replaceReasons") if step.get(key)}
        | {key: {part: step[key].get(part, {}) for part in ("inputs", "outputs")} for key in states if key in step}
        for step in found["steps"]
    ]
    text = json.dumps(
        {"steps": steps, **{k: found[k] for k in ("diagnostics", "changeSummary") if k in found}}, indent=1
    )
    for mine, neutral in (
        (str(stack.data), "/data/db-server"), (str(stack.project), "/srv/database-server"),
        (f"{stack.name}-network", "nginx-network"), (f"{stack.name}-", "db-server-"), (stack.name, "recorded"),
        (str(stack.other_port), "16379" if name == "redis-port" else "15432"),
        (str(stack.postgres_port), "5432"), (str(stack.redis_port), "6379"),
    ):  # fmt: skip
        text = text.replace(mine, neutral)
    (DIRECTORY / f"{name}.json").write_text(re.sub(r"\d+\.\d+\.\d+\.\d+(?<!127\.0\.0\.1)", "172.18.0.2", text) + "\n")


def test_every_change_has_its_expectation() -> None:
    assert {*CHANGES, *ARMED} == {*EXPECTED, *REFUSED}


def test_the_running_server_tells_which_settings_take_a_restart(town: Stack) -> None:
    told = set(town.sql("SELECT name FROM pg_settings WHERE context = 'postmaster'").split())
    assert told - RESTARTING == set(), "missing in the table for where no server tells"
