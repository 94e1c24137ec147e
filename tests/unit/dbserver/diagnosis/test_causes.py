"""Every cause of the table is found in what shows it, alone, and nothing is found in two servers that are well."""

import shlex
from dataclasses import replace
from typing import Any

import pytest

from dbserver.diagnosis.cause import BY_SERVER, FAULT, ISSUES, WARNING, judge
from dbserver.diagnosis.causes import CAUSES
from dbserver.diagnosis.facts import Collation, Database, Facts, Inside, Place, Prepared, Role
from dbserver.docker.containers import Published
from dbserver.docker.host import Identity
from dbserver.identity import Known
from dbserver.results.archive import Archive
from dbserver.results.copies import OffsiteRun, OffsiteState
from dbserver.results.diagnosis import Finding
from dbserver.results.schedule import Run, Schedule
from dbserver.results.status import Validity
from dbserver.units import MIB
from tests.unit.dbserver.diagnosis.seen import (
    DECLARED,
    GIB,
    PLACE,
    POSTGRES,
    REDIS,
    denied,
    facts,
    session,
    with_container,
    with_info,
    with_place,
    with_postgres,
    with_server,
    with_settings,
)  # fmt: skip

FAILED = Run("2026-11-24T03:00:00+00:00", "2026-11-24T03:01:00+00:00", 1, ("shop: disk full",))
PG, RD = "postgres", "redis"
OPEN, OUTSIDE = Published("6379/tcp", "", 6379), Published("5432/tcp", "10.0.0.5", 5432)
LOG = "2026-01-01 00:00:00.000 UTC [77] "
STOPPED: dict[str, Any] = {"state": "exited", "exit_code": 1}


def stopped(server: str, **changes: Any) -> Facts:
    known = with_container(server, **STOPPED)
    return replace(known, servers={**known.servers, server: replace(known.servers[server], **changes)})


def looping(*log: str, **changes: Any) -> Facts:
    known = with_container(PG, state="restarting", restarts=7, exit_code=1)
    return replace(known, servers={**known.servers, PG: replace(known.servers[PG], log=log, **changes)})


def said(*lines: str) -> Facts:
    return with_server(PG, log=tuple(LOG + line for line in lines))


def refusing(server: str, words: str) -> Facts:
    return with_server(server, refusal=words, postgres=None if server == PG else POSTGRES,
                       redis=None if server == RD else REDIS)  # fmt: skip


def shop(**changes: Any) -> Facts:
    values: dict[str, Any] = {"name": "shop_db", "open": True, "limit": -1, "age": 100, "checksum_failures": 0}
    return with_postgres(databases=(Database(**{**values, **changes}),))


def inside_shop(**changes: Any) -> Facts:
    return with_postgres(inside=(Inside("shop_db", **changes),), available={"hstore": "1.8"}, libraries=("pg_cron",))


def place_of_stopped(**changes: Any) -> Facts:
    place = facts().servers[PG].place
    assert place
    return stopped(PG, place=replace(place, **changes))


