"""Rules on the archive's container, without which no second comes back."""

from collections.abc import Iterator, Mapping
from typing import Any

from dbserver import contract
from dbserver.archive.plan import SYNCHRONOUS
from dbserver.preview.container_rules import mounts
from dbserver.preview.rule import ARCHIVE, NOTHING, RISK, Facts, Rule, Seen
from dbserver.preview.steps import CREATE, DELETE, REPLACE, UPDATE, Step
from dbserver.units import duration

# The keeper's second argument: `-c`, its text, its name, the administrator, then for how long.
KEEP = 4


def _ended(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind == DELETE:
        yield Seen("no second after this update comes back; what is in the archive stays on the host")


def _moved(step: Step, _: Facts) -> Iterator[Seen]:
    before, after = (mounts(each).get(contract.INNER_ARCHIVE, "") for each in (step.old, step.new))
    if step.old and step.new and before != after:
        yield Seen("the archive begins anew; the old one stays behind", [f"{before} -> {after}"])


def _shorter(step: Step, _: Facts) -> Iterator[Seen]:
    before, after = _keep(step.old), _keep(step.new)
    if before and after and after < before:
        yield Seen("what is older goes", [f"archive.keep: {duration(before)} -> {duration(after)}"])


def _keep(inputs: Mapping[str, Any]) -> int:
    found = list(inputs.get("command") or ())[KEEP : KEEP + 1]
    return int(found[0]) if found and str(found[0]).isdigit() else 0


def _changed(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind in (UPDATE, REPLACE):
        synchronous = SYNCHRONOUS in (step.new.get("command") or ())
        waits = "commits wait until it is back" if synchronous else "the log waits in the server until it is back"
        yield Seen(
            f"the archive's container is made anew; {waits}", [name for name in step.changed if name != "command"]
        )


def _made(step: Step, _: Facts) -> Iterator[Seen]:
    if step.kind == CREATE:
        yield Seen("the log is streamed from now on, the first base backup begins", [str(step.new.get("name", ""))])


ARCHIVE_RULES = (
    Rule("archive-ended", RISK, (ARCHIVE,), "`archive.enabled` is false by now.", _ended),
    Rule("archive-moved", RISK, (ARCHIVE,), "Another `archive.directory`, or another `dataDirectory` where the archive"
         " is in it.", _moved),
    Rule("archive-shorter", RISK, (ARCHIVE,), "A shorter `archive.keep`: older seconds do not come back.", _shorter),
    Rule("archive-changed", NOTHING, (ARCHIVE,), "The archive's container is replaced; with `archive.synchronous`"
         " commits wait for it meanwhile.", _changed),
    Rule("archive-made", NOTHING, (ARCHIVE,), "The archive begins.", _made),
)  # fmt: skip
