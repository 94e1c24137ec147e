"""The stacks of the integration tests, on disks that can be filled."""

from collections.abc import Iterator

import pytest

from tests.integration.conftest import _clean_host, _interruptible, lender, lent, stack
from tests.support.disk import mounted
from tests.support.shop import opened
from tests.support.stack import Stack

__all__ = ["_clean_host", "_interruptible", "lender", "lent", "shop", "stack"]

# So that a prepared transaction and a logical slot can be, and the log of a small disk stays small.
SETTINGS = {"max_prepared_transactions": 5, "wal_level": "logical", "max_wal_size": "64MB", "min_wal_size": "32MB"}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with two applications, whose data and whose backups lie each on a small disk of their own."""
    made = Stack(tmp_path_factory.mktemp("faults"))
    made.configure(postgres={"settings": SETTINGS})
    data, backups = made.data, made.project / "backups"
    try:
        with mounted(data, "1300m"), mounted(backups, "64m"):
            try:
                yield opened(made)
            finally:
                made.remove_containers()
    finally:
        made.remove()