KNOWN = Known("7123", "/data/db-server/postgres")
AWAY = Archive(
    "unit", "db-server-archive", "exited", "/srv/archive", 3600, "0 2 * * *", synchronous=False,
    fault="container db-server-archive is exited: nothing that is written now comes back",
)  # fmt: skip
NOT_COPIED = OffsiteRun("2026-11-24T03:00:00+00:00", "", 0, ("shop_1: the disk is full",))
SEEN: list[tuple[str, Facts, str]] = [
    ("docker-missing", Facts(DECLARED, "missing", "docker not found"), "no docker on PATH"),
    ("daemon-down", Facts(DECLARED, "down", "Cannot connect"), "does not run"),
    ("daemon-silent", Facts(DECLARED, "silent", "no answer"), "does not answer"),
    ("not-in-docker-group", Facts(DECLARED, "denied", "permission denied"), "not in the group docker"),
    ("docker-before-28", facts(version="27.5.1"), "Docker 27.5.1: machines on the same link"),
    ("network-missing", replace(with_container(PG, networks=()), network=False), "nginx-network does not exist"),
    ("backup-failed", facts(schedule=Schedule("unit", last=FAILED)), "began 2026-11-24T03:00:00+00:00 failed"),
    ("offsite-failed", facts(offsite=OffsiteState("file:///copies", NOT_COPIED)), "began 2026-11-24T03:00:00 failed"),
    ("offsite-missing", facts(offsite=OffsiteState("file:///copies", waiting=("shop_1",))), "shop_1"),
    ("backup-missed", facts(schedule=Schedule("unit", "0 3 * * *", missed="2026-11-24T03:00")), "did not happen"),
    ("backup-damaged", facts(damaged_backups=(("shop", "shop_1"),)), "of shop is damaged: shop_1"),
    ("archive-down", facts(archive=AWAY), "container db-server-archive is exited"),
    ("archive-behind", facts(archive=replace(AWAY, state="running", synchronous=True)), "EVERY COMMIT WAITS"),
    ("archive-differs", facts(archive=replace(AWAY, fault="", differences=("user: root",))), "not as declared"),
    ("state-locked", facts(dead_updates=(4711,)), "process 4711"),
    ("compose-file-foreign", facts(compose_foreign=("compose.yaml",), compose_fault="is missing"), "compose.yaml, "),
    ("compose-file-stale", facts(compose_fault="is missing"), "docker-compose.yml is missing"),
    ("memory-short", with_place(PG, memory_available=100 * MIB), "100.0 MB of 16.0 GB"),
    ("clock-wrong", with_postgres(asked=1600.0, answered=1601.0), "10 min 0 s apart"),
    ("clock-wrong", with_postgres(checkpoint=4600.0), "1 h 0 min in the future"),
    ("overcommit", with_settings({"overcommit": 2}), "vm.overcommit_memory is 2"),
    ("overcommit", with_settings({"overcommit": 0}, maxmemory=str(10 * GIB)), "10.0 GB of 16.0 GB"),
    ("transparent-huge-pages", with_settings({"huge_pages": "always"}, disable_thp="no"), "always on"),
    ("data-missing", place_of_stopped(exists=False, filled=False, owners=()), "/data/db-server/postgres is gone"),
    ("data-missing", place_of_stopped(filled=False, owners=((".", 0),), version=""), "is empty"),
    ("data-other-owner", place_of_stopped(owners=((".", 999), ("PG_VERSION", 0))), "belongs to uid 0"),
    ("data-other-owner", with_place(RD, owners=((".", 0),)), "/data/db-server/redis belongs to uid 0"),
    ("data-not-the-stacks", with_server(PG, known=KNOWN, place=replace(PLACE, identity=Identity("8000"))),
     "/data/db-server/postgres holds the data of another PostgreSQL (8000); the stack's is 7123"),
    ("data-not-the-stacks", with_place(RD, identity=Identity("", "ab")), "no data of this Redis; the stack's is ab"),
    ("data-missing", stopped(PG, place=Place(filled=False), known=KNOWN), "is empty"),
    ("data-other-version", place_of_stopped(version="15"), "PostgreSQL 15, the image is 17"),
    ("data-read-only", with_place(RD, read_only=True), "read-only (/data)"),
    ("disk-full", place_of_stopped(free=100 * MIB), "100.0 MB of 100.0 GB are free"),
    ("disk-filling", with_place(PG, free=5 * GIB), "5.0 GB of 100.0 GB are free"),
    ("disk-inodes", with_place(RD, free_inodes=12), "12 of 2000000 inodes"),
    ("port-taken", stopped(PG, holders=("nginx (pid 815)",)), "port 5432 is taken by nginx (pid 815)"),
    ("container-foreign", with_container(RD, labels={"com.database.stack": "prod"}), "belongs to stack prod"),
    ("administrator-other", with_container(PG, environment={"POSTGRES_USER": "root"}), "administrator as root"),
    ("administrator-other",
     replace(with_container(PG, environment={"POSTGRES_USER": "root"}), compose_fault="is not as declared"), "root"),
    ("container-missing", with_server(PG, container=None, place=None, postgres=None), "does not exist"),
    ("container-dead", with_container(RD, state="dead"), "is dead"),
    ("container-paused", with_container(PG, state="paused"), "is paused"),
    ("out-of-memory", with_container(PG, oom_killed=True, memory=GIB, state="exited", exit_code=137), "is 1.0 GB"),
    ("out-of-memory", with_place(PG, killed=2), "2 processes of container db-server-postgres killed"),
    ("container-restarting", looping(LOG + "FATAL:  something"), "7 restarts, exit code 1"),
    ("container-stopped", stopped(RD), "is exited, exit code 1"),
    ("container-crashed", replace(with_container(PG, restarts=1), servers={
        PG: replace(with_container(PG, restarts=1).servers[PG], up_seconds=90)}), "restarted by Docker 1 min 30 s ago"),
    ("container-unhealthy", with_container(RD, health="unhealthy"), "db-server-redis is unhealthy"),
    ("server-silent", refusing(PG, "no answer within 15 s"), "does not answer a query"),
    ("container-off-network", with_container(PG, networks=("bridge",)), "is on bridge, not on nginx-network"),
    ("published-beyond-loopback", with_container(RD, published=(OPEN,)), "every address:6379"),
    ("published-beyond-loopback", with_container(PG, published=(OUTSIDE,)), "published on 10.0.0.5:5432"),
    ("certificate-expired", with_server(PG, certificate=Validity("2026-11-25T12:00:00", -1)), "expired on 2026-11-25"),
    ("certificate-expires", with_server(RD, certificate=Validity("2026-12-25T12:00:00", 29)), "in 29 days, on 2026-"),
    ("certificate-expires", with_server(PG, certificate=Validity("2026-11-26T12:00:00", 0)), "expires in 0 days"),
    ("declared-differs", with_server(PG, differences=("memory limit: 1, declared is 2",)), "not as declared"),
    ("postgres-starting", refusing(PG, "psql: error: FATAL:  the database system is starting up"), "is starting"),
    ("huge-pages", looping(LOG + "FATAL:  could not map anonymous shared memory: no memory"), "huge pages"),
    ("settings-refused", looping(LOG + 'FATAL:  configuration file "a.conf" contains errors'), "refuses its settings"),
    ("minor-outdated", with_postgres(version="16.3 (Debian 16.3-1)"), "PostgreSQL 16.3 (Debian 16.3-1): a backup may"),
    ("settings-faulty", with_postgres(faults=("work_mem: invalid value",)), "have faults"),
    ("settings-overridden", with_postgres(overridden=("work_mem",), pending=("work_mem",)), "overrides"),
    ("settings-pending", with_postgres(pending=("max_wal_senders",)), "wait for a restart: max_wal_senders"),
    ("password-wrong", said('FATAL:  password authentication failed for user "shop_role"'), "user shop_role, 1 times"),
    ("login-rejected", said('FATAL:  pg_hba.conf rejects connection for host "172.20.0.5", user "dbadmin", database'),
     "user dbadmin are rejected"),
    ("database-unknown", said('FATAL:  database "nowhere" does not exist'), "database nowhere, which does not exist"),
    ("database-forbidden", said('FATAL:  permission denied for database "shop_db"'), "may not connect"),
    ("application-missing", with_postgres(databases=()), "its database shop_db cannot be used"),
    ("application-missing", with_postgres(roles=()), "its role shop_role cannot be used"),
    ("database-closed", shop(open=False), "shop_db of shop allows no connections"),
    ("database-closed", shop(limit=0), "has connection limit 0"),
    ("password-expired", with_postgres(roles=(Role("shop_role", 0, 20, expired=True),)), "role shop_role (shop)"),
    ("read-only-by-setting", with_postgres(read_only=True), "read-only by default"),
    ("standby", with_postgres(standby=True, read_only=True), "takes no writes"),
    ("checksum-failures", shop(checksum_failures=4), "4 pages of database shop_db"),
    ("wraparound", shop(age=1_500_000_000), "1500000000 transactions old"),
    ("archiving-fails", with_postgres(archive_failures=3), "archive"),
    ("replication-slot", with_postgres(slots=(("left", 5 * GIB),)), "keeps 5.0 GB"),
    ("locks-exhausted", said("ERROR:  out of shared memory"), "was full, 1 times"),
    ("postgres-crashed", with_postgres(crashed_seconds=90.0), "was ended 1 min 30 s ago"),
    ("collation-version", with_postgres(collations=(("shop_db", "2.36", "2.41"),)), "version 2.36, the image has 2.41"),
    ("collation-version-of-columns", inside_shop(collations=(Collation('s."C"', "1", "2", ("s.i",)),)),
     'version 1 of s."C", the image has 2'),
    ("library-not-loaded", inside_shop(extensions=(("pg_stat_statements", "1.11"),)), ": pg_stat_statements"),
    ("extension-older", inside_shop(extensions=(("hstore", "1.7"),)), "version 1.7, the image brings 1.8"),
    ("connections-exhausted", with_postgres(used=100), "100 of 100 connections are taken"),
    ("connections-exhausted", said("FATAL:  sorry, too many clients already"), "1 were refused"),
    ("connections-exhausted", refusing(PG, "FATAL:  sorry, too many clients already"), "every connection is taken"),
    ("connections-nearly-exhausted", with_postgres(used=90), "90 of 100"),
    ("application-at-its-limit", with_postgres(roles=(Role("shop_role", 20, 20, expired=False),)),
     "application shop holds 20 of the 20 connections"),
    ("application-at-its-limit", said('FATAL:  too many connections for role "shop_role"'), "1 were refused"),
    ("lock-chain", with_postgres(sessions=(session(1, state="idle in transaction"), session(2, 1), session(3, 2))),
     "2 sessions wait up to 1 min 0 s for a lock that pid 1 holds"),
    ("idle-in-transaction", with_postgres(sessions=(session(1, state="idle in transaction"),)), "idle for 1 min 0 s"),
    ("prepared-transaction", with_postgres(prepared=(Prepared("it's", "shop_db", "shop_role", 90),)), "it's"),
    ("redis-loading", with_info(loading="1", loading_loaded_perc="40", loading_eta_seconds="9"), "40 % are read"),
    ("redis-busy", refusing(RD, "BUSY Redis is busy running a script."), "script"),
    ("redis-ping-denied", with_server(RD, redis=replace(REDIS, ping="NOAUTH Authentication required.")), "see NOAUTH"),
    ("redis-administrator-denied", refusing(RD, "AUTH failed: WRONGPASS invalid username"), "administrator's password"),
    ("redis-password-wrong", denied("auth", "shop"), "unknown user: shop"),
    ("redis-password-missing", denied("command", "default"), "without a password"),
    ("redis-key-refused", denied("key", "shop", subject="dramatiq"), "in its redisPrefix: dramatiq"),
    ("redis-channel-refused", denied("channel", "shop", subject="shop:a.*"), "in its redisChannels: shop:a.*"),
    ("redis-scan-refused", denied("command", "shop", subject="scan"), "a command that redisScan allows: scan"),
    ("redis-command-refused", denied("command", "shop", subject="keys"), "commands that no setting allows: keys"),
    ("redis-full", with_info(used_memory=str(190 * MIB)), "190.0 MB of 192.0 MB"),
    ("redis-persistence-fails", with_info(rdb_last_bgsave_status="err"), "the last snapshot (BGSAVE) failed"),
    ("redis-clients", with_info(connected_clients="9500"), "9500 of 10000 clients"),
    ("redis-clients", refusing(RD, "ERR max number of clients reached"), "takes no more clients"),
    ("redis-replica", with_info(role="slave", master_host="10.0.0.9", master_port="6379"), "10.0.0.9:6379"),
    ("redis-settings-differ", with_settings(appendonly="no", save=""), "other settings"),
]  # fmt: skip


