"""Running servers that are lent to one module of tests after the other: applications come and go without the engine."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dbserver.applications import environment
from dbserver.postgres import sql
from dbserver.settings.application import Application as Settings
from infra.application_server import ApplicationProvider
from infra.applications import known, properties, tenant
from infra.redis_users import RedisUsersProvider
from tests.support.leftovers import process_name
from tests.support.stack import Stack
from tests.support.tenants import OLDER

ADMIN = "dbadmin"
# Enough for the applications of any module with two colours, far below what the memory bears.
ROOMY = {"maxConnections": 150}
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "open": {"postgres": ROOMY},
    "password": {"postgres": ROOMY, "redis": {"access": "password"}},
    "older": {"postgres": ROOMY, "redis": {"access": "password", "image": OLDER}},
}
DATABASES = "SELECT datname FROM pg_database WHERE NOT datistemplate OR datname !~ '^template'"
TABLES = "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables WHERE schemaname = 'dbserver'"
ROLES = "SELECT rolname FROM pg_roles WHERE rolname !~ '^pg_'"


def with_password(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an entry with a password: the engine, if a test starts it, does not know one that was generated here."""
    return {"password": f"the tests' own of {entry['name']}", **entry}


class Lent(Stack):
    """A running stack whose applications are made as the engine's provider makes them, in this process."""

    def begin(self, kind: str) -> None:
        """Start it as every module finds it."""
        self.configure(**KINDS[kind])
        self.start().ok()
        self.first, self.first_text = dict(self.config), self.file.read_text()
        self.first_databases, self.first_roles = self._names(DATABASES), self._names(ROLES)
        self.made: dict[str, dict[str, Any]] = {}
        self.environments: dict[str, dict[str, str]] = {}
        self.tenants: list[dict[str, Any]] = []

    def admit(self, *entries: dict[str, Any]) -> "Lent":
        """Make applications: declared in the file, their roles and databases in the server, their users in Redis."""
        for entry in map(with_password, entries):
            self.declare(entry)
            settings = Settings.model_validate(entry)
            made = ApplicationProvider().create(self.wanted(settings)).outs or {}
            assert not made["drift"], made["drift"]
            password = made["redis_password"] if self.fenced else None
            hosts = {"postgres": self.postgres, "redis": self.redis}
            self.made[settings.name] = made
            self.environments[settings.name] = environment(known(settings), hosts, made["password"], password)
            self.tenants.append(tenant(settings, password or ""))
        self._let_in()
        return self

    def change(self, entry: dict[str, Any]) -> list[str]:
        """Change an application as an update does; return what could not be done, in PostgreSQL's words."""
        settings = Settings.model_validate(with_password(entry))
        before, wanted = self.made[settings.name], self.wanted(settings)
        self.made[settings.name] = ApplicationProvider().update("", before, wanted).outs or {}
        return list(self.made[settings.name]["drift"])

    def wanted(self, entry: Settings) -> dict[str, Any]:
        """Return what the engine gives the provider for an application."""
        image = self.inspect(self.postgres)["Config"]["Image"]
        return properties(entry, self.postgres, ADMIN, image, str(self.data))

    @property
    def fenced(self) -> bool:
        """Whether Redis takes no client without a password."""
        return bool(self.config["redis"].get("access") == "password")

    def variables(self, application: str) -> dict[str, str]:
        """Return an application's environment; of one that was admitted, the engine's state has none."""
        return self.environments.get(application) or super().variables(application)

    def _let_in(self) -> None:
        if self.fenced:
            RedisUsersProvider().converge({
                "container": self.redis, "adminUser": ADMIN, "open": False,
                "tenants": self.tenants, "configDirectory": str(self.data / "config" / "redis"),
                "image": self.inspect(self.redis)["Config"]["Image"],
            })  # fmt: skip

    def take_back(self) -> None:
        """Remove what a module has made; the start after it has nothing to do, unless a test has asked the engine."""
        self.config = dict(self.first)
        self.file.write_text(self.first_text)
        for known_here in (self.made, self.environments, self.tenants):
            known_here.clear()
        self._let_in()
        databases = map(sql.identifier, self._names(DATABASES) - self.first_databases)
        roles = map(sql.identifier, self._names(ROLES) - self.first_roles)
        gone = [f"ALTER DATABASE {each} IS_TEMPLATE false;\nDROP DATABASE {each} WITH (FORCE);\n" for each in databases]
        self.sql("".join([*gone, *(f"DROP ROLE {each};\n" for each in roles)]), "postgres")
        self.sql(f"TRUNCATE {', '.join(self._names(TABLES))}")
        self.redis_admin("FLUSHALL")
        for path in (self.project / "backups").iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.start().ok()

    def _names(self, question: str) -> set[str]:
        return set(self.sql(question).splitlines())


class Lender:
    """The stacks of one worker: one of each kind, started when it is first asked for."""

    def __init__(self) -> None:
        self.standing: dict[str, Lent] = {}

    @contextmanager
    def lend(self, kind: str, session: pytest.Session) -> Iterator[Lent]:
        """Lend a stack; one whose tests have failed is thrown away, for they may have left it anyhow."""
        before = session.testsfailed
        stack = self.standing.pop(kind, None) or self._new(kind)
        try:
            yield stack
            if session.testsfailed == before:
                stack.take_back()
                self.standing[kind] = stack
        finally:
            if kind not in self.standing:
                stack.remove()

    def _new(self, kind: str) -> Lent:
        directory = Path(tempfile.mkdtemp(prefix=f"{process_name()}-lent-"))
        directory.chmod(0o755)
        stack = Lent(directory)
        try:
            stack.begin(kind)
        except BaseException:
            stack.remove()
            raise
        return stack

    def end(self) -> None:
        for stack in self.standing.values():
            stack.remove()
