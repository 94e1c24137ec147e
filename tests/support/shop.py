"""An application whose database holds something of everything, and what tests do with its backups."""

import json
from pathlib import Path
from typing import Any

from dbserver.postgres import swap
from tests.support.commands import run
from tests.support.stack import Stack

SHOP = """
CREATE TABLE item (id serial PRIMARY KEY, name text NOT NULL, price numeric CHECK (price >= 0));
INSERT INTO item (name, price) SELECT 'item ' || n, n FROM generate_series(1, 1000) n;
CREATE TABLE "Odd name" (note text);
INSERT INTO "Odd name" VALUES ('it''s'), (E'back\\\\slash'), ('ünïcode');
COMMENT ON TABLE item IS 'what is sold';
ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;
CREATE PUBLICATION changes FOR TABLE item;
SELECT lo_from_bytea(4711, 'a large object');
SELECT nextval('item_id_seq') FROM generate_series(1, 5);
"""


ENTRIES: tuple[dict[str, Any], ...] = (
    {"name": "shop", "poolSize": 10, "extensions": ["pg_trgm"]}, {"name": "shop-two", "poolSize": 2},
)  # fmt: skip


def opened(stack: Stack) -> Stack:
    """Start a stack with two applications; the first one's database holds something of everything."""
    stack.declare(*ENTRIES)
    stack.start().ok()
    as_role(stack, SHOP)
    return stack


def as_role(stack: Stack, sql: str, database: str = "shop") -> str:
    argv = ["docker", "exec", "-i", stack.postgres, "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-U", "shop"]
    return run(*argv, "-d", database, stdin=sql).ok().out.strip()


def backed_up(stack: Stack, application: str = "shop", *flags: str) -> str:
    """Back up, return the id."""
    done = stack.script("backup-database.sh", application, "--format", "json", *flags).ok()
    return str(json.loads(done.out)["backups"][0]["id"])


def restored(stack: Stack, backup: str, application: str = "shop") -> dict[str, Any]:
    done = stack.script("restore-database.sh", application, backup, "--confirm", application, "--format", "json")
    return dict(json.loads(done.ok().out))


def backups(stack: Stack) -> Path:
    return stack.project / "backups"


def manifest(stack: Stack, backup: str) -> dict[str, Any]:
    return dict(json.loads((backups(stack) / backup / "manifest.json").read_text()))


def rows(stack: Stack) -> list[str]:
    return as_role(stack, 'SELECT count(*) FROM item; SELECT count(*) FROM "Odd name"').split()


def forget_kept(stack: Stack) -> None:
    """Drop the databases that restores have kept."""
    stack.sql(swap.REGISTRY)
    for name in stack.sql("SELECT name FROM dbserver.database WHERE purpose = 'kept'").split():
        stack.sql(swap.forget(name))
