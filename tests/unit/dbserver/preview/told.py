"""What is told of each preview, word for word, in told.txt; `python -m tests.unit.dbserver.preview.told` writes it.

What a file says is judged by whoever reads its difference: a change of a word is seen, and so is one of a fact.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from dbserver.preview.rule import Facts, Live, judge
from dbserver.preview.rules import RULES
from dbserver.preview.steps import parse
from dbserver.results.preview import Preview
from tests.unit.dbserver.preview.expected import DIRECTORY, EXPECTED
from tests.unit.dbserver.preview.made import DATA, archive, container, judged, replaced, step

FILE = Path(__file__).parent / "told.txt"
APP = {"name": "shop", "database": "shop", "role": "shop", "poolSize": 3, "extensions": ["a"], "settings": {"x": "1"}}
VOLUME: dict[str, Any] = {"mounts": {}, "volumes": [{"containerPath": DATA["postgres"], "volumeName": "data"}]}
# Of the facts that the recorded ones do not have.
MADE = {
    "a volume": [replaced(**VOLUME)],
    "a volume given up": [step("replace", "postgres", container(**VOLUME), container())],
    "a directory by its older key": [
        step(
            "replace", "postgres", container(),
            container(mounts={}, volumes=[{"containerPath": DATA["postgres"], "hostPath": "/data/db-server/postgres"}]),
        )
    ],
    "no data at all": [replaced(mounts={}, pgdata="/elsewhere=there", envs=[])],
    "another data directory of PostgreSQL": [replaced(pgdata="/elsewhere=there")],
    "another name": [replaced("redis", name="cache")],
    "a version that is not known": [replaced(labels={"com.database.version": ""})],
    "labels, one of each kind": [
        replaced(image="postgres:17.6", labels={"com.database.image": "sha256:b" + "0" * 80, "a": "1", "z": "2"})
    ],
    "ports and networks": [
        replaced(
            ports=[{"external": 5433, "internal": 5432, "ip": "127.0.0.1"}, {"external": 9, "internal": 9}],
            networksAdvanced=[{"name": "one"}, {"name": "two"}],
        )
    ],
    "no ports": [replaced(ports=None, networksAdvanced=None)],
    "a health check and a number": [replaced(healthcheck={"tests": ["x"]}, shmSize=64)],
    "a container that is deleted": [step("delete", "postgres", container(), None)],
    "a network that is renamed": [step("replace", "network", {"name": "one"}, {"name": "two"})],
    "a network that is given up": [step("delete", "network", {"name": "one"}, None)],
    "a network that is made": [step("create", "network", None, {"name": "one"})],
    "an archive": [step("create", "archive", None, archive())],
    "an archive for which commits wait": [step("replace", "archive", archive(), archive(how="synchronous"))],
    "an archive elsewhere, kept shorter": [
        step("replace", "archive", archive(), {**archive(keep="86400", directory="/elsewhere"), "shmSize": 64})
    ],
    "an archive of another form": [step("update", "archive", archive(), {**archive(), "command": None})],
    "an archive that ends": [step("delete", "archive", archive(), None)],
    "an application made": [step("create", "shop", None, APP)],
    "an application changed": [
        step("update", "shop", APP, {**APP, "poolSize": 4, "extensions": ["a", "b"], "settings": {"x": "2", "y": "3"}})
    ],
    "an application renamed": [step("update", "shop", APP, {**APP, "role": "other", "database": "another"})],
    "an application removed": [step("delete", "shop", APP, None)],
}  # fmt: skip


def told(found: Preview) -> Iterator[str]:
    """Yield the lines of a preview."""
    for change in found.changes:
        yield f"{change.cost} | {change.name} | {change.what}"
        yield from (f"    {detail}".rstrip() for detail in change.details)
        if change.seconds is not None or change.connected is not None:
            yield f"    {change.seconds} s without an answer, connected: {change.connected}"


def _recorded(name: str) -> Preview:
    return judge(Facts(parse((DIRECTORY / f"{name}.json").read_text()), Live()), RULES, {})


IN_DEV = ("a container that is deleted", "a network that is given up", "a network that is renamed")
THERE = Live(
    connected={"postgres": ("shop-blue",)},
    containers={"db-server-postgres": {DATA["postgres"]: "/elsewhere", "/backups": "/backups"}},
)
PREVIEWS: dict[str, Callable[[], Preview]] = {
    **{f"recorded: {name}": partial(_recorded, name) for name in sorted(EXPECTED)},
    **{f"made: {name}": partial(judged, *steps) for name, steps in MADE.items()},
    **{f"made in dev: {name}": partial(judged, *MADE[name], stack="dev") for name in IN_DEV},
    "made: taken over": partial(judged, step("create", "postgres", None, container()), live=THERE),
}


def text_of(name: str) -> str:
    """Return what is told of a preview now."""
    return "\n".join(told(PREVIEWS[name]())).rstrip("\n")


def written() -> dict[str, str]:
    """Return what the file says of each preview, by its name."""
    parts = FILE.read_text().split("== ")[1:]
    return {name: text.strip("\n") for name, _, text in (part.partition("\n") for part in parts)}


if __name__ == "__main__":
    FILE.write_text(
        "\n".join(f"== {name}\n{text}\n" for name, text in zip(PREVIEWS, map(text_of, PREVIEWS), strict=True))
    )
