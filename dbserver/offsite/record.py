"""How the last push has ended, and which backups still wait for their copy although they should not."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dbserver.backups.store import Store
from dbserver.declared import Declared
from dbserver.offsite import journal
from dbserver.results.copies import OffsiteRun, OffsiteState

# A day, and the time that a scheduled run may wait for the machine.
PATIENCE = timedelta(hours=26)


def note(stack: str, url: str, run: OffsiteRun) -> None:
    """Note how a push has ended; one that copied everything is remembered after one that did not."""
    before = _load(stack, url)
    good = before.get("good", "") if run.failed else run.began
    path = journal.directory(stack) / "last.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.new")
    new.touch(0o600)
    new.write_text(json.dumps({"url": url, "good": good, "run": asdict(run)}, indent=1) + "\n")
    new.replace(path)


def seen(declared: Declared, now: datetime) -> OffsiteState | None:
    """Return what is known of a stack's copies; None where it says no place for them."""
    if declared.offsite is None:
        return None
    newest = Store(Path(declared.backup_directory)).newest()
    began = [(each.id, datetime.fromisoformat(each.manifest.started)) for each in newest]
    return state(declared.stack, declared.offsite.url, began, now)


def state(stack: str, url: str, newest: Iterable[tuple[str, datetime]], now: datetime) -> OffsiteState:
    """Return what is known. `newest` are the newest backups by their names, with when they began."""
    known = _load(stack, url)
    run, good = known.get("run"), known.get("good")
    since = datetime.fromisoformat(good) if good else None
    waiting = [name for name, began in newest if began < now - PATIENCE and (since is None or began > since)]
    last = OffsiteRun(**{**run, "failed": tuple(run["failed"])}) if run else None
    return OffsiteState(url, last, tuple(waiting))


def _load(stack: str, url: str) -> dict[str, Any]:
    try:
        found = json.loads((journal.directory(stack) / "last.json").read_text())
        return dict(found) if found["url"] == url else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
