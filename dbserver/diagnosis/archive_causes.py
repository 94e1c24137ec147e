"""Causes in the continuous archive: it does not run, or the log does not arrive. Pure."""

from collections.abc import Iterator

from dbserver import contract
from dbserver.diagnosis.cause import CANNOT_CONNECT, FAULT, HOST, START, WARNING, Cause, Seen
from dbserver.diagnosis.facts import Facts
from dbserver.results.archive import Archive


def _failing(facts: Facts, *, runs: bool) -> Iterator[Seen]:
    server, archive = facts.servers.get(contract.POSTGRES), facts.archive
    # A server that is away is a cause of its own, and the archive waits for it.
    if not (archive and archive.fault and server and server.postgres):
        return
    if (archive.state == "running") == runs:
        yield Seen(_what(archive), (), {"archive": archive.container})


def _what(archive: Archive) -> str:
    waiting = archive.synchronous and not archive.streaming
    return archive.fault + "; it is synchronous: EVERY COMMIT WAITS until it is back" * waiting


def _down(facts: Facts) -> Iterator[Seen]:
    yield from _failing(facts, runs=False)


def _behind(facts: Facts) -> Iterator[Seen]:
    yield from _failing(facts, runs=True)


def _differs(facts: Facts) -> Iterator[Seen]:
    if facts.archive and facts.archive.differences:
        yield Seen(f"container {facts.archive.container} is not as declared", facts.archive.differences)


CAUSES = (
    Cause("archive-down", CANNOT_CONNECT, HOST, FAULT,
          "The container of the continuous archive does not run. The server keeps the log for it for a while; with"
          " `archive.synchronous` commits wait.", START, _down),
    Cause("archive-behind", CANNOT_CONNECT, HOST, FAULT,
          "The continuous archive runs, and does not get the log or makes no base backup: its own log says why, mostly"
          " a full disk.", "docker logs --tail 30 {archive}", _behind),
    Cause("archive-differs", "", HOST, WARNING,
          "The archive's container is not what the configuration declares: changed by hand, or not yet updated.",
          START, _differs),
)  # fmt: skip
