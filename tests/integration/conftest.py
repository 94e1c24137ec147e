"""Fixtures: stacks on the real engine, with everything cleaned up, also after a crash of the run before."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.stack import Stack, left_by_a_crash, remove_containers_and_networks


@pytest.fixture(scope="session", autouse=True)
def _clean_host() -> None:
    remove_containers_and_networks(left_by_a_crash)


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
def running(stack: Stack) -> Stack:
    """A stack of one's own that runs."""
    stack.start().ok()
    return stack
