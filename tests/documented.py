"""The command lines that the documents show, and what the command line's own parser makes of them."""

import re
import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import click

from dbserver.cli import main  # noqa: F401  importing it adds the verbs
from dbserver.cli.options import commands

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^ *```(?:bash|sh|console)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
QUOTED_OR_COMMENT = re.compile(r"""('[^']*'|"(?:\\.|[^"\\])*")|(?:^|(?<=\s))#.*$""", re.MULTILINE)
INLINE = re.compile(r"`((?:\./)?scripts/[\w.-]+(?: [^`]*)?|dbserver [a-z][^`]*)`")
PUNCTUATION = set("();<>|&")
SCRIPT = re.compile(r"(?:^|/)scripts/([\w.-]+)$")

# The integration document's, each once.
INTEGRATION = r"""
cd /path/to/database-server
./scripts/start.sh
./scripts/status.sh
cd /path/to/nginx-microservice
./scripts/blue-green/deploy.sh crypto-ai-agent
docker compose down
docker compose up -d
sleep 10
docker compose ps
docker ps | grep db-server
docker compose restart
docker exec db-server-postgres pg_isready
docker exec db-server-redis redis-cli ping
docker exec db-server-postgres pg_isready -U dbadmin
curl http://crypto-ai-backend-blue:8100/health
curl http://crypto-ai-backend-green:8100/health
./scripts/backup-database.sh crypto-ai-agent
./scripts/restore-database.sh crypto-ai-agent backups/crypto-ai-agent_YYYY-MM-DD.sql
./scripts/restore-database.sh crypto-ai-agent backup_file.sql
docker ps | grep db-server-postgres
docker exec crypto-ai-backend-blue ping -c 2 db-server-postgres
docker exec db-server-postgres psql -U dbadmin -l
docker exec crypto-ai-backend-blue env | grep DATABASE
docker exec db-server-postgres psql -U dbadmin -c "SELECT count(*) FROM pg_stat_activity;"
docker exec db-server-postgres psql -U dbadmin -c "SHOW max_connections;"
docker ps | grep db-server-redis
docker exec crypto-ai-backend-blue ping -c 2 db-server-redis
docker compose restart redis
watch -n 2 'docker exec db-server-postgres psql -U dbadmin -c "SELECT count(*) FROM pg_stat_activity;"'
docker exec db-server-postgres psql -U dbadmin -c "SELECT pg_size_pretty(pg_database_size(\"current_database()\"));"
echo "Backup created: $(date)" >> deployment_log.txt
docker stop db-server-postgres
docker compose restart postgres
"""


@cache
def documents() -> dict[str, str]:
    """Return the text of each document that tells people what to type, by its path."""
    paths = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return {str(path.relative_to(ROOT)): path.read_text() for path in paths if path.parent.name != "decisions"}


def lines(script: str) -> Iterator[str]:
    """Yield the commands of a script, without comments; an `if` with all that belongs to it is one."""
    begun: list[str] = []
    text = QUOTED_OR_COMMENT.sub(lambda found: found[1] or "", script.replace("\\\n", " "))
    for line in text.splitlines():
        words = " ".join(line.split())
        begun += [words] if words else []
        opened = sum(each.startswith("if ") for each in begun) > begun.count("fi")
        if begun and not opened:
            yield "\n".join(begun)
            begun = []


def typed(text: str) -> Iterator[str]:
    """Yield the commands of a document's code blocks; of a recorded session, what follows the prompt."""
    for block in BLOCK.finditer(text):
        shown = block[1]
        if block[0].lstrip().startswith("```console"):
            shown = "\n".join(line[2:] for line in shown.splitlines() if line.startswith("$ "))
        yield from lines(shown)


def all_typed() -> dict[str, str]:
    """Return every documented command, with one place where it stands."""
    found = {command: name for name, text in documents().items() for command in typed(text)}
    return found | dict.fromkeys(lines(INTEGRATION), "the integration document")


def calls(text: str) -> Iterator[list[str]]:
    """Yield what a text runs of this project's scripts: the name, then the arguments."""
    plain = re.sub(r'"\$\((.*?)\)"', r" ( \1 ) ", text).replace("=$(", " ( ") if "scripts/" in text else ""
    reader = shlex.shlex(plain, posix=True, punctuation_chars=True)
    reader.commenters, reader.whitespace_split = "", True
    words = list(reader)
    for number, word in enumerate(words):
        script = SCRIPT.search(word)
        if script:
            yield [script[1], *_until_the_end(words[number + 1 :])]


def _until_the_end(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        if set(word) <= PUNCTUATION:
            return
        yield word


@cache
def beginning(script: str) -> list[str]:
    """Return what a script puts before its arguments, as it says itself."""
    last = (ROOT / "scripts" / script).read_text().splitlines()[-1]
    if re.search(r'/(start\.sh|tools/start)"', last):
        return ["start", *re.findall(r"(--no-install)", last)]
    found = re.search(r'/dbserver"(?: (\w+))? "\$@"$', last)
    return [found[1]] if found and found[1] else []


def parse(arguments: Sequence[str]) -> None:
    """Give a command line to the real parser, which runs nothing. Raises click.ClickException where it has a fault."""
    if arguments:
        name, *own = arguments
        if name not in commands.commands:
            raise click.UsageError(f"no verb {name}")
        # With its parent: a command keeps the help option of its first context, and the group says how that is called.
        group = click.Context(commands, **commands.context_settings)
        commands.commands[name].make_context(name, own, parent=group)
