"""What happens every day leaves the next start with nothing to do."""

import pytest

from tests.support.commands import run
from tests.support.stack import Stack


@pytest.mark.parametrize(
    "verb",
    [
        "backup --all",
        *(pytest.param(verb, marks=pytest.mark.full) for verb in ("backup --redis", "restart --yes", "stop")),
    ],
)
def test_a_verb_is_no_difference_for_the_next_start(lent: Stack, verb: str) -> None:
    """Redis prints its settings in another order each time that it was started."""
    lent.script("dbserver", *verb.split()).ok()
    run("docker", "start", lent.postgres, lent.redis).ok()
    lent.until(lambda: lent.script("status.sh").code == 0, what="both servers")
    done = lent.start("--if-unchanged")
    assert done.code == 0, done.text
