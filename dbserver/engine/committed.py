"""The stack's file, which is committed: what the engine writes into its configuration stays out of it.

It writes the salt of its secrets, and its own spelling of values. The state has the salt too, and is read without the
file; only a file that holds secrets itself has to hold their salt.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbserver import stack_file
from dbserver.errors import UsageError

SALT = "encryptionsalt"
SECURE = "secure:"


@contextmanager
def copied(file: Path, directory: Path, state: Path) -> Iterator[list[str]]:
    """Give the engine a copy of the file, with the state's salt where the file has none; return the flags for it."""
    if not file.exists():
        yield []
        return
    directory.mkdir(mode=0o700, exist_ok=True)  # a clone whose state is elsewhere has none
    copy = directory / f".{os.getpid()}.{file.name}"
    copy.touch(0o600)
    try:
        copy.write_text(_salted(file.read_text(), _salt(state)))
        yield ["--config-file", str(copy)]
    finally:
        copy.unlink()


@contextmanager
def untouched(file: Path) -> Iterator[None]:
    """Take back what the engine adds to the file meanwhile; what somebody else changes in it stays."""
    before = file.read_text() if file.exists() else SECURE
    try:
        yield
    finally:
        if SECURE not in before and _without_salt(file.read_text()) == _without_salt(before) and SALT not in before:
            new = file.with_name(f".{file.name}.new")
            new.write_text(before)
            new.chmod(file.stat().st_mode & 0o777)
            new.replace(file)


def _salt(state: Path) -> str:
    """Return the salt of the secrets in a state; none of one that is new, or encrypted in another way."""
    try:
        return str(json.loads(state.read_text())["checkpoint"]["latest"]["secrets_providers"]["state"]["salt"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _salted(text: str, salt: str) -> str:
    """Add the salt as a line of its own, if that is what it then says; else the engine makes one."""
    salted = f"{text.rstrip()}\n{SALT}: {salt}\n"
    content = _content(text)
    fits = isinstance(content, dict) and SALT not in content and _content(salted) == {**content, SALT: salt}
    return salted if salt and fits else text


def _without_salt(text: str) -> Any:
    content = _content(text)
    return _spelt({key: value for key, value in content.items() if key != SALT} if isinstance(content, dict) else text)


def _content(text: str) -> Any:
    try:
        return stack_file.loaded("", text)[0]
    except UsageError:
        return None


def _spelt(value: Any) -> Any:
    """Return values as texts: the engine quotes them."""
    if isinstance(value, dict):
        return {str(key): _spelt(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_spelt(each) for each in value]
    return str(value).lower() if isinstance(value, bool) else str(value)
