"""logs: what the servers print, in the order of time."""

import heapq
from collections.abc import Callable, Collection, Iterator

from dbserver import cleaning, contract, execute
from dbserver.declared import Declared
from dbserver.docker import containers, daemon
from dbserver.errors import DbServerError, NotRunningError, UsageError
from dbserver.postgres.log import of_application
from dbserver.registry import one
from dbserver.results.servers import LogLine


def logs(
    declared: Declared,
    names: Collection[str],
    on_line: Callable[[LogLine], None],
    since: str | None,
    count: int,
    *,
    follow: bool,
    application: str = "",
) -> None:
    """Hand over each line of these servers' logs: the last `count`, those since a time, then those that come.

    Of an `application` those of its role and its database in PostgreSQL's: Redis's names no client. Raises
    NotRunningError where none of the containers exists, UsageError for an unknown application or Redis's log of one.
    """
    concerns = _concerning(declared, names, application) if application else None
    names = [contract.POSTGRES] if application else names
    known = containers.inspect([declared.containers[name] for name in names])
    there = {name: declared.containers[name] for name in names if declared.containers[name] in known}
    if not there:
        missing = ", ".join(declared.containers[name] for name in names)
        raise NotRunningError(f"there is no log: {missing} does not exist", "./scripts/start.sh")
    if follow:
        argvs = [containers.logs_argv(container, since, count, follow=True) for container in there.values()]
        order = list(there)
        execute.follow(argvs, lambda index, line: _hand_over(_line(order[index], line), concerns, on_line))
        return
    # How many of the last lines are an application's nobody knows before they are read.
    read = None if concerns else count
    merged = heapq.merge(*(_lines(*each, since, read) for each in there.items()), key=lambda line: line.time)
    wanted = [line for line in merged if concerns is None or concerns(line.line)]
    for line in wanted[-count:] if count else ():
        on_line(line)


def _concerning(declared: Declared, names: Collection[str], application: str) -> Callable[[str], bool]:
    """Its names are in the file, mostly: then they are known of a server that does not answer, too."""
    if contract.POSTGRES not in names:
        raise UsageError("Redis's log names no client", "./scripts/dbserver logs redis")
    if application in declared.applications:
        database, role = declared.applications[application]
    else:
        known = one(declared, application)
        database, role = known.database, known.role
    return of_application(role, database)


def _hand_over(line: LogLine, concerns: Callable[[str], bool] | None, on_line: Callable[[LogLine], None]) -> None:
    if concerns is None or concerns(line.line):
        on_line(line)


def _lines(server: str, container: str, since: str | None, count: int | None) -> Iterator[LogLine]:
    argv = containers.logs_argv(container, since, count, follow=False)
    shown = execute.run(argv, timeout=containers.ANSWER_SECONDS, check=False)
    if not shown.succeeded:
        raise _refused(shown)
    printed = [*cleaning.lines(shown.stdout), *cleaning.lines(shown.stderr)]
    yield from sorted((_line(server, line) for line in printed), key=lambda line: line.time)


def _refused(shown: execute.Finished) -> DbServerError:
    if "invalid value for" in shown.stderr or "failed to parse" in shown.stderr:
        return UsageError(f"--since: {shown.output}", "a duration such as 10m, or a time such as 2026-11-23T14:05:07")
    return daemon.refused(shown.output)


def _line(server: str, text: str) -> LogLine:
    moment, _, line = text.partition(" ")
    return LogLine(server, moment, line)
