"""The metrics, as Prometheus's own parser reads them."""

import re
from datetime import datetime

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from dbserver.cli.render import metrics
from dbserver.results.archive import Archive, ReachableTime
from dbserver.results.copies import OffsiteRun, OffsiteState
from dbserver.results.schedule import Run, Schedule
from dbserver.results.status import LastBackup, PostgresUse, ServerStatus, Status, Validity
from tests.unit.dbserver.cli.render.test_servers import MISSING
from tests.unit.dbserver.cli.render.test_status import FAULTY, GIB, MIB, postgres, redis
from tests.unit.test_documentation import first_column, reference

ARCHIVE = Archive(
    "dev", "db-server-archive", "running", "/srv/archive", 3600, "0 2 * * *", synchronous=False, streaming=True,
    lag_bytes=4096, lag_seconds=1.5, windows=(ReachableTime("2026-11-26T12:00:00+00:00", "2026-11-26T13:00:00+00:00"),),
)  # fmt: skip

NOON = datetime.fromisoformat("2026-11-28T12:00:00+00:00").timestamp()
BACKUPS = (
    LastBackup("shop", "shop_now", 60, 4096, "2026-11-28T12:00:02+00:00", "2026-11-28T12:00:03+00:00", "no room",
               started="2026-11-28T12:00:00+00:00"),
    LastBackup("blog", "blog_now", 60, 512, damaged=True, started="2026-11-28T12:00:01+00:00"),
    LastBackup("new"),
)  # fmt: skip
SCHEDULE = Schedule(
    "dev", "0 2 * * *", "daily", "cron", following="2026-11-28T12:00:09+00:00", missed="2026-11-28T11:00:00+00:00",
    last=Run("2026-11-28T12:00:00+00:00", "2026-11-28T12:00:05+00:00", 3, ("blog: no room", "shop: no room")),
)  # fmt: skip
OFFSITE = OffsiteState(
    "s3://elsewhere", OffsiteRun("2026-11-28T12:00:00+00:00", "2026-11-28T12:00:07+00:00", 1, ("shop: denied",)),
    ("shop_now",),
)  # fmt: skip


def parsed(*servers: ServerStatus) -> list[Metric]:
    return list(text_string_to_metric_families(metrics.exposition(Status("dev", servers))))


def samples(*servers: ServerStatus) -> dict[tuple[str, str], float]:
    return {
        (sample.name, sample.labels["server"] + sample.labels.get("database", "")): sample.value
        for family in parsed(*servers)
        for sample in family.samples
    }


def test_every_metric_is_documented_and_no_other() -> None:
    text = metrics.exposition(Status("dev", (), BACKUPS, SCHEDULE, ARCHIVE, OFFSITE))
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
    assert first_column(reference("metrics.md")) == set(kinds)
    for name, kind in kinds.items():
        assert re.search(rf"^\| `{name}` \| {kind} \|", reference("metrics.md"), re.MULTILINE), name
        assert name.endswith("_total") == (kind == "counter"), name


def test_every_metric_names_stack_server_and_container() -> None:
    for family in parsed(postgres(), redis()):
        assert family.documentation
        for sample in family.samples:
            assert set(sample.labels) - {"database"} == {"stack", "server", "container"}, family.name
            assert sample.labels["stack"] == "dev"


def test_the_figures_are_those_of_the_status() -> None:
    found = samples(postgres(differences=("x",)), redis())
    assert {name.removeprefix("dbserver_"): value for (name, server), value in found.items() if server == "redis"} == {
        "up": 1, "healthy": 1, "uptime_seconds": 273_600, "restarts_total": 1, "oom_kills_total": 2,
        "memory_used_bytes": 60 * MIB, "memory_limit_bytes": 256 * MIB, "disk_free_bytes": 45 * GIB,
        "disk_total_bytes": 60 * GIB, "inodes_free": 3_900_000, "differences": 0,
        "redis_clients": 3, "redis_max_clients": 10000, "redis_memory_used_bytes": 48 * MIB,
        "redis_memory_max_bytes": 192 * MIB, "redis_evicted_keys_total": 7, "redis_hit_ratio": 0.75,
        "redis_persistence_ok": 1, "redis_unsaved_changes": 12,
    }  # fmt: skip
    own = {name: value for (name, server), value in found.items() if name.startswith("dbserver_postgres_")}
    assert own["dbserver_postgres_connections"] == 4
    assert own["dbserver_postgres_max_connections"] == 100
    assert own["dbserver_postgres_transactions_total"] == 1234
    assert own["dbserver_postgres_cache_hit_ratio"] == 0.9921
    assert found["dbserver_postgres_database_size_bytes", "postgresshop"] == 1200 * MIB
    assert found["dbserver_differences", "postgres"] == 1


