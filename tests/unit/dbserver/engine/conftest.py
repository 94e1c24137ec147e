"""Where the engine keeps what it knows."""

from pathlib import Path

import pytest

from dbserver.engine import backend, command


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty local state, in whose directory no stack was selected."""
    monkeypatch.setattr(backend, "ROOT", tmp_path)
    monkeypatch.setattr(command, "workspace_stack", lambda: None)
    return tmp_path / ".state" / ".pulumi"
