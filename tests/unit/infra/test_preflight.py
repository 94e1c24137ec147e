"""The look at the host: every reason to refuse at once, nothing changed; what was stopped starts again."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import pytest

from dbserver import contract
from dbserver.docker import host, ports
from dbserver.docker.host import Directory
from dbserver.docker.ports import Holder
from dbserver.errors import NotRunningError, RefusedError
from dbserver.settings.model import Settings, load
from infra import compose_file, identity, preflight
from infra.plans import container_plan
from tests.unit.fakes import (
    IDENTITY,
    NO_CONTAINER,
    Failed,
    Programs,
    as_planned,
    connected,
    inspected,
    postgres_row,
    printed,
)

NO_NETWORK = Failed("Error response from daemon: network nginx-network not found")
ROOMY = 10 * 1024**3


@pytest.fixture
def fitting(programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Programs:
    """A host without containers on which everything fits."""
    monkeypatch.setattr(compose_file, "PROJECT", tmp_path)
    programs.answer("docker compose", Failed("docker: 'compose' is not a docker command."))
    programs.answer("docker version", "28.5.2\n")
    connected(programs)
    programs.answer("image inspect", json.dumps([{"Id": "sha256:1", "Config": {"Env": ["PG_MAJOR=17"]}}]))
    programs.answer("container inspect", NO_CONTAINER)
    programs.answer("FROM dbserver.application;", said())
    monkeypatch.setattr(ports, "holders", lambda _: [])
    monkeypatch.setattr(host, "inspect_directory", lambda path, *_: Directory(path, free_bytes=ROOMY))
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    monkeypatch.setattr(pulumi, "get_stack", lambda: "unit")
    monkeypatch.setattr(preflight, "take_precautions", lambda *_: None)
    monkeypatch.setattr(identity, "STATE", tmp_path / ".state")
    programs.answer("global/pg_control", "")
    return programs


@pytest.fixture
def going(fitting: Programs, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """Record of which servers the precautions are taken."""
    taken: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(preflight, "take_precautions", lambda _, stack, found: taken.append((stack, sorted(found))))
    serving(fitting)
    return taken


def refused(settings: Settings) -> str:
    with pytest.raises(preflight.HostError) as caught:
        preflight.examine(settings)
    return str(caught.value)


@pytest.mark.usefixtures("fitting")
def test_a_host_that_fits_gives_the_identities_of_the_images() -> None:
    found = preflight.examine(load({})).images
    assert {server: (image.name, image.identity) for server, image in found.items()} == {
        "postgres": ("postgres:17", "sha256:1"),
        "redis": ("redis:8", "sha256:1"),
    }


def test_every_reason_is_told_at_once(fitting: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    fitting.answer("network inspect", NO_NETWORK)
    monkeypatch.setattr(ports, "holders", lambda _: [Holder("container another")])
    monkeypatch.setattr(host, "inspect_directory", lambda path, *_: Directory(path, version="16", free_bytes=1))
    lines = refused(load({})).splitlines()
    assert lines[0] == contract.REFUSED
    reasons = ("nginx-network", "port 5432", "port 6379", "data of PostgreSQL 16", "/data/db-server/redis: only 0 MB")
    for part in reasons:
        assert any(part in line for line in lines[1:]), (part, lines)


def test_somebody_else_s_compose_file_is_refused_and_left_as_it_is(fitting: Programs, tmp_path: Path) -> None:
    theirs = tmp_path / contract.COMPOSE_FILE
    theirs.write_text("services: {}\n")
    assert "docker-compose.yml is not ours" in refused(load({}))
    assert theirs.read_text() == "services: {}\n"
    assert not fitting.started("docker start")


def test_an_update_renders_the_compose_file_and_a_preview_does_not(
    fitting: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    previewed = preflight.examine(load({})).labels
    assert not (tmp_path / contract.COMPOSE_FILE).exists()
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: False)
    assert preflight.examine(load({})).labels == previewed
    assert "container_name: db-server-postgres" in (tmp_path / contract.COMPOSE_FILE).read_text()
    assert len(fitting.started("docker compose")) == 2


@pytest.mark.parametrize(("version", "times"), [("20.10.24+dfsg1", 1), ("28.0.0", 0)])
def test_a_daemon_that_lets_neighbours_in_is_told_once(
    fitting: Programs, monkeypatch: pytest.MonkeyPatch, version: str, times: int
) -> None:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    fitting.answer("docker version", version)
    preflight.examine(load({}))
    assert len(said) == times
    assert all(version in each and "troubleshooting.md#docker-before-28" in each for each in said)


def test_nothing_is_started_on_a_host_that_is_refused(fitting: Programs) -> None:
    fitting.answer("network inspect", NO_NETWORK)
    fitting.answer("container inspect", printed(inspected(Status="exited")))
    refused(load({}))
    assert not fitting.started("docker start")


def test_a_missing_network_is_no_reason_where_the_stack_creates_it(fitting: Programs) -> None:
    fitting.answer("network inspect", NO_NETWORK)
    assert preflight.examine(load({"network": {"create": True}})).images


def stopped(stack: str, state: str = "exited", server: str = "postgres") -> dict[str, Any]:
    entry = inspected(f"db-server-{server}", Status=state)
    entry["Config"]["Labels"] = {"com.database.stack": stack, "com.database.server": server}
    return entry


def test_a_container_of_this_stack_that_was_stopped_is_started_in_an_update(fitting: Programs) -> None:
    fitting.answer("container inspect", printed(stopped("unit")))
    fitting.answer("docker start", "")
    fitting.answer("pg_isready", "")
    fitting.answer("PONG", "")
    preflight.examine(load({}))
    assert len(fitting.started("docker start db-server-postgres")) == 1
    assert fitting.started("pg_isready"), "the engine does not wait for it"


def test_a_stopped_server_that_cannot_start_fails_the_update_with_its_last_log_lines(fitting: Programs) -> None:
    fitting.answer("container inspect", printed(stopped("unit")))
    fitting.answer("docker start", "")
    fitting.answer("pg_isready", Failed(""))
    fitting.answer("docker logs", "FATAL:  could not open the configuration file")
    with pytest.raises(NotRunningError, match="FATAL:  could not open"):
        preflight.examine(load({}))


def test_a_container_that_runs_is_not_started(fitting: Programs) -> None:
    fitting.answer("container inspect", printed(stopped("unit", "running")))
    preflight.examine(load({}))
    assert not fitting.started("docker start")


@pytest.mark.parametrize(
    ("mounts", "declared"),
    [
        ([{"Source": "/data/db-server/postgres", "Destination": "/var/lib/postgresql/data"}], "/data/elsewhere"),
        ([{"Source": "/data/elsewhere/postgres", "Destination": "/var/lib/postgresql/data"}], "/data/db-server"),
        ([], "/data/db-server"),
    ],
    ids=["declared elsewhere by now", "made by hand on another directory", "without a mount"],
)
def test_a_stopped_container_on_another_directory_is_left_to_be_replaced(
    fitting: Programs, mounts: list[dict[str, str]], declared: str
) -> None:
    fitting.answer("container inspect", printed({**stopped("unit"), "Mounts": mounts}))
    preflight.examine(load({"dataDirectory": declared}))
    assert not fitting.started("docker start")


@pytest.mark.parametrize("server", ["postgres", "redis"])
@pytest.mark.parametrize("state", ["running", "exited"])
def test_a_server_of_another_stack_is_refused_and_left_alone(fitting: Programs, server: str, state: str) -> None:
    fitting.answer("container inspect", printed(stopped("another", state, server)))
    assert f"container db-server-{server} belongs to stack another" in refused(load({}))
    assert not fitting.started("docker start")


def test_another_administrator_than_that_of_the_data_is_refused(fitting: Programs) -> None:
    entry = stopped("unit", "running")
    entry["Config"]["Env"] = ["POSTGRES_USER=boss"]
    fitting.answer("container inspect", printed(entry))
    assert "the data in db-server-postgres knows its administrator as boss; set postgres.adminUser to boss" in refused(
        load({})
    )
    assert preflight.examine(load({"postgres": {"adminUser": "boss"}})).images


def test_a_preview_starts_nothing(fitting: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    fitting.answer("container inspect", printed(stopped("unit")))
    preflight.examine(load({}))
    assert not fitting.started("docker start")


def test_the_directory_of_our_own_running_container_is_not_looked_at_again(
    fitting: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def look(path: str, *_: Any) -> Directory:
        looked.append(path)
        return Directory(path, free_bytes=ROOMY)

    entry = inspected()
    entry["Config"]["Labels"]["com.database.image"] = "sha256:1"
    fitting.answer("container inspect", printed(entry))
    monkeypatch.setattr(host, "inspect_directory", look)
    preflight.examine(load({}))
    assert looked == ["/data/db-server/redis"]


def test_a_port_of_our_own_stopped_container_that_another_took_is_refused(
    fitting: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitting.answer("container inspect", printed(stopped("unit")))
    monkeypatch.setattr(ports, "holders", lambda port: [Holder("nc (pid 7)")] if port == 5432 else [])
    assert "port 5432 is taken by nc (pid 7)" in refused(load({}))


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    texts: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", texts.append)
    return texts


SHOP = {"name": "shop", "extensions": ["pg_trgm", "vector", "postgis"]}
LACKING = "application shop: the server's image lacks the extension vector, postgis; choose an image that has it"


def test_a_preview_refuses_extensions_that_the_running_image_lacks_and_an_update_goes_on(
    fitting: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitting.answer("container inspect", printed(stopped("unit", "running")))
    fitting.answer("FROM dbserver.application;", said(lacking=["vector", "postgis"]))
    fitting.answer("image inspect", json.dumps([{"Id": IDENTITY, "Config": {"Env": ["PG_MAJOR=17"]}}]))
    preflight.examine(load({"applications": [SHOP, {"name": "blog"}]}))
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    assert refused(load({"applications": [SHOP, {"name": "blog"}]})).splitlines()[1:] == [f"  {LACKING}"]
    fitting.answer("image inspect", json.dumps([{"Id": "sha256:another", "Config": {"Env": ["PG_MAJOR=17"]}}]))
    preflight.examine(load({"applications": [SHOP]}))


@pytest.mark.parametrize(
    ("entry", "known", "doubted"),
    [
        ({}, (), True), ({"password": "of the shop"}, (), False), ({"keepPassword": True}, (), False),
        ({}, ("shop",), False), ({"role": "other"}, (), False),
    ],
    ids=["hand-made", "given", "kept", "made here", "no such role"],
)  # fmt: skip
def test_a_preview_warns_of_a_role_whose_password_nobody_has_said(
    fitting: Programs, warned: list[str], monkeypatch: pytest.MonkeyPatch, entry: Any, known: Any, *, doubted: bool
) -> None:
    fitting.answer("container inspect", printed(stopped("unit", "running")))
    fitting.answer("FROM dbserver.application;", said(*map(registered, known), closed=["shop"]))
    settings = load({"applications": [{"name": "shop", **entry}]})
    preflight.examine(settings)
    assert warned == []
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    preflight.examine(settings)
    assert ["role shop exists with a password" in text for text in warned] == [True] * doubted


def test_an_entry_of_the_registry_that_is_none_is_told_and_refuses_nothing(
    fitting: Programs, warned: list[str]
) -> None:
    fitting.answer("container inspect", printed(stopped("unit", "running")))
    fitting.answer("FROM dbserver.application;", said({"name": "half"}))
    preflight.examine(load({}))
    assert warned[0].startswith("the server's registry of applications has an entry that is none")


def said(*rows: dict[str, Any], lacking: Sequence[str] = (), closed: Sequence[str] = ()) -> str:
    """Return what the server says of the entries."""
    return "".join(f"{json.dumps(each)}\n" for each in (lacking, closed, rows))


def registered(name: str, database: str = "", role: str = "") -> dict[str, Any]:
    return {"name": name, "database": database or name, "role": role or name, "pool_size": 1, "instances": 1}


@pytest.mark.parametrize(
    ("database", "role", "kept"),
    [("data", "user", False), ("other", "user", True), ("data", "other", True)],
    ids=["renamed", "another database", "another role"],
)
def test_an_entry_is_known_by_its_database_and_role_whatever_its_name(
    fitting: Programs, warned: list[str], database: str, role: str, *, kept: bool
) -> None:
    fitting.answer("container inspect", printed(stopped("unit", "running")))
    fitting.answer("FROM dbserver.application;", said(registered("old", database, role)))
    preflight.examine(load({"applications": [{"name": "new", "database": "data", "role": "user"}]}))
    assert [text.partition(" is declared")[0] for text in warned] == (["application old"] if kept else [])


@pytest.mark.parametrize("names", [{"database": "other"}, {"role": "other"}, {"database": "other", "role": "other"}])
def test_one_that_is_still_declared_under_another_database_or_role_is_not_said_to_be_gone(
    fitting: Programs, warned: list[str], names: dict[str, str]
) -> None:
    fitting.answer("container inspect", printed(stopped("unit", "running")))
    fitting.answer("FROM dbserver.application;", said(registered("shop")))
    preflight.examine(load({"applications": [{"name": "shop", **names}]}))
    assert warned == []


def test_an_application_that_is_declared_no_more_is_named_with_the_way_to_destroy_it(
    fitting: Programs, warned: list[str]
) -> None:
    fitting.answer("container inspect", printed(stopped("unit", "running")))
    fitting.answer("FROM dbserver.application;", said(registered("kept"), registered("declared")))
    preflight.examine(load({"applications": [{"name": "declared"}]}))
    way = "./scripts/dbserver drop kept destroys them"
    assert warned == [f"application kept is declared no more: its database and its role are kept; {way}"]
    asked = fitting.started("FROM dbserver.application;")[0].argv
    assert asked[-4:] == ("-U", "dbadmin", "-d", "postgres")


@pytest.mark.usefixtures("fitting")
@pytest.mark.parametrize(("access", "told"), [("password", ["news.*"]), ("open", [])])
def test_channels_that_are_shared_are_told_where_anything_is_fenced(
    warned: list[str], access: str, told: list[str]
) -> None:
    entries = [{"name": "shop", "redisPrefix": ["shop:", "news."]}, {"name": "blog", "redisChannels": ["news.*"]}]
    preflight.examine(load({"applications": entries, "redis": {"access": access}}))
    assert [text.split()[4] for text in warned] == told
    assert all("channels of shop:" in text and "#what-redischannels-shares" in text for text in warned)


def test_a_server_that_does_not_answer_names_no_application(fitting: Programs, warned: list[str]) -> None:
    fitting.answer("container inspect", printed(stopped("unit", "running")))
    fitting.answer("FROM dbserver.application;", Failed("FATAL:  the database system is starting up", 2))
    assert preflight.examine(load({})).images
    assert warned == []


def test_a_stopped_server_is_not_asked_for_its_applications(fitting: Programs, warned: list[str]) -> None:
    fitting.answer("container inspect", printed(stopped("unit")))
    fitting.answer("docker start", "")
    fitting.answer("pg_isready", "")
    fitting.answer("PONG", "")
    preflight.examine(load({}))
    assert warned == []
    assert not fitting.started("FROM dbserver.application;")


# Applications that are connected -----------------------------------------------------

POOL = postgres_row("172.18.0.4", 5)
PORT = {"postgres": {"port": 5433}}
CUT_OFF = (
    "replacing db-server-postgres (published port: 127.0.0.1:5432->5432/tcp, declared is 127.0.0.1:5433->5432/tcp): "
)


def serving(fitting: Programs, *rows: dict[str, Any], stack: str = "unit", **state: Any) -> None:
    """Prepare containers as the default configuration declares them, with these clients."""
    entries = [as_planned(container_plan(load({}), *each), stack, "sha256:1") for each in IMAGES]
    for entry in entries:
        entry["State"].update(state)
    connected(fitting, *rows)
    fitting.answer("container inspect", printed(*entries))


IMAGES = (("postgres", "postgres:17"), ("redis", "redis:8"))


def test_what_replaces_a_server_is_refused_while_applications_are_connected(fitting: Programs) -> None:
    serving(fitting, POOL)
    with pytest.raises(RefusedError) as caught:
        preflight.examine(load(PORT))
    assert caught.value.message == (
        f"{contract.REFUSED} {CUT_OFF}application containers are connected: shop-blue (blue) 5 to postgres"
    )
    assert "--disconnect-applications" in caught.value.hint


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_redis_that_is_made_anew_with_less_than_it_uses_is_refused(
    fitting: Programs, monkeypatch: pytest.MonkeyPatch, *, dry_run: bool
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: dry_run)
    serving(fitting)
    fitting.answer("CONFIG GET", "maxmemory\n400000000\n")
    fitting.answer("INFO memory", "used_memory:300000000\r\n")
    with pytest.raises(RefusedError, match=r"uses 286\.1 MB, with these settings it may use 64\.0 MB"):
        preflight.examine(load({"redis": {"port": 6380, "memory": "128m"}}))
    assert preflight.examine(load({"redis": {"memory": "128m"}})).images, "its container stays: the server is asked"


def test_a_server_that_stays_as_it_is_is_not_asked_who_is_connected(fitting: Programs) -> None:
    serving(fitting, POOL)
    assert preflight.examine(load({})).images
    assert not fitting.started("pg_stat_activity")


def test_a_memory_limit_changes_in_the_running_container_so_nobody_is_cut_off(fitting: Programs) -> None:
    serving(fitting, POOL)
    assert preflight.examine(load({"postgres": {"memory": "2g"}})).images


def test_another_server_than_the_one_that_is_replaced_may_have_clients(fitting: Programs) -> None:
    serving(fitting, POOL)
    fitting.answer("CONFIG GET", "maxmemory\n1\n")
    assert preflight.examine(load({"redis": {"port": 6380}})).images


def test_a_server_without_application_containers_is_replaced(fitting: Programs) -> None:
    serving(fitting, postgres_row("172.18.0.1"), postgres_row(""))
    assert preflight.examine(load(PORT)).images


def test_an_operator_may_let_the_update_cut_applications_off(
    fitting: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBSERVER_DISCONNECT_APPLICATIONS", "yes")
    serving(fitting, POOL)
    assert preflight.examine(load(PORT)).images


def test_precautions_are_taken_of_the_server_that_is_going_to_be_replaced_and_of_no_other(
    going: list[tuple[str, list[str]]],
) -> None:
    preflight.examine(load(PORT))
    preflight.examine(load({"postgres": {"memory": "2g"}}))
    assert going == [("unit", ["postgres"]), ("unit", [])]


def test_a_preview_takes_no_precautions(going: list[tuple[str, list[str]]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    preflight.examine(load(PORT))
    assert going == []


def test_the_containers_that_are_there_are_known_by_their_ids(fitting: Programs) -> None:
    serving(fitting)
    assert preflight.examine(load({})).containers == {"postgres": "c" * 64, "redis": "c" * 64}


def test_a_preview_warns_whom_the_update_would_cut_off(
    fitting: Programs, warned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    serving(fitting, POOL)
    preflight.examine(load(PORT))
    assert warned == [
        f"{CUT_OFF}it cuts off shop-blue (blue) 5 to postgres; `up` refuses that while they are connected"
    ]


def test_a_preview_that_cuts_nobody_off_warns_of_nothing(
    fitting: Programs, warned: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    serving(fitting)
    preflight.examine(load(PORT))
    assert warned == []


def test_a_stopped_server_serves_nobody(fitting: Programs) -> None:
    serving(fitting, POOL, Status="exited")
    fitting.answer("docker start", "")
    fitting.answer("pg_isready", "")
    fitting.answer("PONG", "")
    assert preflight.examine(load(PORT)).images
    assert not fitting.started("pg_stat_activity")


def test_a_server_of_nobody_is_judged_when_it_is_taken_over(fitting: Programs) -> None:
    """The engine replaces nothing there: it creates, and the hook before that asks who is connected."""
    serving(fitting, POOL, stack="")
    assert preflight.examine(load(PORT)).images
    assert not fitting.started("pg_stat_activity")


@pytest.mark.usefixtures("fitting")
@pytest.mark.parametrize("enabled", [True, False])
def test_a_lost_server_that_the_archive_has_is_not_replaced_by_a_new_one(
    monkeypatch: pytest.MonkeyPatch, *, enabled: bool
) -> None:
    asked: list[tuple[str, list[str]]] = []

    def held(path: str, names: list[str], *_: str) -> set[str]:
        asked.append((path, names))
        return set(names)

    monkeypatch.setattr(host, "held_files", held)
    settings = load({"archive": {"enabled": enabled, "directory": "/srv/archive"}})
    if enabled:
        assert "the archive /srv/archive does; ./scripts/dbserver restore --all" in refused(settings)
    else:
        preflight.examine(settings)
    assert asked == ([("/srv/archive", [".line"])] if enabled else [])
