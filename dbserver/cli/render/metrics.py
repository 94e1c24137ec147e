"""The status in Prometheus's text exposition format: docs/reference/metrics.md. Pure: a result in, text out."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from dbserver.results.archive import Archive
from dbserver.results.copies import OffsiteState
from dbserver.results.schedule import Schedule
from dbserver.results.status import LastBackup, PostgresUse, RedisUse, ServerStatus, Status

Figure = float | None
T = TypeVar("T")


@dataclass(frozen=True)
class Described:
    """A metric: its name without the prefix, what it counts, how its value is read; None leaves the series out."""

    name: str
    help: str
    value: Callable[[ServerStatus], Figure]
    family: type[GaugeMetricFamily | CounterMetricFamily] = GaugeMetricFamily


def _of_postgres(read: Callable[[PostgresUse], Figure]) -> Callable[[ServerStatus], Figure]:
    return lambda server: read(server.postgres) if server.postgres else None


def _of_redis(read: Callable[[RedisUse], Figure]) -> Callable[[ServerStatus], Figure]:
    return lambda server: read(server.redis) if server.redis else None


def _differences(server: ServerStatus) -> Figure:
    return None if server.state == "missing" else len(server.differences)


HEALTH = {"healthy": 1, "starting": 0, "unhealthy": 0}
DESCRIBED = (
    Described("up", "1 where the server answered a real query, else 0.", lambda s: bool(s.answers)),
    Described("healthy", "1 where Docker's health check succeeds, else 0.", lambda s: HEALTH.get(s.health)),
    Described("uptime_seconds", "Seconds since the container's start.", lambda s: s.uptime_seconds),
    Described("restarts", "Restarts that Docker made by itself.", lambda s: s.restarts, CounterMetricFamily),
    Described(
        "oom_kills", "Processes killed for lack of memory since the container's start.", lambda s: s.oom_kills,
        CounterMetricFamily,
    ),
    Described("memory_used_bytes", "Memory of the container, droppable pages left out.", lambda s: s.memory_used_bytes),
    Described("memory_limit_bytes", "Memory limit of the container.", lambda s: s.memory_limit_bytes),
    Described("disk_free_bytes", "Disk left for the server's data.", lambda s: s.disk_free_bytes),
    Described("disk_total_bytes", "Size of the disk with the server's data.", lambda s: s.disk_total_bytes),
    Described("inodes_free", "Files that the disk with the data still takes.", lambda s: s.inodes_free),
    Described("differences", "What of the container is not as declared.", _differences),
    Described(
        "certificate_expiry_timestamp_seconds", "Until when its certificate is valid.",
        lambda s: _seconds(s.certificate.expires) if s.certificate else None,
    ),
    Described("postgres_connections", "Connections of clients.", _of_postgres(lambda u: u.connections)),
    Described("postgres_max_connections", "Connections at most.", _of_postgres(lambda u: u.max_connections)),
    Described(
        "postgres_transactions", "Transactions, committed and rolled back.", _of_postgres(lambda u: u.transactions),
        CounterMetricFamily,
    ),
    Described(
        "postgres_cache_hit_ratio", "Part of the blocks that were read from memory.",
        _of_postgres(lambda u: u.cache_hit_ratio),
    ),
    Described("redis_clients", "Connections of clients.", _of_redis(lambda u: u.clients)),
    Described("redis_max_clients", "Connections at most.", _of_redis(lambda u: u.max_clients)),
    Described("redis_memory_used_bytes", "Memory that the data takes.", _of_redis(lambda u: u.used_memory)),
    Described("redis_memory_max_bytes", "Memory that the data may take.", _of_redis(lambda u: u.max_memory or None)),
    Described(
        "redis_evicted_keys", "Keys dropped for lack of memory.", _of_redis(lambda u: u.evicted_keys),
        CounterMetricFamily,
    ),
    Described("redis_hit_ratio", "Part of the look-ups that found a key.", _of_redis(lambda u: u.hit_ratio)),
    Described(
        "redis_persistence_ok", "0 where Redis could not write its data the last time, else 1.",
        _of_redis(lambda u: not u.persistence_fault),
    ),
    Described(
        "redis_unsaved_changes", "Changes since the last snapshot.", _of_redis(lambda u: u.unsaved_changes)
    ),
)  # fmt: skip
LABELS = ("stack", "server", "container")
OF_BACKUPS: Mapping[str, tuple[str, Callable[[LastBackup], Figure]]] = {
    "exists": ("0 where a declared application has none, else 1.", lambda b: bool(b.id)),
    "timestamp_seconds": ("When the newest one began.", lambda b: _seconds(b.started)),
    "size_bytes": ("Size of the newest one.", lambda b: b.size_bytes if b.id else None),
    "damaged": ("1 where the last look found the newest one damaged, else 0.", lambda b: b.damaged if b.id else None),
    "verified_timestamp_seconds": ("When the newest one was found whole.", lambda b: _seconds(b.verified)),
    "drilled_timestamp_seconds": ("When the newest one was last restored on trial.", lambda b: _seconds(b.drilled)),
    "drill_failed": ("1 where that failed, else 0.", lambda b: bool(b.fault) if b.drilled else None),
}
OF_SCHEDULE: Mapping[str, tuple[str, Callable[[Schedule], Figure]]] = {
    "ok": ("0 where the last run failed or one did not happen, else 1.", lambda s: s.well),
    "missed": ("1 where a run did not happen, else 0.", lambda s: bool(s.missed)),
    "next_timestamp_seconds": ("When the next run begins.", lambda s: _seconds(s.following)),
    "last_run_timestamp_seconds": ("When the last run ended.", lambda s: _seconds(s.last.ended) if s.last else None),
    "last_run_failures": ("What the last run did not back up.", lambda s: len(s.last.failed) if s.last else None),
}
OF_OFFSITE: Mapping[str, tuple[str, Callable[[OffsiteState], Figure]]] = {
    "ok": ("0 where the last push failed or copies are missing, else 1.", lambda o: o.well),
    "waiting": ("Newest backups without a copy for more than a day.", lambda o: len(o.waiting)),
    "last_push_timestamp_seconds": ("When the last push ended.", lambda o: _seconds(o.last.ended) if o.last else None),
    "last_push_failures": ("What the last push did not copy.", lambda o: len(o.last.failed) if o.last else None),
}


def exposition(found: Status) -> str:
    """Return every metric of both servers, of their backups and of the archive."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(found))
    return generate_latest(registry).decode()


