"""Images: what is here first, a stand-in only where it is allowed, then a pull."""

import json

import pytest

from dbserver.docker import images
from dbserver.errors import DbServerError, UsageError
from tests.unit.fakes import Both, Failed, Programs

MISSING = Failed("Error: No such image")


def image(identity: str = "sha256:1", **environment: str) -> str:
    return json.dumps([{"Id": identity, "Config": {"Env": [f"{name}={value}" for name, value in environment.items()]}}])


@pytest.mark.parametrize(
    ("name", "environment", "major"),
    [
        ("postgres:17", {"PG_MAJOR": "17"}, "17"),
        ("postgres:latest", {"PG_MAJOR": "18"}, "18"),
        ("redis:8", {}, "8"),
        ("redis:8.2.1", {}, "8"),
        ("redis:7-alpine", {}, "7"),
        ("registry.example:5000/redis", {}, ""),
        ("registry.example:5000/team/redis:8.2-alpine", {}, "8"),
        ("redis", {}, ""),
        ("redis:alpine", {}, ""),
        (f"redis@sha256:{'a' * 64}", {}, ""),
    ],
)
def test_the_major_version_is_the_image_s_own_or_that_of_its_tag(
    programs: Programs, name: str, environment: dict[str, str], major: str
) -> None:
    programs.answer("image inspect", image(**environment))
    found = images.find(name)
    assert found is not None
    assert (found.name, found.identity, found.major) == (name, "sha256:1", major)


def test_an_image_that_is_here_is_not_pulled(programs: Programs) -> None:
    programs.answer("image inspect", image())
    assert images.resolve("redis:8", stand_ins=True).name == "redis:8"
    assert len(programs.calls) == 1


def test_an_allowed_stand_in_that_is_here_is_used(programs: Programs) -> None:
    programs.answer("image inspect redis:8", MISSING)
    programs.answer("image inspect db-server-stand-in/redis:8", image())
    found = images.resolve("redis:8", stand_ins=True)
    assert (found.name, found.major) == ("db-server-stand-in/redis:8", "8")


def test_a_stand_in_that_is_not_allowed_is_never_looked_for(programs: Programs) -> None:
    programs.answer("image inspect redis:8", MISSING, image())
    programs.answer("docker pull", "")
    assert images.resolve("redis:8", stand_ins=False).name == "redis:8"
    assert not programs.started("stand-in")


@pytest.mark.parametrize(("stand_ins", "hint"), [(True, "which can build a stand-in"), (False, "docker pull redis:8")])
def test_an_image_that_cannot_be_had_is_an_error_with_the_way_out(
    programs: Programs, *, stand_ins: bool, hint: str
) -> None:
    programs.answer("image inspect", MISSING)
    programs.answer("docker pull", Failed("toomanyrequests"))
    with pytest.raises(DbServerError, match="toomanyrequests") as caught:
        images.resolve("redis:8", stand_ins=stand_ins)
    assert caught.value.hint.endswith(hint)


def tagged(identity: str, *tags: str) -> dict[str, object]:
    return {"Id": identity, "RepoTags": list(tags), "RepoDigests": None, "Config": {"Env": ["PATH=/bin", "X="]}}


def test_several_images_are_looked_at_by_one_command(programs: Programs) -> None:
    found = [tagged("sha256:1", "postgres:17", "postgres:17.5"), tagged("sha256:2", "redis:latest")]
    programs.answer("docker image inspect postgres:17 redis missing:1", json.dumps(found))
    variables = frozenset({"PATH", "X"})
    assert images.local(["postgres:17", "redis", "missing:1"]) == {
        "postgres:17": images.Local("sha256:1", variables),
        "redis": images.Local("sha256:2", variables),
    }


def test_images_that_are_not_here_are_left_out(programs: Programs) -> None:
    programs.answer("image inspect", MISSING)
    assert images.local(["postgres:17"]) == {}


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("postgres:17", "postgres:18"),
        ("postgres:17.6", "postgres:18"),
        ("postgres:17.6-bookworm", "postgres:18-bookworm"),
        ("example.com:5000/team/postgres:17-alpine3.22", "example.com:5000/team/postgres:18-alpine3.22"),
    ],
)
def test_the_same_image_of_another_major_version_has_another_tag(name: str, other: str) -> None:
    assert images.of_major(name, 18) == other


@pytest.mark.parametrize("name", ["postgres", "postgres:latest", "example.com:5000/postgres", "postgres@sha256:17a"])
def test_a_tag_that_is_no_version_asks_for_the_name(name: str) -> None:
    with pytest.raises(UsageError, match="is no version") as raised:
        images.of_major(name, 18)
    assert "--image" in raised.value.hint


def test_the_stand_in_of_an_image_is_held_only_where_it_may_be_one(programs: Programs) -> None:
    name = "db-server-stand-in/postgres:17"
    entry = {"Id": "sha256:1", "RepoTags": [name], "Config": {"Env": ["PATH=/bin"]}}
    programs.answer("docker image inspect postgres:17", Both(json.dumps([]), "No such image"))
    programs.answer(f"docker image inspect postgres:17 {name}", json.dumps([entry]))
    assert images.held("postgres:17", stand_ins=True) == images.Local("sha256:1", frozenset({"PATH"}))
    assert images.held("postgres:17", stand_ins=False) == images.Local()
