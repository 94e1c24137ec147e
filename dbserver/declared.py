"""What a stack's configuration file declares, read without Pulumi.

Operations have to work where Pulumi is absent or its state is locked, so they
read the same file. The program's pydantic models judge it; here a value that
is missing is the default and nothing is validated.
"""

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from dbserver import contract, stack_file
from dbserver.applications import default_database
from dbserver.archive import plan as archive
from dbserver.archive.plan import ArchivePlan
from dbserver.backups import schedule
from dbserver.backups.retention import Rules
from dbserver.clients import Servers
from dbserver.errors import UsageError
from dbserver.offsite.place import Place
from dbserver.plan import ContainerPlan, Names, container_plan
from dbserver.postgres import settings
from dbserver.units import parse_bytes, parse_seconds

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Declared:
    """The names that operations need. `memory` is in bytes, `applications` is name -> database and role.

    `keeping` are those whose passwords the server alone knows, on purpose.

    `outside` is server -> the address on which it speaks TLS, of those that do.
    """

    stack: str
    network: str
    create_network: bool
    data_directory: str
    backup_directory: str
    admin: str
    containers: dict[str, str]
    images: dict[str, str]
    ports: dict[str, int]
    memory: dict[str, int]
    stand_ins: bool
    applications: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    keeping: frozenset[str] = frozenset()
    backup_recipients: tuple[str, ...] = ()
    archive: ArchivePlan | None = None
    offsite: Place | None = None
    outside: Mapping[str, str] = field(default_factory=dict)
    max_connections: int = 0

    def servers(self, names: Collection[str] = contract.SERVERS) -> Servers:
        """Return where to ask who is connected to these servers."""
        return Servers({name: self.containers[name] for name in names}, self.admin, self.network)

    def plan(self, server: str) -> ContainerPlan:
        """Return what a server's container shall be."""
        project = contract.compose_project(self.containers[contract.POSTGRES])
        names = Names(self.data_directory, self.backup_directory, self.network, self.admin, project, self.outside)
        return container_plan(
            server, names, self.containers[server], self.images[server], self.ports[server], self.memory[server]
        )


def selected_stack(wanted: str | None = None) -> str:
    """Return the stack by flag, else PULUMI_STACK, else the one selected in this directory, else dev."""
    return wanted or os.environ.get("PULUMI_STACK") or workspace_stack() or contract.DEFAULT_STACK


def workspace_stack() -> str | None:
    """Return what `pulumi stack select` stored: workspaces/<project>-<sha1 of Pulumi.yaml's path>-workspace.json.

    The engine keeps it per backend; older ones kept one for all, which still counts where there is no other.
    """
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    digest = hashlib.sha1(str(ROOT / "Pulumi.yaml").encode(), usedforsecurity=False).hexdigest()
    try:
        stored = json.loads((home / "workspaces" / f"{contract.PROJECT}-{digest}-workspace.json").read_text())
        selected = stored.get("stacks", {}).get(backend(), stored.get("stack", ""))
        return str(selected).rpartition("/")[2] or None
    except (OSError, ValueError, AttributeError):
        return None


def backend() -> str:
    """Return the URL of the state's backend: by variable, else the one in Pulumi.yaml."""
    return os.environ.get("PULUMI_BACKEND_URL") or contract.DEFAULT_BACKEND


def file(stack: str) -> Path:
    """Return the file that configures a stack."""
    return ROOT / f"Pulumi.{stack}.yaml"


def read(stack: str) -> Declared:
    """Return what Pulumi.<stack>.yaml declares. Raises UsageError where it is missing, no YAML, or says a key twice."""
    text = _text(stack)
    try:
        return parse(stack, text)
    except UsageError:
        # Where one fault ends it, all of them are told.
        refuse_faults(stack)
        raise


def refuse_faults(stack: str) -> None:
    """Raise UsageError where the file has faults: what is mistyped would count as never declared."""
    judge(stack, _text(stack))


def judge(stack: str, text: str) -> None:
    """Raise UsageError where what is, or will be, the text of the stack's file has faults."""
    from dbserver.settings import file as settings  # noqa: PLC0415  pydantic takes longer than a verb that only looks

    content, twice = stack_file.loaded(file(stack).name, text)
    settings.refuse_faults(file(stack).name, content, twice)


def _text(stack: str) -> str:
    path = file(stack)
    try:
        return path.read_text()
    except FileNotFoundError:
        known = ", ".join(sorted(file.suffixes[0].strip(".") for file in ROOT.glob("Pulumi.*.yaml")))
        raise UsageError(f"stack {stack} has no configuration: {path.name} is missing", f"one of: {known}") from None


