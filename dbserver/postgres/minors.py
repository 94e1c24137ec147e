"""Minor versions in which an application may come to be superuser by a backup. Pure."""

import re

# Since which minor the server can be told to expand no view that somebody has put in a table's place:
# https://www.postgresql.org/support/security/CVE-2024-7348/ ; every 17 can.
KEEPING_VIEWS_OUT = {15: 8, 16: 4}


def letting_views_in(version: str) -> str:
    """Return which minor a server of this version needs, as `16.4`; empty where it needs none, or nobody can tell."""
    found = re.match(r"(\d+)\.(\d+)", version)
    needed = KEEPING_VIEWS_OUT.get(int(found[1]), 0) if found else 0
    return f"{found[1]}.{needed}" if found and int(found[2]) < needed else ""
