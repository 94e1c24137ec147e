"""doctor: what it looks at, and that nothing which cannot be seen ends it."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from dbserver import compose, contract
from dbserver.actions import doctor as module
from dbserver.actions.doctor import doctor
from dbserver.docker import ports
from dbserver.docker.images import Image
from dbserver.docker.ports import Holder
from dbserver.engine import backend
from tests.unit.dbserver.diagnosis.seen import DECLARED
from tests.unit.dbserver.docker.test_examination import PRINTED as PLACE
from tests.unit.dbserver.postgres.test_examination import PRINTED as POSTGRES
from tests.unit.dbserver.redis.test_examination import PARTS
from tests.unit.dbserver.redis.test_examination import printed as in_parts
from tests.unit.fakes import IDENTITY, NO_CONTAINER, Answer, Failed, Programs, inspected, printed

PG, RD = "db-server-postgres", "db-server-redis"
ROOMY = PLACE.replace("ro,relatime", "rw").replace("4711", "999").replace("room 100 400", "room 9000000 10000000")
ROOMY = ROOMY.replace(" 50 200", " 5000 9000").replace("killed 3", "killed 0").replace("commit 2", "commit 1")
SHOP: dict[str, Any] = {"databases": [{"name": "shop_db", "open": True, "limit": -1, "age": 1, "checksum_failures": 0}],
                        "roles": [{"name": "shop_role", "connections": 0, "limit": 20, "expired": False}],
                        "sessions": [], "pending": []}  # fmt: skip


@pytest.fixture(autouse=True)
def well(programs: Programs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Programs:
    """Two servers that are well, as the programs print them, but for what is not declared of the containers."""
    monkeypatch.setattr(backend, "ROOT", tmp_path)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    image_found = Image("", IDENTITY, "17")
    services = [(DECLARED.plan(server), image_found) for server in contract.SERVERS]
    (tmp_path / contract.COMPOSE_FILE).write_text(compose.render(DECLARED.stack, services))
    monkeypatch.setattr(module, "differences", lambda *_: [])
    image = {"Id": IDENTITY, "Config": {"Env": ["PG_MAJOR=17"]}}
    programs.answer("docker version", "28.5\n")
    programs.answer("network inspect", json.dumps([{"Name": "nginx-network", "Id": "n", "Driver": "bridge"}]))
    programs.answer("container inspect", printed(inspected(PG), inspected(RD)))
    programs.answer("image inspect", json.dumps([image]))
    programs.answer("docker logs", "")
    programs.answer("docker exec", ROOMY)
    programs.answer("pg_stat_activity", json.dumps({**POSTGRES, **SHOP, "now": time.time()}))
    programs.answer("current_database()", "")
    programs.answer("ACL LOG", in_parts([*PARTS[:3], "[]", PARTS[4]]))
    programs.answer("docker run", ROOMY)
    programs.answer("docker ps", "")
    return programs


def causes() -> list[str]:
    return [finding.cause for finding in doctor(DECLARED).findings]


def test_two_servers_that_are_well_are_looked_at_from_all_sides() -> None:
    found = doctor(DECLARED)
    assert found.findings == ()
    assert found.well
    assert found.not_seen == ()
    assert found.looked_at == (
        "the Docker daemon", "network nginx-network", "the containers",
        f"container {PG}: running, its log", f"the data directory of {PG} and its disk", f"{PG} from inside",
        f"container {RD}: running, its log", f"the data directory of {RD} and its disk", f"{RD} from inside",
    )  # fmt: skip


def test_of_a_daemon_that_is_down_nothing_more_is_asked(programs: Programs) -> None:
    programs.answer("docker version", Failed("Cannot connect to the Docker daemon"))
    found = doctor(DECLARED)
    assert [(each.cause, each.evidence) for each in found.findings] == [
        ("daemon-down", ("Cannot connect to the Docker daemon",))
    ]
    assert not found.well
    assert len(programs.calls) == 1


@pytest.mark.parametrize("answer", [Failed("boom"), "no json", subprocess.TimeoutExpired("docker", 9), "[]", "{}"])
@pytest.mark.parametrize(
    "words",
    ["network inspect", "container inspect", "image inspect", "docker logs", "docker exec", "ACL"],
)
def test_no_answer_and_no_nonsense_ends_it(programs: Programs, words: str, answer: Answer) -> None:
    programs.answer(words, answer)
    assert {"daemon-down", "container-missing"} & set(causes()) <= {"container-missing"}


def test_what_cannot_be_looked_at_is_named(programs: Programs) -> None:
    programs.answer("EXAMINE", "")
    programs.answer("-u 0", Failed("no"))
    assert doctor(DECLARED).not_seen == (
        f"the data directory of {PG} and its disk", f"the data directory of {RD} and its disk",
    )  # fmt: skip


def test_of_a_missing_container_the_directory_and_the_port_are_looked_at(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    monkeypatch.setattr(ports, "holders", lambda _: [Holder("nginx (pid 4711)")])
    assert causes() == ["port-taken", "port-taken"]
    assert {call.argv[1] for call in programs.started("docker")} == {"version", "network", "container", "image", "run"}


def test_a_port_that_may_not_be_looked_at_is_no_stack_trace(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: int) -> list[Holder]:
        raise psutil.AccessDenied

    programs.answer("container inspect", NO_CONTAINER)
    monkeypatch.setattr(ports, "holders", refuse)
    assert causes() == ["container-missing", "container-missing"]


def test_a_server_that_crashes_again_and_again_is_not_asked(programs: Programs) -> None:
    shown = inspected(PG, Status="restarting", Running=False, RestartCount=7, ExitCode=1)
    programs.answer("container inspect", printed(shown, inspected(RD)))
    why = "FATAL:  database files are incompatible with server"
    programs.answer("docker logs", why)
    found = doctor(DECLARED).findings
    assert [(each.cause, each.evidence) for each in found] == [("container-restarting", (why,))]
    assert programs.started("pg_stat_activity") == []


def test_statements_in_the_log_are_never_taken_for_the_servers_words(programs: Programs) -> None:
    spoken = '2026 STATEMENT:  SELECT \'FATAL:  database "a" does not exist\'\n\tFATAL:  database "b" does not exist\n'
    programs.answer("docker logs", spoken)
    assert causes() == []


def test_the_log_is_read_since_the_start_but_not_for_long(programs: Programs) -> None:
    causes()
    since = [call.argv[3] for call in programs.started("docker logs")]
    assert all(moment > "2026-01-01T00:00:01Z" for moment in since), "ten minutes at most"
