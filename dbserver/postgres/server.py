"""The running PostgreSQL server: ask it, wait for it, bring it to what is declared."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbserver import contract, execute
from dbserver.docker import containers, host
from dbserver.errors import CommandError, DbServerError, NotRunningError
from dbserver.postgres import commands, scram, settings, sql
from dbserver.readiness import wait_until

QUERY_SECONDS = 60
RELOAD_SECONDS = 10
CONFIG_PATH = f"{contract.INNER_CONFIG[contract.POSTGRES]}/{contract.CONFIG_FILE[contract.POSTGRES]}"


@dataclass(frozen=True)
class Server:
    """One PostgreSQL container and its administrator."""

    container: str
    admin: str

    def query(self, statement: str, database: str = "postgres") -> str:
        """Run SQL as the administrator and return what psql printed, stripped."""
        argv = commands.psql(self.container, self.admin, database)
        return execute.run(argv, stdin=statement, timeout=QUERY_SECONDS).stdout.strip()

    def answer(self) -> dict[str, Any]:
        """Return version, start and connections. Raises NotRunningError where the server does not answer."""
        try:
            return dict(json.loads(self.query(sql.answer())))
        except CommandError as fault:
            raise NotRunningError(f"{self.container} does not answer: {fault.output}", "./scripts/start.sh") from None

    def wait(self) -> dict[str, Any]:
        """Wait until the server answers; a server that crashes or never answers is an error with its last log lines."""
        wait_until(self.container, commands.wait_until_ready(self.container))
        return self.answer()


def converge(server: Server, password: str, wanted: Mapping[str, str], directory: str, image: str) -> None:
    """Bring the administrator and the settings to what is declared; nothing is done that is done already."""
    found = state(server, wanted)
    if not scram.matches(found["verifier"], password):
        server.query(sql.set_password(server.admin, scram.verifier(password)))
    if not found["database"]:
        server.query(sql.create_database(server.admin))
    apply_settings(server, found, wanted, directory, image)


def state(server: Server, wanted: Mapping[str, str]) -> dict[str, Any]:
    """Return what decides what is to be done; see sql.state."""
    return dict(json.loads(server.query(sql.state(server.admin, list(wanted)))))


def apply_settings(
    server: Server, found: Mapping[str, Any], wanted: Mapping[str, str], directory: str, image: str
) -> None:
    """Write the settings to the host's file, reload, and restart only where a setting needs it.

    A file with faults is taken back before anything reads it, and so are
    settings under which the server does not start again: it then runs on with
    the settings before.
    """
    text, before = settings.render(wanted), current_file(server)
    if text != before:
        write_file(directory, text, image)
        try:
            refuse_faults(server)
        except DbServerError:
            write_file(directory, before, image)
            raise
    if text != before or found["overridden"]:
        reload(server, found["overridden"])
        found = state(server, wanted)
    if found["pending"]:
        _restart(server, before, directory, image)


def _restart(server: Server, before: str, directory: str, image: str) -> None:
    containers.restart(server.container)
    try:
        server.wait()
    except DbServerError:
        write_file(directory, before, image)
        containers.restart(server.container)
        server.wait()
        raise


def current_file(server: Server) -> str:
    """Return the configuration file as the container sees it."""
    return execute.run(["docker", "exec", server.container, "cat", CONFIG_PATH], timeout=QUERY_SECONDS).stdout


def write_file(directory: str, text: str, image: str) -> None:
    """Write the configuration file into its host directory."""
    host.write_files(directory, {contract.CONFIG_FILE[contract.POSTGRES]: text}, image)


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


def setting_states(server: Server, wanted: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return what the server says of these settings: value, file, pending restart."""
    return dict(json.loads(server.query(sql.setting_states(list(wanted)))))


def actual_settings(server: Server, declared: Mapping[str, str]) -> dict[str, str]:
    """Return the declared settings as they are in force: another value where something overrides the file."""
    states, shown = setting_states(server, declared), {}
    in_file = current_file(server) == settings.render(declared)
    for name, value in declared.items():
        state = states.get(name.lower(), {"value": value, "file": CONFIG_PATH, "pending": False})
        kept = in_file and state["file"] == CONFIG_PATH and not state["pending"]
        shown[name] = value if kept else str(state["value"])
    return shown
