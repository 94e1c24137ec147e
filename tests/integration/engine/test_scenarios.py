"""The integration document, scenario by scenario in its order, while two colours of an application write."""

import re
from collections.abc import Iterator, Sequence

import pytest

from tests.integration.engine.test_documented_commands import APPLICATION, ENTRY, NAME, Session, followed
from tests.support.commands import run
from tests.support.pools import REFUSED
from tests.support.stack import Stack

pytestmark = pytest.mark.full

DATABASE = "crypto_ai_agent"
FRESH_START = Session("""
cd /path/to/database-server
./scripts/start.sh
./scripts/status.sh
cd /path/to/nginx-microservice
./scripts/blue-green/deploy.sh crypto-ai-agent
""")
SCENARIOS = {
    "database-server restart": Session("""
cd /path/to/database-server
docker compose down
docker compose up -d
sleep 10
docker compose ps
cd /path/to/nginx-microservice
./scripts/blue-green/deploy.sh crypto-ai-agent
"""),
    # "Verify health" comes at once there: somebody who reads it waits for the servers.
    "shared infrastructure failure": Session("""
cd /path/to/database-server
./scripts/status.sh
docker ps | grep db-server
docker compose restart
docker compose down
docker compose up -d
until ./scripts/status.sh; do sleep 1; done
docker compose ps
docker exec db-server-postgres pg_isready
docker exec db-server-redis redis-cli ping
"""),
    "backup and restore": Session(
        """
cd /path/to/database-server
./scripts/backup-database.sh crypto-ai-agent
cd /path/to/nginx-microservice
./scripts/blue-green/deploy.sh crypto-ai-agent
cd /path/to/database-server
./scripts/restore-database.sh crypto-ai-agent backups/crypto-ai-agent_YYYY-MM-DD.sql
""",
        answers=[(NAME, APPLICATION)],
    ),
    "restore during deployment": Session(
        """
docker exec db-server-postgres pg_dump -U crypto crypto_ai_agent > backup_file.sql
./scripts/restore-database.sh crypto-ai-agent backup_file.sql
""",
        answers=[(NAME, APPLICATION)],
    ),
}
# One connection that writes until it is lost, then the next: as a pool does. What is printed was acknowledged.
WRITER = """\
while :; do
    while :; do echo "INSERT INTO written VALUES (gen_random_uuid()) RETURNING id;"; sleep 0.05; done |
        psql -XAtq "$DATABASE_URL"
    sleep 0.2
done
"""
ID = re.compile(r"^[0-9a-f-]{36}$", re.MULTILINE)


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory, plugin: dict[str, str]) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("scenarios"), environment=plugin)
    made.declare(ENTRY)
    yield made
    made.remove()


def write(stack: Stack, colour: str) -> str:
    """Start a container of the application that writes; return its name."""
    name, image = f"{stack.name}-crypto-ai-backend-{colour}", stack.inspect(stack.postgres)["Config"]["Image"]
    url = f"DATABASE_URL={stack.variables(APPLICATION)['DATABASE_URL']}"
    argv = ["docker", "run", "-d", "--init", "--name", name, "--network", stack.network, "--env", url]
    run(*argv, "--entrypoint", "sh", image, "-c", WRITER).ok()
    return name


def acknowledged(name: str) -> set[str]:
    return set(ID.findall(run("docker", "logs", name).ok().out))


def assert_writing(stack: Stack, colours: Sequence[str]) -> None:
    """Wait until each of them has written once more."""
    before = {name: acknowledged(name) for name in colours}
    stack.until(lambda: all(acknowledged(name) > before[name] for name in colours), 60, what="both colours' writes")


def there(stack: Stack) -> set[str]:
    """Return what was written and is there: in the live database, or in one that a restore has kept."""
    kept = stack.sql("SELECT name FROM dbserver.database WHERE purpose = 'kept'").split()
    return {each for database in (DATABASE, *kept) for each in stack.sql("SELECT id FROM written", database).split()}


def test_no_acknowledged_write_is_lost_in_any_scenario_and_nobody_is_cut_off_unasked(stack: Stack) -> None:
    followed(stack, FRESH_START)
    stack.sql("CREATE TABLE written (id uuid PRIMARY KEY); ALTER TABLE written OWNER TO crypto", DATABASE)
    colours = [write(stack, colour) for colour in ("blue", "green")]
    assert_writing(stack, colours)
    for session in SCENARIOS.values():
        followed(stack, session)
        assert_writing(stack, colours)
        refused = stack.script("restart.sh", "--yes")
        assert refused.code == REFUSED, refused.text
        assert all(name in refused.err for name in colours), refused.text
    run("docker", "stop", "--time", "5", *colours).ok()
    told = {each for name in colours for each in acknowledged(name)}
    assert len(told) > 100
    assert told <= there(stack), f"lost: {sorted(told - there(stack))[:5]}"
    run("docker", "rm", "-f", "-v", *colours).ok()
