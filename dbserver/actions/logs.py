"""logs: what the servers print, in the order of time."""

import heapq
from collections.abc import Callable, Collection, Iterator

from dbserver import execute
from dbserver.declared import Declared
from dbserver.docker import containers
from dbserver.errors import DbServerError, NotRunningError, UsageError
from dbserver.results.servers import LogLine


def logs(
    declared: Declared,
    names: Collection[str],
    on_line: Callable[[LogLine], None],
    since: str | None,
    count: int,
    *,
    follow: bool,
) -> None:
    """Hand over each line of these servers' logs: the last `count`, those since a time, then those that come.

    Raises NotRunningError where none of the containers exists.
    """
    known = containers.inspect([declared.containers[name] for name in names])
    there = {name: declared.containers[name] for name in names if declared.containers[name] in known}
    if not there:
        missing = ", ".join(declared.containers[name] for name in names)
        raise NotRunningError(f"there is no log: {missing} does not exist", "./scripts/start.sh")
    if follow:
        argvs = [containers.logs_argv(container, since, count, follow=True) for container in there.values()]
        order = list(there)
        execute.follow(argvs, lambda index, line: on_line(_line(order[index], line)))
        return
    merged = heapq.merge(*(_lines(*each, since, count) for each in there.items()), key=lambda line: line.time)
    for line in list(merged)[-count:] if count else ():
        on_line(line)


def _lines(server: str, container: str, since: str | None, count: int) -> Iterator[LogLine]:
    argv = containers.logs_argv(container, since, count, follow=False)
    shown = execute.run(argv, timeout=containers.ANSWER_SECONDS, check=False)
    if not shown.succeeded:
        raise _refused(shown)
    printed = [*shown.stdout.splitlines(), *shown.stderr.splitlines()]
    yield from sorted((_line(server, line) for line in printed), key=lambda line: line.time)


def _refused(shown: execute.Finished) -> DbServerError:
    if "invalid value for" in shown.stderr or "failed to parse" in shown.stderr:
        return UsageError(f"--since: {shown.output}", "a duration such as 10m, or a time such as 2026-11-23T14:05:07")
    return containers.daemon_error(shown.output)


def _line(server: str, text: str) -> LogLine:
    moment, _, line = text.partition(" ")
    return LogLine(server, moment, line)
