"""What a process that the product starts has in its environment."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dbserver import execute

SECRETS = {"PULUMI_CONFIG": "{}", "PULUMI_CONFIG_SECRET_KEYS": "[]"}
PASSPHRASES = {"PULUMI_CONFIG_PASSPHRASE": "it", "PULUMI_CONFIG_PASSPHRASE_FILE": "/it"}


def environment_by_run(program: str) -> str:
    return execute.run([program]).stdout


def environment_by_stream(program: str) -> str:
    lines: list[str] = []
    execute.stream([program], lines.append, env={"ADDED": "2"})
    return "\n".join(lines)


def environment_by_started(program: str) -> str:
    return str(execute.started([program], stdout=execute.PIPE, text=True).communicate()[0])


@pytest.mark.parametrize("way", [environment_by_run, environment_by_stream, environment_by_started])
@pytest.mark.parametrize(("program", "told"), [("docker", set()), ("pulumi", set(PASSPHRASES))])
def test_what_the_engine_tells_the_program_reaches_no_child_and_the_passphrase_only_the_engine(
    way: Callable[[str], str], program: str, told: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / program).write_text("#!/bin/sh\nexec /usr/bin/env\n")
    (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for name, value in {**SECRETS, **PASSPHRASES, "KEPT": "1"}.items():
        monkeypatch.setenv(name, value)
    shown = {line.partition("=")[0] for line in way(program).splitlines()}
    assert shown & {*SECRETS, *PASSPHRASES} == told
    assert "KEPT" in shown
