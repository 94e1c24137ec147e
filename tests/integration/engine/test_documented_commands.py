"""The documents' commands, run as they stand there: in one shell after another, in the project's directory.

A line of a session that no document has prepares what a document takes for granted. tests/unit/test_documented.py
fails on a documented command that is in no session, in no other test's hands and has no reason against it.
"""

import json
import os
import pty
import re
import shlex
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from dbserver.diagnosis.cause import REDIS_CLI
from tests.documented import lines
from tests.support.commands import Ran, run
from tests.support.stack import Stack

pytestmark = pytest.mark.full  # a minute and a half: each page's commands as they stand there

APPLICATION = "crypto-ai-agent"
ENTRY = {"name": APPLICATION, "role": "crypto", "poolSize": 10}
# The deployment's script, as far as it needs this project.
DEPLOY = """\
#!/bin/sh
docker ps --format '{{.Names}}' | grep ^db-server-postgres$ && docker exec db-server-postgres pg_isready -U dbadmin &&
    docker exec db-server-redis redis-cli ping
"""
# Asks its database, and ends; or waits to be stopped, as an application would.
APPLICATION_IMAGE = """psql -c 'SELECT 1' "$DATABASE_URL" && { [ "$1" != wait ] || exec sleep 600; }"""
NAME = "to go on: "


@dataclass(frozen=True)
class Session:
    """What somebody types into one shell, and what to each question on the terminal, in order."""

    script: str
    answers: Sequence[tuple[str, str]] = ()


LOOKING = Session(
    """
./scripts/status.sh
./scripts/dbserver doctor
./scripts/dbserver list
./scripts/dbserver info crypto-ai-agent --field connections
./scripts/dbserver info crypto-ai-agent --field connection_limit
./scripts/dbserver connections
./scripts/dbserver drain crypto-ai-agent blue --wait 60s
./scripts/dbserver drain crypto-ai-agent blue --wait 60s || exit
./scripts/dbserver psql crypto-ai-agent
./scripts/dbserver env crypto-ai-agent
(umask 077; ./scripts/dbserver env crypto-ai-agent > crypto-ai-agent.env)
set -a; . ./crypto-ai-agent.env; set +a
./scripts/dbserver env crypto-ai-agent --field DATABASE_URL
./scripts/dbserver env crypto-ai-agent --for host
./scripts/dbserver env crypto-ai-agent --format json | jq -r .DATABASE_URL
variables=$(./scripts/dbserver env crypto-ai-agent --format shell) || exit
eval "$variables"
docker run --network nginx-network --env DATABASE_URL --env REDIS_URL crypto-ai-agent:green
docker run --rm --network nginx-network --env DATABASE_URL crypto-ai-agent:green migrate
file=/var/lib/node_exporter/textfile/dbserver.prom
mkdir -p "$(dirname $file)"
./scripts/status.sh --format prometheus >"$file.new"; mv "$file.new" "$file"
docker ps --filter name=db-server
docker exec db-server-postgres pg_isready -U dbadmin
docker exec db-server-redis redis-cli ping
docker network inspect nginx-network --format '{{range .Containers}}{{.Name}} {{end}}'
docker exec db-server-postgres psql -U dbadmin -c 'SELECT count(*) FROM pg_stat_activity'
cd /path/to/nginx-microservice
./scripts/blue-green/deploy.sh crypto-ai-agent
cd /path/to/database-server
docker ps | grep db-server
docker ps | grep db-server-postgres
docker ps | grep db-server-redis
docker exec db-server-postgres pg_isready
docker exec db-server-postgres psql -U dbadmin -l
docker exec db-server-postgres psql -U dbadmin -c "SELECT count(*) FROM pg_stat_activity;"
docker exec db-server-postgres psql -U dbadmin -c "SHOW max_connections;"
docker run -d --network nginx-network --env DATABASE_URL --name crypto-ai-backend-blue crypto-ai-agent:green wait
docker exec crypto-ai-backend-blue env | grep DATABASE
docker rm -f crypto-ai-backend-blue
./scripts/dbserver env <application> --stack <stack>
./scripts/dbserver info <application> --stack <stack> --field redis_prefixes
./scripts/dbserver doctor --stack <other>
ps -eo rss,pid,args --sort=-rss | head
sudo du -xh --max-depth=3 <data>/.. | sort -h | tail -n 20
sudo du -x --inodes --max-depth=3 <data>/.. | sort -n | tail -n 20
docker logs --since 15m <container>
docker logs --tail 20 <container>
docker exec <container> pg_dumpall -U <admin> > everything.sql
docker exec <container> vacuumdb -U <admin> --all --freeze --jobs 2
<redis-cli> CONFIG SET maxclients 10000
""",
    answers=[("=>", "\\q")],
)

