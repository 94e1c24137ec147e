"""The status as one screen: as text, with colours on a terminal only. Pure: a result in, text out."""

import io
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from dbserver import cleaning
from dbserver.cli.render.offsite import state_faults
from dbserver.results.schedule import Schedule
from dbserver.results.status import (
    DatabaseSize,
    KeptDatabase,
    LastBackup,
    PostgresUse,
    RedisUse,
    ServerStatus,
    Status,
    Validity,
)
from dbserver.units import duration, size

PLAIN_WIDTH = 10_000
DATABASES_SHOWN = 6
BACKUPS_SHOWN = 6
DIFFERENCES_SHOWN = 3
# From this part of what there is, a figure deserves a look.
NEARLY_ALL = 0.9
# Of a certificate's 397: any update would have renewed it long before.
SOON_DAYS = 30


def text(found: Status, *, width: int | None = None) -> str:
    """Return the status as text; with the width of a terminal in that width and in colours."""
    printed = io.StringIO()
    terminal = width is not None
    console = Console(file=printed, force_terminal=terminal, width=width or PLAIN_WIDTH, highlight=False)
    console.print(screen(found))
    return "\n".join(line.rstrip() for line in cleaning.lines(printed.getvalue().rstrip()))


def screen(found: Status) -> RenderableType:
    """Return the status of both servers."""
    parts = [part for server in found.servers for part in (_head(server), _facts(_known(server)))]
    return Group(*parts, _facts(_backups(found)), _facts(_archive(found)))


def _head(server: ServerStatus) -> Text:
    mark = ("ok  ", "bold green") if server.well else ("SICK" if server.answers else "DOWN", "bold red")
    return Text.assemble(mark, " ", (f"{server.container} {server.version}".rstrip(), "bold"))


def _facts(facts: Iterator[tuple[str, str | Text]]) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=6)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        if value:
            # A plain string would be read as markup: brackets in a name would vanish.
            told = Text(value) if isinstance(value, str) else value
            told.plain = cleaning.printable(told.plain)
            table.add_row("", name, told)
    return table


def _known(server: ServerStatus) -> Iterator[tuple[str, str | Text]]:
    yield "state", _state(server)
    yield "why", Text(server.fault, "red")
    yield "log", "\n".join(server.log)
    yield "data", Text(server.data_fault, "red")
    yield "look", Text("\n".join(server.advice), "yellow")
    if server.postgres:
        yield from _postgres(server.postgres)
    if server.redis:
        yield from _redis(server.redis)
    yield from _place(server)


def _backups(found: Status) -> Iterator[tuple[str, str | Text]]:
    yield "stack", found.stack
    for number, each in enumerate(found.backups[:BACKUPS_SHOWN]):
        yield "" if number else "backups", _backup(each)
    if len(found.backups) > BACKUPS_SHOWN:
        yield "", f"and {len(found.backups) - BACKUPS_SHOWN} more: ./scripts/dbserver backups"
    if found.schedule:
        yield "schedule", f"{found.schedule.meaning}, next {found.schedule.following[:16]}"
        yield "", Text("; ".join(schedule_faults(found.schedule)), "red")
    if found.offsite:
        last = found.offsite.last
        yield "offsite", f"{found.offsite.url}, last push {last.began[:16] if last else 'never'}"
        yield "", Text("; ".join(state_faults(found.offsite)), "red")


def _archive(found: Status) -> Iterator[tuple[str, str | Text]]:
    if found.archive:
        last = found.archive.windows[-1] if found.archive.windows else None
        yield "archive", f"any second from {last.start[:19]} to {last.end[:19]} UTC" if last else "no second yet"
        yield "", Text(found.archive.fault, "red")
        yield "", Text("\n".join(f"differs: {each}" for each in found.archive.differences), "yellow")


def schedule_faults(found: Schedule) -> list[str]:
    """Return what went wrong with scheduled backups."""
    missed = [f"the run of {found.missed[:16]} did not happen"] if found.missed else []
    failed = found.last.failed if found.last else ()
    return missed + [f"the last run failed: {each}" for each in failed]


def _backup(last: LastBackup) -> Text:
    if last.age_seconds is None:
        return Text(f"{last.subject}: none", "yellow")
    shown = Text(f"{last.subject}: {duration(last.age_seconds)} ago, {size(last.size_bytes)}")
    shown.append(", verified" if last.verified else "")
    shown.append(f", DAMAGED: ./scripts/dbserver verify {last.id}" if last.damaged else "", "red")
    shown.append(
        f", drill failed: {last.fault}" if last.fault else ", drilled" if last.drilled else "",
        "red" if last.fault else "",
    )
    return shown


