"""What the running server says of the applications' entries, before anything is declared."""

import json
from dataclasses import dataclass

from dbserver import cleaning
from dbserver.docker.containers import Container
from dbserver.docker.images import Image
from dbserver.errors import CommandError, DbServerError
from dbserver.postgres import access, properties, registry
from dbserver.postgres.server import Server
from dbserver.settings.application import Application
from dbserver.settings.model import Settings


@dataclass(frozen=True)
class Found:
    """What deserves a word; what an update may fail by, for one of them; what it would fail by."""

    warnings: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def look(settings: Settings, container: Container | None, image: Image) -> Found:
    """Ask the server, where it runs; one that does not answer tells by its own resource."""
    if container is None or not container.running:
        return Found()
    server = Server(container.name, settings.postgres.admin_user)
    try:
        return _found(settings, server, same_image=container.image_id == image.identity)
    except CommandError:
        return Found()
    except DbServerError as fault:
        return Found((fault.message,))


def _found(settings: Settings, server: Server, *, same_image: bool) -> Found:
    entries = settings.applications
    extensions = sorted({name for entry in entries for name in entry.extensions})
    unavailable = properties.unavailable(extensions) if extensions else "SELECT '[]';\n"
    question = unavailable + access.with_passwords([entry.role_name for entry in entries])
    said = cleaning.lines(server.query(question + registry.listed(server.admin)))
    lacking, closed = json.loads(said[0]), json.loads(said[1])
    known = {(entry.database, entry.role): entry.name for entry in registry.parse(said[2])}
    declared = {(entry.database_name, entry.role_name) for entry in entries}
    # One whose database or role has another name in its entry is still there: it is refused, and not to be dropped.
    names = {entry.name for entry in entries}
    gone = [name for pair, name in known.items() if pair not in declared and name not in names]
    strange = [entry for entry in entries if entry.role_name in closed and _by_nobody(entry, known)]
    return Found(
        tuple(map(_declared_no_more, gone)),
        tuple(map(_unknown_password, strange)),
        tuple(_lacking(entry, lacking) for entry in entries if same_image and {*lacking} & {*entry.extensions}),
    )


def _by_nobody(entry: Application, known: dict[tuple[str, str], str]) -> bool:
    """Whether this stack has not made the role, and nobody has said what its password is."""
    given = entry.password is not None or entry.keep_password
    return not given and (entry.database_name, entry.role_name) not in known


def _declared_no_more(name: str) -> str:
    way = f"./scripts/dbserver drop {name} destroys them"
    return f"application {name} is declared no more: its database and its role are kept; {way}"


def _unknown_password(entry: Application) -> str:
    way = "give it (password), or keep it (keepPassword: true)"
    return (
        f"application {entry.name}: role {entry.role_name} exists with a password that this stack may not know; {way}"
    )


def _lacking(entry: Application, lacking: list[str]) -> str:
    names = ", ".join(name for name in entry.extensions if name in lacking)
    return f"application {entry.name}: the server's image lacks the extension {names}; choose an image that has it"
