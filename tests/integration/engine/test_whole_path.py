"""The whole path: from compose to this stack, a new application, its blue/green deployment, a restore, the way back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.installation import IMAGES, Installation
from tests.support.stack import Stack

pytestmark = pytest.mark.full  # four minutes: from compose to a restore during a deployment

APPLICATION = "wiki"
ENTRY = "db-server:applications[3]"
HOLD = 'psql -q "$DATABASE_URL" -c "{statement}" && (echo "SELECT 1;"; sleep 900) | psql -q "$DATABASE_URL"'


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    stack = Stack(tmp_path)
    try:
        yield Installation(stack).up()
    finally:
        stack.remove()


def colour(stack: Stack, name: str, statement: str) -> str:
    """Start a container of the application with what `env` prints; it writes once and then holds a connection."""
    file = stack.directory / "application.env"
    file.write_text(stack.script("dbserver", "env", APPLICATION).ok().out)
    container = f"{stack.name}-{APPLICATION}-backend-{name}"
    options = ["--init", "--network", stack.network, "--env-file", str(file), "--entrypoint", "sh"]
    argv = ["docker", "run", "-d", "--name", container, *options, IMAGES["postgres"]]
    run(*argv, "-c", HOLD.format(statement=statement)).ok()
    connected = ["dbserver", "drain", APPLICATION, name]
    stack.until(lambda: stack.script(*connected).code == 1, 60, what=f"a connection of {name}")
    return container


def pages(stack: Stack) -> list[str]:
    return stack.sql("SELECT by FROM page ORDER BY 1", APPLICATION).split()


def test_from_compose_to_a_restore_during_a_deployment_nothing_acknowledged_is_lost(installation: Installation) -> None:
    stack = installation.stack
    with installation.writing() as writers:
        installation.adopt("--confirm", stack.name).ok()
        installation.adopt("--finish", "--confirm", stack.name).ok()
        containers = stack.ids()

        stack.pulumi("config", "set", "--path", f"{ENTRY}.name", APPLICATION).ok()
        stack.pulumi("config", "set", "--path", f"{ENTRY}.poolSize", "5").ok()
        changes = json.loads(stack.script("dbserver", "preview", "--format", "json").ok().out)
        costs = {each["name"]: each["cost"] for each in changes["changes"]}
        assert costs == {f"application-created:{APPLICATION}": "nothing", "redis-users:redis": "reload"}
        stack.start().ok()
        assert stack.ids() == containers

        blue = colour(stack, "blue", "CREATE TABLE page (by text); INSERT INTO page VALUES ('blue')")
        told = stack.script("dbserver", "checkpoint", APPLICATION, "--colour", "blue", "--revision", "1a2b3c").ok()
        green = colour(stack, "green", "UPDATE page SET by = 'green'")
        run("docker", "rm", "-f", "-v", blue).ok()
        stack.script("dbserver", "drain", APPLICATION, "blue", "--wait", "30s").ok()
        assert pages(stack) == ["green"]

        confirmed = ("--confirm", APPLICATION)
        stack.script("restore-database.sh", APPLICATION, "--checkpoint", told.out.strip(), *confirmed).ok()
        assert pages(stack) == ["blue"]
        stack.script("dbserver", "rollback", APPLICATION, *confirmed).ok()
        assert pages(stack) == ["green"]

        writers.go_on()
        writers.assert_nothing_lost()
        assert stack.ids() == containers
        run("docker", "rm", "-f", "-v", green).ok()
    stack.assert_clean()