def _state(server: ServerStatus) -> Text:
    health = f" ({server.health})" if server.health else ""
    shown = Text(f"{server.state}{health}", "" if server.well else "red")
    if server.uptime_seconds is not None:
        shown.append(f", up {duration(server.uptime_seconds)}", "")
    if server.restarts is not None:
        shown.append(f", {_count(server.restarts, 'restart')}", "yellow" if server.restarts else "")
    if server.oom_kills is not None:
        shown.append(f", {_count(server.oom_kills, 'OOM kill')}", "yellow" if server.oom_kills else "")
    return shown


def _postgres(use: PostgresUse) -> Iterator[tuple[str, str | Text]]:
    shown = f"{use.connections} of {use.max_connections}"
    yield "connections", Text(shown, _level(use.connections, use.max_connections))
    yield "cache hits", _percent(use.cache_hit_ratio)
    yield "databases", "\n".join(_databases(use.databases))
    yield "kept", "\n".join(_kept(use.kept))


def _redis(use: RedisUse) -> Iterator[tuple[str, str | Text]]:
    yield "clients", Text(f"{use.clients} of {use.max_clients}", _level(use.clients, use.max_clients))
    yield "key hits", _percent(use.hit_ratio)
    evicted = (f", {use.evicted_keys} keys evicted", "yellow" if use.evicted_keys else "")
    yield "data memory", Text.assemble(_part(use.used_memory, use.max_memory or None), evicted)
    unsaved = f", {_count(use.unsaved_changes, 'change')} since the last one" if use.persistence == "snapshot" else ""
    yield "persistence", f"{use.persistence}{unsaved}"
    yield "", Text(use.persistence_fault, "red")


def _place(server: ServerStatus) -> Iterator[tuple[str, str | Text]]:
    yield "memory", _part(server.memory_used_bytes, server.memory_limit_bytes)
    yield "disk left", _disk(server)
    yield "network", server.address if server.answers else ""
    yield "host", server.published
    if server.certificate:
        yield "TLS", _validity(server.certificate)
    yield "data", server.data
    yield "image", server.image
    more = len(server.differences) - DIFFERENCES_SHOWN
    rest = [f"and {more} more: --format json"] if more > 0 else []
    yield "differs", Text("\n".join([*server.differences[:DIFFERENCES_SHOWN], *rest]), "yellow")


def _validity(found: Validity) -> Text:
    if not found.well:
        return Text(f"certificate expired on {found.expires[:10]}: ./scripts/start.sh renews it", "red")
    return Text(f"certificate until {found.expires[:10]}", "yellow" if found.days_left < SOON_DAYS else "")


def _databases(known: Sequence[DatabaseSize]) -> Iterator[str]:
    largest, others = known[:DATABASES_SHOWN], known[DATABASES_SHOWN:]
    width = max((len(each.name) for each in largest), default=0)
    yield from (f"{each.name:<{width}}  {size(each.size_bytes):>9}" for each in largest)
    if others:
        yield f"and {len(others)} more, {size(sum(each.size_bytes for each in others))}"


def _kept(known: Sequence[KeptDatabase]) -> Iterator[str]:
    newest, others = known[-DATABASES_SHOWN:], known[:-DATABASES_SHOWN]
    yield from (f"{each.name}  {size(each.size_bytes)}, replaced {each.since[:16]}" for each in newest)
    if others:
        yield f"and {len(others)} older, {size(sum(each.size_bytes for each in others))}"


def _disk(server: ServerStatus) -> Text | str:
    if server.disk_free_bytes is None or server.disk_total_bytes is None:
        return ""
    used = server.disk_total_bytes - server.disk_free_bytes
    inodes = f", {server.inodes_free:,} inodes" if server.inodes_free is not None else ""
    shown = f"{size(server.disk_free_bytes)} of {size(server.disk_total_bytes)}{inodes}"
    return Text(shown, _level(used, server.disk_total_bytes))


def _part(used: int | None, limit: int | None) -> Text:
    if used is None:
        return Text()
    return Text(f"{size(used)} of {size(limit)}" if limit else f"{size(used)}, no limit", _level(used, limit))


def _percent(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio * 100:.1f} %"


def _level(part: int, whole: int | None) -> str:
    return "yellow" if whole and part >= NEARLY_ALL * whole else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
