"""The steps of the workflows, run as a runner runs them: in a checkout of its own, beside the installation."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.commands import Ran, run
from tests.support.project import ROOT
from tests.support.stack import Stack

DEPLOY = """\
#!/bin/sh
printf '%s\\n' "$*" "$PWD" "$DATABASE_URL" "$REDIS_URL" > deployed
exit "$(cat code)"
"""
AUTHOR = ("-c", "user.name=somebody", "-c", "user.email=somebody@example")


def git(directory: Path, *arguments: str) -> str:
    return run("git", "-C", str(directory), *AUTHOR, *arguments).ok().out.strip()


@dataclass
class Pipeline:
    """An installation that runs, and the runner's checkout of another commit."""

    stack: Stack
    checkout: Path
    deployment: Path

    @property
    def installation(self) -> Path:
        return self.stack.project

    @property
    def mark(self) -> str:
        """The line by which pipeline/comment finds the comment before."""
        return f"<!-- db-server preview of {self.stack.name} -->"

    def step(self, name: str, *arguments: str, **variables: str) -> Ran:
        """Run a step with the variables that a workflow gives it."""
        own = {
            "GITHUB_WORKSPACE": str(self.checkout),
            "DATABASE_SERVER_DIRECTORY": str(self.installation),
            "DEPLOYMENT_DIRECTORY": str(self.deployment),
        }
        environment = {**self.stack.env(), **own, **variables}
        script = str(self.checkout / "pipeline" / name)
        return run(script, *arguments, env=environment, cwd=self.checkout)

    def preview(self, **variables: str) -> tuple[Ran, str]:
        file = self.stack.directory / "preview.md"
        file.unlink(missing_ok=True)
        return self.step("preview", str(file), **variables), file.read_text()

    def propose(self, **changes: Any) -> str:
        """Commit a changed configuration in the checkout; return the commit."""
        path = self.checkout / f"Pulumi.{self.stack.name}.yaml"
        content = yaml.safe_load(path.read_text())
        for key, value in changes.items():
            known = content["config"].get(f"db-server:{key}")
            content["config"][f"db-server:{key}"] = {**known, **value} if isinstance(value, dict) else value
        path.write_text(yaml.safe_dump(content))
        git(self.checkout, "commit", "-q", "-am", "a change")
        return git(self.checkout, "rev-parse", "HEAD")

    def reset(self) -> None:
        """Bring the checkout to what is installed."""
        git(self.checkout, "fetch", "-q", "origin")
        git(self.checkout, "reset", "-q", "--hard", "origin/HEAD")

    def backups(self, application: str) -> list[dict[str, str]]:
        listed = json.loads(self.stack.script("dbserver", "backups", application, "--format", "json").ok().out)
        return list(listed["backups"])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    stack = Stack(tmp_path_factory.mktemp("workflow"))
    stack.configure(backupDirectory=str(stack.directory / "backups"))
    stack.declare({"name": "shop", "poolSize": 2})
    stack.start().ok()
    git(stack.project, "init", "-q", "-b", "main")
    # The tests' environment is a link, which the pattern for a directory does not meet.
    (stack.project / ".git" / "info" / "exclude").write_text("/.venv\n")
    git(stack.project, "add", "-A")
    git(stack.project, "commit", "-q", "-m", "as installed")
    checkout = stack.directory / "runner" / "checkout"
    git(stack.directory, "clone", "-q", str(stack.project), str(checkout))
    (checkout / ".venv").symlink_to(ROOT / ".venv")
    deployment = stack.directory / "nginx-microservice"
    script = deployment / "scripts" / "blue-green" / "deploy.sh"
    script.parent.mkdir(parents=True)
    script.write_text(DEPLOY)
    script.chmod(0o755)
    yield Pipeline(stack, checkout, deployment)
    stack.remove()


@pytest.fixture
def pipeline(made: Pipeline) -> Pipeline:
    made.reset()
    (made.deployment / "code").write_text("0")
    (made.deployment / "deployed").unlink(missing_ok=True)
    return made


