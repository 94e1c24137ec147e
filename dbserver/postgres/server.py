"""The running PostgreSQL server: ask it, wait for it, bring it to what is declared."""

import base64
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dbserver import contract, execute
from dbserver.docker import certificate, containers, host, networks
from dbserver.errors import CommandError, DbServerError, NotRunningError
from dbserver.postgres import access, commands, registry, scram, settings, sql
from dbserver.postgres.commands import QUERY_SECONDS
from dbserver.readiness import wait_until

# So much longer than a statement may take is waited for its end.
GRACE_SECONDS = 5
RELOAD_SECONDS = 10
# Whoever opens connections without logging in can hold all of them, but each for `authentication_timeout` only: so long
# a session of the administrator's tries again, and once more. Nothing of its script has been sent then.
FULL_SECONDS = 12
FULL = re.compile(r"^psql: error: connection to server .*too many clients already", re.MULTILINE)
CONFIG_PATH = contract.config_path(contract.POSTGRES)
FILES = {
    name: f"{contract.INNER_CONFIG[contract.POSTGRES]}/{name}"
    for name in (contract.CONFIG_FILE[contract.POSTGRES], settings.HBA_FILE)
}


@dataclass(frozen=True)
class Server:
    """One PostgreSQL container and its administrator."""

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

    def _asked(self, statement: str, database: str, seconds: float, *, check: bool) -> execute.Finished:
        argv = commands.psql(self.container, self.admin, database, seconds)
        deadline = time.monotonic() + FULL_SECONDS
        while True:
            done = execute.run(argv, stdin=statement, timeout=seconds + GRACE_SECONDS, check=False)
            if not FULL.search(done.stderr) or time.monotonic() > deadline:
                break
            time.sleep(0.05)
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


@dataclass(frozen=True)
class Declared:
    """What a server shall be: its administrator's password, its settings, where its files are.

    `certificate` is with its key, empty for a server that speaks no TLS.
    """

    password: str
    settings: Mapping[str, str]
    network: str
    directory: str
    image: str
    certificate: str = ""


def converge(server: Server, declared: Declared, before_restart: Callable[[Sequence[str]], None]) -> str:
    """Bring the administrator and the settings to what is declared; return the server's version.

    `before_restart` is told which settings take one, before anything is written; it may raise.
    """
    found, password = state(server, declared.settings), ""
    if not scram.matches(found["verifier"], declared.password):
        password = sql.set_password(server.admin, scram.verifier(declared.password))
    if not found["database"]:
        server.query(sql.create_database(server.admin))
    if declared.certificate and not certificate.in_place(server.container, contract.POSTGRES, declared.certificate):
        certificate.write(declared.directory, declared.certificate, declared.image, contract.POSTGRES)
    apply_settings(server, found, declared, before_restart)
    # The reload is for the certificate, and for an update that was killed between writing the files and its own.
    script = password + access.close_shared_databases(server.admin) + registry.REGISTRY + sql.RELOAD
    server.query(script, server.admin)
    return str(found["version"])


def state(server: Server, wanted: Mapping[str, str]) -> dict[str, Any]:
    """Return what decides what is to be done; see sql.state. `files` are the texts of those that are there."""
    found = dict(json.loads(server.query(sql.state(server.admin, list(wanted), FILES))))
    contents = {name: base64.b64decode(content) for name, content in found["files"].items() if content}
    return {**found, "files": {name: content.decode(errors="replace") for name, content in contents.items()}}


def rendered(wanted: Mapping[str, str], admin: str, network: str) -> dict[str, str]:
    """Return the server's files: its settings, and who may connect from where."""
    found = networks.find(network)
    gateways = found.gateways if found else ()
    hba = settings.render_hba(admin, gateways, outside=settings.published(wanted))
    config = contract.CONFIG_FILE[contract.POSTGRES]
    return {config: settings.render(wanted), settings.HBA_FILE: hba}


def apply_settings(
    server: Server, found: Mapping[str, Any], declared: Declared, before_restart: Callable[[Sequence[str]], None]
) -> None:
    """Write the server's files, reload, and restart only where a setting needs it.

    Files with faults are taken back before anything reads them, and so are
    settings under which the server does not start again: it then runs on with
    the settings before.
    """
    files = rendered(declared.settings, server.admin, declared.network)
    before = found["files"]
    needing = restarting(server, before, files) if files != before or found["pending"] else []
    if needing:
        before_restart(needing)
    if files != before:
        host.write_files(declared.directory, files, declared.image)
        try:
            refuse_faults(server)
        except DbServerError:
            host.write_files(declared.directory, before, declared.image)
            raise
    if files != before or found["overridden"]:
        reload(server, found["overridden"])
        found = state(server, declared.settings)
    if found["pending"]:
        _restart(server, before, declared)


def restarting(server: Server, before: Mapping[str, str], files: Mapping[str, str]) -> list[str]:
    """Return the settings for which new files restart the server, those that wait for a restart included."""
    config = contract.CONFIG_FILE[contract.POSTGRES]
    changed = settings.changed(before.get(config, ""), files[config])
    return list(json.loads(server.query(sql.restarting(changed))))


def _restart(server: Server, before: Mapping[str, str], declared: Declared) -> None:
    try:
        containers.restart(server.container)
        server.wait()
    except DbServerError:
        host.write_files(declared.directory, before, declared.image)
        with suppress(DbServerError):
            containers.restart(server.container)
            server.wait()
        raise


def refuse_faults(server: Server) -> None:
    """Raise where the server finds faults in its configuration file."""
    faults = json.loads(server.query(sql.file_faults(CONFIG_PATH)))
    if faults:
        named = "; ".join(f"postgres.settings.{fault['name']}: {fault['error']}" for fault in faults)
        raise DbServerError(f"PostgreSQL refuses the settings: {named}", "correct them; the server runs on unchanged")


def reload(server: Server, overridden: Sequence[str]) -> None:
    """Undo overrides made by ALTER SYSTEM, reload, and wait until the new file is in force."""
    if overridden:
        server.query(sql.reset_overrides(overridden))
    before = server.query(sql.LOAD_TIME)
    server.query(sql.RELOAD)
    deadline = time.monotonic() + RELOAD_SECONDS
    while server.query(sql.LOAD_TIME) == before:
        if time.monotonic() > deadline:
            raise NotRunningError(f"{server.container} did not reload its configuration", "./scripts/status.sh")
        time.sleep(0.05)


def actual_settings(found: Mapping[str, Any], declared: Mapping[str, str], admin: str, network: str) -> dict[str, str]:
    """Return the declared settings as they are in force: another value where something overrides the file.

    `found` is the server's state when it was asked for these settings.
    """
    shown = {}
    in_file = found["files"] == rendered(declared, admin, network)
    for name, value in declared.items():
        one = found["settings"].get(name.lower(), {"value": value, "file": CONFIG_PATH, "pending": False})
        kept = in_file and one["file"] == CONFIG_PATH and not one["pending"]
        shown[name] = value if kept else f"{one['value']} (in force)"
    return shown
