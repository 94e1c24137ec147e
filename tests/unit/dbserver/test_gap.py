"""How long a server is away: which replies are an answer, and what of a block is measured."""

import socket
import threading
import time
from types import TracebackType

import pytest

from dbserver import gap


class Connection:
    """A connection that takes what is sent and gives one reply."""

    def __init__(self, reply: bytes | OSError) -> None:
        self.reply, self.sent = reply, b""

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        return None

    def sendall(self, message: bytes) -> None:
        self.sent += message

    def recv(self, _: int) -> bytes:
        if isinstance(self.reply, OSError):
            raise self.reply
        return self.reply


def listening(monkeypatch: pytest.MonkeyPatch, reply: bytes | OSError) -> Connection:
    made = Connection(reply)

    def connect(address: tuple[str, int], timeout: float) -> Connection:
        assert (address, timeout) == (("127.0.0.1", 5433), 1.0)
        return made

    monkeypatch.setattr(socket, "create_connection", connect)
    return made


@pytest.mark.parametrize(
    ("reply", "answers"),
    [
        (b"R\0\0\0\x17\0\0\0\nSCRAM-SHA-256\0\0", True),
        (b"E\0\0\0\x40SFATAL\0C28000\0Mno pg_hba.conf entry\0\0", True),
        (b"E\0\0\0\x40SFATAL\0VFATAL\0C57P03\0Mthe database system is shutting down\0\0", False),
        (b"", False),
        (ConnectionResetError(104, "Connection reset by peer"), False),
        (TimeoutError(), False),
    ],
    ids=["asks for the password", "refuses this client", "starts or stops", "closes", "resets", "silent"],
)
def test_postgres_answers_where_it_talks_about_the_login(
    monkeypatch: pytest.MonkeyPatch, reply: bytes | OSError, *, answers: bool
) -> None:
    connection = listening(monkeypatch, reply)
    assert gap.postgres_answers(5433, "dbadmin") is answers
    assert connection.sent == b"\0\0\0\x28\0\x03\0\0user\0dbadmin\0database\0postgres\0\0"


@pytest.mark.parametrize(
    ("reply", "answers"),
    [(b"+PONG\r\n", True), (b"-LOADING Redis is loading\r\n", False), (b"-NOAUTH\r\n", False), (b"", False)],
)
def test_redis_answers_with_pong_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, reply: bytes, *, answers: bool
) -> None:
    connection = listening(monkeypatch, reply)
    assert gap.redis_answers(5433) is answers
    assert connection.sent == b"PING\r\n"


@pytest.mark.parametrize(
    ("reply", "serves"), [(b"+PONG\r\n", True), (b"-NOAUTH\r\n", True), (b"-LOADING\r\n", False), (b"", False)]
)
def test_a_redis_that_wants_a_password_first_serves(
    monkeypatch: pytest.MonkeyPatch, reply: bytes, *, serves: bool
) -> None:
    listening(monkeypatch, reply)
    assert gap.redis_serves(5433) is serves


def test_where_nobody_listens_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(socket, "create_connection", refuse)
    assert gap.redis_answers(5433) is False
    assert gap.postgres_answers(5433, "dbadmin") is False


class Probe:
    """A server that answers while `up` is set, and tells when it was asked."""

    def __init__(self) -> None:
        self.up, self.asked, self.changed = threading.Event(), 0, threading.Condition()
        self.up.set()

    def __call__(self) -> bool:
        answers = self.up.is_set()
        with self.changed:
            self.asked += 1
            self.changed.notify_all()
        return answers

    def seen(self, times: int = 3) -> None:
        """Wait until it was asked so often from now on; once may be a question whose answer was given before."""
        with self.changed:
            wanted = self.asked + times
            assert self.changed.wait_for(lambda: self.asked >= wanted, timeout=30)


def test_the_time_without_an_answer_is_measured_for_each_server() -> None:
    restarting, staying = Probe(), Probe()
    with gap.measured({"restarting": restarting, "staying": staying}, 30) as away:
        restarting.seen()
        restarting.up.clear()
        restarting.seen()
        began = time.monotonic()
        while time.monotonic() - began < 0.1:
            restarting.seen(1)
        restarting.up.set()
        restarting.seen()
        assert away == {"restarting": None, "staying": None}, "filled at the end"
    assert away["restarting"] is not None
    assert away["restarting"] >= 0.1
    assert away["staying"] is not None


def test_it_goes_on_after_the_block_until_the_server_is_back() -> None:
    probe = Probe()
    with gap.measured({"server": probe}, 30) as away:
        probe.seen()
        probe.up.clear()
        probe.seen()
        threading.Timer(0.1, probe.up.set).start()
    assert away["server"] is not None
    assert away["server"] > 0


def test_a_server_that_does_not_come_back_is_measured_until_the_time_is_over() -> None:
    probe = Probe()
    with gap.measured({"server": probe}, 0.2) as away:
        probe.seen()
        probe.up.clear()
    assert away["server"] is not None
    assert away["server"] >= 0.2


def test_a_server_that_does_not_answer_from_here_is_not_measured() -> None:
    with gap.measured({"closed": lambda: False}, 0.1) as away:
        pass
    assert away == {"closed": None}


def test_a_block_that_fails_ends_the_measurement() -> None:
    probe = Probe()
    with pytest.raises(KeyboardInterrupt), gap.measured({"server": probe}, 30) as away:
        raise KeyboardInterrupt
    assert away["server"] is not None