BACKUPS = Session(
    """
LIVE_SHA=1a2b3c
before=$(./scripts/dbserver checkpoint crypto-ai-agent --colour blue --revision "$LIVE_SHA") || exit
./scripts/backup-database.sh crypto-ai-agent
echo "Backup created: $(date)" >> deployment_log.txt
./scripts/restore-database.sh crypto-ai-agent latest
./scripts/dbserver rollback crypto-ai-agent
./scripts/dbserver drill crypto-ai-agent
./scripts/dbserver restore crypto-ai-agent --checkpoint "$before" --confirm crypto-ai-agent
./scripts/restore-database.sh crypto-ai-agent backups/crypto-ai-agent_YYYY-MM-DD.sql
docker exec db-server-postgres pg_dump -U dbadmin crypto_ai_agent > backup_file.sql
./scripts/restore-database.sh crypto-ai-agent backup_file.sql
./scripts/dbserver backup --all
ln -s "$(basename backups/server.globals_*)" backups/BACKUP
docker exec -i db-server-postgres psql -U dbadmin -d postgres < backups/BACKUP/globals.sql
docker exec -i db-server-postgres psql -U dbadmin -d postgres < backups/BACKUP/settings.sql
rm backups/BACKUP
ln -s "$(basename backups/database.dbadmin_*)" backups/BACKUP
docker exec db-server-postgres createdb -U dbadmin NEW_DATABASE
docker exec db-server-postgres pg_restore -U dbadmin -d NEW_DATABASE /backups/BACKUP/data
rm backups/BACKUP
docker exec db-server-postgres dropdb -U dbadmin NEW_DATABASE
""",
    answers=[(NAME, APPLICATION)] * 4,
)

DECLARING = Session(
    """
. tools/environment.sh
pulumi preview
./scripts/dbserver add shop
./scripts/dbserver preview
pulumi preview --refresh
pulumi preview --json | ./scripts/dbserver guard -
./scripts/start.sh
./scripts/dbserver list
eval "$(./scripts/dbserver env shop --format shell)"
./scripts/start.sh && ./scripts/dbserver env crypto-ai-agent --format dotenv
pulumi stack output postgres --json
pulumi stack output adminPassword --show-secrets
pulumi stack output applications --json --show-secrets | jq -r '."crypto-ai-agent".DATABASE_URL'
export PULUMI_SKIP_CONFIRMATIONS=true
DBSERVER_DISCONNECT_APPLICATIONS=yes pulumi up
./scripts/restart.sh --disconnect-applications
docker run -d --network nginx-network --env DATABASE_URL --name crypto-ai-agent-blue crypto-ai-agent:green wait
docker stop --time 30 crypto-ai-agent-blue
if ! ./scripts/dbserver drain crypto-ai-agent blue --wait 60s; then
  ./scripts/dbserver connections >&2
  exit 1
fi
docker rm crypto-ai-agent-blue
docker exec -it db-server-postgres psql -U dbadmin -c 'ALTER DATABASE crypto_ai_agent RENAME TO crypto_agent'
pulumi stack --show-urns | grep Application::crypto-ai-agent
pulumi state delete --target-dependents 'URN'
pulumi config set --path 'db-server:applications[0].database' crypto_agent
pulumi config set --path 'db-server:applications[0].keepPassword' true
./scripts/start.sh
pulumi config rm --path 'db-server:applications'
./scripts/start.sh
./scripts/dbserver drop crypto-ai-agent
pulumi config set --path 'db-server:tls.address' 10.0.0.5
pulumi config set --path 'db-server:tls.names[0]' db.example.com
pulumi config rm --path 'db-server:tls'
""",
    answers=[(r"\[y/N\]", "y"), (NAME, APPLICATION)],
)

PLAIN = Session(
    """
. tools/environment.sh
pulumi stack select dev --create
export PULUMI_SKIP_CONFIRMATIONS=true
pulumi config set --secret adminPassword
pulumi preview
pulumi up
pulumi stack output
./scripts/start.sh
pulumi stack output adminPassword --show-secrets
(umask 077; pulumi stack export --show-secrets --stack prod --file exported.json)
export PULUMI_BACKEND_URL=s3://bucket/path
pulumi stack init prod
pulumi stack import --stack prod --file exported.json
export DBSERVER_TAKE_OVER=yes
pulumi preview --stack prod --expect-no-changes
rm exported.json
./scripts/start.sh
unset PULUMI_BACKEND_URL
rm .state/.pulumi/stacks/db-server/prod.json*
sed -i '/encryptionsalt:/d; /adminPassword/,+1d' Pulumi.prod.yaml
./scripts/start.sh --stack prod
unset DBSERVER_TAKE_OVER
./scripts/stop.sh
docker rm db-server-postgres db-server-redis
mv /data/db-server /srv/db-server
sed -i 's#/data/db-server#/srv/db-server#' Pulumi.prod.yaml
./scripts/start.sh
pulumi destroy
docker network rm nginx-network
docker network create nginx-network
""",
    answers=[("value", "a password of one's own")],
)

