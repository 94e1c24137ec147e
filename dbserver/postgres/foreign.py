"""What a file of elsewhere runs as, and in: a role without rights, a psql that takes no commands. Pure."""

from dbserver.postgres.dump import FASTER, dbname
from dbserver.postgres.sql import identifier, literal

NOBODY = "65534:65534"


def psql(container: str, session: str, role: str, database: str) -> list[str]:
    """Return psql for a plain dump on standard input: as nobody, says the line of an error, stops at the first.

    It is one process: as its input ends, it ends too.
    """
    known = [f"PGAPPNAME={session}", "HOME=/", "LC_ALL=C"]
    options = ["-i", "--user", NOBODY, *(part for text in known for part in ("--env", text))]
    script = ["-X", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse", "-f", "-"]
    client = ["psql", *script, "--no-password", "-U", role, dbname(database)]
    return ["docker", "exec", *options, container, *FASTER, *client]


def restricted(key: str) -> str:
    """Return the line after which psql refuses every command of its own, until it is told this key."""
    return f"\\restrict {key}\n"


def stranger(name: str) -> str:
    """Return the statement for a role that owns the new database of its name, and is a member of nothing.

    The rights of the application's own role would be too many: a file could drop the live database by them.
    """
    return f"CREATE ROLE {identifier(name)} LOGIN;\nALTER DATABASE {identifier(name)} OWNER TO {identifier(name)};\n"


def hand_over(name: str, owner: str) -> str:
    """Return the statements, for the database itself, that give all of a role's to the owner; the role can go then."""
    role = identifier(name)
    return f"REASSIGN OWNED BY {role} TO {identifier(owner)};\nDROP OWNED BY {role};\n"


def give_public(owner: str) -> str:
    """Return the statements that give the schema public to the owner, as it is declared; a file may have dropped it."""
    statement = literal(f"ALTER SCHEMA public OWNER TO {identifier(owner)}")
    return f"SELECT {statement} FROM pg_namespace WHERE nspname = 'public' \\gexec\n"
