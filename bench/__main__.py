"""Run every measurement, or some, print the tables and write them into docs/performance.md."""

import argparse
import signal
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import FrameType

from bench import adopt, applications, archive, backups, guard, operations, reload, report, start, status
from bench.commands import MeasurementError
from bench.figures import Table
from dbserver.errors import DbServerError
from tools import machine
from tools.steps import Steps

PAGE = machine.ROOT / "docs" / "performance.md"
# Each takes the number of rounds and returns its tables.
BENCHES: Mapping[str, Callable[[int], list[Table]]] = {
    "start": start.measure,
    "applications": applications.measure,
    "status": status.measure,
    "operations": operations.measure,
    "reload": reload.measure,
    "guard": guard.measure,
    "adopt": adopt.measure,
}


def main() -> int:
    """Return the exit code: 0 where everything was measured, whatever came out."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=_rounds, default=5, help="how often each is measured (5)")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write (docs/performance.md)")
    parser.add_argument(
        "--only", choices=[*BENCHES, "backups", "archive"], action="append", help="what to measure (all)"
    )
    size = backups.MEGABYTES
    parser.add_argument("--megabytes", type=int, default=size, help=f"the database that is backed up ({size})")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    # In the background a shell has interruptions ignored, by every child too: the engine then waits 5 s for its
    # language host to end by one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    facts = report.facts(Steps(sys.stderr, machine.here().cache / "logs"))
    benches: dict[str, Callable[[int], list[Table]]] = {
        **BENCHES,
        "backups": partial(backups.measure, megabytes=chosen.megabytes),
        "archive": partial(archive.measure, megabytes=chosen.megabytes),
    }
    for name in chosen.only or benches:
        run = report.now(chosen.rounds)
        topic = report.topic(run, benches[name](chosen.rounds))
        print(topic, flush=True)
        before = chosen.page.read_text() if chosen.page.exists() else ""
        report.write(chosen.page, report.page(before, {name: topic}, list(benches), facts))
    return 0


def _rounds(text: str) -> int:
    if (number := int(text)) < 1:
        raise ValueError(text)
    return number


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    # As Ctrl-C: what was started is ended and removed on the way out.
    raise KeyboardInterrupt


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("interrupted; what was started has been removed", file=sys.stderr)
        sys.exit(130)
    except (MeasurementError, DbServerError) as fault:
        print(fault, file=sys.stderr)
        sys.exit(1)
