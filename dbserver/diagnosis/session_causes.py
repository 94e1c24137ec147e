"""Causes in PostgreSQL's sessions: too many, waiting, left open. Pure."""

import re
from collections import Counter
from collections.abc import Iterator

from dbserver import cleaning
from dbserver.diagnosis.cause import FAULT, LOCKED, PSQL, SET, START, WARNING, Cause, Seen, in_double_quotes, of
from dbserver.diagnosis.container_causes import looping
from dbserver.diagnosis.facts import Facts, Postgres, Server, Session
from dbserver.diagnosis.postgres_causes import application_of, inside
from dbserver.postgres.sql import identifier, literal
from dbserver.units import duration

# A pool of the next colour needs about that much at once.
NEAR_SHARE = 0.85
# Between two statements of a transaction an application waits for itself: milliseconds, not seconds.
IDLE_SECONDS = 5
# Ordinary waiting for a row ends with the other's statement.
WAIT_SECONDS = 2
# The second half follows the first at once, or its coordinator is gone.
PREPARED_SECONDS = 5
REFUSED = re.compile(r"too many clients already|remaining connection slots are reserved")
LOCKS_FULL = re.compile(r"out of shared memory")
KILLED = re.compile(r"server process .* was terminated by signal")
ROLE_REFUSED = re.compile(r'too many connections for role "([^"]+)"')


def _room(found: Postgres) -> int:
    """Return how many connections there are for applications."""
    return max(found.max_connections - found.reserved, 1)


def _users(found: Postgres) -> list[str]:
    """Return who holds most connections."""
    held = Counter({role.name: role.connections for role in found.roles if role.connections})
    return [f"role {name}: {count} connections" for name, count in held.most_common(4)]


