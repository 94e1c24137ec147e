"""Lines that come from servers and configurations, made fit to be shown. Pure."""

import re

LINE_LENGTH = 200
SECRETS = (
    re.compile(r"(?i)(\bpassword\s*[=:]?\s*)(?:'[^']*'?|\"[^\"]*\"?)"),
    re.compile(r"(?i)(\bpassword\s*=\s*)[^\s'\"]+"),
    re.compile(r"(://[^\s:/@]*:)[^\s@]+(?=@)"),
)


def clean(line: str) -> str:
    """Return a line of a log or of a message without secrets, not too long to read."""
    for secret in SECRETS:
        line = secret.sub(r"\1***", line)
    line = line.strip()
    return line if len(line) <= LINE_LENGTH else line[: LINE_LENGTH - 3] + "..."
