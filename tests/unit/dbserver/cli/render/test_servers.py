"""Results as text for people, literally."""

import json
from typing import Any

from dbserver.cli.render import servers as render
from dbserver.errors import Exit
from dbserver.results import as_dict
from dbserver.results.servers import Away, LogLine, Restarted, Started, Stopped
from dbserver.results.status import ServerStatus, Status


def server(**changes: Any) -> ServerStatus:
    values: dict[str, Any] = {
        "server": "postgres", "container": "db-server-postgres", "state": "running", "health": "healthy",
        "answers": "4 of 102 connections", "version": "17.5", "address": "db-server-postgres:5432",
        "published": "127.0.0.1:5432", "image": "postgres:17", "data": "/data/db-server/postgres",
    }  # fmt: skip
    return ServerStatus(**{**values, **changes})


MISSING = ServerStatus("redis", "db-server-redis", "missing", "", "", "", "db-server-redis:6379", "", "", "", "gone")

WELL_TEXT = """\
ok   db-server-postgres 17.5
       state    running (healthy)
       answers  4 of 102 connections
       network  db-server-postgres:5432
       host     127.0.0.1:5432
       data     /data/db-server/postgres
       image    postgres:17"""

MISSING_TEXT = """\
DOWN db-server-redis
       state    missing
       why      gone"""


def test_a_start_shows_a_paragraph_for_each_server() -> None:
    shown = render.started(Started(Status("dev", (server(), MISSING)), 2.5))
    assert shown.startswith(f"{WELL_TEXT}\n{MISSING_TEXT}\n")


def test_a_server_without_a_health_check_shows_its_state_alone() -> None:
    assert "       state    running\n" in render.started(Started(Status("dev", (server(health=""),)), 2.5))


def test_a_start_says_what_runs_and_what_to_do_next() -> None:
    assert render.started(Started(Status("dev", (server(),)), 2.5)) == (
        f"{WELL_TEXT}\nstack dev is up (2.5 s)\nnext: ./scripts/status.sh | pulumi stack output | ./scripts/stop.sh"
    )


def test_a_stop_names_what_was_stopped_and_what_did_not_run() -> None:
    assert render.stopped(Stopped("dev", ("db-server-postgres",), ("db-server-redis",))) == (
        "stopped db-server-postgres\ndb-server-redis did not run\ndata is untouched; ./scripts/start.sh starts again"
    )


def test_a_result_as_json_holds_its_fields_and_its_verdict() -> None:
    content = as_dict(Status("dev", (server(), MISSING)))
    assert (content["well"], content["exit_code"]) == (False, Exit.UNHEALTHY)
    assert (content["stack"], len(content["servers"])) == ("dev", 2)
    assert content["servers"][1]["fault"] == "gone"
    assert "well" not in as_dict(Stopped("dev", (), ()))


def test_a_restart_says_how_long_each_server_was_away_or_that_it_is_not_known() -> None:
    servers = (Away("postgres", "db-server-postgres", 0.214), Away("redis", "db-server-redis", None))
    assert render.restarted(Restarted("dev", servers, ("shop-blue (blue)",), 1.2)) == (
        "db-server-postgres restarted; away for 214 ms, measured by a client\n"
        "db-server-redis restarted; how long it was away was not measured: its published port does not answer from"
        " here\n"
        "cut off: shop-blue (blue)\n"
        "stack dev answers again (1.2 s in all)"
    )


def test_a_line_of_a_log_names_its_server_and_its_time() -> None:
    line = LogLine("redis", "2026-11-23T14:05:07.123456789Z", "* Ready")
    assert render.log_line(line, "text") == "redis    2026-11-23T14:05:07  * Ready"
    assert json.loads(render.log_line(line, "json")) == {
        "schema": "logline-1", "server": "redis", "time": "2026-11-23T14:05:07.123456789Z", "line": "* Ready",
    }  # fmt: skip
    assert "\n" not in render.log_line(line, "json")
