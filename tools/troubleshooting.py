"""Writes docs/how-to/troubleshooting.md from doctor's table of causes. Usage: python -m tools.troubleshooting."""

import re
from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

from dbserver.diagnosis.cause import BY_SERVER, CANNOT_CONNECT, ISSUE_OF, ISSUES, REDIS_CLI, REDIS_FAILED, Cause
from dbserver.diagnosis.causes import CAUSES

PAGE = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "troubleshooting.md"
WIDTH = 120
HEAD = """\
# Troubleshooting

```bash
./scripts/dbserver doctor      # the cause, the lines that show it, and the command that mends it
```

It needs neither Pulumi nor its state, and works with one of the servers down, or both, or the daemon. It changes
nothing. Exit code 0: nothing is broken; 3: something is. Where one cause brings others with it, only the cause is
named: a server that crashes because its disk is full is a full disk.

This page is written from the table by which `doctor` judges (`python -m tools.troubleshooting`).

A **fault** breaks something now. A **warning** harms nobody yet. Names in `<...>` are filled in by `doctor`;
`<redis-cli>` stands for this, which works with and without passwords:

```bash
{redis_cli}
```

Each command is run in the project's directory, those with `pulumi` after `. tools/environment.sh`. What a change of the
configuration costs: [configuration.md](../reference/configuration.md). What `start.sh` does, by state:
[recover.md](recover.md).
"""
NO_ISSUE = "No application notices yet"
NAMES = re.compile(r"\{(\w+)\}")


def page() -> str:
    """Return the whole page."""
    return "\n".join([HEAD.format(redis_cli=_shown(REDIS_CLI)), *_issues(), "## The causes\n", *map(_cause, CAUSES)])


def _issues() -> Iterator[str]:
    """Yield what people see, with the causes behind it; the titles are the integration document's."""
    for issue in (*ISSUES, ""):
        yield f"## {_title(issue)}\n\n| cause | | what it is |\n|---|---|---|"
        yield from (
            f"| [{cause.name}](#{cause.name}) | {cause.severity} | {_first_sentence(cause)} |"
            for cause in CAUSES
            if issue in issues(cause)
        )
        yield ""


def _title(issue: str) -> str:
    if not issue:
        return NO_ISSUE
    return f"Issue: {issue}" if issue.startswith('"') else f'Issue: "{issue}"'


def issues(cause: Cause) -> set[str]:
    """Return the issues as which a cause may show."""
    if cause.issue != BY_SERVER:
        return {cause.issue}
    return {CANNOT_CONNECT, REDIS_FAILED} if cause.server == "both" else {ISSUE_OF[cause.server]}


def _cause(cause: Cause) -> str:
    where = {"both": "either server", "host": "the host"}.get(cause.server, cause.server)
    text = fill(f"{cause.severity.capitalize()}, {where}. {cause.meaning}", WIDTH, break_on_hyphens=False)
    return f"### {cause.name}\n\n{text}\n\n```bash\n{command(cause)}\n```\n"


def command(cause: Cause) -> str:
    """Return a cause's command as the page shows it."""
    return _shown(cause.mend).replace(_shown(REDIS_CLI), "<redis-cli>")


def _first_sentence(cause: Cause) -> str:
    return re.split(r"(?<=[.:;]) ", cause.meaning)[0].rstrip(".:;")


def _shown(command: str) -> str:
    return NAMES.sub(r"<\1>", command.replace("{{", "\0").replace("}}", "\1")).replace("\0", "{").replace("\1", "}")


if __name__ == "__main__":
    PAGE.write_text(page())