def test_a_server_that_does_not_answer_is_not_up_and_has_no_figures_of_its_own() -> None:
    found = samples(postgres(), MISSING)
    assert {name: value for (name, server), value in found.items() if server == "redis"} == {"dbserver_up": 0}
    assert found["dbserver_up", "postgres"] == 1


def test_an_unhealthy_container_is_not_healthy() -> None:
    assert samples(redis(health="unhealthy"))["dbserver_healthy", "redis"] == 0


def test_what_is_unknown_or_without_a_limit_has_no_series() -> None:
    found = samples(postgres(PostgresUse(1, 2, 3, None), inodes_free=None), redis(FAULTY))
    names = {name for name, _ in found}
    assert "dbserver_postgres_cache_hit_ratio" not in names
    assert "dbserver_redis_memory_max_bytes" not in names
    assert ("dbserver_inodes_free", "postgres") not in found
    assert found["dbserver_redis_persistence_ok", "redis"] == 0


def test_the_archive_tells_what_is_late_and_from_when_to_when_seconds_come_back() -> None:
    text = metrics.exposition(Status("dev", (), archive=ARCHIVE))
    labels = '{container="db-server-archive",server="archive",stack="dev"}'
    assert f"dbserver_archive_up{labels} 1.0" in text
    assert f"dbserver_archive_lag_bytes{labels} 4096.0" in text
    assert f"dbserver_archive_differences{labels} 0.0" in text
    found = [float(each) for each in re.findall(r"^dbserver_archive_(?:start|end)\S+ (\S+)$", text, re.MULTILINE)]
    assert found[1] - found[0] == 3600


def test_without_an_archive_there_is_no_series_of_one() -> None:
    assert "dbserver_archive" not in metrics.exposition(Status("dev", ()))


def of(what: str, found: Status) -> dict[str, float]:
    """Return the series of one kind without its name's beginning, with the subject where there is one."""
    return {
        (sample.name.removeprefix(f"dbserver_{what}_") + " " + sample.labels.get("subject", "")).strip(): sample.value
        for family in text_string_to_metric_families(metrics.exposition(found))
        for sample in family.samples
        if sample.name.startswith(f"dbserver_{what}_") and sample.labels["stack"] == "dev"
    }


def test_each_application_tells_of_its_newest_backup_and_of_none() -> None:
    assert of("backup", Status("dev", (), BACKUPS)) == {
        "exists shop": 1, "timestamp_seconds shop": NOON, "size_bytes shop": 4096, "damaged shop": 0,
        "verified_timestamp_seconds shop": NOON + 2, "drilled_timestamp_seconds shop": NOON + 3, "drill_failed shop": 1,
        "exists blog": 1, "timestamp_seconds blog": NOON + 1, "size_bytes blog": 512, "damaged blog": 1,
        "exists new": 0,
    }  # fmt: skip


def test_the_schedule_tells_of_its_last_and_its_next_run() -> None:
    assert of("schedule", Status("dev", (), schedule=SCHEDULE)) == {
        "ok": 0, "missed": 1, "next_timestamp_seconds": NOON + 9, "last_run_timestamp_seconds": NOON + 5,
        "last_run_failures": 2,
    }  # fmt: skip
    fresh = Schedule("dev", "0 2 * * *", following="2026-11-28T12:00:00+00:00")
    assert of("schedule", Status("dev", (), schedule=fresh)) == {"ok": 1, "missed": 0, "next_timestamp_seconds": NOON}
    assert of("schedule", Status("dev", ())) == {}


def test_the_copies_elsewhere_tell_of_the_last_push_and_of_what_waits() -> None:
    assert of("offsite", Status("dev", (), offsite=OFFSITE)) == {
        "ok": 0, "waiting": 1, "last_push_timestamp_seconds": NOON + 7, "last_push_failures": 1,
    }  # fmt: skip
    assert of("offsite", Status("dev", (), offsite=OffsiteState("s3://elsewhere"))) == {"ok": 1, "waiting": 0}
    assert of("offsite", Status("dev", ())) == {}


def test_a_server_with_tls_tells_until_when_its_certificate_is_valid() -> None:
    found = samples(postgres(certificate=Validity("2026-11-28T12:00:00+00:00", 3)), redis())
    name = "dbserver_certificate_expiry_timestamp_seconds"
    assert {key: value for key, value in found.items() if key[0] == name} == {(name, "postgres"): NOON}
