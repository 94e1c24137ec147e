"""A place in memory, and the key that opens what is put there."""

from pathlib import Path

import pyrage
import pytest

from dbserver.offsite.copying import Depot
from dbserver.offsite.place import Place
from tests.unit.dbserver.offsite.memory import Memory


@pytest.fixture
def identity(tmp_path: Path) -> Path:
    path = tmp_path / "identity.txt"
    path.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    return path


@pytest.fixture
def depot(identity: Path) -> Depot:
    public = str(pyrage.x25519.Identity.from_str(identity.read_text().strip()).to_public())
    return Depot(Memory(), "unit", Place("memory", recipients=(public,)))
