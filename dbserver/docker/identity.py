"""The identity of the data that a running server works on, asked in its container.

PostgreSQL's is its system identifier: the first eight bytes of its control file, in every version. Redis has none; a
word that is put beside its files stands for it.
"""

import secrets

from dbserver import contract, execute
from dbserver.docker.host import IDENTITY_OF, Identity, parse_identity
from dbserver.errors import CommandError

SECONDS = 20
BYTES = 8
# The file is there whole or not at all.
MARK = 'umask 077; cat >"$0.new" && mv -f "$0.new" "$0"'


def asked(container: str, server: str) -> Identity | None:
    """Return the identity of a running server's data; None where its container does not answer."""
    directory, remembered = contract.INNER_DATA[server], f"{contract.INNER_CONFIG[server]}/{contract.IDENTITY_FILE}"
    argv = ["docker", "exec", "--user", server, container, "sh", "-c", IDENTITY_OF, "sh", directory, remembered]
    try:
        return parse_identity(execute.run(argv, timeout=SECONDS).stdout)
    except CommandError:
        return None


def mark(container: str, server: str) -> str:
    """Put a word beside the files of a running server that has no identity of its own, and return it."""
    word = secrets.token_hex(BYTES)
    place = f"{contract.INNER_DATA[server]}/{contract.IDENTITY_FILE}"
    argv = ["docker", "exec", "--interactive", "--user", server, container, "sh", "-c", MARK, place]
    execute.run(argv, stdin=word, timeout=SECONDS)
    return word
