"""logs: what both servers print, as one, in the order of time."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from dbserver import execute
from dbserver.actions.logs import logs
from dbserver.errors import NotRunningError, UsageError
from dbserver.results.servers import LogLine
from tests.unit.dbserver.actions.test_verbs import DECLARED, POSTGRES, REDIS
from tests.unit.fakes import NO_CONTAINER, Both, Failed, Programs, inspected, printed

BOTH = ("postgres", "redis")


def moment(second: float) -> str:
    return f"2026-11-23T14:05:{second:012.9f}Z"


def line(second: float, text: str) -> str:
    return f"{moment(second)} {text}\n"


@pytest.fixture
def servers(programs: Programs) -> Programs:
    """Two servers with logs that lie between each other."""
    programs.answer("container inspect", printed(inspected(POSTGRES), inspected(REDIS)))
    programs.answer(f"docker logs --timestamps --tail 100 {POSTGRES}", line(1, "LOG:  one") + line(3, "LOG:  three"))
    programs.answer(f"docker logs --timestamps --tail 100 {REDIS}", line(2, "* two") + line(4, ""))
    return programs


def shown(names: Sequence[str] = BOTH, count: int = 100, since: str | None = None) -> list[LogLine]:
    lines: list[LogLine] = []
    logs(DECLARED, names, lines.append, since, count, follow=False)
    return lines


@pytest.mark.usefixtures("servers")
def test_the_lines_of_both_servers_come_in_the_order_of_time() -> None:
    assert shown() == [
        LogLine("postgres", moment(1), "LOG:  one"),
        LogLine("redis", moment(2), "* two"),
        LogLine("postgres", moment(3), "LOG:  three"),
        LogLine("redis", moment(4), ""),
    ]


@pytest.mark.usefixtures("servers")
def test_one_server_is_shown_alone() -> None:
    assert [each.server for each in shown(["redis"])] == ["redis", "redis"]


@pytest.mark.parametrize(("count", "left"), [(3, ["* two", "LOG:  three", ""]), (1, [""]), (0, [])])
def test_of_both_together_only_the_last_lines_are_shown(servers: Programs, count: int, left: list[str]) -> None:
    servers.answer(f"--tail {count} {POSTGRES}", line(1, "LOG:  one") + line(3, "LOG:  three"))
    servers.answer(f"--tail {count} {REDIS}", line(2, "* two") + line(4, ""))
    assert [each.line for each in shown(count=count)] == left


def test_both_streams_of_a_container_are_one_log(servers: Programs) -> None:
    servers.answer("docker logs", Both(line(2, "stdout"), line(1, "stderr") + line(3, "stderr again")))
    assert [each.line for each in shown(["postgres"])] == ["stderr", "stdout", "stderr again"]


def test_only_what_is_younger_is_asked_for(servers: Programs) -> None:
    servers.answer("--since 10m", line(5, "late"))
    assert {each.line for each in shown(since="10m")} == {"late"}


@pytest.mark.parametrize(
    "said",
    ['invalid value for "since": failed to parse value as time or duration: "soon"', 'failed to parse "soon"'],
)
def test_a_time_that_docker_does_not_understand_is_a_fault_of_usage(servers: Programs, said: str) -> None:
    servers.answer("--since soon", Failed(said))
    with pytest.raises(UsageError) as caught:
        shown(since="soon")
    assert caught.value.message == f"--since: {said}"
    assert caught.value.hint == "a duration such as 10m, or a time such as 2026-11-23T14:05:07"


def test_a_daemon_that_does_not_answer_is_told_as_such(servers: Programs) -> None:
    servers.answer("docker logs", Failed("Cannot connect to the Docker daemon"))
    with pytest.raises(NotRunningError, match="Docker daemon"):
        shown()


def test_a_server_whose_container_is_gone_does_not_hide_the_other_s_log(servers: Programs) -> None:
    servers.answer("container inspect", printed(inspected(REDIS)))
    assert {each.server for each in shown()} == {"redis"}


def test_without_any_container_there_is_no_log(programs: Programs) -> None:
    programs.answer("container inspect", NO_CONTAINER)
    with pytest.raises(NotRunningError) as caught:
        shown()
    assert caught.value.message == f"there is no log: {POSTGRES}, {REDIS} does not exist"
    assert caught.value.hint == "./scripts/start.sh"


def test_what_comes_is_handed_over_as_it_comes(servers: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Sequence[Sequence[str]]] = []

    def follow(argvs: Sequence[Sequence[str]], on_line: Callable[[int, str], None]) -> None:
        asked.append(argvs)
        on_line(1, line(2, "* two").rstrip("\n"))
        on_line(0, line(1, "LOG:  one").rstrip("\n"))

    monkeypatch.setattr(execute, "follow", follow)
    lines: list[LogLine] = []
    logs(DECLARED, BOTH, lines.append, "10m", 5, follow=True)
    assert lines == [LogLine("redis", moment(2), "* two"), LogLine("postgres", moment(1), "LOG:  one")]
    common = ["docker", "logs", "--timestamps", "--tail", "5", "--since", "10m", "--follow"]
    assert asked == [[[*common, POSTGRES], [*common, REDIS]]]
    assert not servers.started("docker logs")


MIXED = (
    line(1, "2026-11-23 14:05:01 UTC [7] shop@shop ERROR:  one")
    + line(1.1, "\tits second line")
    + line(2, "2026-11-23 14:05:02 UTC [8] other@other ERROR:  shop@shop two")
    + line(2.1, "\tof the other")
    + line(3, "2026-11-23 14:05:03 UTC [9] LOG:  checkpoint")
    + line(4, "2026-11-23 14:05:04 UTC [7] dbadmin@shop ERROR:  three")
    + line(5, "2026-11-23 14:05:05 UTC [7] shop@postgres FATAL:  four")
)


@pytest.mark.parametrize(("count", "left"), [(100, ["one", "line", "three", "four"]), (1, ["four"]), (0, [])])
def test_of_an_application_the_last_lines_of_its_role_and_its_database_are_shown(
    servers: Programs, count: int, left: list[str]
) -> None:
    servers.answer(f"--tail all {POSTGRES}", MIXED)
    lines: list[LogLine] = []
    declared = replace(DECLARED, applications={"my-shop": ("shop", "shop")})
    logs(declared, BOTH, lines.append, None, count, follow=False, application="my-shop")
    assert [each.line.split()[-1] for each in lines] == left
    assert not servers.started(f"logs --timestamps --tail all {REDIS}")


def test_of_redis_alone_nobody_knows_what_concerns_an_application() -> None:
    with pytest.raises(UsageError, match="names no client"):
        logs(DECLARED, ["redis"], print, None, 100, follow=False, application="shop")
