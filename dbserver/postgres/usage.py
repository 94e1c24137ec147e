"""What PostgreSQL says about its use. Pure: commands, SQL, what the replies mean."""

import json
from datetime import UTC, datetime
from typing import Any

from dbserver import contract
from dbserver.docker import usage
from dbserver.postgres import collations, commands, swap
from dbserver.results.status import DatabaseSize, KeptDatabase, PostgresUse

# Three statements: where adding up sizes takes too long, or the administrator's database is missing, the replies before
# are there.
QUESTION = """\
SELECT json_build_object('collations', :collations, 'version', current_setting('server_version'),
 'connections', (SELECT count(*) FROM pg_stat_activity
   WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()),
 'max_connections', current_setting('max_connections')::int,
 'transactions', sum(xact_commit + xact_rollback), 'hit', sum(blks_hit), 'read', sum(blks_read)) FROM pg_stat_database;
SET statement_timeout = '8s';
SELECT coalesce(json_agg(json_build_array(datname, size) ORDER BY size DESC, datname), '[]')
 FROM (SELECT datname, pg_database_size(oid) AS size FROM pg_database
   WHERE datname NOT IN ('template0', 'template1')) d WHERE size IS NOT NULL;
\\connect :USER
"""
QUESTION = f"{collations.FIND}{QUESTION}{swap.registered_if_any()}"


def ask(container: str, admin: str) -> list[str]:
    """Return the command that takes QUESTION on standard input, and prints the container's figures first."""
    return usage.before(commands.psql(container, admin, "postgres"), contract.POSTGRES)


def parse(printed: str) -> tuple[str, PostgresUse] | None:
    """Return the server's version and use; None where it did not answer."""
    replies = [json.loads(line) for line in printed.splitlines() if line.startswith(("{", "["))]
    if not replies:
        return None
    facts, sizes, beside = [*replies, [], []][:3]
    use = PostgresUse(
        connections=facts["connections"],
        max_connections=facts["max_connections"],
        transactions=int(facts["transactions"]),
        cache_hit_ratio=_ratio(facts["hit"], facts["read"]),
        databases=tuple(DatabaseSize(name, size) for name, size in sizes),
        other_collations=tuple(row["name"] for row in facts["collations"]),
        kept=tuple(_kept(row) for row in beside if row["purpose"] == swap.KEPT and row["size"] is not None),
    )
    return facts["version"].split()[0], use


def _kept(row: dict[str, Any]) -> KeptDatabase:
    since = datetime.fromtimestamp(row["since"], UTC).isoformat(timespec="seconds")
    return KeptDatabase(row["name"], row["application"], since, row["size"])


def _ratio(hit: float, read: float) -> float | None:
    return hit / (hit + read) if hit + read else None
