"""Run every measurement, print the tables, write docs/performance.md."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

from bench import applications, report, start
from bench.commands import MeasurementError
from bench.figures import Table, render
from dbserver.errors import DbServerError
from tools import machine
from tools.steps import Steps

PAGE = machine.ROOT / "docs" / "performance.md"
# Each takes the number of rounds and returns its tables.
BENCHES: Sequence[Callable[[int], list[Table]]] = (start.measure, applications.measure)


def main() -> int:
    """Return the exit code: 0 where everything was measured, whatever came out."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=_rounds, default=5, help="how often each is measured (5)")
    parser.add_argument("--page", type=Path, default=PAGE, help="the page to write (docs/performance.md)")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, _interrupt)
    facts = report.facts(Steps(sys.stderr, machine.here().cache / "logs"))
    tables = []
    for bench in BENCHES:
        for table in bench(chosen.rounds):
            print(render(table), flush=True)
            tables.append(table)
    report.write(chosen.page, report.page(chosen.rounds, tables, facts))
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
