"""Everything that an update compares in Redis: its settings, its users, its files. Pure: commands, what they print."""

from dbserver import contract
from dbserver.docker import rendered
from dbserver.redis import commands

# Both replies over one connection; the users' order is not Redis' to promise.
QUESTION = "CONFIG GET *\nACL LIST\n"
USER = "user "
PARTS = ("Redis's rendered files", "Redis's settings", "Redis's users")


def ask(container: str, admin: str) -> list[str]:
    """Return the command that takes QUESTION on standard input, and tells of the rendered files first."""
    return rendered.before(commands.lines(container, admin), contract.REDIS)


def parse(printed: str) -> dict[str, str]:
    """Return part -> what was said of it; nothing where Redis did not answer its administrator."""
    files, lines = rendered.told(printed)
    users = sorted(line for line in lines if line.startswith(USER))
    settings = [line for line in lines if not line.startswith(USER)]
    if not users or "maxmemory" not in settings:
        return {}
    return dict(zip(PARTS, (files, "\n".join(settings), "\n".join(users)), strict=True))
