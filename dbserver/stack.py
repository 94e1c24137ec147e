"""A running stack by its containers' labels: what a file declares may not be applied yet, or name another stack's."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from dbserver import cleaning, contract
from dbserver.declared import Declared
from dbserver.docker import daemon
from dbserver.errors import RefusedError

# A container's name, its stack, its server; the last two are empty for containers that no stack made.
ROW = f'{{{{.Names}}}}\t{{{{.Label "{contract.LABEL_STACK}"}}}}\t{{{{.Label "{contract.LABEL_SERVER}"}}}}'
Row = tuple[str, str, str]


def running(declared: Declared) -> Declared:
    """Return what is declared, with the names that the stack's servers have as they are there.

    A `containerName` that was edited and not applied yet is none of theirs: a verb would act on nothing and succeed.
    Raises RefusedError where a declared name is another stack's server, NotRunningError where Docker does not answer.
    """
    rows = _rows()
    refuse_others(declared, {name: stack for name, stack, _ in rows})
    return replace(declared, containers={server: _name(declared, server, rows) for server in declared.containers})


def refuse_others(declared: Declared, owners: Mapping[str, str]) -> None:
    """Raise RefusedError where a declared name is another stack's server; `owners` is container -> its stack.

    A container without one was made by no stack: an installation that is not adopted yet.
    """
    names = {*declared.containers.values()}
    theirs = {name: stack for name, stack in owners.items() if name in names and stack not in ("", declared.stack)}
    if theirs:
        said = ", ".join(f"container {name} belongs to stack {stack}" for name, stack in theirs.items())
        hint = f"--stack {next(iter(theirs.values()))}; or give stack {declared.stack} containerNames of its own"
        raise RefusedError(f"{said}, not to stack {declared.stack}; nothing was done", hint)


def _rows() -> list[Row]:
    shown = daemon.answer(["docker", "container", "ls", "--all", "--no-trunc", "--format", ROW])
    if not shown.succeeded:
        raise daemon.refused(shown.output)
    rows = [line.split("\t") for line in cleaning.lines(shown.stdout)]
    return [(row[0], row[1], row[2]) for row in rows if len(row) == 3]  # noqa: PLR2004  the columns of ROW


def _name(declared: Declared, server: str, rows: Sequence[Row]) -> str:
    """Return the declared name where such a container is there, else that of the stack's own one."""
    wanted = declared.containers[server]
    own = [name for name, stack, of in rows if (stack, of) == (declared.stack, server)]
    return wanted if wanted in {name for name, _, _ in rows} or len(own) != 1 else own[0]
