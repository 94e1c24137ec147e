"""What a person reads of a run: a line for each step as it is taken, and the judgement at the end."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

from tests.endurance.ground import SECONDS_AT_MOST, Ground, Recovery
from tests.endurance.steps import Step

NOT_INJECTED = (
    "Not injected: a step of the clock, for Linux has one wall clock and it is the machine's; "
    "the end of the machine itself, whose kernel keeps what was written."
)
PROMISE = (
    "Redis keeps its append-only file (appendfsync everysec): a killed server, container or daemon may lose nothing "
    "that was acknowledged, and that is what is asked of it here; the machine's own end may cost the last second "
    "(docs/reference/redis-persistence.md)."
)


@dataclass
class Report:
    """Prints as the run goes on, and remembers how long each recovery took."""

    console: Console = field(default_factory=lambda: Console(highlight=False, soft_wrap=True))
    recoveries: dict[str, list[Recovery]] = field(default_factory=dict)

    def begin(self, seed: int, minutes: float, steps: int | None) -> None:
        span = f"{steps} steps" if steps else f"{minutes:g} minutes"
        self.console.print(f"seed {seed}, {span}; the same steps again: ./scripts/endure.sh --seed {seed}")

    def say(self, text: str) -> None:
        self.console.print(f"{time.strftime('%H:%M:%S')}  {text}", markup=False)

    def step(self, step: Step, said: str, recovery: Recovery | None, wrong: Sequence[str]) -> None:
        if recovery:
            self.recoveries.setdefault(step.name, []).append(recovery)
            said += f"; start.sh {recovery.back:.1f} s, all writing again after {recovery.writing:.1f} s"
        self.say(f"{step.number:3}  {step.name}: {said}")
        for fault in wrong:
            self.say(f"     WRONG: {fault}")

    def end(self, ground: Ground, facts: Sequence[tuple[str, str]], again: str) -> None:
        """Print the judgement, and where it is bad how to see it again."""
        self._times()
        table = Table(show_header=False, title="What was found", title_justify="left")
        for name, value in facts:
            table.add_row(name, value)
        self.console.print(table)
        self.console.print(PROMISE, NOT_INJECTED, sep="\n")
        for fault in ground.wrong:
            self.console.print(f"WRONG: {fault}", markup=False)
        self.console.print(f"[red]FAILED[/]: {len(ground.wrong)} faults; again: {again}" if ground.wrong else
                           "[green]passed[/]: nothing acknowledged was lost, nothing is left over")  # fmt: skip

    def _times(self) -> None:
        title = f"Back by start.sh alone, seconds (at most {SECONDS_AT_MOST})"
        table = Table(
            "fault", "times", "start.sh, worst", "all writing again, worst", title=title, title_justify="left"
        )
        for name, taken in sorted(self.recoveries.items()):
            worst = max(each.back for each in taken), max(each.writing for each in taken)
            table.add_row(name, str(len(taken)), *(f"{seconds:.1f}" for seconds in worst))
        every = [each for taken in self.recoveries.values() for each in taken]
        if every:
            worst = max(each.back for each in every), max(each.writing for each in every)
            table.add_row("all", str(len(every)), *(f"{seconds:.1f}" for seconds in worst), style="bold")
        self.console.print(table)
