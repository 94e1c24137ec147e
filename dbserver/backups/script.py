"""A plain dump on its way to psql: what is left out of it, and whether it was whole. Pure.

Only convenience rests on this reading. What keeps a hostile file from doing
harm is psql, which refuses every command of its own, and the server, where
it runs as a role without rights.
"""

import re
from collections.abc import Collection, Iterator
from typing import IO

from dbserver.postgres.sql import identifier

PIECE_BYTES = 1 << 20
COMPLETE = b"-- PostgreSQL database dump complete"
# Whoever owned what is in the file, and whoever had rights on it, was somebody else, elsewhere. One line each, as
# pg_dump writes them, at the start of a statement.
LEFT_OUT = re.compile(
    rb"""(?x)
    ALTER\ [^;]*\ OWNER\ TO\ [^;]*; | (?:GRANT|REVOKE)\ [^;]*; | ALTER\ DEFAULT\ PRIVILEGES\ [^;]*;
    | SET\ SESSION\ AUTHORIZATION\ [^;]*; | RESET\ SESSION\ AUTHORIZATION;
    | COMMENT\ ON\ EXTENSION\ [^;']*'(?:[^']|'')*';
    | \\(?:un)?restrict\ \w+
    """
)
ROWS = re.compile(rb"COPY .* FROM stdin;\r?\n?")
OPENING = re.compile(rb"--[^\n]*|/\*|(?<![\w$])[Ee]'|'|\"|(?<![\w$])\$(?:[^\W\d]\w*)?\$")
ESCAPED = re.compile(rb"\\.|''|'", re.DOTALL)
COMMENT = re.compile(rb"\*/")


class Script:
    """Reads a dump line by line. After the last, `complete` says whether it ended as pg_dump ends one."""

    def __init__(self, schemas: Collection[str] = ()) -> None:
        self.complete = False
        self._made = {f"CREATE SCHEMA {text};".encode() for name in schemas for text in (name, identifier(name))}
        self._opened, self._closing = b"", _closing(b"--")
        self._between, self._in_rows, self._line_begins = True, False, True

    def lines(self, source: IO[bytes]) -> Iterator[bytes]:
        """Yield the lines for psql: as many as the source has, those that are left out empty."""
        while piece := source.readline(PIECE_BYTES):
            yield self._line(piece)
            self._line_begins = piece.endswith(b"\n")

    def _line(self, piece: bytes) -> bytes:
        if self._in_rows:
            self._in_rows = not (self._line_begins and piece.rstrip(b"\r\n") == b"\\.")
            return piece
        text = piece.rstrip()
        if self._between and self._line_begins:
            if LEFT_OUT.fullmatch(text) or text in self._made:
                return piece[len(text) :]
            if ROWS.fullmatch(piece):
                self._in_rows, self.complete = True, False
                return piece
            if text == COMPLETE:
                self.complete = True
        self._scan(piece)
        return piece

    def _scan(self, piece: bytes) -> None:
        """Follow quotes and comments, so that what stands in a function's body is never taken for a statement."""
        last, at = b"", 0
        while at < len(piece):
            found = (self._closing or OPENING).search(piece, at)
            if self._closing is None:
                last = piece[at : found.start() if found else None].rstrip() or last
            if found is None:
                break
            last = self._passed(found[0], last)
            at = found.end()
        if last:
            self._between = self._closing is None and last.endswith(b";")
            self.complete = False

    def _passed(self, token: bytes, last: bytes) -> bytes:
        """Note what opens or closes; return what counts as the last of the statement: a comment does not."""
        comment = token.startswith(b"--") or b"/*" in (token, self._opened)
        if self._closing is None:
            self._opened = token
            self._closing = _closing(token)
        elif self._closing is not ESCAPED or token == b"'":
            self._opened, self._closing = b"", None
        return last if comment else token


def _closing(token: bytes) -> re.Pattern[bytes] | None:
    if token.startswith(b"--"):
        return None
    if token == b"/*":
        return COMMENT
    return ESCAPED if token in (b"E'", b"e'") else re.compile(re.escape(token))