def findings(known: Facts) -> list[Finding]:
    return list(judge(known, CAUSES))


FATAL_SETTING = LOG + 'FATAL:  configuration file "a.conf" contains errors'
FATAL_PAGES = LOG + "FATAL:  could not map anonymous shared memory: no memory"


@pytest.mark.parametrize(
    ("log", "named"),
    [((FATAL_SETTING, FATAL_PAGES), "huge-pages"), ((FATAL_PAGES, FATAL_SETTING), "settings-refused")],
)
def test_a_server_that_does_not_start_is_told_the_reason_of_its_last_start_alone(
    log: tuple[str, ...], named: str
) -> None:
    found = {finding.cause for finding in judge(looping(*log), CAUSES)}
    assert found & {"huge-pages", "settings-refused"} == {named}


def test_two_servers_that_are_well_have_no_finding() -> None:
    assert findings(facts()) == []
    assert findings(facts(version="28.0.0")) == []


@pytest.mark.parametrize(
    ("outside", "unless"),
    [({}, ""), ({"redis": "10.0.0.5"}, ""), ({"postgres": "10.0.0.5"}, " ! --ctorigdst 10.0.0.5")],
)
def test_what_keeps_neighbours_out_spares_who_comes_by_tls(outside: dict[str, str], unless: str) -> None:
    (found,) = findings(facts(version="20.10.24", declared=replace(DECLARED, outside=outside)))
    assert found.severity == WARNING
    assert found.command.endswith(f"--ctdir ORIGINAL{unless} -j DROP")
    assert "'{{(index .IPAM.Config 0).Subnet}}' nginx-network" in found.command


