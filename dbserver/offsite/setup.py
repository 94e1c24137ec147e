"""What a new machine needs besides the backups: the stack's configuration, its state, the passphrase of its secrets."""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import yaml

from dbserver import contract, declared, stack_file
from dbserver.backups.store import TIME
from dbserver.engine import backend, command, passphrase, state
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.offsite import copies, journal
from dbserver.offsite.copying import Item

SUBJECT = "server.setup"
PASSPHRASE, PASSPHRASE_FILE = passphrase.VARIABLE, passphrase.FILE_VARIABLE
ASIDE = ".before-rescue"


@dataclass(frozen=True)
class Setup:
    """The three, as texts: the configuration file, what `pulumi stack export` prints, the passphrase."""

    configuration: str
    state: str
    passphrase: str


def read(stack: str) -> Setup:
    """Return what is there of a stack. The secrets in its state stay encrypted with the passphrase."""
    command.require()
    return Setup(declared.file(stack).read_text(), state.exported(stack), _passphrase())


def item(setup: Setup, moment: datetime) -> Item:
    """Return it as it is copied."""
    content = json.dumps(asdict(setup)).encode()

    def chunks() -> Iterator[tuple[str, bytes]]:
        yield copies.object_name(1), content

    name = f"{SUBJECT}_{moment.astimezone(UTC).strftime(TIME)}"
    return Item(name, SUBJECT, moment.astimezone(UTC).isoformat(timespec="seconds"), len(content), chunks)


def parse(content: bytes, name: str) -> Setup:
    """Return what was copied. Raises DbServerError for anything else."""
    try:
        return Setup(**{key: str(value) for key, value in json.loads(content).items()})
    except (ValueError, TypeError, AttributeError):
        raise DbServerError(f"{name} is no copy of a setup", "./scripts/dbserver offsite list") from None


def copied(stack: str, setup: Setup, url: str) -> str:
    """Return the name of the last copy of this very setup at a place; empty where there is none."""
    try:
        known = json.loads(_note(stack).read_text())
        return str(known["name"]) if known["digest"] == _digest(setup, url) else ""
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def note(stack: str, setup: Setup, url: str, name: str) -> None:
    """Note that it was copied."""
    path = _note(stack)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    path.write_text(json.dumps({"name": name, "digest": _digest(setup, url)}))


def refuse(stack: str, setup: Setup) -> None:
    """Raise RefusedError where this checkout holds a state that the copy would replace."""
    known = sorted(path.name.removesuffix(".json") for path in state.files() if path.suffix == ".json")
    if stack in known:
        raise RefusedError(f"there is a state of stack {stack} here", f"./scripts/start.sh --stack {stack}")
    if known and _passphrase() != setup.passphrase:
        others = ", ".join(known)
        raise RefusedError(f"stack {others} is here, with another passphrase", "rescue into another checkout")
    if os.environ.get(PASSPHRASE, setup.passphrase) != setup.passphrase:
        raise UsageError(f"{PASSPHRASE} is another one than that of the copy", f"unset {PASSPHRASE}")


def with_tls_address(setup: Setup, address: str) -> Setup:
    """Return a setup whose servers are reached from outside on another address."""
    content = stack_file.content("the configuration of the copy", setup.configuration)
    section = content["config"].get(f"{contract.PROJECT}:tls")
    if not section:
        raise UsageError("--tls-address: the stack declares no tls", "without --tls-address")
    section["address"] = address
    return replace(setup, configuration=yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def moved(state: str) -> str:
    """Return a state as another machine has it: nothing is kept there yet, so the first update keeps the passwords.

    Only root beside the daemon sees that they are missing; anybody else's update would go by what the state says.
    """
    content = json.loads(state)
    for resource in content["deployment"].get("resources") or ():
        (resource.get("outputs") or {}).pop(contract.KEPT_IN, None)
    return json.dumps(content)


def put_back(stack: str, setup: Setup) -> str:
    """Write configuration and passphrase; return under which name another configuration was kept, if one was there."""
    file, aside = declared.file(stack), ""
    if file.exists() and file.read_text() != setup.configuration:
        aside = file.name + ASIDE
        file.replace(file.with_name(aside))
    _replace(file, setup.configuration, 0o644)
    if PASSPHRASE not in os.environ:
        _replace(_passphrase_file(), setup.passphrase + "\n", 0o600)
    return aside


def _passphrase() -> str:
    if PASSPHRASE in os.environ:
        return os.environ[PASSPHRASE]
    try:
        return _passphrase_file().read_text().strip("\n")
    except OSError as fault:
        raise DbServerError(f"the passphrase cannot be read: {fault}", "docs/how-to/state-and-secrets.md") from None


def _passphrase_file() -> Path:
    return Path(os.environ.get(PASSPHRASE_FILE) or backend.STATE / "passphrase")


def _note(stack: str) -> Path:
    return journal.directory(stack) / "setup.json"


def _digest(setup: Setup, url: str) -> str:
    return hashlib.sha256(json.dumps([asdict(setup), url]).encode()).hexdigest()


def _replace(path: Path, text: str, mode: int) -> None:
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode)
    new.write_text(text)
    new.replace(path)
