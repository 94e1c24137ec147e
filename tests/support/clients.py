"""A stack's two servers as their clients see them: administrators, applications on the network, the kernel."""

import itertools
import json
import os
import shlex
import signal
from collections.abc import Sequence
from typing import Any

from tests.support.commands import Ran, run

_numbers = itertools.count(1)


class Clients:
    """What a test asks two containers."""

    name: str
    network: str
    postgres: str
    redis: str

    def psql(self, statement: str, database: str = "dbadmin") -> Ran:
        return run(
            "docker", "exec", "-i", self.postgres, "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-U", "dbadmin",
            "-d", database, stdin=statement,
        )  # fmt: skip

    def sql(self, statement: str, database: str = "dbadmin") -> str:
        return self.psql(statement, database).ok().out.strip()

    def sql_fails(self) -> bool:
        return self.psql("SELECT 1").code != 0

    def cli(self, *arguments: str) -> str:
        return run("docker", "exec", self.redis, "redis-cli", "-e", *arguments).ok().out.strip()

    def redis_admin(self, *arguments: str) -> str:
        """Run a Redis command as the administrator, with the password that the container holds."""
        script = 'REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password) exec redis-cli --user dbadmin -e "$@"'
        return run("docker", "exec", self.redis, "sh", "-c", script, "sh", *arguments).ok().out.strip()

    def password_works(self, password: str, role: str = "dbadmin") -> bool:
        """Log in over the published port's path: TCP, with the password, from inside the container, to its database."""
        script = 'read -r PGPASSWORD; export PGPASSWORD; exec psql -XAtq -h 127.0.0.1 -U "$0" -d "$0" -c "SELECT 1"'
        tried = run("docker", "exec", "-i", self.postgres, "sh", "-c", script, role, stdin=password + "\n")
        return tried.code == 0

    # On the network ---------------------------------------------------------

    def client(self, script: str, *options: str, server: str = "postgres") -> Ran:
        """Run a shell script in a throwaway container on the network; it has that server's clients."""
        image = self.inspect(self.redis if server == "redis" else self.postgres)["Config"]["Image"]
        where = [] if "--network" in options else ["--network", self.network]
        name = f"{self.name}-client-{next(_numbers)}"
        argv = ["docker", "run", "--rm", "-i", "--name", name, *where, *options, "--entrypoint", "sh", image, "-s"]
        return run(*argv, stdin="{\n" + script + "\n} </dev/null\n")

    def attempts(self, commands: Sequence[Sequence[str]], *options: str, server: str = "postgres") -> list[Ran]:
        """Run commands one after another in one throwaway container on the network; what fails stops none."""
        each = 'out=$({} 2>&1); printf \'%s\\n%s\\0\' "$?" "$out"'
        script = "\n".join(each.format(shlex.join(command)) for command in commands)
        replies = self.client(script, *options, server=server).ok().out.split("\0")[:-1]
        assert len(replies) == len(commands)
        ends = [reply.partition("\n") for reply in replies]
        return [Ran(list(argv), int(code), out, "") for argv, (code, _, out) in zip(commands, ends, strict=True)]

    # Containers ---------------------------------------------------------------

    def inspect(self, container: str) -> dict[str, Any]:
        return dict(json.loads(run("docker", "container", "inspect", container).ok().out)[0])

    def ids(self) -> tuple[str, str]:
        return self.inspect(self.postgres)["Id"], self.inspect(self.redis)["Id"]

    def started_at(self, container: str) -> str:
        return str(self.inspect(container)["State"]["StartedAt"])

    def main_pid(self, container: str) -> int:
        return int(self.inspect(container)["State"]["Pid"])

    def send(self, container: str, sent: signal.Signals) -> None:
        """Send the server's main process a signal, as the kernel would."""
        pid = self.main_pid(container)
        assert pid, f"{container} does not run, there is nothing to send {sent.name} to"  # process 0 is the test run
        os.kill(pid, sent)

    def kill(self, container: str) -> None:
        self.send(container, signal.SIGKILL)
