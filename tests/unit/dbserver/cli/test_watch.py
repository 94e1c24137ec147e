"""The live view: its graphs, its gaps, its end."""

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from dbserver.cli import watch
from dbserver.cli.watch import History
from dbserver.errors import NotRunningError
from dbserver.results.status import PostgresUse, Status
from tests.unit.dbserver.cli.render.test_servers import MISSING
from tests.unit.dbserver.cli.render.test_status import BOTH, postgres, redis


def sample(connections: int = 4, transactions: int = 1000) -> Status:
    return Status("dev", (postgres(PostgresUse(connections, 100, transactions, 0.5)), redis()))


def shown(found: Status | None, history: History, fault: str = "") -> list[str]:
    printed = io.StringIO()
    Console(file=printed, width=200).print(watch.view(found, history, fault))
    return [line.rstrip() for line in printed.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("figures", "bars"),
    [
        ([], ""), ([0, 0], "▁▁"), ([None], " "), ([5], "█"), ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([50, None, 100], "▅ █"),
    ],
)  # fmt: skip
def test_a_graph_reaches_from_none_to_the_largest_figure(figures: list[float | None], bars: str) -> None:
    assert watch.spark(figures) == bars


def test_transactions_are_counted_by_the_second() -> None:
    history = History()
    for moment, transactions in ((10.0, 1000), (12.0, 1100), (16.0, 1120)):
        history.add(sample(transactions=transactions), moment)
    assert list(history.transactions) == [None, 50, 5]


def test_a_gap_or_a_reset_has_no_figure_and_invents_none() -> None:
    history = History()
    down = Status("dev", (MISSING,))
    for moment, found in enumerate([sample(), down, None, sample(), sample(transactions=1), sample(transactions=2)]):
        history.add(found, moment)
    assert list(history.transactions) == [None, None, None, None, None, 1]
    assert list(history.connections) == [4, None, None, 4, 4, 4]


def test_the_view_has_a_graph_of_each_and_the_status_below() -> None:
    history = History()
    history.add(sample(2, 1000), 1)
    history.add(sample(4, 1060), 3)
    lines = shown(Status("dev", (postgres(), redis())), history)
    assert lines[:4] == [
        "connections             4 ▅█",
        "transactions       30.0/s  █",
        "postgres memory  212.0 MB ██",
        "redis memory      60.0 MB ██",
    ]
    assert "\n".join(lines[5:]).startswith(BOTH)
    assert lines[-1] == "Ctrl-C ends"
    assert len(lines) <= 40


def test_only_the_last_samples_are_kept() -> None:
    history = History()
    for moment in range(100):
        history.add(sample(), moment)
    assert len(history.connections) == len(history.memory["redis"]) == 60


def test_a_sample_that_fails_is_told_and_the_view_goes_on() -> None:
    lines = shown(None, History(), "the Docker daemon does not answer")
    assert lines[0] == "connections             -"
    assert "the Docker daemon does not answer" in lines


def test_an_interruption_ends_the_view_and_the_next_sample_is_not_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    samples: Iterator[Status | NotRunningError] = iter([sample(), NotRunningError("daemon", "start it"), sample()])
    slept: list[float] = []

    def ask() -> Status:
        found = next(samples)
        if isinstance(found, NotRunningError):
            raise found
        return found

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr("dbserver.cli.watch.time.sleep", sleep)
    watch.run(ask, 0.1)
    assert slept == [0.5] * 3
    assert next(samples, None) is None


def test_a_daemon_that_is_down_from_the_start_is_an_error() -> None:
    def ask() -> Status:
        raise NotRunningError("the Docker daemon does not answer", "start it")

    with pytest.raises(NotRunningError):
        watch.run(ask, 1)