@pytest.mark.parametrize(("cause", "known", "words"), SEEN, ids=[f"{row[0]}-{n}" for n, row in enumerate(SEEN)])
def test_a_cause_is_found_alone_with_its_figures_and_a_whole_command(cause: str, known: Facts, words: str) -> None:
    found = findings(known)
    assert [each.cause for each in found] == [cause]
    assert words in found[0].what
    assert "{" not in found[0].command.replace("{{", "")
    assert shlex.split(found[0].command), "a shell can read it"


def test_the_indexes_are_named_and_made_again_alone_unless_they_are_many() -> None:
    moved = {"collations": (("shop_db", "2.36", "2.41"),)}
    few = with_postgres(**moved, inside=(Inside("shop_db", indexes=('s."I"', "s.j")),))
    (found,) = findings(few)
    assert found.evidence == ('index s."I"', "index s.j")
    assert shlex.split(found.command.partition(" && ")[0])[-6:] == [
        "--dbname", "shop_db", "--index", 's."I"', "--index", "s.j",
    ]  # fmt: skip
    many = with_postgres(**moved, inside=(Inside("shop_db", indexes=tuple(f"s.i{n}" for n in range(21))),))
    (found,) = findings(many)
    assert found.evidence[-1] == "and 17 more"
    assert "--index" not in found.command


