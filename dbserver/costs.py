"""What a preview's changes cost: by what was printed, and by what the running servers tell where a rule asks for it."""

from collections.abc import Mapping

from dbserver.preview.rule import CONTAINER, POSTGRES, Facts, Live, judge, refuse_unknown
from dbserver.preview.rules import RULES
from dbserver.preview.server_rules import closes, settings
from dbserver.preview.steps import CREATE, DELETE, REPLACE, Digest, parse
from dbserver.results.preview import Preview


def weigh(text: str, allowed: Mapping[str, str]) -> Preview:
    """Return what each change of a preview costs. `allowed` is the name of a change -> why it may happen all the same.

    Raises UsageError for a text that is no preview, and the program's own error for one that did not come to its end.
    """
    refuse_unknown(allowed, RULES)
    digest = parse(text)
    if digest.errors:
        from dbserver.engine import diagnostics  # noqa: PLC0415  guard has 0.3 s, and seldom needs it

        raise diagnostics.refused(digest.stack, digest.errors)
    return judge(Facts(digest, _live(digest)), RULES, allowed)


def _live(digest: Digest) -> Live:
    """Ask the running servers where a container goes or comes, a setting may take a restart, or Redis is closed."""
    asking = any(
        (step.type == CONTAINER and step.kind in (CREATE, REPLACE, DELETE))
        or (step.type == POSTGRES and settings(step))
        or closes(step)
        for step in digest.steps
    )
    if not asking:
        return Live()
    from dbserver import asking as servers  # noqa: PLC0415  a third of guard's time where nothing has to be asked

    return servers.look(digest)
