"""The generated passwords of an application, kept on the Docker host beside the data: root's alone, as the data are.

They are there before a server has them, and until the application is dropped, whatever becomes of the stack's state.
"""

import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from dbserver import execute
from dbserver.docker import host
from dbserver.errors import DbServerError

FILE = "generated.json"


@dataclass(frozen=True)
class Passwords:
    """What an application logs in with; empty where none is known. `version` is its passwordVersion, 0 for none."""

    postgres: str = ""
    redis: str = ""
    version: int = 0


def read(directory: str, image: str) -> list[Passwords]:
    """Return what is kept, the newest first. Raises DbServerError where it cannot be read."""
    file = f"{directory}/{FILE}"
    try:
        text = _text(file, image)
        return [Passwords(**each) for each in json.loads(text or "[]")]
    except (OSError, ValueError, TypeError):
        raise DbServerError(f"the passwords in {file} cannot be read; mend the file, or remove it") from None


def write(directory: str, known: Sequence[Passwords], image: str) -> None:
    """Keep these, the newest first, in place of what was kept. Raises DbServerError where they cannot be written."""
    text = json.dumps([asdict(each) for each in known])
    try:
        host.write_files(directory, {FILE: text}, image, private=[FILE])
    except OSError as fault:
        raise DbServerError(f"passwords cannot be kept in {directory}: {fault.strerror}") from None


def missing(directory: str) -> bool:
    """Return whether nothing is known to be kept: no helper is started only to look."""
    return host.direct() and not (Path(directory) / FILE).exists()


def forget(directory: str, image: str) -> None:
    """Keep nothing any more."""
    path = Path(directory)
    if host.direct():
        with suppress(FileNotFoundError):
            shutil.rmtree(path)
        return
    argv = host.helper_argv(image, ["--volume", f"{path.parent}:/target"])
    execute.run([*argv, "-c", 'rm -rf -- "/target/$1"', "sh", path.name], timeout=host.HELPER_SECONDS)


def _text(file: str, image: str) -> str:
    if host.direct():
        return Path(file).read_text() if Path(file).exists() else ""
    # The whole host is mounted, read-only: mounting the directory itself would create it where it is missing.
    argv = host.helper_argv(image, ["--mount", "type=bind,source=/,target=/host,readonly"])
    shown = [*argv, "-c", '[ ! -e "$1" ] || cat "$1"', "sh", f"/host{file}"]
    return execute.run(shown, timeout=host.HELPER_SECONDS).stdout
