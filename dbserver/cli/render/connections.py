"""Who is connected, as text for people. Pure."""

from collections.abc import Iterable, Sequence

from dbserver.clients import listed
from dbserver.results.clients import Client, Connections, Drained
from dbserver.units import duration

COLUMNS = ("SERVER", "APPLICATION", "CLIENT", "COLOUR", "TOTAL", "ACTIVE", "IDLE", "IDLE IN TX", "OLDEST TX", "WAITING")

UNKNOWN = "docs/how-to/deployments.md, 'Who is connected'"


def connections(found: Connections) -> str:
    """Return a table, one client a line, and the limits."""
    lines = [f"PostgreSQL: {found.used} of {found.max_connections} connections"]
    lines += [f"  {each.name}: {each.connections} of {each.connection_limit}" for each in found.applications]
    lines.append(f"Redis: {found.redis_clients} of {found.redis_max_clients} clients")
    rows = [_row(client) for client in found.clients]
    table = columns([COLUMNS, *rows]) if rows else ["nobody is connected"]
    return "\n".join([*lines, "", *table, *(f"unknown: {fault}" for fault in found.faults)])


def drained(result: Drained) -> str:
    """Return whether the colour is gone."""
    who = f"{result.colour} of {result.application}"
    if result.well:
        return f"no connection of {who} is left ({result.seconds} s)"
    lines = [f"{who} is still connected after {result.seconds} s: {listed(result.left)}"]
    nobodys = [client for client in result.left if not client.application]
    if nobodys:
        lines.append(f"of these nobody knows which application's they are: {listed(nobodys)}; see {UNKNOWN}")
    return "\n".join(lines)


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows as lines of aligned columns."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [_aligned(row, widths) for row in rows]


def _aligned(row: Iterable[str], widths: Iterable[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _row(client: Client) -> tuple[str, ...]:
    oldest = client.oldest_transaction_seconds
    figures = (client.total, client.active, client.idle, client.idle_in_transaction)
    return (
        client.server,
        client.application or "-",
        client.container or f"{client.origin} {client.address}".strip(),
        client.colour or "-",
        *map(str, figures),
        duration(oldest) if oldest else "-",
        str(client.waiting_for_locks),
    )
