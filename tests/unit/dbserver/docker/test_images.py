"""Images: what is here first, a stand-in only where it is allowed, then a pull."""

import json

import pytest

from dbserver.docker import images
from dbserver.errors import DbServerError
from tests.unit.fakes import Failed, Programs

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