@dataclass(frozen=True)
class _Families(Collector):
    found: Status

    def collect(self) -> Iterable[Metric]:
        yield from (_family(self.found, each) for each in DESCRIBED)
        yield from _databases(self.found)
        yield from _archive(self.found)
        backups: dict[tuple[str, ...], LastBackup] = {
            (self.found.stack, each.subject): each for each in self.found.backups
        }
        yield from _alike("backup", OF_BACKUPS, backups, ("stack", "subject"))
        if self.found.schedule:
            yield from _alike("schedule", OF_SCHEDULE, {(self.found.stack,): self.found.schedule}, ("stack",))
        if self.found.offsite:
            yield from _alike("offsite", OF_OFFSITE, {(self.found.stack,): self.found.offsite}, ("stack",))


def _family(found: Status, described: Described) -> Metric:
    family = described.family(f"dbserver_{described.name}", described.help, labels=LABELS)
    for server in found.servers:
        value = described.value(server)
        if value is not None:
            family.add_metric(_labels(found, server), float(value))
    return family


def _databases(found: Status) -> Iterator[Metric]:
    family = GaugeMetricFamily(
        "dbserver_postgres_database_size_bytes", "Size of a database on disk.", labels=(*LABELS, "database")
    )
    for server in found.servers:
        for database in server.postgres.databases if server.postgres else ():
            family.add_metric((*_labels(found, server), database.name), float(database.size_bytes))
    yield family


def _archive(found: Status) -> Iterator[Metric]:
    archive = found.archive
    if archive is None:
        return
    last = archive.windows[-1] if archive.windows else None
    figures: dict[str, tuple[str, Figure]] = {
        "up": ("1 where nothing is wrong with the archive, else 0.", archive.well),
        "differences": ("What of the container is not as declared.", _unlike(archive)),
        "lag_bytes": ("Log that the archive does not have yet.", archive.lag_bytes),
        "lag_seconds": ("Since when it lacks some.", archive.lag_seconds),
        "start_timestamp_seconds": ("From when on any second comes back.", _seconds(last.start) if last else None),
        "end_timestamp_seconds": ("Until when any second comes back.", _seconds(last.end) if last else None),
    }
    for name, (meaning, value) in figures.items():
        family = GaugeMetricFamily(f"dbserver_archive_{name}", meaning, labels=LABELS)
        if value is not None:
            family.add_metric((found.stack, "archive", archive.container), float(value))
        yield family


def _alike(
    what: str,
    described: Mapping[str, tuple[str, Callable[[T], Figure]]],
    things: Mapping[tuple[str, ...], T],
    labels: tuple[str, ...],
) -> Iterator[Metric]:
    """Yield the metrics of things of one kind, each known by the values of its labels."""
    for name, (meaning, read) in described.items():
        family = GaugeMetricFamily(f"dbserver_{what}_{name}", meaning, labels=labels)
        for values, thing in things.items():
            figure = read(thing)
            if figure is not None:
                family.add_metric(values, float(figure))
        yield family


def _unlike(archive: Archive) -> Figure:
    return None if archive.state == "missing" else len(archive.differences)


def _seconds(moment: str) -> Figure:
    return datetime.fromisoformat(moment).timestamp() if moment else None


def _labels(found: Status, server: ServerStatus) -> tuple[str, ...]:
    return found.stack, server.server, server.container