@pytest.fixture
def blue(pipeline: Pipeline) -> Iterator[str]:
    """A blue container that is connected."""
    stack = pipeline.stack
    name, image = f"{stack.name}-shop-blue", stack.inspect(stack.postgres)["Config"]["Image"]
    hold = "(echo 'SELECT 1;'; sleep 900) | psql -q \"$DATABASE_URL\""
    argv = ["docker", "run", "-d", "--init", "--name", name, "--network", stack.network, "--env", "DATABASE_URL"]
    url = {"DATABASE_URL": stack.variables("shop")["DATABASE_URL"]}
    run(*argv, "--entrypoint", "sh", image, "-c", hold, env={**stack.env(), **url}).ok()
    stack.until(lambda: stack.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop'") == "1")
    yield name
    run("docker", "rm", "-f", "-v", name).ok()


# preview -----------------------------------------------------------------


def test_a_preview_from_another_checkout_finds_what_is_installed_unchanged(pipeline: Pipeline) -> None:
    summary = pipeline.stack.directory / "summary.md"
    done, text = pipeline.preview(GITHUB_STEP_SUMMARY=str(summary))
    assert text.startswith(f"{pipeline.mark}\n"), done.ok().text
    assert "nothing changes" in text
    assert summary.read_text() == text
    assert not (pipeline.checkout / ".state" / "passphrase").exists(), "a passphrase of its own would read nothing"


@pytest.mark.full
def test_data_at_risk_fails_the_request_unless_its_description_allows_it(pipeline: Pipeline) -> None:
    pipeline.propose(applications=[])
    done, text = pipeline.preview()
    assert done.code == 5, done.text
    assert "data at risk" in text
    allowed = "No shop.\r\n\r\nallow: application-removed:shop=closed; $(touch /tmp/pwned)\r\nMore."
    done, text = pipeline.preview(DESCRIPTION=allowed)
    assert "closed; $(touch /tmp/pwned)" in text, done.ok().text
    assert not Path("/tmp/pwned").exists()


def test_a_preview_that_fails_says_so_in_the_same_comment(pipeline: Pipeline) -> None:
    pipeline.propose(redis={"memory": "much"})
    done, text = pipeline.preview()
    assert done.code not in (0, 5), done.text
    assert text.splitlines()[0] == pipeline.mark
    assert f"no preview, exit code {done.code}" in text
    assert "    error: " in text
    assert "redis/memory" in text.replace(".", "/")


# up ----------------------------------------------------------------------


@pytest.mark.full
def test_an_update_follows_a_proved_checkpoint_and_cuts_nobody_off_unasked(pipeline: Pipeline, blue: str) -> None:
    before, wanted = git(pipeline.installation, "rev-parse", "HEAD"), pipeline.propose(postgres={"maxConnections": 90})
    known = len(pipeline.backups("shop"))
    refused = pipeline.step("up")
    assert refused.code == 5, refused.text
    assert f"{blue} (blue)" in refused.err
    made = pipeline.backups("shop")[known:]
    assert [(each["colour"], each["revision"], each["note"]) for each in made] == [("blue", before, f"before {wanted}")]
    assert refused.out == f"{made[0]['id']}\n"
    assert pipeline.stack.sql("SHOW max_connections") != "90"
    done = pipeline.step("up", DISCONNECT_APPLICATIONS="yes").ok()
    assert git(pipeline.installation, "rev-parse", "HEAD") == wanted
    assert pipeline.stack.sql("SHOW max_connections") == "90"
    assert f"ok   {pipeline.stack.postgres}" in done.out


def test_without_a_proved_checkpoint_nothing_is_updated(pipeline: Pipeline) -> None:
    before = git(pipeline.installation, "rev-parse", "HEAD")
    pipeline.propose(postgres={"maxConnections": 80})
    pipeline.stack.sql("ALTER DATABASE shop RENAME TO away")
    try:
        done = pipeline.step("up")
    finally:
        pipeline.stack.sql("ALTER DATABASE away RENAME TO shop")
    assert done.code == 1, done.text
    assert git(pipeline.installation, "rev-parse", "HEAD") == before
    assert pipeline.stack.sql("SHOW max_connections") != "80"


def test_an_installation_with_commits_of_its_own_is_left_as_it_is(pipeline: Pipeline) -> None:
    pipeline.propose(postgres={"maxConnections": 80})
    git(pipeline.installation, "commit", "-q", "--allow-empty", "-m", "made on the host")
    try:
        done = pipeline.step("up")
        assert done.code != 0
        assert "fast-forward" in done.err
        assert pipeline.stack.sql("SHOW max_connections") != "80"
    finally:
        git(pipeline.installation, "reset", "-q", "--hard", "HEAD~1")


# deploy ------------------------------------------------------------------


def test_a_deployment_gets_the_outputs_and_no_log_shows_them(pipeline: Pipeline) -> None:
    file = pipeline.stack.directory / "github"
    done = pipeline.step("deploy", "shop", GITHUB_ENV=str(file)).ok()
    variables = pipeline.stack.variables("shop")
    told = (pipeline.deployment / "deployed").read_text().splitlines()
    assert told == ["shop", str(pipeline.deployment), variables["DATABASE_URL"], variables["REDIS_URL"]]
    assert f"::add-mask::{variables['DB_PASSWORD']}\n" in done.out
    shown = [line for line in done.text.splitlines() if not line.startswith("::add-mask::")]
    assert variables["DB_PASSWORD"] not in "\n".join(shown)
    assert f"DATABASE_URL={variables['DATABASE_URL']}\n" in file.read_text()


def test_without_github_a_deployment_prints_no_password_at_all(pipeline: Pipeline) -> None:
    done = pipeline.step("deploy", "shop", GITHUB_ENV="").ok()
    assert (pipeline.deployment / "deployed").exists()
    assert pipeline.stack.variables("shop")["DB_PASSWORD"] not in done.text


def test_the_deployment_s_exit_code_is_the_step_s(pipeline: Pipeline) -> None:
    (pipeline.deployment / "code").write_text("7")
    assert pipeline.step("deploy", "shop").code == 7


def test_nothing_is_deployed_while_a_server_is_down_or_for_an_unknown_application(pipeline: Pipeline) -> None:
    assert pipeline.step("deploy", "nobody").code == 2
    assert pipeline.step("deploy", "shop", DEPLOYMENT_DIRECTORY="/nowhere").code == 2
    run("docker", "pause", pipeline.stack.redis).ok()
    try:
        assert pipeline.step("deploy", "shop").code == 3
    finally:
        run("docker", "unpause", pipeline.stack.redis).ok()
    assert not (pipeline.deployment / "deployed").exists()


# nightly -----------------------------------------------------------------


@pytest.mark.full
def test_the_night_proves_that_nothing_has_drifted_and_every_backup_restores(pipeline: Pipeline) -> None:
    pipeline.stack.script("backup-database.sh", "shop").ok()
    pipeline.step("nightly").ok()
    newest = Path(pipeline.stack.config["backupDirectory"]) / pipeline.backups("shop")[-1]["id"]
    assert json.loads((newest / "drill.json").read_text())["fault"] in (None, "")


@pytest.mark.full
def test_the_night_goes_on_after_a_failure_and_names_each(pipeline: Pipeline) -> None:
    pipeline.stack.script("backup-database.sh", "shop").ok()
    pipeline.stack.sql("ALTER ROLE shop CONNECTION LIMIT 3")
    backups = Path(pipeline.stack.config["backupDirectory"])
    newest = backups / pipeline.backups("shop")[-1]["id"]
    next(newest.rglob("toc.dat")).write_bytes(b"")
    try:
        done = pipeline.step("nightly")
        assert done.code == 1, done.text
        assert "failed: drift (1)\nfailed: drill shop (1)\n" in done.err
    finally:
        shutil.rmtree(newest)
        pipeline.stack.start().ok()


# where -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["preview", "up", "checkpoint", "deploy", "nightly"])
def test_no_step_works_on_what_the_next_job_wipes_or_on_no_installation(pipeline: Pipeline, name: str) -> None:
    for place in ("", str(pipeline.checkout), "/nowhere"):
        done = pipeline.step(name, "argument", DATABASE_SERVER_DIRECTORY=place)
        assert done.code == 2, done.text
        assert "HINT: set DATABASE_SERVER_DIRECTORY" in done.err
        assert done.out == ""
    assert not (pipeline.checkout / "argument").exists()
