"""Everything that an update compares in PostgreSQL, outside the applications' own databases. Pure.

One question: a start of psql costs more than everything in it. It reads shared catalogues and the administrator's
database only, so nothing of an application's is run.
"""

from collections.abc import Mapping

from dbserver.docker import rendered

ROLES = "SELECT * FROM pg_authid WHERE rolname !~ '^pg_'"
MEMBERS = "SELECT roleid::regrole, member::regrole, admin_option FROM pg_auth_members WHERE member >= 16384"
DATABASES = "SELECT datname, datdba::regrole, datacl::text, datconnlimit, datallowconn, datistemplate FROM pg_database"
OF_ROLES = "SELECT setdatabase, setrole::regrole, setconfig FROM pg_db_role_setting"
# In force, and what waits for a restart or was refused. What this session begins with is compared in the files alone.
SETTINGS = "SELECT name, reset_val, boot_val, sourcefile, pending_restart FROM pg_settings WHERE source <> 'client'"
IN_FILES = "SELECT sourcefile, name, setting, applied, error FROM pg_file_settings"
IDENTITY = "SELECT system_identifier FROM pg_control_system()"
SLOTS = "SELECT slot_name, slot_type FROM pg_replication_slots WHERE NOT temporary"
REGISTERED = "SELECT name, database, role, entry FROM dbserver.application"

PARTS: Mapping[str, str] = {
    "PostgreSQL's data": IDENTITY,
    "PostgreSQL's roles": ROLES,
    "PostgreSQL's memberships": MEMBERS,
    "PostgreSQL's databases": DATABASES,
    "the settings of PostgreSQL's roles": OF_ROLES,
    "PostgreSQL's settings": SETTINGS,
    "PostgreSQL's files": IN_FILES,
    "PostgreSQL's replication slots": SLOTS,
    "the registry of applications": REGISTERED,
}
FILES = "PostgreSQL's rendered files"


def question() -> str:
    """Return the script for psql in the administrator's database: for each part its number, its rows as one line."""
    return "".join(
        f"SELECT {number}, coalesce(json_agg(row ORDER BY row), '[]') FROM"
        f" (SELECT row_to_json(r)::text AS row FROM ({query}) r) rows;\n"
        for number, query in enumerate(PARTS.values())
    )


def parse(printed: str) -> dict[str, str]:
    """Return part -> what was said of it; nothing where one was not answered."""
    files, lines = rendered.told(printed)
    answers = dict(line.split("|", 1) for line in lines if "|" in line)
    found = {name: answers[str(number)] for number, name in enumerate(PARTS) if str(number) in answers}
    return {FILES: files, **found} if len(found) == len(PARTS) else {}
