"""Lines that come from servers and configurations, made fit to be shown. Pure."""

import re

LINE_LENGTH = 200
SECRETS = (
    re.compile(r"(?i)(\bpassword\s*[=:]?\s*)(?:'[^']*'?|\"[^\"]*\"?)"),
    re.compile(r"(?i)(\bpassword\s*=\s*)[^\s'\"]+"),
    re.compile(r"(://[^\s:/@]*:)[^\s@]+(?=@)"),
)


def lines(text: str) -> list[str]:
    """Return the lines of what a program printed: they end at a line feed alone.

    `str.splitlines` ends them at U+000B, U+2028 and others too, which may stand in the name of a table or in a value:
    so an application would forge a line of what a server says.
    """
    return [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []


def printable(text: str) -> str:
    """Return a text with blanks for what a terminal would obey or hide; it keeps its lines and their tabs."""
    return "".join(letter if letter.isprintable() or letter in "\n\t" else " " for letter in text)


def one_line(text: str) -> str:
    """Return a text with blanks for its line feeds too."""
    return printable(text).replace("\n", " ")


def clean(line: str) -> str:
    """Return a line of a log or of a message without secrets and all in one line, not too long to read."""
    for secret in SECRETS:
        line = secret.sub(r"\1***", line)
    line = one_line(line).strip()
    return line if len(line) <= LINE_LENGTH else line[: LINE_LENGTH - 3] + "..."
