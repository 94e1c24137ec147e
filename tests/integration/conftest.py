"""Fixtures: stacks on the real engine, with everything cleaned up, also after a crash of the run before."""

import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.stack import Stack, left_by_a_crash, remove_from_docker
from tools import compose, machine
from tools.steps import Steps

# These take minutes, each on one worker: begun last, one of them would go on long after all others have ended.
FIRST = (
    "test_endurance", "test_upgrade", "test_applications", "test_rescue", "test_doctor", "test_recovery",
    "test_whole_path", "test_foreign",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in FIRST)


@pytest.fixture(scope="session", autouse=True)
def _clean_host() -> None:
    remove_from_docker(left_by_a_crash)


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


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A running stack that the tests of a module share: they leave it as they found it."""
    made = Stack(tmp_path_factory.mktemp("shared"))
    made.start().ok()
    yield made
    made.remove()


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