def test_a_library_is_added_to_those_that_are_loaded_unless_that_waits_for_a_restart() -> None:
    inside = (Inside("shop_db", (("pg_cron", "1.6"), ("pg_stat_statements", "1.11"), ("hstore", "1.8"))),)
    (found,) = findings(with_postgres(inside=inside, libraries=("pg_cron",)))
    assert "shared_preload_libraries' pg_cron,pg_stat_statements &&" in found.command
    assert found.evidence == ("pg_stat_statements in database shop_db",)
    waiting = findings(with_postgres(inside=inside, libraries=(), pending=("shared_preload_libraries",)))
    assert [each.cause for each in waiting] == ["settings-pending"]


START = "./scripts/start.sh --stack unit"


@pytest.mark.parametrize(("known", "command"), [
    (said('FATAL:  password authentication failed for user "nobody"'), "./scripts/dbserver list --stack unit"),
    (said('FATAL:  database "nowhere" does not exist'), "./scripts/dbserver list --stack unit"),
    (denied("auth", "nobody"), "./scripts/dbserver connections --stack unit"),
    (denied("command", "default"), "./scripts/dbserver connections --stack unit"),
    (denied("key", "gone"), "./scripts/dbserver connections --stack unit"),
    (denied("command", "gone", subject="scan"), "./scripts/dbserver connections --stack unit"),
    (refusing(PG, "FATAL:  sorry, too many clients already"),
     "pulumi config set --stack unit --path 'db-server:postgres.maxConnections' 154 && " + START),
    (with_postgres(roles=(Role("shop_role", 0, 20, expired=False), Role('o{"', 4, 4, expired=False))),
     'docker exec db-server-postgres psql -U dbadmin -d postgres -c "ALTER ROLE \\"o{\\"\\"\\" CONNECTION LIMIT 8"'),
])  # fmt: skip
def test_a_command_can_be_run_as_it_stands_where_nobody_knows_whose_clients_they_are(
    known: Facts, command: str
) -> None:
    assert [each.command for each in findings(known)] == [command]


