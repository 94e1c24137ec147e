"""What a change costs, as text for people and as a comment of a pull request. Pure: a result in, text out."""

from dbserver.results.preview import Change, Drift, Preview
from dbserver.units import duration

INDENT = " " * 4
MARK = "<!-- db-server preview of {stack} -->"
ICONS = {"data at risk": "🛑", "recreate": "🔶", "restart": "🔶", "reload": "🔹", "nothing": "▫️"}


def text(found: Preview) -> str:
    """Return a line a change with its reasons, the dearest first, then what it comes to."""
    lines = [line for change in found.changes for line in _lines(change)]
    lines += [f"could not find out {what}" for what in found.not_seen]
    return "\n".join([*lines, *(f"warning: {each}" for each in found.warnings), _sum(found)])


def drift(found: Drift) -> str:
    """Return what is not as declared."""
    lines = [f"DOWN {what}" for what in found.down]
    lines += [f"differs: {each.server}: {each.what}" for each in found.differences]
    lines += [line for change in found.changes for line in _lines(change)]
    return "\n".join(lines or [f"stack {found.stack} is as declared"])


def markdown(found: Preview) -> str:
    """Return a comment for a pull request; its first line is the mark by which the next one replaces it."""
    head = [MARK.format(stack=found.stack), f"### Stack `{found.stack}`: {_sum(found)}"]
    tail = [f"Could not find out {what}." for what in found.not_seen]
    tail += [f"- ⚠️ {_escaped(each)}" for each in found.warnings]
    rows = [
        f"| {ICONS[change.cost]} {change.cost} | `{change.name}` | {_cell(change)} | {_away(change) or '-'} |"
        for change in found.changes
    ]
    table = ["", "| cost | change | what | clients |", "|---|---|---|---|", *rows] if rows else []
    return "\n".join([*head, *table, *(["", *tail] if tail else [])])


def _lines(change: Change) -> list[str]:
    away = f" ({_away(change)})" if _away(change) else ""
    allowed = f" [allowed: {change.allowed}]" if change.allowed else ""
    return [
        f"{change.cost:<12}  {change.name}: {change.what}{away}{allowed}",
        *(INDENT + each for each in change.details),
    ]


def _away(change: Change) -> str:
    """Return how long nobody gets an answer, and who asks now."""
    if change.seconds is None and change.connected is None:
        return ""
    connected = "who is connected is not known" if change.connected is None else ", ".join(change.connected)
    away = "" if change.seconds is None else f"about {duration(change.seconds)} without an answer; "
    return f"{away}connected: {connected or 'no application container'}"


def _cell(change: Change) -> str:
    parts = [change.what, *change.details, *([f"**allowed**: {change.allowed}"] if change.allowed else [])]
    return "<br>".join(map(_escaped, parts))


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("|", "\\|")


def _sum(found: Preview) -> str:
    if not found.changes:
        return "nothing changes"
    if found.at_risk:
        return f"data at risk: {', '.join(change.name for change in found.at_risk)}"
    return f"it costs: {found.cost}" + (", as allowed" if found.cost == "data at risk" else "")