def parse(stack: str, text: str) -> Declared:
    """Return what a configuration's text declares. Raises UsageError where it is no YAML, or says something twice."""
    values = _section(stack_file.content(file(stack).name, text), "config")
    network = _section(values, f"{contract.PROJECT}:network")
    servers = {server: _section(values, f"{contract.PROJECT}:{server}") for server in contract.SERVERS}
    memory = {s: _memory(servers[s].get("memory", contract.DEFAULT_MEMORY[s])) for s in contract.SERVERS}
    own_connections = settings.default_connections(memory[contract.POSTGRES])
    return Declared(
        stack=stack,
        network=str(network.get("name", contract.DEFAULT_NETWORK)),
        create_network=network.get("create") in (True, "true"),
        data_directory=str(values.get(f"{contract.PROJECT}:dataDirectory", contract.DEFAULT_DATA_DIRECTORY)),
        backup_directory=contract.backup_directory(
            ROOT, str(values.get(f"{contract.PROJECT}:backupDirectory", contract.DEFAULT_BACKUP_DIRECTORY))
        ),
        admin=str(servers[contract.POSTGRES].get("adminUser", contract.DEFAULT_ADMIN)),
        containers={s: str(servers[s].get("containerName", contract.DEFAULT_CONTAINER[s])) for s in contract.SERVERS},
        images={s: str(servers[s].get("image", contract.DEFAULT_IMAGE[s])) for s in contract.SERVERS},
        ports={s: _number(servers[s].get("port"), contract.DEFAULT_PORT[s]) for s in contract.SERVERS},
        memory=memory,
        stand_ins=values.get(f"{contract.PROJECT}:standIns") in (True, "true"),
        applications=_applications(values.get(f"{contract.PROJECT}:applications")),
        keeping=_keeping(values.get(f"{contract.PROJECT}:applications")),
        backup_recipients=_texts(values.get(f"{contract.PROJECT}:backupRecipients")),
        archive=_archive(file(stack), values, str(servers[contract.POSTGRES].get("adminUser", contract.DEFAULT_ADMIN))),
        offsite=_offsite(_section(values, f"{contract.PROJECT}:offsite")),
        outside=_outside(_section(values, f"{contract.PROJECT}:tls")),
        max_connections=_number(servers[contract.POSTGRES].get("maxConnections"), own_connections),
    )


def _archive(path: Path, values: Any, admin: str) -> ArchivePlan | None:
    """Return what the archive's container shall be; nothing where there shall be none."""
    section = _section(values, f"{contract.PROJECT}:{contract.ARCHIVE}")
    if section.get("enabled") not in (True, "true"):
        return None
    root = str(values.get(f"{contract.PROJECT}:dataDirectory", contract.DEFAULT_DATA_DIRECTORY))
    try:
        keep = int(parse_seconds(str(section.get("keep", archive.DEFAULT_KEEP))))
        when = schedule.fields(str(section.get("baseBackup", archive.DEFAULT_BASE_BACKUP)))
    except ValueError as fault:
        raise UsageError(f"{path.name}: {contract.ARCHIVE}: {fault}", "./scripts/dbserver preview judges all") from None
    return ArchivePlan(
        name=str(section.get("containerName", contract.DEFAULT_CONTAINER[contract.ARCHIVE])),
        directory=contract.archive_directory(root, section.get("directory")),
        data_root=root,
        admin=admin,
        keep=keep,
        schedule=when,
        synchronous=section.get("synchronous") in (True, "true"),
    )


def _applications(entries: Any) -> dict[str, tuple[str, str]]:
    """Return name -> database and role."""
    known = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and "name" in entry:
            database = str(entry.get("database") or default_database(str(entry["name"])))
            known[str(entry["name"])] = database, str(entry.get("role") or database)
    return known


def _keeping(entries: Any) -> frozenset[str]:
    """Return the names of the entries with keepPassword."""
    known = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return frozenset(str(entry.get("name")) for entry in known if entry.get("keepPassword") in (True, "true"))


def _offsite(section: dict[str, Any]) -> Place | None:
    """Return where the backups are copied to; None where nobody said so."""
    if not section.get("url"):
        return None
    keep = section.get("keep")
    known = {rule.name for rule in fields(Rules)}
    rules = {name: _number(value, 0) for name, value in keep.items() if name in known} if isinstance(keep, dict) else {}
    return Place(
        url=str(section["url"]),
        endpoint=str(section.get("endpoint") or ""),
        credentials_file=str(section.get("credentialsFile") or ""),
        known_hosts=str(section.get("knownHosts") or ""),
        recipients=_texts(section.get("recipients")),
        bandwidth=_memory(section.get("bandwidth") or 0),
        keep=Rules(**rules),
        archive_keep=_seconds(section.get("archiveKeep")),
    )


def _outside(section: dict[str, Any]) -> dict[str, str]:
    """Return server -> the address on which it is reached from outside the host."""
    servers = _texts(section.get("servers")) or contract.TLS_SERVERS
    return dict.fromkeys(servers, str(section["address"])) if section.get("address") else {}


def _texts(entries: Any) -> tuple[str, ...]:
    return tuple(str(entry) for entry in entries) if isinstance(entries, list) else ()


def _number(value: Any, default: int) -> int:
    return int(value) if str(value).isdigit() else default


def _seconds(value: Any) -> int:
    """A period that is none is for the program to judge; here it is none."""
    try:
        return int(parse_seconds(str(value))) if value else 0
    except ValueError:
        return 0


def _memory(value: Any) -> int:
    """An amount that is none is for the program to judge; here it is no limit."""
    try:
        return parse_bytes(value)
    except ValueError:
        return 0


def _section(values: Any, key: str) -> dict[str, Any]:
    section = values.get(key) if isinstance(values, dict) else None
    return section if isinstance(section, dict) else {}
