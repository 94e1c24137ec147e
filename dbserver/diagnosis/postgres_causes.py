"""Causes inside PostgreSQL: who is let in, what its log says, its settings, its integrity. Pure."""

import re
import shlex
from collections.abc import Callable, Iterator

from dbserver import cleaning, contract
from dbserver.diagnosis.cause import (
    BY_SERVER,
    CANNOT_CONNECT,
    FAULT,
    LOCKED,
    PSQL,
    SET,
    SET_IMAGE,
    START,
    WARNING,
    Cause,
    Check,
    Find,
    Seen,
    image_of,
    in_double_quotes,
    of,
)  # fmt: skip
from dbserver.diagnosis.container_causes import down
from dbserver.diagnosis.facts import Facts, Postgres, Server
from dbserver.docker import images
from dbserver.postgres.minors import letting_views_in
from dbserver.postgres.sql import identifier
from dbserver.units import size

# The server protects itself from 1.6 billion on (vacuum_failsafe_age) and stops at 2.1.
WRAPAROUND_AGE = 1_000_000_000
# What an abandoned slot may keep before it matters: the default max_wal_size.
SLOT_BYTES = 1024**3

WRONG_PASSWORD = re.compile(r'FATAL: .*password authentication failed for user "([^"]+)"')
REJECTED = re.compile(r'FATAL: .*(?:rejects connection|no pg_hba\.conf entry) for host "([^"]+)", user "([^"]+)"')
NO_DATABASE = re.compile(r'FATAL: .*database "([^"]+)" does not exist')
FORBIDDEN = re.compile(r'FATAL: .*permission denied for database "([^"]+)"')
HUGE_PAGES = re.compile(r"could not map anonymous shared memory|huge pages (?:on|not supported)")
SETTING_FAULT = re.compile(r"FATAL: .*(configuration file .* contains errors|invalid value for parameter .*)|unrecog.*")
STARTING = re.compile(
    r"the database system is (?:starting up|in recovery|shutting down|not (?:yet )?accepting connections)"
)

# Which roles and databases there are, where clients come as somebody that no application is.
KNOWN = "./scripts/dbserver list --stack {stack}"

Inside = Callable[[Facts, Postgres], Iterator[Seen]]


def inside(check: Inside) -> Find:
    """Return a finder that looks at a PostgreSQL that answered."""

    def look(facts: Facts, server: Server) -> Iterator[Seen]:
        if server.postgres:
            yield from check(facts, server.postgres)

    return of(look, contract.POSTGRES)


def application_of(facts: Facts, role: str = "", database: str = "") -> str:
    """Return the declared application of a role or a database, empty where there is none."""
    for name, (its_database, its_role) in facts.declared.applications.items():
        if role == its_role or database == its_database:
            return name
    return ""


def said(pattern: re.Pattern[str], words: str) -> Check:
    """Return a check for what a server that serves said to clients; `words` take what the last group found."""

    def check(facts: Facts, server: Server) -> Iterator[Seen]:
        served = () if down(server) else server.log
        hits = [(line, match) for line in served if (match := pattern.search(line))]
        for name in dict.fromkeys(match[match.lastindex or 0] for _, match in hits):
            lines = [line for line, match in hits if match[match.lastindex or 0] == name]
            what, application = (
                f"{words.format(name)}, {len(lines)} times in the last ten minutes",
                application_of(facts, name, name),
            )
            yield Seen(what, lines[-2:], {"application": application}, instead="" if application else KNOWN)

    return check


def _starting(_: Facts, server: Server) -> Iterator[Seen]:
    if STARTING.search(server.refusal):
        yield Seen(f"{server.name} is starting: {cleaning.lines(server.refusal)[-1]}", server.log[-2:])


def not_started(pattern: re.Pattern[str], words: str) -> Check:
    """Return a check for why a server's last start failed; what its log says of earlier ones has been mended."""

    def check(_: Facts, server: Server) -> Iterator[Seen]:
        lines = [line for line in server.log if HUGE_PAGES.search(line) or SETTING_FAULT.search(line)]
        if lines and not server.postgres and pattern.search(lines[-1]):
            yield Seen(words, [line for line in lines if pattern.search(line)][-3:])

    return check


def _settings_faulty(_: Facts, found: Postgres) -> Iterator[Seen]:
    if found.faults:
        yield Seen("the settings have faults: at its next start PostgreSQL would refuse them", found.faults)


