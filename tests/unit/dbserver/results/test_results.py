"""A result's own exit code."""

from typing import Any

import pytest

from dbserver.errors import Exit
from dbserver.results import as_dict, exit_code
from dbserver.results.backups import BackedUp, Failure
from dbserver.results.clients import Connections
from dbserver.results.diagnosis import Diagnosis
from dbserver.results.keeping import Pruned
from dbserver.results.preview import Change, Difference, Drift, Preview
from dbserver.results.schedule import Schedule
from dbserver.results.servers import Stopped

RISK = "data at risk"
DIFFERENCE = Difference("redis", "its image")


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (Stopped("dev", (), ()), Exit.DONE),
        (BackedUp("dev", "/b", ()), Exit.DONE), (BackedUp("dev", "/b", (), (Failure("shop", "full"),)), Exit.FAILED),
        (Diagnosis("dev", (), (), ()), Exit.DONE), (Connections("dev", 0, 0, (), (), 0, 0, ("no",)), Exit.UNHEALTHY),
        (Drift("dev", (), (DIFFERENCE,), ()), Exit.FAILED), (Drift("dev", (), (DIFFERENCE,), ("x",)), Exit.UNHEALTHY),
        (Pruned("dev", "/b", dry_run=False, backups=(), databases=(), not_seen="x"), Exit.UNHEALTHY),
        (Pruned("dev", "/b", False, (), (), (Failure("shop", "no"),), "x"), Exit.FAILED),  # noqa: FBT003
        (Schedule("dev", missed="yesterday"), Exit.UNHEALTHY), (Schedule("dev", missed="x", ran=True), Exit.FAILED),
        (Preview("dev", RISK, (Change("a:b", "a", "r", RISK, "what"),)), Exit.REFUSED),
    ],
)  # fmt: skip
def test_a_result_has_the_exit_code_of_what_it_found(result: Any, code: Exit) -> None:
    assert exit_code(result) == code
    assert as_dict(result).get("exit_code", 0) == code
