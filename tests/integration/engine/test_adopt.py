"""From a running compose installation to the stack and back, while clients write: nothing acknowledged is lost."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.installation import ADMIN_PASSWORD, Installation, Writers
from tests.support.stack import Stack

pytestmark = pytest.mark.full  # three minutes: an installation of elsewhere is made first

KEPT = "-before-adoption"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The installation that the tests of this module share; each leaves it running as it was."""
    stack = Stack(tmp_path_factory.mktemp("adopt"))
    try:
        yield Installation(stack).up()
    finally:
        stack.remove()


def state(container: str) -> dict[str, object]:
    """Return what of a container has to be the same after a way back."""
    found = json.loads(run("docker", "container", "inspect", container).ok().out)[0]
    return {
        "id": found["Id"], "running": found["State"]["Running"], "pids": found["HostConfig"]["PidsLimit"] or -1,
        "restart": found["HostConfig"]["RestartPolicy"]["Name"],
    }  # fmt: skip


def states(stack: Stack) -> list[dict[str, object]]:
    return [state(stack.postgres), state(stack.redis)]


def test_what_does_not_fit_is_refused_and_what_is_shown_changes_nothing(
    installation: Installation, tmp_path: Path
) -> None:
    stack = installation.stack
    before, rights = states(stack), installation.rights()
    stack.sql("CREATE DATABASE of_the_admin", "postgres")
    stack.cli("CONFIG", "SET", "requirepass", "of-redis")
    unknown = installation.adopt("--confirm", stack.name)
    assert (unknown.code, "--redis-password-file" in unknown.err) == (3, True), unknown.text
    (tmp_path / "password").write_text("of-redis\n")
    refused = installation.adopt("--confirm", stack.name, "--redis-password-file", str(tmp_path / "password"))
    assert refused.code == 5, refused.text
    assert "database of_the_admin belongs to the superuser dbadmin" in refused.err
    assert "--allow-open-redis" in refused.err
    run(
        "docker",
        "exec",
        "--env",
        "REDISCLI_AUTH=of-redis",
        stack.redis,
        "redis-cli",
        "CONFIG",
        "SET",
        "requirepass",
        "",
    )
    shown = json.loads(installation.adopt("--leave-out", "of_the_admin", "--format", "json").ok().out)
    assert shown["step"] == "new"
    known = {each["database"]: each for each in shown["databases"]}
    assert known["crypto_ai_agent"]["application"] == "crypto-ai-agent"
    assert known["crypto_ai_agent"]["extensions"] == ["pg_trgm"]
    assert known["of_the_admin"]["application"] == ""
    assert any("keepPassword: true" in line for line in shown["changes"])
    stack.sql("DROP DATABASE of_the_admin", "postgres")
    assert not list(stack.project.glob(f"Pulumi.{stack.name}.yaml"))
    assert not (stack.project / "backups").exists()
    assert (states(stack), installation.rights()) == (before, rights)


@pytest.mark.full
def test_adopted_taken_back_killed_half_way_and_adopted_for_good(installation: Installation) -> None:
    stack = installation.stack
    before, rights = states(stack), installation.rights()
    with installation.writing() as writers:
        adopt_once(installation, writers)
        nobody_else_starts(installation)
        installation.adopt("--undo", "--confirm", stack.name).ok()
        writers.go_on()
        writers.assert_nothing_lost()
        assert (states(stack), installation.rights()) == (before, rights)
        assert stack.password_works(ADMIN_PASSWORD)
        killed_half_way(installation)
        installation.adopt("--confirm", stack.name).ok()
        writers.go_on()
        writers.assert_nothing_lost()
        finished = installation.adopt("--finish", "--confirm", stack.name).ok()
        assert f"{stack.postgres}{KEPT}" in finished.out
        writers.go_on()
        writers.assert_nothing_lost()
    names = run("docker", "ps", "-a", "--format", "{{.Names}}").out.split()
    assert [name for name in names if name.startswith(stack.name) and name.endswith(KEPT)] == []
    again = installation.adopt("--confirm", stack.name)
    assert (again.code, "nothing is to be adopted" in again.err) == (2, True), again.text
    back = installation.adopt("--undo", "--confirm", stack.name)
    assert (back.code, "no adoption" in back.err) == (2, True), back.text
    stack.script("dbserver", "backup", "--all").ok()


def adopt_once(installation: Installation, writers: Writers) -> None:
    """Adopt, and look at what promises are kept."""
    stack = installation.stack
    done = json.loads(installation.adopt("--confirm", stack.name, "--format", "json").ok().out)
    writers.go_on()
    writers.assert_nothing_lost()
    assert [each["seconds"] is not None for each in done["servers"]] == [True, True]
    rows = {each["database"]: each["rows"] for each in done["databases"]}
    assert rows["shop"] == 500
    assert rows["crypto_ai_agent"] >= 1000
    assert stack.inspect(stack.postgres)["Config"]["Image"].endswith("postgres:15")
    assert stack.sql("SHOW work_mem; SHOW log_min_duration_statement", "postgres").split() == ["5MB", "250ms"]
    assert stack.variables("crypto-ai-agent")["DB_PASSWORD"] == ""
    stack.assert_clean()
    for name in done["backups"]:
        stack.script("dbserver", "verify", name).ok()
    stack.script("dbserver", "drill", "shop", "latest").ok()
    assert "adopt --undo" in installation.adopt().ok().out


def nobody_else_starts(installation: Installation) -> None:
    """`docker compose up` in the old directory knows its containers by their labels: they do not start."""
    stack = installation.stack
    running = states(stack)
    installation.compose("up", "-d")
    for name in (stack.postgres, stack.redis):
        kept = state(name + KEPT)
        assert (kept["running"], kept["restart"], kept["pids"]) == (False, "no", 1)
    assert states(stack) == running


def killed_half_way(installation: Installation) -> None:
    """Kill it, the engine included, once a container has given up its name."""
    stack = installation.stack
    script = str(stack.project / "scripts" / "dbserver")
    names = ["--postgres", stack.postgres, "--redis", stack.redis]
    process = stack.popen(script, "adopt", *names, "--confirm", stack.name)
    kept = ["docker", "ps", "-aq", "--filter", f"name=^{stack.name}-.*{KEPT}$"]
    stack.until(lambda: run(*kept).out, 120, what="the swap")
    stack.blow(process, signal.SIGKILL)
    standing = installation.adopt().ok()
    assert "the swap was begun" in standing.out
