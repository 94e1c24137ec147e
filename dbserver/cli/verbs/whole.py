"""What restore does with --all."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from dbserver.cli.options import confirmed, say, show
from dbserver.contract import POSTGRES

TOGETHER = ("everything", "at", "confirm", "disconnect_applications", "undo", "jobs")


def restore(declared: Any, form: str, how: Mapping[str, Any], others: Sequence[Any]) -> None:
    """Restore the whole server, or undo that. `others` are arguments and flags that belong to one application."""
    from dbserver.actions import whole as act
    from dbserver.cli.render import archive as render_archive

    beyond = [*others, *(value for name, value in how.items() if name not in TOGETHER)]
    if any(beyond) or not how["everything"] or (how["undo"] and how["at"]):
        raise click.UsageError("--all goes with --at MOMENT or --undo, --disconnect-applications and --confirm alone")
    override = how["disconnect_applications"]
    if how["undo"]:
        say("what was written since the restore will be in the kept directory alone")
        confirmed(POSTGRES, how["confirm"])
        show(act.undo(declared, say, override=override), form, render_archive.whole_restored)
        return
    way = act.find(declared, how["at"])
    say(f"EVERY database goes back to {way.words}; what is in place now will be in a kept directory alone")
    confirmed(POSTGRES, how["confirm"])
    show(act.restore(declared, way, say, override=override), form, render_archive.whole_restored)
