"""The pipelines of GitHub and GitLab: what is pinned, what is allowed, and that each step is a script that exists."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = {path.stem: path for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
STEPS = sorted(p for p in (ROOT / "pipeline").iterdir() if p.suffix not in (".py", ".sh", ".pyc") and p.is_file())
SCRIPT = re.compile(r"(?:sudo --preserve-env=CI )?(?:\./)?((?:pipeline|scripts)/[\w.-]+)( [\"$\w/.-]+)*")
STACK = "${{ vars.DATABASE_SERVER_STACK || 'prod' }}"
GITLAB_KEYWORDS = {"stages", "workflow", "variables", "default", "include"}


def jobs() -> Iterator[tuple[str, str, dict[str, Any], dict[Any, Any]]]:
    """Yield every job: workflow, name, job, workflow's content."""
    for workflow, path in WORKFLOWS.items():
        content = yaml.safe_load(path.read_text())
        for name, job in content["jobs"].items():
            yield workflow, name, job, content


JOBS = list(jobs())
each_job_alone = pytest.mark.parametrize("job", [job for _, _, job, _ in JOBS], ids=[f"{w}-{n}" for w, n, _, _ in JOBS])
each_job = pytest.mark.parametrize(
    ("workflow", "job", "content"), [(w, j, c) for w, _, j, c in JOBS], ids=[f"{w}-{n}" for w, n, _, _ in JOBS]
)


def gitlab() -> dict[str, Any]:
    """Return the .gitlab-ci.yml that the document shows."""
    text = (ROOT / "docs" / "how-to" / "gitlab-ci.md").read_text()
    return dict(yaml.safe_load(re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[0]))


def gitlab_jobs() -> dict[str, dict[str, Any]]:
    return {name: job for name, job in gitlab().items() if name not in GITLAB_KEYWORDS and not name.startswith(".")}


def assert_script(line: str) -> None:
    """Assert that a line starts one script of the project, and nothing else."""
    found = SCRIPT.fullmatch(line)
    assert found, f"no script of this project: {line}"
    assert (ROOT / found[1]).is_file(), line
    assert (ROOT / found[1]).stat().st_mode & 0o111, line


def test_the_workflows_are_those_that_the_document_names() -> None:
    text = (ROOT / "docs" / "how-to" / "deploy-pipeline.md").read_text()
    assert set(WORKFLOWS) == {"checks", "preview", "update", "nightly"}
    assert [name for name in WORKFLOWS if f"`{name}.yml`" not in text] == []


@pytest.mark.parametrize("path", WORKFLOWS.values(), ids=lambda path: path.stem)
def test_every_action_is_pinned_by_its_digest_and_says_its_version(path: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: *(.*)$", path.read_text(), re.MULTILINE)
    assert used
    assert [use for use in used if not re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", use)] == []


@each_job
def test_every_job_says_what_it_may_do_and_ends_in_time(
    workflow: str, job: dict[str, Any], content: dict[str, Any]
) -> None:
    allowed = job.get("permissions", content["permissions"])
    wanted = {"contents": "read", **({"pull-requests": "write"} if workflow == "preview" else {})}
    assert allowed == wanted
    assert 0 < job["timeout-minutes"] <= 240


@each_job_alone
def test_every_step_is_a_pinned_action_or_a_script_of_this_project(job: dict[str, Any]) -> None:
    for step in job["steps"]:
        assert ("run" in step) != ("uses" in step)
        if "run" in step:
            assert_script(step["run"])
        else:
            assert step["with"]["persist-credentials"] is False


@each_job
def test_one_run_at_a_time_works_on_a_stack(workflow: str, job: dict[str, Any], content: dict[str, Any]) -> None:
    group = content["concurrency"]["group"]
    if "self-hosted" in job["runs-on"]:
        assert group.startswith(f"{workflow}-{STACK}")
        assert job["env"]["PULUMI_STACK"] == STACK, "the group and the steps have to mean the same stack"
        assert content["concurrency"]["cancel-in-progress"] is (workflow == "preview"), "an update is never cut short"


def test_no_secret_of_the_repository_is_used_and_the_token_reaches_one_step() -> None:
    for name, path in WORKFLOWS.items():
        text = path.read_text()
        assert "secrets." not in text
        assert text.count("github.token") == (1 if name == "preview" else 0)
    steps = next(job["steps"] for workflow, _, job, _ in JOBS if workflow == "preview")
    assert [step["name"] for step in steps if "GITHUB_TOKEN" in step.get("env", {})] == ["Comment"]


def test_no_request_from_a_fork_reaches_the_docker_host() -> None:
    condition = "github.event.pull_request.head.repo.full_name == github.repository"
    for workflow, name, job, content in JOBS:
        triggers = content[True]  # YAML reads the key `on` as true
        assert "pull_request_target" not in triggers, workflow
        if "pull_request" in triggers and "self-hosted" in job["runs-on"]:
            assert condition in job["if"], name


def test_only_what_is_on_main_is_brought_to_the_host() -> None:
    up, deployment = (job for workflow, _, job, _ in JOBS if workflow == "update")
    assert "github.ref == 'refs/heads/main'" in up["if"]
    assert deployment["needs"] == "up"


@pytest.mark.parametrize("path", STEPS, ids=lambda path: path.name)
def test_a_step_is_short_and_says_how_it_is_called(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[1].startswith(f"# pipeline/{path.name}")
    assert len(lines) <= 25, "logic belongs into the verbs"
    assert path.stat().st_mode & 0o111, "not executable"


def test_gitlab_runs_the_same_steps() -> None:
    called = set()
    for job in gitlab_jobs().values():
        for line in job["script"]:
            assert_script(line)
            called.add(line.split()[0])
    wanted = {
        step["run"].split()[0] for w, _, job, _ in JOBS if w != "checks" for step in job["steps"] if "run" in step
    }
    assert called == wanted | {"scripts/test.sh"}


def test_gitlab_waits_for_the_stack_ends_in_time_and_leaves_forks_out() -> None:
    for name, job in gitlab_jobs().items():
        assert job["timeout"], name
        if "docker-host" not in str(job.get("tags", "")):
            continue
        conditions = [rule["if"] for rule in job["rules"]]
        assert len(conditions) == 1, name
        if "merge_request_event" in conditions[0]:
            assert "$CI_MERGE_REQUEST_SOURCE_PROJECT_ID == $CI_PROJECT_ID" in conditions[0]
        else:
            assert job["resource_group"] == "database-server-$PULUMI_STACK", name
