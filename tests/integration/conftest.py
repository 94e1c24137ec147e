"""Fixtures: stacks on the real engine, with everything cleaned up, also after a crash of the run before."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.leftovers import remove_what_crashes_left
from tests.support.lending import Lender, Lent
from tests.support.stack import Stack
from tools import compose, machine
from tools.steps import Steps

# These take minutes, each on one worker: begun last, one of them would go on long after all others have ended.
FIRST = (
    "test_endurance", "test_upgrade", "test_applications", "test_rescue", "test_doctor", "test_unchanged",
    "test_recovery", "test_start", "test_refusals", "test_whole_path", "test_session_guard", "test_restore",
    "test_backup", "test_foreign", "test_redis_backups", "test_backups", "test_offsite",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in FIRST)


@pytest.fixture(scope="session", autouse=True)
def _clean_host() -> None:
    remove_what_crashes_left()


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    # A shell starts what it puts into the background with interruptions ignored, and every child inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def plugin() -> dict[str, str]:
    """Return the environment in which `docker compose` works, fetched where the machine has none."""
    here = machine.here()
    found = compose.configuration(Steps(sys.stderr, here.cache / "logs"), here)
    return {"DOCKER_CONFIG": str(found)} if found else {}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """A stack that nobody has started."""
    made = Stack(tmp_path)
    yield made
    made.remove()


@pytest.fixture
def make_stack(tmp_path: Path) -> Iterator[Callable[[str], Stack]]:
    """Several stacks in one test."""
    made: list[Stack] = []

    def make(directory: str) -> Stack:
        made.append(Stack(tmp_path / directory))
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.fixture(scope="session")
def lender() -> Iterator[Lender]:
    """The running stacks of this process."""
    made = Lender()
    yield made
    made.end()


@pytest.fixture(scope="module")
def lent(lender: Lender, request: pytest.FixtureRequest) -> Iterator[Lent]:
    """A running stack without applications, whose Redis takes clients without a password."""
    with lender.lend("open", request.session) as stack:
        yield stack


@pytest.fixture(scope="module")
def fenced(lender: Lender, request: pytest.FixtureRequest) -> Iterator[Lent]:
    """A running stack without applications, whose Redis asks every client for a password."""
    with lender.lend("password", request.session) as stack:
        yield stack


@pytest.fixture(scope="module")
def shared(lender: Lender, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A running stack with all defaults, for the tests of a module that ask the engine."""
    with lender.lend("plain", request.session) as stack:
        yield stack


@pytest.fixture
def lasting(shared: Stack, request: pytest.FixtureRequest) -> Stack:
    """The module's stack for tests that leave it running, however changed; as `running` without a first start."""
    if request.session.testsfailed:
        shared.start()  # the test that failed may have left it anywhere
    return shared


@pytest.fixture
def running(stack: Stack) -> Stack:
    """A stack of one's own that runs."""
    stack.start().ok()
    return stack