MENDING = Session("""
. tools/environment.sh
docker restart --time 60 <container>
docker restart --time 60 <container> && ./scripts/start.sh --stack <stack>
docker exec <container> chown -R redis /data && <redis-cli> BGSAVE
docker exec <container> psql -U <admin> -d postgres -c "SELECT pg_create_physical_replication_slot('<slot>')"
docker exec <container> psql -U <admin> -d postgres -c "SELECT pg_drop_replication_slot('<slot>')"
docker network disconnect <network> <container>
docker network connect --alias <server> <network> <container>
pulumi config set --stack <stack> --path 'db-server:postgres.adminUser' <known> && \\
    ./scripts/start.sh --stack <stack>
pulumi config set --stack <stack> --path 'db-server:postgres.image' <image> && \\
    ./scripts/start.sh --stack <stack>
pulumi config set --stack <stack> --path 'db-server:redis.memory' <more> && \\
    ./scripts/start.sh --stack <stack>
pulumi config set --stack <stack> --path 'db-server:<server>.memory' <more> && \\
    ./scripts/start.sh --stack <stack>
pulumi config set --stack <stack> --path 'db-server:postgres.settings.huge_pages' try && \\
    ./scripts/start.sh --stack <stack>
pulumi config set --stack <stack> --path 'db-server:postgres.maxConnections' <more> && \\
    ./scripts/start.sh --stack <stack>
pulumi config set --stack <stack> --path 'db-server:applications[<index>].poolSize' <more> && \\
    ./scripts/start.sh --stack <stack>
./scripts/dbserver schedule run --stack <stack>
""")

COMPOSING = Session("""
cd /path/to/database-server
./scripts/start.sh
./scripts/status.sh
cd /path/to/nginx-microservice
./scripts/blue-green/deploy.sh crypto-ai-agent
cd /path/to/database-server
docker compose down
docker compose up -d
sleep 10
docker compose ps
cd /path/to/nginx-microservice
./scripts/blue-green/deploy.sh crypto-ai-agent
cd /path/to/database-server
docker compose restart
docker compose restart redis
docker compose restart postgres
docker compose stop
./scripts/start.sh
""")
SESSIONS = (LOOKING, BACKUPS, DECLARING, PLAIN, MENDING, COMPOSING)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, plugin: dict[str, str]) -> Iterator[Stack]:
    made = Stack(tmp_path_factory.mktemp("documented"), environment=plugin)
    made.declare(ENTRY)
    made.start().ok()
    image = made.inspect(made.postgres)["Config"]["Image"]
    entry = json.dumps(["sh", "-c", APPLICATION_IMAGE, "run"])
    built = f"{made.name}-{APPLICATION}:green"
    made.build_image(built, f"FROM {image}\nENTRYPOINT {entry}\nCMD []\n")
    yield made
    for unnamed in run("docker", "ps", "-aq", "--filter", f"ancestor={built}").ok().out.split():
        run("docker", "rm", "-f", "-v", unnamed).ok()
    made.remove()