def _minor(facts: Facts, found: Postgres) -> Iterator[Seen]:
    needed = letting_views_in(found.version)
    if needed:
        what = f"PostgreSQL {found.version}: a backup may run as superuser what an application has made"
        name = facts.declared.images[contract.POSTGRES]
        if images.names_minor(name):
            yield Seen(f"{what}; {needed} does not", (), {"image": image_of(facts, needed)})
        else:
            yield Seen(f"{what}; {needed} does not", (), {"image": shlex.quote(name)}, instead=PULL)


def _overridden(_: Facts, found: Postgres) -> Iterator[Seen]:
    if found.overridden:
        yield Seen(f"ALTER SYSTEM overrides declared settings: {', '.join(found.overridden)}")


def _pending(_: Facts, found: Postgres) -> Iterator[Seen]:
    if found.pending:
        yield Seen(f"settings wait for a restart: {', '.join(found.pending)}")


def _application(facts: Facts, found: Postgres) -> Iterator[Seen]:
    databases, roles = {each.name for each in found.databases}, {each.name for each in found.roles}
    for name, (database, role) in facts.declared.applications.items():
        missing = [f"database {database}"] * (database not in databases) + [f"role {role}"] * (role not in roles)
        if missing:
            yield Seen(f"application {name} is declared, but its {' and '.join(missing)} cannot be used: missing")


def _closed(facts: Facts, found: Postgres) -> Iterator[Seen]:
    ours = {database for database, _ in facts.declared.applications.values()}
    for each in found.databases:
        if each.name in ours and (not each.open or each.limit in (0, -2)):
            why = "allows no connections" if not each.open else f"has connection limit {each.limit}"
            values = {"database": in_double_quotes(identifier(each.name))}
            yield Seen(f"database {each.name} of {application_of(facts, '', each.name)} {why}", (), values)


def _expired(facts: Facts, found: Postgres) -> Iterator[Seen]:
    for role in found.roles:
        if role.expired:
            what = (
                f"the password of role {role.name} ({application_of(facts, role.name) or 'no application'}) has expired"
            )
            yield Seen(what, (), {"role": in_double_quotes(identifier(role.name))})


def _read_only(_: Facts, found: Postgres) -> Iterator[Seen]:
    if found.read_only and not found.standby:
        yield Seen("every transaction is read-only by default (default_transaction_read_only)")


def _standby(_: Facts, found: Postgres) -> Iterator[Seen]:
    if found.standby:
        yield Seen("the server is in recovery: it takes no writes")


def _checksums(_: Facts, found: Postgres) -> Iterator[Seen]:
    for each in found.databases:
        if each.checksum_failures:
            yield Seen(f"{each.checksum_failures} pages of database {each.name} were read with a wrong checksum")


def _wraparound(_: Facts, found: Postgres) -> Iterator[Seen]:
    for each in found.databases:
        if each.age > WRAPAROUND_AGE:
            yield Seen(f"database {each.name} is {each.age} transactions old; the server stops at 2146483647")


def _archiving(_: Facts, found: Postgres) -> Iterator[Seen]:
    if found.archive_failures:
        yield Seen("the last attempt to archive the server's log failed: it piles up on the disk")


def _slots(_: Facts, found: Postgres) -> Iterator[Seen]:
    for name, kept in found.slots:
        if kept > SLOT_BYTES:
            values = {"slot": in_double_quotes(name)}
            yield Seen(f"replication slot {name} is used by nobody and keeps {size(kept)} of the log", (), values)


# Under a tag that names no minor version there is the newest.
PULL = f"docker pull {{image}} && {START}"
DENIED = "./scripts/dbserver env {application} --stack {stack}"
NO_HUGE_PAGES = not_started(HUGE_PAGES, "PostgreSQL cannot get its shared memory: the kernel has no huge pages for it")
SETTINGS_REFUSED = not_started(SETTING_FAULT, "PostgreSQL refuses its settings and does not start")
NOT_SERVING = ("container-restarting", "container-stopped", "container-unhealthy", "container-crashed", "server-silent")

