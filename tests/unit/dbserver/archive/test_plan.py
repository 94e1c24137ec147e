"""What the archive's container shall be."""

from dataclasses import replace
from typing import Any

import pytest

from dbserver.archive import plan
from dbserver.archive.plan import ArchivePlan
from dbserver.docker.containers import Container
from dbserver.docker.images import Image, Local
from dbserver.docker.privileges import PRIVILEGES
from tests.unit.fakes import IDENTITY, container

DAILY = ArchivePlan("db-server-archive", "/srv/archive", "/data", "dbadmin", 3600, "0 2 * * *", synchronous=False)


@pytest.mark.parametrize(
    ("schedule", "longest", "lists"),
    [
        ("0 2 * * *", 86400, (" 0 ", " 2 ")),
        ("*/15 * * * *", 900, (" 0 15 30 45 ", f" {' '.join(map(str, range(24)))} ")),
        ("30 1 * * 0", 7 * 86400, (" 30 ", " 1 ")),
        ("0 2 1 * *", 31 * 86400, (" 0 ", " 2 ")),
    ],
)
def test_when_a_base_backup_is_due_is_told_as_lists(schedule: str, longest: int, lists: tuple[str, str]) -> None:
    found = plan.due(schedule)
    assert (found[0], *found[1:3]) == (str(longest), *lists)
    assert len(found) == 6


def test_sunday_is_the_zeroth_day_as_date_has_it() -> None:
    assert plan.due("0 2 * * 7")[5] == " 0 "
    assert plan.due("0 2 * * 1-5")[5] == " 1 2 3 4 5 "


def test_the_container_sees_the_archive_and_the_socket_and_nothing_else() -> None:
    assert DAILY.mounts == {"/archive": "/srv/archive", "/var/run/postgresql": "/data/run/postgres"}
    assert "" not in DAILY.command, "Docker's provider takes no empty word"


def test_it_yields_to_the_server_unless_commits_wait_for_it() -> None:
    assert DAILY.shares < 1024, "Docker's default, which the servers have"
    assert replace(DAILY, synchronous=True).shares == 1024


def test_its_labels_say_whose_it_is_and_of_which_image() -> None:
    labels = DAILY.labels("prod", Image("postgres:17", "sha256:a", "17"))
    assert [*labels.values()] == ["archive", "prod", "sha256:a"]


def test_the_server_keeps_a_bounded_part_of_its_log_and_summaries_where_it_can() -> None:
    assert plan.settings("16", synchronous=False) == {"max_slot_wal_keep_size": "10GB"}
    assert plan.settings("17", synchronous=True) == {
        "max_slot_wal_keep_size": "10GB", "summarize_wal": "on", "synchronous_standby_names": "db_server_archive",
    }  # fmt: skip


HELD = Local(IDENTITY, frozenset({"PG_MAJOR", "PATH"}))


def real(**changes: Any) -> Container:
    """Return the archive's container as planned, with changes."""
    labels = DAILY.labels("unit", Image("postgres:17", IDENTITY, "17"))
    entrypoint, *command = DAILY.command
    as_planned = {
        "name": DAILY.name, "labels": labels, "environment": {"PG_MAJOR": "17", "PATH": "/bin"}, "published": (),
        "binds": DAILY.mounts, "networks": ("none",), "entrypoint": (entrypoint,), "command": tuple(command),
        "user": "postgres", "restart_policy": "always", "shares": 64, "privileges": PRIVILEGES["archive"],
    }  # fmt: skip
    return container(**{**as_planned, **changes})


def differences(found: Container, held: Local = HELD) -> list[str]:
    return plan.differences(DAILY, "unit", "postgres:17", held, found)


def test_a_container_as_planned_has_no_differences() -> None:
    assert differences(real()) == []
    assert differences(real(), Local()) == [], "nor where its image is gone"
    assert differences(real(image="db-server-stand-in/postgres:17")) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"command": ("-c", "sleep 1", *DAILY.command[3:])}, "program: another, or another version of it, declared is"),
        ({"command": (*DAILY.command[1:5], "60", *DAILY.command[6:])}, "arguments: ['dbadmin', '60', '86400', "),
        ({"command": ()}, "program: another"),
        ({"entrypoint": ("sh",)}, "entrypoint: ['sh'], declared is ['bash']"),
        ({"binds": {"/archive": "/elsewhere"}}, "volumes: {'/archive': '/elsewhere'}, declared is {'/archive': '/srv/"),
        ({"user": ""}, "user: , declared is postgres"),
        ({"networks": ("none", "nginx-network")}, "networks: ['nginx-network', 'none'], declared is ['none']"),
        ({"restart_policy": "no"}, "restart policy: no, declared is always"),
        ({"shares": 1024}, "processor shares: 1024, declared is 64"),
        (
            {"privileges": None},
            ("privileges: None, declared is capabilities none, dropped ALL; no-new-privileges:true;"
            " root read-only, in memory /tmp /var/lib/postgresql/data; core 0"),
        ),
        ({"memory": 1024}, "memory limit: 1024, declared is 0"),
        ({"image": "postgres:16"}, "image: postgres:16, declared is postgres:17"),
        ({"environment": {"PATH": "/bin", "PGPASSWORD": "secret"}}, "environment: PGPASSWORD, declared is none of its"),
        ({"labels": {**real().labels, "com.database.stack": "prod"}}, "label com.database.stack: prod, declared is"),
    ],
)  # fmt: skip
def test_each_property_that_differs_is_told_with_both_values(changes: dict[str, Any], told: str) -> None:
    texts = differences(real(**changes))
    assert texts[0].startswith(told)
    assert len(texts) == (2 if changes.get("command") == () else 1)
    assert "secret" not in str(texts)


def test_a_newer_image_of_the_same_name_is_a_difference() -> None:
    told = differences(real(), Local(f"sha256:{'b' * 64}"))
    assert [each.partition(":")[0] for each in told] == ["image identity"]
