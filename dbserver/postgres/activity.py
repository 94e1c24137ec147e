"""Who is connected to PostgreSQL, as the server sees it."""

import json
from typing import Any

from dbserver.postgres import registry
from dbserver.postgres.server import Server

NOBODY: dict[str, Any] = {"clients": [], "applications": [], "used": 0, "max_connections": 0}

CLIENTS = """
SELECT jsonb_build_object('clients', (SELECT coalesce(jsonb_agg(c), '[]') FROM (
    SELECT coalesce(datname, '') AS database, coalesce(usename, '') AS role, coalesce(host(client_addr), '') AS address,
        count(*) AS total,
        count(*) FILTER (WHERE state = 'active') AS active,
        count(*) FILTER (WHERE state = 'idle') AS idle,
        count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction,
        count(*) FILTER (WHERE wait_event_type = 'Lock') AS waiting,
        coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0) AS oldest
    FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3) c),
'used', (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
'max_connections', current_setting('max_connections')::int);
"""


def read(server: Server) -> dict[str, Any]:
    """Return clients, applications, used and max_connections. Raises CommandError where the server does not answer."""
    applications, told = server.query(registry.LIMITS + CLIENTS.replace("\n", " ") + "\n", server.admin).splitlines()
    return {**json.loads(told), "applications": json.loads(applications)}
