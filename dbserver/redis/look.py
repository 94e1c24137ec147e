"""Everything that an update compares in Redis: its settings, its users, its files. Pure: commands, what is printed."""

from dbserver.docker import rendered
from dbserver.redis.commands import SYNC_DELAY

# Asked over the connection that asks for its use; the users' order is not Redis' to promise.
BEGIN = "-- what an update compares --"
QUESTION = f'ECHO "{BEGIN}"\nCONFIG GET *\nACL LIST\n'
USER = "user "
PARTS = ("Redis's rendered files", "Redis's settings", "Redis's users")


def parse(printed: str) -> dict[str, str]:
    """Return part -> what was said of it; nothing where Redis did not answer its administrator."""
    files, lines = rendered.told(printed)
    told = lines[lines.index(BEGIN) + 1 :] if BEGIN in lines else []
    users = sorted(line for line in told if line.startswith(USER))
    settings = [line for line in told if not line.startswith(USER)]
    if not users or "maxmemory" not in settings or len(settings) % 2:
        return {}
    return dict(zip(PARTS, (files, "\n".join(_sorted(settings)), "\n".join(users)), strict=True))


def _sorted(printed: list[str]) -> list[str]:
    """Return NAME VALUE lines by name: Redis prints them in the order of a table that each process makes anew.

    What a backup sets, to be served at once, is no difference.
    """
    pairs = zip(printed[::2], printed[1::2], strict=True)
    return sorted(f"{name} {value}" for name, value in pairs if name != SYNC_DELAY)
