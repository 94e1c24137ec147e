"""restart: a checkpoint first, one after the other, and how long a client got no answer."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from dbserver import gap, locks
from dbserver.actions.restart import BACK_SECONDS, restart
from dbserver.errors import CommandError, LockedError, NotRunningError, RefusedError
from dbserver.postgres.server import Server
from dbserver.results.servers import Away
from tests.unit.dbserver.actions.test_verbs import DECLARED, POSTGRES, REDIS
from tests.unit.fakes import NO_CONTAINER, Failed, Programs, connected, inspected, postgres_row, printed

pytestmark = pytest.mark.usefixtures("state", "clock")

BOTH = ("postgres", "redis")


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Answer 0.25 s for PostgreSQL and nothing for Redis; record what was measured and how long one waits for it."""
    answers = {"postgres": 0.25, "redis": None}
    given: list[Any] = []

    @contextmanager
    def measure(probes: Any, seconds: float) -> Iterator[dict[str, float | None]]:
        given.append((probes, seconds))
        yield {name: answers[name] for name in probes}
        given.append("ended")

    monkeypatch.setattr(gap, "measured", measure)
    return given


@pytest.fixture
def servers(programs: Programs) -> Programs:
    """Two servers that restart and answer."""
    connected(programs)
    programs.answer("container inspect", printed(inspected(POSTGRES), inspected(REDIS)))
    programs.answer("CHECKPOINT", "")
    programs.answer("docker restart", "")
    programs.answer("pg_isready", "")
    programs.answer("redis-cli ping", "")
    programs.answer("INFO server", "redis_version:8.2.1\n")
    return programs


def order(programs: Programs) -> list[str]:
    """Return what was done to the servers, in order."""
    words = (
        "CHECKPOINT",
        f"restart --time 60 {POSTGRES}",
        f"restart --time 60 {REDIS}",
        "pg_isready",
        "redis-cli ping",
    )
    return [word.rpartition(" ")[2] for call in programs.calls for word in words if word in call.text]


def test_one_restarts_after_the_other_and_a_checkpoint_goes_before(servers: Programs, measured: list[Any]) -> None:
    result = restart(DECLARED, BOTH, override=False)
    assert order(servers) == ["CHECKPOINT", POSTGRES, "pg_isready", REDIS, "ping"]
    assert result.servers == (Away("postgres", POSTGRES, 0.25), Away("redis", REDIS, None))
    assert (result.stack, result.disconnected) == ("unit", ())
    assert result.seconds >= 0
    assert measured[1] == "ended"


def test_each_server_is_measured_on_its_published_port(
    servers: Programs, measured: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(gap, "postgres_answers", lambda *given: asked.append(given))
    monkeypatch.setattr(gap, "redis_answers", lambda *given: asked.append(given))
    restart(DECLARED, BOTH, override=False)
    (first, seconds), (second, _) = (given for given in measured if given != "ended")
    first["postgres"]()
    second["redis"]()
    assert asked == [(5432, "dbadmin"), (6379,)]
    assert seconds == BACK_SECONDS
    assert servers.started("docker restart")


@pytest.mark.parametrize(("name", "container"), [("postgres", POSTGRES), ("redis", REDIS)])
def test_one_server_is_restarted_and_measured_alone(
    servers: Programs, measured: list[Any], name: str, container: str
) -> None:
    result = restart(DECLARED, [name], override=False)
    assert [call.argv[-1] for call in servers.started("docker restart")] == [container]
    assert bool(servers.started("CHECKPOINT")) is (name == "postgres")
    assert (list(measured[0][0]), [away.server for away in result.servers]) == ([name], [name])


@pytest.mark.usefixtures("measured")
def test_a_server_that_cannot_write_a_checkpoint_is_restarted_all_the_same(servers: Programs) -> None:
    servers.answer("CHECKPOINT", Failed("container is not running"))
    assert restart(DECLARED, ["postgres"], override=False).servers[0].container == POSTGRES


def test_connected_applications_refuse_it_before_anything_is_done(servers: Programs) -> None:
    connected(servers, postgres_row("172.18.0.4", 5))
    with pytest.raises(RefusedError, match=r"shop-blue \(blue\) 5 to postgres"):
        restart(DECLARED, BOTH, override=False)
    assert order(servers) == []


@pytest.mark.usefixtures("measured")
def test_a_server_that_applications_do_not_use_is_restarted_while_they_use_the_other(servers: Programs) -> None:
    connected(servers, postgres_row("172.18.0.4", 5))
    restart(DECLARED, ["redis"], override=False)
    assert not servers.started(f"restart --time 60 {POSTGRES}")


@pytest.mark.usefixtures("measured")
def test_who_was_cut_off_on_purpose_is_told_by_name(servers: Programs) -> None:
    connected(servers, postgres_row("172.18.0.5"), postgres_row("172.18.0.4", 5), redis=[("172.18.0.4", "shop", 1)])
    assert restart(DECLARED, BOTH, override=True).disconnected == ("shop-blue (blue)", "shop-green (green)")


def test_a_container_that_does_not_exist_is_told_with_the_way_to_make_it(servers: Programs) -> None:
    servers.answer("container inspect", NO_CONTAINER)
    with pytest.raises(NotRunningError) as caught:
        restart(DECLARED, BOTH, override=False)
    assert caught.value.message == f"there is no container {POSTGRES}, {REDIS}"
    assert caught.value.hint == "./scripts/start.sh"
    assert order(servers) == []


def test_a_restart_that_docker_refuses_fails_and_the_other_server_is_left_alone(
    servers: Programs, measured: list[Any]
) -> None:
    servers.answer(f"restart --time 60 {POSTGRES}", Failed("Error response from daemon: no"))
    with pytest.raises(CommandError, match="Error response from daemon: no"):
        restart(DECLARED, BOTH, override=False)
    assert REDIS not in order(servers)
    assert len(measured) == 1


@pytest.mark.usefixtures("measured")
def test_an_interruption_waits_for_the_server_at_work_and_leaves_the_other_alone(
    servers: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: Server) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        restart(DECLARED, BOTH, override=False)
    assert order(servers) == ["CHECKPOINT", POSTGRES]


def test_nothing_is_restarted_while_another_operation_is_at_work(programs: Programs) -> None:
    with locks.held("unit", "start"), pytest.raises(LockedError):
        restart(DECLARED, BOTH, override=True)
    assert programs.calls == []
