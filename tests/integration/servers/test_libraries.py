"""Client libraries behind the fence: each does its whole job with the entry that docs/how-to shows, and no other's."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from dbserver.applications import on_host
from dbserver.contract import POSTGRES, REDIS, config_directory
from dbserver.redis import convergence, limits
from dbserver.redis.server import Server
from dbserver.settings.model import Redis as Section
from tests.support.commands import run
from tests.support.lending import ADMIN, Lent
from tests.support.libraries import NAMES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "how-to" / "redis-libraries.md").read_text()
ROWS = re.findall(r"^\| ([\w-]+) \| ([\d.]+) \| `(\{.*?\})` \|", PAGE, re.MULTILINE)
VERSIONS = {name.lower(): version for name, version, _ in ROWS}
NODE = ("node-redis", "ioredis", "bullmq")
PACKAGES = {"node-redis": "redis", "ioredis": "ioredis", "bullmq": "bullmq"}
SCRIPT = ROOT / "tests" / "support" / "libraries" / "node.mjs"


def entry(name: str) -> dict[str, Any]:
    """Return the page's entry of the application `shop`, for one that is named as its library."""
    text = next(text for library, _, text in ROWS if library.lower() == name)
    return {**yaml.safe_load(text.replace("shop", name)), "poolSize": 1}


def variables(house: Lent, name: str) -> dict[str, str]:
    published = {POSTGRES: ("127.0.0.1", house.postgres_port), REDIS: ("127.0.0.1", house.redis_port)}
    return on_host(house.variables(name), published, ())


def client(house: Lent, name: str) -> Any:
    return redis.Redis.from_url(variables(house, name)["REDIS_URL"], decode_responses=True)


@pytest.fixture(scope="module")
def house(fenced: Lent) -> Iterator[Lent]:
    """An application for each library of the page."""
    events = {"name": "events", "poolSize": 1, "redisChannels": ["__keyspace@0__:events:*"]}
    yield fenced.admit(*(entry(name) for name in (*NAMES, *NODE)), events)
    fenced.redis_admin("FLUSHALL")


def start(house: Lent, name: str, *command: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, **variables(house, name)}
    return subprocess.Popen(
        command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_the_page_has_every_library_and_the_versions_that_are_tried() -> None:
    assert set(VERSIONS) == {*NAMES, *NODE}
    asked = "import sys, importlib.metadata as m; print(*(m.version(name) for name in sys.argv[1:]))"
    names = {**{name: name for name in NAMES}, "redis-py": "redis"}
    found = run(sys.executable, "-c", asked, *names.values()).ok().out.split()
    assert dict(zip(names, found, strict=True)) == {name: VERSIONS[name] for name in NAMES}


def test_each_python_library_does_its_whole_job_and_reaches_no_other_s_keys(house: Lent) -> None:
    house.redis_admin("ACL", "LOG", "RESET")
    running = {
        name: start(house, name, sys.executable, "-m", f"tests.support.libraries.{name.replace('-', '_')}")
        for name in NAMES
    }
    for name, process in running.items():
        said = process.communicate(timeout=60)[0]
        assert (process.returncode, said.split()[-1]) == (0, "42"), f"{name}:\n{said}"
    assert house.redis_admin("ACL", "LOG") == "", "none asked for what is refused"
    there = house.redis_admin("KEYS", "*").split()
    told = {name: prefixes(house, name) for name in NAMES}
    made = {name: [key for key in there if key.startswith(told[name])] for name in NAMES}
    assert all(made.values()), made
    assert sorted(chain(*made.values())) == sorted(there), "no key is nobody's"
    for name in NAMES:
        with client(house, name) as tenant:
            for other in chain(*(made[each] for each in NAMES if each != name)):
                for command in ("TYPE", "DEL"):
                    with pytest.raises(redis.exceptions.NoPermissionError):
                        tenant.execute_command(command, other)


def prefixes(house: Lent, name: str) -> tuple[str, ...]:
    told = house.script("dbserver", "info", name, "--field", "redis_prefixes").ok().out
    return tuple(told.strip().split(","))


def test_a_pattern_of_its_own_channels_is_subscribed_to_only_where_it_stands_in_the_entry(house: Lent) -> None:
    with client(house, "celery") as tenant:
        for pattern in ("celery:*", *entry("celery")["redisChannels"]):
            subscriber = tenant.pubsub()
            subscriber.psubscribe(pattern)
            assert (subscriber.get_message(timeout=5) or {})["type"] == "psubscribe", pattern
        for pattern in ("celery:news.*", "*", "rq:*", "celery*"):
            subscriber = tenant.pubsub()
            subscriber.psubscribe(pattern)
            with pytest.raises(redis.exceptions.NoPermissionError):
                subscriber.get_message(timeout=5)


def publish(house: Lent, events: str) -> None:
    """Bring Redis to settings that declare these events, as an update does."""
    declared = Section.model_validate({**house.config["redis"], "settings": {"notify-keyspace-events": events}})
    image, directory = house.inspect(house.redis)["Config"]["Image"], config_directory(str(house.data), REDIS)
    convergence.apply_settings(Server(house.redis, ADMIN), declared.effective_settings, directory, image)


def test_an_application_hears_of_its_own_keys_alone_where_events_are_published(house: Lent) -> None:
    publish(house, "KEA")
    try:
        with client(house, "events") as tenant:
            heard = tenant.pubsub(ignore_subscribe_messages=True)
            heard.psubscribe("__keyspace@0__:events:*")
            heard.get_message(timeout=5)
            house.redis_admin("SET", "rq:secret", "x")
            tenant.set("events:own", "x")
            assert (heard.get_message(timeout=5) or {})["channel"] == "__keyspace@0__:events:own"
            for pattern in ("__keyspace@0__:*", "__keyevent@0__:set"):
                refused = tenant.pubsub()
                refused.psubscribe(pattern)
                with pytest.raises(redis.exceptions.NoPermissionError):
                    refused.get_message(timeout=5)
        assert house.redis_admin("CONFIG", "GET", "notify-keyspace-events").split()[-1] == limits.events("KEA")
    finally:
        publish(house, "")
        house.redis_admin("DEL", "rq:secret", "events:own")


@pytest.mark.full
def test_each_library_of_node_does_its_whole_job(house: Lent, tmp_path: Path) -> None:
    """They are installed as anybody installs them, into a directory that is gone afterwards."""
    packages = {PACKAGES[name]: VERSIONS[name] for name in NODE}
    (tmp_path / "package.json").write_text(json.dumps({"private": True, "dependencies": packages}))
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(tmp_path)]
    run("npm", "install", *options, cwd=tmp_path).ok()
    for name in NODE:
        process = start(house, name, "node", str(SCRIPT), str(tmp_path), name)
        said = process.communicate(timeout=60)[0]
        assert (process.returncode, said.split()[-1]) == (0, "42"), f"{name}:\n{said}"
        assert f"{name}:" in house.redis_admin("KEYS", "*")