CAUSES = (
    Cause("postgres-starting", CANNOT_CONNECT, "postgres", FAULT,
          "PostgreSQL is starting, replaying its log, or shutting down. It tells in its log how far it is.",
          "docker logs --tail 20 --follow {container}", of(_starting, "postgres"),
          ("server-silent", "container-unhealthy")),
    Cause("huge-pages", CANNOT_CONNECT, "postgres", FAULT,
          "`huge_pages` is `on` and the kernel has too few of them.",
          f"{SET} 'db-server:postgres.settings.huge_pages' try && {START}", of(NO_HUGE_PAGES, "postgres"), NOT_SERVING),
    Cause("settings-refused", CANNOT_CONNECT, "postgres", FAULT,
          "A setting keeps PostgreSQL from starting: changed by hand, by ALTER SYSTEM or in its file.",
          START, of(SETTINGS_REFUSED, "postgres"), NOT_SERVING),
    Cause("minor-outdated", "", "postgres", FAULT,
          "Before PostgreSQL 16.4 and 15.8 an application that puts a view in a table's place while it is backed up"
          " runs what it wants as superuser (CVE-2024-7348). The newer minor runs on the same data.",
          SET_IMAGE, inside(_minor)),
    Cause("settings-faulty", "", "postgres", FAULT,
          "A settings file has faults. The server runs on with what it knew, and would not start again.",
          START, inside(_settings_faulty), ("settings-pending",)),
    Cause("settings-overridden", "", "postgres", WARNING,
          "Somebody changed declared settings with ALTER SYSTEM. The next update undoes that.",
          START, inside(_overridden), ("settings-pending",)),
    Cause("settings-pending", "", "postgres", WARNING,
          "Settings were changed that the server takes at its next start only.",
          "docker restart --time 60 {container}", inside(_pending)),
    Cause("password-wrong", CANNOT_CONNECT, "postgres", FAULT,
          "Clients come with a wrong password, or as a role that does not exist. Give the application the environment"
          " that `env` prints.",
          DENIED, of(said(WRONG_PASSWORD, "password authentication failed for user {}"), "postgres")),
    Cause("login-rejected", CANNOT_CONNECT, "postgres", FAULT,
          "Clients come as somebody who may not come from there: the administrator from the network, a replica, anybody"
          " from neither the network nor the host. An application uses a role of its own, on the network.",
          DENIED, of(said(REJECTED, "connections of user {} are rejected"), "postgres")),
    Cause("database-unknown", CANNOT_CONNECT, "postgres", FAULT,
          "Clients ask for a database that does not exist.",
          DENIED, of(said(NO_DATABASE, "clients ask for database {}, which does not exist"), "postgres")),
    Cause("database-forbidden", CANNOT_CONNECT, "postgres", FAULT,
          "Clients ask for a database that is not theirs.",
          DENIED, of(said(FORBIDDEN, "clients may not connect to database {}"), "postgres")),
    Cause("application-missing", CANNOT_CONNECT, "postgres", FAULT,
          "A declared application has no database, or no role that may log in: dropped, or not yet made.",
          START, inside(_application), ("database-unknown",)),
    Cause("database-closed", CANNOT_CONNECT, "postgres", FAULT,
          "An application's database allows no connections.",
          f'{PSQL} "ALTER DATABASE {{database}} WITH ALLOW_CONNECTIONS true CONNECTION LIMIT -1"', inside(_closed)),
    Cause("password-expired", CANNOT_CONNECT, "postgres", FAULT,
          "A role's password was given an end (VALID UNTIL), and that is past.",
          f"{PSQL} \"ALTER ROLE {{role}} VALID UNTIL 'infinity'\"", inside(_expired), ("password-wrong",)),
    Cause("read-only-by-setting", LOCKED, "postgres", FAULT,
          "The setting `default_transaction_read_only` makes every write fail.",
          f'{PSQL} "ALTER SYSTEM RESET default_transaction_read_only" -c "SELECT pg_reload_conf()"',
          inside(_read_only)),
    Cause("standby", LOCKED, "postgres", FAULT,
          "The server runs as a standby, or has not finished its recovery.",
          f'{PSQL} "SELECT pg_promote()"', inside(_standby), ("read-only-by-setting",)),
    Cause("checksum-failures", BY_SERVER, "postgres", FAULT,
          "Pages of the data are damaged: the disk or the memory is failing. Copy what can be read, look into `dmesg`,"
          " restore on another disk.",
          "docker exec {container} pg_dumpall -U {admin} > everything.sql", inside(_checksums)),
    Cause("wraparound", LOCKED, "postgres", WARNING,
          "A database comes near the end of its transaction numbers, where the server stops taking writes: vacuum"
          " cannot keep up, or an old transaction, prepared transaction or replication slot holds it.",
          "docker exec {container} vacuumdb -U {admin} --all --freeze --jobs 2", inside(_wraparound)),
    Cause("archiving-fails", "", "postgres", FAULT,
          "The server cannot archive its log: no restore to a point in time, and the disk fills.",
          "docker logs --tail 20 {container}", inside(_archiving)),
    Cause("replication-slot", "", "postgres", WARNING,
          "A replication slot that nobody uses keeps the server's log until the disk is full.",
          f"{PSQL} \"SELECT pg_drop_replication_slot('{{slot}}')\"", inside(_slots)),
)  # fmt: skip
