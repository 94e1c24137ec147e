"""pg_dump and pg_restore inside the server's container: the server's own binaries, on the mounted backups. Pure.

They run as the user who asks, so that what they write is his; through the
socket, which needs no password.
"""

import os
from collections.abc import Sequence

from dbserver import contract
from dbserver.postgres.commands import OWNERS_MEANS, beginning
from dbserver.postgres.sql import literal

# A client that dies cannot end what it started in the container: its standard input ends, and that does. No process may
# outlive its parent here: PostgreSQL inherits it as process 1, and takes its end by a signal for a crash of the server.
# Where pg_dump itself is killed, its workers do outlive it: with PIPE ignored they end by an exit status.
GUARD = """
umask 077; trap '' PIPE; exec 3<&0 </dev/null
trap 'kill -TERM "$child" 2>/dev/null' USR1
"$@" 3<&- & child=$!
{ while read -r _ <&3; do :; done; kill -USR1 $$; } & watcher=$!
exec 3<&-
wait "$child"; status=$?
while kill -0 "$child" 2>/dev/null; do wait "$child"; status=$?; done
kill "$watcher" 2>/dev/null; wait "$watcher" 2>/dev/null
exit "$status"
"""
LOW_PRIORITY = ("nice", "-n", "19", "ionice", "-c", "3")
# From this version on pg_dump compresses with zstd; before, gzip at its fastest.
ZSTD_MAJOR = 16
LOCK_SECONDS = 10
# Nothing is lost by it: the transaction that swaps the databases waits for everything before it to be on the disk.
FASTER = beginning({**OWNERS_MEANS, "synchronous_commit": "off"})


def guarded(container: str, session: str, argv: Sequence[str]) -> list[str]:
    """Return a program in the container that ends when its standard input does.

    `session` is the application_name under which the server knows it.
    """
    return inside(container, session, ["bash", "-c", GUARD, "bash", *argv])


def inside(container: str, session: str, argv: Sequence[str]) -> list[str]:
    """Return a program in the container, run as who asks, so that its files are his."""
    options = ["-i", "--user", f"{os.getuid()}:{os.getgid()}", "--env", f"PGAPPNAME={session}", "--env", "HOME=/"]
    return ["docker", "exec", *options, container, *FASTER, *argv]


def inner(backup: str, *path: str) -> str:
    """Return the path of a backup's file inside the container."""
    return "/".join([contract.INNER_BACKUPS, backup, *path])


def pg_dump(
    admin: str, database: str, target: str, *, snapshot: str, jobs: int, major: int, low_priority: bool
) -> list[str]:
    """Return the dump of one database into a directory, as of an exported snapshot; without a target, as one stream."""
    method = "zstd:1" if major >= ZSTD_MAJOR else "1"
    form = ["--format=directory", f"--jobs={jobs}", f"--file={target}"] if target else ["--format=custom"]
    options = [*form, f"--compress={method}"]
    asked = [f"--snapshot={snapshot}", f"--lock-wait-timeout={LOCK_SECONDS}s", "--no-password"]
    return [
        *(LOW_PRIORITY if low_priority else ()),
        "pg_dump",
        *options,
        *asked,
        f"--username={admin}",
        dbname(database),
    ]


def pg_dumpall_globals(admin: str, target: str, *, low_priority: bool) -> list[str]:
    """Return the dump of roles, with their verifiers, and of tablespaces into a file; without one, as a stream."""
    options = ["--globals-only", *[f"--file={target}"] * bool(target), "--no-password"]
    options.append(f"--lock-wait-timeout={LOCK_SECONDS}s")
    own = ["pg_dumpall", *options, f"--username={admin}", dbname("postgres")]
    return [*(LOW_PRIORITY if low_priority else ()), *own]


def pg_restore_list(source: str) -> list[str]:
    """Return the listing of a dump's contents; without a source, of the one on standard input."""
    return ["pg_restore", "--list", *[source] * bool(source)]


def pg_restore_nowhere(source: str) -> list[str]:
    """Return the reading of a whole dump, without a database: it fails where the dump is damaged."""
    return ["pg_restore", "--file=/dev/null", *[source] * bool(source)]


def pg_restore(
    user: str,
    database: str,
    source: str,
    *,
    jobs: int,
    role: str = "",
    entries: str = "",
    strange: bool = False,
    ownerless: bool = False,
) -> list[str]:
    """Return the restore of a dump into a database, ended by its first error.

    `role` is who shall own what it makes; `entries` a file with the chosen lines of its list. Without a source it is
    what comes on standard input, which one process alone can read. Of a strange one owners and grants are left out; of
    an ownerless part owners alone.
    """
    options = ["--exit-on-error", "--no-password", *[f"--jobs={jobs}"] * bool(source), f"--username={user}"]
    options += ["--no-owner"] * (strange or ownerless) + ["--no-privileges"] * strange
    options += [f"--role={role}"] * bool(role) + [f"--use-list={entries}"] * bool(entries)
    return ["pg_restore", *options, dbname(database), *[source] * bool(source)]


def analyze(admin: str, database: str, jobs: int) -> list[str]:
    """Return the command that gathers the planner's statistics, which a dump does not hold."""
    options = ["--analyze-only", "--quiet", f"--jobs={jobs}", "--no-password", f"--username={admin}"]
    return ["vacuumdb", *options, dbname(database)]


def dbname(database: str) -> str:
    """Return the option that names a database; a name that looks like a connection string stays a name."""
    quoted = database.replace("\\", "\\\\").replace("'", "\\'")
    return f"--dbname=dbname='{quoted}'"


def begin_snapshot() -> str:
    """Return the statements that open a snapshot for others and print its name."""
    return (
        f"SET lock_timeout = '{LOCK_SECONDS}s';\n"
        "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;\n"
        "SELECT pg_export_snapshot();\n"
    )


# What a dump holds rows of: ordinary tables, without those that belong to an extension.
TABLES = (
    "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'"
    " AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"
    " AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid"
    " AND d.deptype = 'e')"
)
COUNTS = (
    f"SELECT format('SELECT json_build_array(%L, %L, count(*)) FROM ONLY %I.%I',"
    f" n.nspname, c.relname, n.nspname, c.relname) FROM {TABLES} ORDER BY n.nspname, c.relname \\gexec\n"
    "SELECT json_build_array('pg_catalog', 'pg_largeobject_metadata', count(*)) FROM pg_largeobject_metadata;\n"
)


def low_priority_backends(session: str) -> str:
    """Return the query for the server's processes that work for this application_name."""
    return f"SELECT string_agg(pid::text, ' ') FROM pg_stat_activity WHERE application_name = {literal(session)};\n"


def renice(container: str, pids: Sequence[str]) -> list[str]:
    """Return the command that gives these processes of the server the lowest priority; their own user may do that."""
    return ["docker", "exec", "--user", "postgres", container, "renice", "-n", "19", "-p", *pids]