def own(stack: Stack) -> Callable[[str], str]:
    """Return how a documented name is this stack's: names, places, the day."""
    names = {
        "/path/to/database-server": str(stack.project),
        "/path/to/nginx-microservice": str(stack.directory / "deployment"),
        "/data/db-server": str(stack.data),
        "/srv/db-server": str(stack.directory / "moved"),
        "/var/lib/node_exporter": str(stack.directory / "exporter"),
        "s3://bucket/path": f"file://{stack.directory}/elsewhere",
        "db-server-postgres": stack.postgres,
        "db-server-redis": stack.redis,
        "nginx-network": stack.network,
        "name=db-server": f"name={stack.name}",
        "grep db-server": f"grep {stack.name}",
        "crypto-ai-agent:green": f"{stack.name}-{APPLICATION}:green",
        "crypto-ai-agent-blue": f"{stack.name}-{APPLICATION}-blue",
        # This test's image declares a volume, which an application's does not.
        "docker rm -f crypto-ai-backend-blue": f"docker rm -f -v {stack.name}-crypto-ai-backend-blue",
        "crypto-ai-backend-blue": f"{stack.name}-crypto-ai-backend-blue",
        "select dev": f"select {stack.name}",
        "init prod": f"init {stack.name}",
        "--stack prod": f"--stack {stack.name}",
        "/prod.json": f"/{stack.name}.json",
        "Pulumi.prod.yaml": f"Pulumi.{stack.name}.yaml",
        "sudo ": "",
        "docker exec <container> chown -R redis": f"docker exec {stack.redis} chown -R redis",
        "<redis-cli>": REDIS_CLI.format(container=stack.redis, admin="dbadmin"),
        "memory' <more>": "memory' 600m",
        "maxConnections' <more>": "maxConnections' 60",
        "poolSize' <more>": "poolSize' 12",
        "<application>": APPLICATION,
        "<container>": stack.postgres,
        "<server>": "postgres",
        "<data>": str(stack.data / "postgres"),
        "<admin>": "dbadmin",
        "<network>": stack.network,
        "<stack>": stack.name,
        "<other>": stack.name,
        "<slot>": "kept",
        "<index>": "0",
        "<known>": "dbadmin",
        "<image>": "postgres:17",
        "'URN'": "$(pulumi stack --show-urns | grep -o 'urn:.*Application::crypto-ai-agent$')",
        "YYYY-MM-DD": f"{datetime.now(UTC):%Y-%m-%d}",
    }
    known = re.compile("|".join(map(re.escape, names)))
    return lambda text: known.sub(lambda found: names[found[0]], text)


def followed(stack: Stack, session: Session) -> Ran:
    """Type a session; the first command that fails ends it, with its name."""
    mine = own(stack)
    deploy = stack.directory / "deployment" / "scripts" / "blue-green" / "deploy.sh"
    deploy.parent.mkdir(parents=True, exist_ok=True)
    deploy.write_text(mine(DEPLOY))
    deploy.chmod(0o755)
    (stack.directory / "elsewhere").mkdir(exist_ok=True)
    each = "{{ {0}\n}} || {{ echo failed, $?: {1} >&2; exit 1; }}"
    script = "\n".join(each.format(mine(command), shlex.quote(command)) for command in lines(session.script))
    outside, inside = pty.openpty()
    argv = ["bash", "-o", "pipefail", "-c", script]
    try:
        with subprocess.Popen(
            argv, stdin=inside, stdout=inside, stderr=inside, env=stack.env(), cwd=stack.project, start_new_session=True
        ) as process:
            os.close(inside)
            shown = answered(outside, session.answers)
        return Ran(["the session"], process.returncode, shown, "").ok()
    finally:
        os.close(outside)


def answered(terminal: int, answers: Sequence[tuple[str, str]]) -> str:
    """Return all that a terminal shows until nobody is left on it; each question gets its answer."""
    shown, left, since = "", list(answers), 0
    with suppress(OSError):  # nobody is at the other side any more
        while block := os.read(terminal, 65536):
            shown += block.decode(errors="replace")
            asked = re.compile(left[0][0]).search(shown, since) if left else None
            if asked:
                os.write(terminal, f"{left.pop(0)[1]}\r".encode())
                since = asked.end()
    assert left == [], f"never asked: {left}\n{shown}"
    return shown


def test_what_only_looks_is_as_documented(stack: Stack) -> None:
    shown = followed(stack, LOOKING)
    assert "traceback" not in shown.text.lower()
    assert (stack.directory / "exporter" / "textfile" / "dbserver.prom").read_text().startswith("# HELP")


def test_backups_and_restores_are_as_documented(stack: Stack) -> None:
    stack.sql("CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS n", "crypto_ai_agent")
    followed(stack, BACKUPS)
    assert stack.sql("SELECT n FROM kept", "crypto_ai_agent") == "1"


@pytest.mark.full
def test_the_integration_documents_scenarios_are_as_documented(stack: Stack) -> None:
    followed(stack, COMPOSING)


@pytest.mark.full
def test_what_doctor_prints_is_as_documented(stack: Stack) -> None:
    with stack.configured():
        followed(stack, MENDING)
    stack.start().ok()


@pytest.mark.full
def test_declaring_and_dropping_an_application_is_as_documented(stack: Stack) -> None:
    with stack.configured():
        stack.configure(applications=[{**ENTRY, "poolSize": 5}])  # room for another one, as a server of 1g has it
        followed(stack, DECLARING)
        assert APPLICATION not in stack.script("dbserver", "list").ok().out
    stack.start().ok()


@pytest.mark.full
def test_plain_pulumi_and_moving_are_as_documented(tmp_path: Path) -> None:
    alone = Stack(tmp_path)
    try:
        followed(alone, PLAIN)
        assert (tmp_path / "moved" / "postgres").is_dir()
    finally:
        alone.remove()
