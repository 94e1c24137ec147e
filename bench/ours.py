"""`pulumi up` in a copy of the project: the side that is measured."""

import shutil
import sys

from bench import commands, processes
from dbserver import contract
from tests.support.stack import Stack

UP = ("up", "--yes", "--skip-preview", "--non-interactive", "--color", "never")
PREVIEW = ("preview", "--expect-no-changes", "--non-interactive", "--color", "never")


def say(text: str) -> None:
    """Tell the person who waits what is measured now."""
    print(text, file=sys.stderr, flush=True)


class Ours:
    """`pulumi up` in a copy of the project."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        sourced = commands.run(["bash", "-c", ". tools/environment.sh && exec env -0"], stack.env(), stack.project)
        self.environment = dict(pair.split("=", 1) for pair in sourced.split("\0") if pair)
        self.containers = {contract.POSTGRES: stack.postgres, contract.REDIS: stack.redis}

    def forget(self) -> None:
        """Remove containers, network, data and state; make the stack anew."""
        commands.run(["docker", "rm", "--force", *self.containers.values()], self.environment, self.stack.project)
        commands.run(["docker", "network", "rm", "--force", self.stack.network], self.environment, self.stack.project)
        state = self.stack.project / ".state"
        for directory in (self.stack.data, state / ".pulumi", state / "data"):
            shutil.rmtree(directory, ignore_errors=True)
        commands.run(self.argv("stack", "init", self.stack.name), self.environment, self.stack.project)

    def argv(self, *arguments: str) -> list[str]:
        """Return the command."""
        return ["pulumi", *arguments]

    def up(self) -> float:
        """Return the seconds of `pulumi up`."""
        return commands.timed(self.argv(*UP), self.environment, self.stack.project)

    def bare_up(self) -> float:
        """Return the seconds of `pulumi up` as it is typed: it previews before it updates."""
        bare = [word for word in UP if word != "--skip-preview"]
        return commands.timed(self.argv(*bare), self.environment, self.stack.project)

    def start(self) -> float:
        """Return the seconds of `start.sh`, which asks the engine only where something differs."""
        return self.script("start.sh")

    def start_asking(self) -> float:
        """Return the seconds of `start.sh --refresh`, which asks the engine in any case."""
        return self.script("start.sh", "--refresh")

    def script(self, name: str, *arguments: str) -> float:
        """Return the seconds of a script as it is typed."""
        return commands.timed(
            [str(self.stack.project / "scripts" / name), *arguments], self.stack.env(), self.stack.project
        )

    def preview(self) -> float:
        """Return the seconds of a `pulumi preview` that has to find nothing to do."""
        return commands.timed(self.argv(*PREVIEW), self.environment, self.stack.project)

    def watched_up(self) -> list[processes.Seen]:
        """Return the processes of one `pulumi up`."""
        process = commands.begin(self.argv(*UP), self.environment, self.stack.project)
        try:
            seen = processes.watch(process)
        except BaseException:
            commands.stop(process)
            raise
        commands.finish(process)
        return seen