def imaged(known: Facts, image: str) -> Facts:
    return replace(known, declared=replace(known.declared, images={**known.declared.images, PG: image}))


@pytest.mark.parametrize(("image", "old_major", "old_minor"), [
    ("postgres:17", "set postgres:16", "pull postgres:17"),
    ("postgres:17-alpine", "set postgres:16-alpine", "pull postgres:17-alpine"),
    ("postgres:16.2-alpine3.19", "set postgres:16-alpine3.19", "set postgres:16.4-alpine3.19"),
    ("example.com:5000/postgis/postgis:17-3.5", "set example.com:5000/postgis/postgis:16-3.5",
     "pull example.com:5000/postgis/postgis:17-3.5"),
    ("company/database", "set IMAGE-OF-16", "pull company/database"),
    ("company/database:prod", "set IMAGE-OF-16", "pull company/database:prod"),
    ("postgres@sha256:17", "set IMAGE-OF-16", "set IMAGE-OF-16.4"),
])  # fmt: skip
def test_another_version_is_one_of_the_same_image_never_another_build_on_the_same_data(
    image: str, old_major: str, old_minor: str
) -> None:
    setting = "pulumi config set --stack unit --path 'db-server:postgres.image'"
    for known, expected in (
        (with_place(PG, version="16"), old_major),
        (with_postgres(version="16.3"), old_minor),
    ):
        verb, _, name = expected.partition(" ")
        (found,) = findings(imaged(known, image))
        assert found.command == f"{setting if verb == 'set' else 'docker pull'} {name} && {START}"


def test_every_cause_of_the_table_is_found_by_a_test() -> None:
    assert {row[0] for row in SEEN} == {cause.name for cause in CAUSES}


def test_what_was_not_seen_is_no_cause() -> None:
    unseen = {name: replace(s, place=None, postgres=None, redis=None) for name, s in facts().servers.items()}
    assert findings(facts(servers=unseen, network=None)) == []
    assert findings(Facts(DECLARED)) == []


