"""preview: what a change of the configuration costs, before it happens."""

from collections.abc import Mapping

from dbserver.costs import weigh
from dbserver.declared import Declared
from dbserver.docker import containers
from dbserver.engine import command
from dbserver.results.preview import Preview


def preview(declared: Declared, allowed: Mapping[str, str], *, refresh: bool) -> Preview:
    """Ask the engine what it would do, and judge that. With `refresh` it looks at the real containers first.

    Raises the program's own error where it refuses what is declared, and NotRunningError where the Docker daemon does
    not answer: the engine would say that in many words.
    """
    command.require()
    containers.inspect(list(declared.containers.values()))
    return weigh(command.preview(declared.stack, refresh=refresh), allowed)
