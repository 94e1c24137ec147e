"""The schedule of backups, with a real cron in a mount namespace of its own: the machine's tables stay untouched."""

import json
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Ran, run
from tests.support.lending import Lent
from tests.support.stack import Stack

SPOOL = Path("/var/spool/cron")
INSIDE = 'mount --bind "$1" /var/spool/cron && shift && exec "$@"'


@dataclass(frozen=True)
class Cron:
    """Debian's cron, unpacked and not installed."""

    stack: Stack
    root: Path
    tables: Path

    def argv(self, *command: str) -> list[str]:
        """Return a command that sees these tables of cron."""
        return ["unshare", "--mount", "sh", "-c", INSIDE, "sh", str(self.tables), *command]

    def environment(self) -> dict[str, str]:
        known = self.stack.env()
        return {**known, "PATH": f"{self.root}/usr/bin:{known['PATH']}"}

    def script(self, *arguments: str) -> Ran:
        script = str(self.stack.project / "scripts" / "dbserver")
        return run(*self.argv(script, *arguments), env=self.environment(), cwd=self.stack.project)

    def schedule(self, *arguments: str) -> dict[str, Any]:
        return dict(json.loads(self.script("schedule", *arguments, "--format", "json").out))


@pytest.fixture(scope="module")
def cron(lent: Lent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cron]:
    directory = tmp_path_factory.mktemp("cron")
    if run("apt-get", "download", "cron", cwd=directory).code:
        run("apt-get", "update").ok()
        run("apt-get", "download", "cron", cwd=directory).ok()
    run("dpkg", "-x", str(next(directory.glob("cron_*.deb"))), str(directory / "root")).ok()
    (directory / "tables" / "crontabs").mkdir(parents=True)
    made = not SPOOL.exists()
    SPOOL.mkdir(exist_ok=True)
    lent.admit({"name": "shop", "poolSize": 2})
    yield Cron(lent, directory / "root", directory / "tables")
    if made:
        SPOOL.rmdir()


@pytest.mark.full
def test_cron_makes_the_backups_and_the_last_run_is_shown(cron: Cron) -> None:
    cron.script("schedule", "install", "* * * * *").ok()
    daemon = subprocess.Popen(
        cron.argv(str(cron.root / "usr" / "sbin" / "cron"), "-f"), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        cron.stack.until(lambda: cron.schedule()["last"], 180, what="a run by cron")
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(30)
    found = cron.schedule()
    assert (found["last"]["failed"], found["well"], found["mechanism"]) == ([], True, "cron")
    assert found["last"]["made"] >= 2, "the application, and the server's roles"
    assert "Every minute" in cron.script("schedule").ok().out
    listed = json.loads(cron.script("backups", "shop", "--format", "json").ok().out)["backups"]
    assert [each["note"] for each in listed] == ["scheduled"] * len(listed)
    cron.script("schedule", "remove").ok()
    assert "schedule run" not in run(*cron.argv("crontab", "-l"), env=cron.environment()).out


def test_a_run_that_failed_turns_status_and_doctor_red_until_one_succeeds_and_somebody_is_told(cron: Cron) -> None:
    told = cron.stack.directory / "told"
    cron.script("schedule", "install", "daily 03:30", "--tell", f"cat > '{told}'").ok()
    run("docker", "stop", cron.stack.postgres).ok()
    failed = cron.script("schedule", "run")
    run("docker", "start", cron.stack.postgres).ok()
    assert (failed.code, "FAILED" in failed.out) == (1, True), failed.text
    assert json.loads(told.read_text())["well"] is False
    cron.stack.until(lambda: cron.stack.psql("SELECT 1").code == 0, what="the server")
    status, doctor = cron.stack.script("status.sh"), cron.stack.script("dbserver", "doctor")
    assert (status.code, "the last run failed" in status.out) == (3, True), status.text
    assert (doctor.code, "backup-failed" in doctor.out) == (3, True), doctor.text
    cron.script("schedule", "run").ok()
    assert json.loads(told.read_text())["well"] is True
    cron.stack.script("status.sh").ok()
    cron.script("schedule", "remove").ok()


def test_what_is_no_schedule_is_refused_before_anything_changes(cron: Cron) -> None:
    tried = cron.script("schedule", "install", "daily 25:00")
    assert (tried.code, "is no schedule" in tried.err) == (2, True), tried.text
    assert cron.schedule()["fields"] == ""
