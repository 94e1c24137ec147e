"""drift: what is not as declared, by the engine's look at the real containers and by what it does not see."""

from dbserver import contract
from dbserver.actions.status import status
from dbserver.costs import weigh
from dbserver.declared import Declared
from dbserver.engine import command
from dbserver.results.preview import Difference, Drift


def drift(declared: Declared) -> Drift:
    """Return what is not as declared; nothing is changed.

    Where a server does not answer, the engine is not asked: it would compare with nothing.
    """
    command.require()
    found = status(declared)
    differences = [Difference(each.server, what) for each in found.servers for what in each.differences]
    differences += [Difference(contract.ARCHIVE, what) for what in (found.archive.differences if found.archive else ())]
    down = tuple(f"{each.container}: {each.fault}" for each in found.servers if not each.answers)
    changes = () if down else weigh(command.preview(declared.stack, refresh=True), {}).changes
    return Drift(declared.stack, changes, tuple(differences), down)
