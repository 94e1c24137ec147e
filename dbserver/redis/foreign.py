"""A Redis that no stack has made: there is no administrator in it, only a password or none."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dbserver import cleaning, execute
from dbserver.errors import CommandError, NotRunningError
from dbserver.postgres.dump import GUARD
from dbserver.redis import dump
from dbserver.redis.commands import PASSWORD_VARIABLE
from dbserver.redis.server import COMMAND_SECONDS, Server


@dataclass(frozen=True)
class Foreign(Server):
    """One Redis container of elsewhere; what asks it is given the password in its environment, never as an argument."""

    password: str = field(default="", repr=False)

    @property
    def environment(self) -> Mapping[str, str]:
        """What the Docker client needs in its environment."""
        return {PASSWORD_VARIABLE: self.password} if self.password else {}

    def command(self, *arguments: str) -> str:
        """Run one Redis command and return the reply, stripped."""
        argv = ["docker", "exec", "-i", *self._option(), self.container, "redis-cli", "-e", *arguments]
        secrets = [self.password]
        return execute.run(argv, timeout=COMMAND_SECONDS, secrets=secrets, env=self.environment).stdout.strip()

    def answer(self) -> dict[str, str]:
        """Return what runs. Raises NotRunningError where it does not answer, or wants a password."""
        try:
            return self.info("server")
        except CommandError as fault:
            hint = "--redis-password-file FILE" if "NOAUTH" in fault.output or "WRONGPASS" in fault.output else ""
            hint = hint or f"docker start {self.container}"
            raise NotRunningError(f"{self.container} does not answer: {fault.output}", hint) from None

    def taking(self) -> list[str]:
        """Return the program that prints the whole content; it ends when its standard input does."""
        argv = ["timeout", str(dump.TRANSFER_SECONDS), "redis-cli", "--rdb", "-"]
        return ["docker", "exec", "-i", *self._option(), self.container, "sh", "-c", GUARD, "sh", *argv]

    def _option(self) -> list[str]:
        return ["--env", PASSWORD_VARIABLE] if self.password else []


def ready(container: str) -> list[str]:
    """Return the probe that succeeds once it answers, be it that it wants a password first; not while it loads."""
    return [
        "docker",
        "exec",
        container,
        "sh",
        "-c",
        "case $(redis-cli ping 2>&1) in PONG|*NOAUTH*) exit 0;; esac; exit 1",
    ]


def pairs(text: str) -> dict[str, str]:
    """Return names and values that redis-cli prints a line each."""
    lines = cleaning.lines(text)
    return dict(zip(lines[::2], lines[1::2], strict=False))