def _exhausted(facts: Facts, server: Server) -> Iterator[Seen]:
    found = server.postgres
    lines = [line for line in server.log if REFUSED.search(line)]
    if REFUSED.search(server.refusal):
        more = facts.declared.max_connections * 3 // 2
        yield Seen("every connection is taken, the administrator's too", [server.refusal], {"more": more})
    elif found and (found.used >= _room(found) or lines):
        refused = f"; {len(lines)} were refused in the last ten minutes" if lines else ""
        what = f"{found.used} of {_room(found)} connections are taken{refused}"
        yield Seen(what, [*_users(found), *lines[-1:]], {"more": found.max_connections * 3 // 2})


def _nearly(_: Facts, found: Postgres) -> Iterator[Seen]:
    if _room(found) > found.used >= _room(found) * NEAR_SHARE:
        what = f"{found.used} of {_room(found)} connections are taken"
        yield Seen(what, _users(found), {"more": found.max_connections * 3 // 2})


def _at_limit(facts: Facts, server: Server) -> Iterator[Seen]:
    for role in server.postgres.roles if server.postgres else ():
        lines = [line for line in server.log if (match := ROLE_REFUSED.search(line)) and match[1] == role.name]
        if role.limit > 0 and (role.connections >= role.limit or lines):
            name = application_of(facts, role.name)
            who = f"application {name} holds" if name else "somebody who is no declared application holds"
            what = f"{who} {role.connections} of the {role.limit} connections of role {role.name}"
            refused = f"; {len(lines)} were refused in the last ten minutes" if lines else ""
            # The limit is both colours' pools: as the size of one it doubles them, or more with several instances.
            values = {"index": list(facts.declared.applications).index(name) if name else "", "more": role.limit}
            values |= {"role": in_double_quotes(identifier(role.name)), "limit": 2 * role.limit}
            yield Seen(what + refused, lines[-2:], values, instead="" if name else WIDER)


def _idle(_: Facts, found: Postgres) -> Iterator[Seen]:
    blocking = {root.pid for root, _ in _chains(found)}
    for each in found.sessions:
        idle = each.state.startswith("idle in transaction") and each.state_seconds >= IDLE_SECONDS
        if idle and each.pid not in blocking:
            what = f"a transaction is open and idle for {duration(each.state_seconds)}"
            yield Seen(what, [each.shown], {"pid": each.pid})


def _chains(found: Postgres) -> list[tuple[Session, list[Session]]]:
    """Return each session that blocks others and waits for nobody, with all that wait behind it."""
    known = {each.pid: each for each in found.sessions}
    behind: dict[int, list[Session]] = {}
    for each in found.sessions:
        for root in _roots(each, known, set()) if each.blockers else ():
            behind.setdefault(root, []).append(each)
    return [(known[root], waiting) for root, waiting in behind.items() if root in known]


def _roots(session: Session, known: dict[int, Session], seen: set[int]) -> set[int]:
    """Follow who blocks whom to the end; a prepared transaction has number 0, and deadlocks are circles."""
    found = set()
    for pid in session.blockers:
        if pid not in seen and pid in known:
            seen.add(pid)
            found |= _roots(known[pid], known, seen) if known[pid].blockers else {pid}
    return found


def _locks(_: Facts, found: Postgres) -> Iterator[Seen]:
    for root, waiting in _chains(found):
        longest = max(each.state_seconds for each in waiting)
        if longest >= WAIT_SECONDS:
            what = f"{len(waiting)} sessions wait up to {duration(longest)} for a lock that pid {root.pid} holds"
            lines = [f"holds: {root.shown}, {root.state}, {root.command}"]
            lines += [f"waits: {each.shown}, {each.command}" for each in waiting]
            yield Seen(what, lines, {"pid": root.pid})


def _prepared(_: Facts, found: Postgres) -> Iterator[Seen]:
    for each in found.prepared:
        if each.seconds >= PREPARED_SECONDS:
            waiting = sum(0 in session.blockers for session in found.sessions)
            behind = f"; {waiting} sessions wait for prepared transactions" if waiting else ""
            what = f"transaction {each.gid} of {each.owner} in {each.database} is prepared for"
            values = {"database": in_double_quotes(each.database), "gid": in_double_quotes(literal(each.gid).strip())}
            yield Seen(f"{what} {duration(each.seconds)} and keeps its locks{behind}", (), values)


def _locks_full(_: Facts, server: Server) -> Iterator[Seen]:
    # With a start its table is empty; the log of one that crashes again and again is also of the times before.
    said = () if looping(server) else server.log
    lines = [line for line in (*said, *cleaning.lines(server.refusal)) if LOCKS_FULL.search(line)]
    if lines:
        yield Seen(f"the table of locks was full, {len(lines)} times in the last ten minutes", lines[-2:])


def _crashed(_: Facts, server: Server) -> Iterator[Seen]:
    seconds = server.postgres.crashed_seconds if server.postgres else None
    if seconds is not None:
        what = f"every connection was ended {duration(seconds)} ago: one of the server's processes was killed"
        yield Seen(what, [line for line in server.log if KILLED.search(line)][-2:])


MOST_LOCKS = "SELECT pid FROM pg_locks WHERE pid IS NOT NULL GROUP BY pid ORDER BY count(*) DESC LIMIT 1"
WIDER = f'{PSQL} "ALTER ROLE {{role}} CONNECTION LIMIT {{limit}}"'
END = f'{PSQL} "SELECT pg_terminate_backend({{pid}})"'
MORE = f"{SET} 'db-server:postgres.maxConnections' {{more}} && {START}"

CAUSES = (
    Cause("connections-exhausted", LOCKED, "postgres", FAULT,
          "Every connection is taken: new ones are refused (`too many clients already`). Close unused ones, make the"
          " pools smaller, or allow more, which restarts the server.",
          MORE, of(_exhausted, "postgres"), ("server-silent", "container-unhealthy")),
    Cause("connections-nearly-exhausted", LOCKED, "postgres", WARNING,
          "Nearly every connection is taken; the next deployment may not get its own.",
          MORE, inside(_nearly)),
    Cause("application-at-its-limit", LOCKED, "postgres", FAULT,
          "An application holds as many connections as its entry declares: more are refused (`too many connections for"
          " role`). Stop the colour that is not used any more, or declare a larger pool.",
          f"{SET} 'db-server:applications[{{index}}].poolSize' {{more}} && {START}", of(_at_limit, "postgres")),
    Cause("locks-exhausted", LOCKED, "postgres", FAULT,
          "All applications share one table of locks, and one filled it (`out of shared memory`): with advisory locks"
          " that are never given back, or a transaction over thousands of tables. Nobody can log in then, the"
          " administrator neither. The command ends the session that holds most, or all of them by a restart.",
          f'{PSQL} "SELECT pg_terminate_backend(({MOST_LOCKS}))" || docker restart {{container}}',
          of(_locks_full, "postgres"), ("server-silent",)),
    Cause("postgres-crashed", "", "postgres", WARNING,
          "A process of the server's was killed, by the kernel or by hand. PostgreSQL then ends every connection and"
          " recovers; nothing that was committed is lost. It is named until the next restart.",
          "docker logs {container} 2>&1 | grep 'was terminated by signal'", of(_crashed, "postgres")),
    Cause("lock-chain", LOCKED, "postgres", FAULT,
          "Sessions wait for a lock that another one does not give back. The command ends that one: its transaction is"
          " rolled back.",
          END, inside(_locks)),
    Cause("idle-in-transaction", LOCKED, "postgres", WARNING,
          "A transaction is left open: it keeps its locks, and vacuum from cleaning up.",
          END, inside(_idle)),
    Cause("prepared-transaction", LOCKED, "postgres", FAULT,
          "A prepared transaction was left behind: it keeps its locks, over restarts too. The command rolls it back;"
          " `COMMIT PREPARED` does the opposite.",
          'docker exec {container} psql -U {admin} -d "{database}" -c "ROLLBACK PREPARED {gid}"', inside(_prepared)),
)  # fmt: skip
