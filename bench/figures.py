"""Medians, ratios, verdicts and tables. Pure: it measures nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Table:
    """What a measurement prints."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Comparison:
    """Seconds of ours beside seconds of something else, and how many times as long ours may take."""

    what: str
    ours: Sequence[float]
    other: str
    theirs: Sequence[float]
    at_most: float

    @property
    def ratio(self) -> float:
        """Ours by theirs, of the medians."""
        return median(self.ours) / median(self.theirs)

    @property
    def verdict(self) -> str:
        """Whether the target is reached; the unrounded ratio decides."""
        return verdict(self.ratio <= self.at_most)


def verdict(reached: bool) -> str:  # noqa: FBT001  it is what is said
    """Return the word for whether a target is reached."""
    return "reached" if reached else "MISSED"


HEADER = ("what", "database-server", "compared with", "its time", "ratio", "target", "verdict")


def spread(seconds: Sequence[float]) -> str:
    """Return the median with the smallest and the largest."""
    return f"{median(seconds):.2f} s ({min(seconds):.2f}-{max(seconds):.2f})"


def comparison_table(title: str, comparisons: Sequence[Comparison], note: str = "") -> Table:
    """Return the table of some comparisons."""
    rows = [
        (c.what, spread(c.ours), c.other, spread(c.theirs), f"{c.ratio:.2f}x", f"<= {_target(c.at_most)}x", c.verdict)
        for c in comparisons
    ]
    return Table(title, HEADER, rows, note)


def _target(at_most: float) -> str:
    """Return a target with all of its decimals, and one at least."""
    return max(f"{at_most:.1f}", f"{at_most:g}", key=len)


def render(table: Table) -> str:
    """Return a table as Markdown that reads well in a terminal too."""
    lines = [tuple(table.header), *(tuple(cell.replace("|", "\\|") for cell in row) for row in table.rows)]
    widths = [max(len(row[column]) for row in lines) for column in range(len(table.header))]
    padded = ["| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |" for row in lines]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    note = f"\n\n{table.note}" if table.note else ""
    return "\n".join([f"## {table.title}", "", padded[0], rule, *padded[1:]]) + note + "\n"
