"""The running PostgreSQL server: ask it, wait for it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dbserver import cleaning, execute
from dbserver.errors import CommandError, NotRunningError
from dbserver.postgres import commands, session, sql
from dbserver.postgres.commands import QUERY_SECONDS
from dbserver.readiness import wait_until


@dataclass(frozen=True)
class Server:
    """One PostgreSQL container and its administrator. For nobody else: its psql waits in a database closed to them."""

    container: str
    admin: str

    def query(self, statement: str, database: str = "postgres") -> str:
        """Run SQL as the administrator and return what psql printed, stripped."""
        return self._asked(statement, database, QUERY_SECONDS, check=True).stdout.strip()

    def attempt(self, statement: str, database: str, seconds: float = QUERY_SECONDS) -> execute.Finished:
        """Run SQL as the administrator; its failure, no answer included, is for the caller to judge."""
        try:
            return self._asked(statement, database, seconds, check=False)
        except CommandError as fault:
            return execute.Finished(fault.exit_status, "", fault.output)

    def in_each(self, databases: Sequence[str], question: str) -> dict[str, Any]:
        """Return what one expression is in each of these databases, of those that tell."""
        found: dict[str, Any] = {}
        while databases:
            said = self.attempt(sql.in_each(databases, question), self.admin).stdout
            told = [json.loads(line) for line in cleaning.lines(said)]
            found |= {database: value for each in told for database, value in each.items()}
            databases = databases[len(told) + 1 :]
        return found

    def _asked(self, statement: str, database: str, seconds: float, *, check: bool) -> execute.Finished:
        done = session.ask(self.container, self.admin, statement, database, seconds)
        if check and not done.succeeded:
            raise CommandError(f"psql in {self.container}", done.status, done.output)
        return done

    def answer(self) -> dict[str, Any]:
        """Return version, start and connections. Raises NotRunningError where the server does not answer."""
        try:
            return dict(json.loads(self.query(sql.answer())))
        except CommandError as fault:
            raise NotRunningError(f"{self.container} does not answer: {fault.output}", "./scripts/start.sh") from None

    def wait(self) -> None:
        """Wait until the server answers; a server that crashes or never answers is an error with its last log lines."""
        wait_until(self.container, commands.wait_until_ready(self.container))