@pytest.mark.parametrize(
    "known",
    [
        with_settings({"overcommit": 0}),  # a small Redis: its fork is never refused
        with_settings({"overcommit": 0}, maxmemory=str(7 * GIB)),
        with_settings({"huge_pages": "always"}),
        with_place(PG, free=50 * GIB, total=2000 * GIB),  # much, though little of the disk
        with_place(PG, total_inodes=0, free_inodes=0),  # a file system that counts none
        with_container(PG, oom_killed=True),  # Docker's mark of the run before
        with_server(PG, holders=("container db-server-postgres",)),
        with_info(used_memory=str(100 * MIB)),
        with_server(PG, known=KNOWN, place=replace(PLACE, identity=Identity("7123", "8000"))),  # the state knows better
        with_server(
            RD,
            redis=replace(REDIS, settings={**REDIS.settings, "appendonly": "no", "save": ""}, in_file={}),
            place=replace(PLACE, version="", identity=Identity("", "ab")),
        ),  # it keeps nothing
        with_settings(maxmemory_policy="allkeys-lru", maxmemory="1000000"),
        denied("auth", "shop", seconds=4000),
        with_postgres(sessions=(session(1, state="idle in transaction", seconds=1), session(2, 1, seconds=1))),
        with_postgres(prepared=(Prepared("g", "shop_db", "shop_role", 1),)),
        with_postgres(slots=(("backup", 1000),)),
        with_container(PG, published=(Published("5432/tcp", "127.0.0.1", 5432),)),
        said("ERROR:  column does not exist"),
        with_server(PG, certificate=Validity("2026-12-26T12:00:00", 30)),
        replace(with_container(PG, published=(OUTSIDE,)), declared=replace(DECLARED, outside={PG: "10.0.0.5"})),
    ],
)
def test_what_harms_nobody_is_no_finding(known: Facts) -> None:
    assert findings(known) == []


def test_the_table_is_whole() -> None:
    names = [cause.name for cause in CAUSES]
    assert len(set(names)) == len(names)
    for cause in CAUSES:
        assert set(cause.explains) <= set(names), cause.name
        assert cause.severity in (FAULT, WARNING)
        assert cause.server in ("host", "postgres", "redis", "both")
        assert cause.issue in (*ISSUES, BY_SERVER, "")
        assert cause.meaning.endswith(".")


def test_the_cause_hides_what_follows_from_it_on_its_own_server_only() -> None:
    down = with_container(PG, state="restarting", restarts=9)
    place = down.servers[PG].place
    assert place
    servers = {
        PG: replace(down.servers[PG], place=replace(place, version="15"), log=("FATAL: incompatible",)),
        RD: with_container(RD, **STOPPED).servers[RD],
    }
    assert [each.cause for each in findings(replace(down, servers=servers))] == [
        "data-other-version",
        "container-stopped",
    ]


def test_a_deadlock_and_a_prepared_transaction_end_no_chain() -> None:
    circle = with_postgres(sessions=(session(1, 2), session(2, 1), session(3, 0)))
    assert findings(circle) == []


def test_faults_come_before_warnings() -> None:
    both = with_postgres(pending=("a",), read_only=True)
    assert [each.severity for each in findings(both)] == ["fault", "warning"]


def test_a_server_that_crashes_again_and_again_had_its_port() -> None:
    assert [each.cause for each in findings(looping(holders=("another user's process",)))] == ["container-restarting"]


def test_a_server_that_crashes_at_each_start_is_not_said_to_refuse_clients() -> None:
    refused = (LOG + 'FATAL:  password authentication failed for user "shop"', LOG + "ERROR:  out of shared memory")
    earlier = (*refused, LOG + "FATAL:  something")
    assert [each.cause for each in findings(looping(*earlier))] == ["container-restarting"]


@pytest.mark.parametrize(
    ("subject", "again"),
    [("shop", "shop"), ("server.redis", "--redis"), ("server.globals", "--all"), ("database.x", "--all")],
)
def test_a_damaged_backup_is_made_again_by_the_command_for_what_it_is_of(subject: str, again: str) -> None:
    (found,) = judge(facts(damaged_backups=((subject, "1"),)), CAUSES)
    assert found.command == f"./scripts/dbserver backup {again} --stack {found.command.split()[-1]}"
