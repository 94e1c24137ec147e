"""PostgreSQL brought to what is declared: settings, files, the administrator's password."""

import base64
import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from dbserver import contract
from dbserver.docker import certificate, containers, host, networks
from dbserver.errors import DbServerError, NotRunningError
from dbserver.postgres import access, registry, scram, settings, sql
from dbserver.postgres.server import Server

RELOAD_SECONDS = 10
CONFIG_PATH = contract.config_path(contract.POSTGRES)
FILES = {
    name: f"{contract.INNER_CONFIG[contract.POSTGRES]}/{name}"
    for name in (contract.CONFIG_FILE[contract.POSTGRES], settings.HBA_FILE)
}


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
