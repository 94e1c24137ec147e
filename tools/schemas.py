"""Writes docs/reference/schemas: the shape of every result's JSON. Usage: python -m tools.schemas."""

import json
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from dbserver.results import SCHEMA_VERSION
from dbserver.results.adoption import Adopted, AdoptionFinished, AdoptionPlan, AdoptionUndone
from dbserver.results.applications import ApplicationInfo, Applications, Dropped
from dbserver.results.archive import Archive
from dbserver.results.backups import (
    BackedUp,
    Backups,
    Checkpoint,
    Drilled,
    Restored,
    RestoredBeside,
    RolledBack,
    Verified,
)
from dbserver.results.clients import Connections, Drained
from dbserver.results.diagnosis import Diagnosis
from dbserver.results.history import History
from dbserver.results.keeping import Pinned, Pruned
from dbserver.results.offsite import (
    OffsiteCopies,
    OffsiteFetched,
    OffsitePruned,
    OffsitePushed,
    OffsiteVerified,
    Rescued,
)
from dbserver.results.preview import Drift, Preview
from dbserver.results.redis_backups import RedisRestored
from dbserver.results.schedule import Schedule
from dbserver.results.servers import LogLine, Restarted, Started, Stopped
from dbserver.results.statements import Top
from dbserver.results.status import Status
from dbserver.results.upgrades import Rehearsal, Upgraded, UpgradeUndone
from dbserver.results.whole import WholeRestored

# Every result that a verb shows.
SHOWN = (
    Started,
    Stopped,
    Status,
    Restarted,
    Connections,
    Drained,
    Top,
    Diagnosis,
    LogLine,
    ApplicationInfo,
    Applications,
    Dropped,
    BackedUp,
    Backups,
    Verified,
    Drilled,
    Restored,
    RestoredBeside,
    RolledBack,
    Schedule,
    Checkpoint,
    Pruned,
    Pinned,
    RedisRestored,
    Preview,
    Drift,
    Rehearsal,
    Upgraded,
    UpgradeUndone,
    AdoptionPlan,
    Adopted,
    AdoptionUndone,
    AdoptionFinished,
    Archive,
    OffsitePushed,
    OffsiteCopies,
    OffsiteVerified,
    OffsitePruned,
    OffsiteFetched,
    Rescued,
    History,
    WholeRestored,
)

DIRECTORY = Path(__file__).resolve().parents[1] / "docs" / "reference" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
ERROR = {
    "$schema": DIALECT,
    "title": "error",
    "type": "object",
    "required": ["schema", "error"],
    "properties": {
        "schema": {"const": f"error-{SCHEMA_VERSION}"},
        "error": {
            "type": "object",
            "required": ["message", "hint", "exit_code"],
            "properties": {
                "message": {"type": "string"},
                "hint": {"type": "string"},
                "exit_code": {"enum": [1, 2, 3, 4, 5]},
            },
        },
    },
}


def schemas() -> dict[str, dict[str, Any]]:
    """Return name -> schema for every result that a verb prints, and for its error."""
    known = {f"error-{SCHEMA_VERSION}": ERROR}
    for result in SHOWN:
        name = f"{result.__name__.lower()}-{SCHEMA_VERSION}"
        known[name] = _schema(result, name)
    return known


def text(schema: dict[str, Any]) -> str:
    """Return a schema as its file holds it."""
    return json.dumps(schema, indent=2) + "\n"


def _schema(result: type, name: str) -> dict[str, Any]:
    shape = TypeAdapter(result).json_schema(mode="serialization")
    shape["properties"] = {"schema": {"const": name}, **shape["properties"]}
    if hasattr(result, "well"):
        shape["properties"] |= {"well": {"type": "boolean"}, "exit_code": {"enum": [0, 1, 3, 5]}}
    shape["required"] = list(shape["properties"])
    return {"$schema": DIALECT, **shape}


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for name, schema in schemas().items():
        (DIRECTORY / f"{name}.json").write_text(text(schema))
