"""What a change of the configuration does to the running servers."""

import json
from pathlib import Path

import pytest

from tests.support import faulty
from tests.support.commands import run
from tests.support.relayed import relayed
from tests.support.stack import Stack


@pytest.fixture
def running(lasting: Stack) -> Stack:
    """One stack for all: every test here ends with servers that run as configured."""
    return lasting


def edit(stack: Stack, file: str, before: str, after: str) -> None:
    path = Path(stack.project / file)
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.full
def test_a_setting_that_reloads_leaves_the_server_running(running: Stack) -> None:
    ids, started = running.ids(), running.started_at(running.postgres)
    running.configure(postgres={"settings": {"log_min_duration_statement": "250ms", "work_mem": "7MB"}})
    limits = {"timeout": 300, "maxmemory": "70m", "client-output-buffer-limit": "normal 32mb 16mb 5"}
    running.configure(redis={"evictionPolicy": "allkeys-lru", "settings": limits})
    running.start().ok()
    assert (running.ids(), running.started_at(running.postgres)) == (ids, started)
    assert running.cli("CONFIG", "GET", "timeout").split()[1] == "300"
    assert running.cli("CONFIG", "GET", "maxmemory").split()[1] == str(70 * 1024 * 1024)
    assert running.sql("SHOW work_mem") == "7MB"
    assert running.sql("SHOW log_min_duration_statement") == "250ms"
    assert running.cli("CONFIG", "GET", "maxmemory-policy").split()[1] == "allkeys-lru"
    running.pulumi("preview", "--refresh", "--expect-no-changes").ok()
    running.configure(postgres={"settings": {}}, redis={"settings": {}})
    running.start().ok()
    assert running.sql("SHOW log_min_duration_statement") == "-1"
    assert running.cli("CONFIG", "GET", "timeout").split()[1] == "0"


@pytest.mark.full
def test_a_setting_that_needs_a_restart_restarts_the_same_container(running: Stack) -> None:
    ids, started = running.ids(), running.started_at(running.postgres)
    running.configure(postgres={"maxConnections": 77, "settings": {"wal_level": "logical"}})
    running.start().ok()
    assert running.ids() == ids
    assert running.sql("SHOW wal_level") == "logical"
    running.configure(postgres={"settings": {}})
    running.start().ok()
    assert running.sql("SHOW wal_level") == "replica"
    assert running.started_at(running.postgres) != started
    assert running.sql("SHOW max_connections") == "77"
    assert "was shut down at" in run("docker", "logs", running.postgres).text


@pytest.mark.full
@pytest.mark.parametrize(
    ("setting", "named"),
    [
        pytest.param({"work_mem": "lots"}, "work_mem", marks=pytest.mark.full, id="seen at the reload"),
        pytest.param({"shared_preload_libraries": "no_such_library"}, "no_such_library", id="seen at the restart"),
    ],
)
def test_a_setting_that_the_server_refuses_is_named_and_the_server_runs_on(
    running: Stack, setting: dict[str, str], named: str
) -> None:
    running.configure(postgres={"settings": setting})
    done = running.start()
    assert done.code == 1, done.text
    assert named in done.err
    assert "Traceback" not in done.text
    assert running.script("status.sh").code == 0
    running.configure(postgres={"settings": {}})
    running.start().ok()
    running.pulumi("preview", "--refresh", "--expect-no-changes").ok()


@pytest.mark.full
def test_a_setting_changed_by_hand_is_seen_and_repaired(running: Stack) -> None:
    running.sql("ALTER SYSTEM SET work_mem = '3MB'")
    running.sql("SELECT pg_reload_conf()")
    declared = running.cli("CONFIG", "GET", "maxmemory").split()[1]
    running.cli("CONFIG", "SET", "maxmemory", "50000000")
    assert running.pulumi("preview", "--refresh", "--expect-no-changes").code != 0
    running.start().ok()
    assert running.sql("SHOW work_mem") != "3MB"
    assert running.cli("CONFIG", "GET", "maxmemory").split()[1] == declared != "50000000"
    running.pulumi("preview", "--refresh", "--expect-no-changes").ok()


@pytest.mark.full
def test_a_health_check_replaces_the_container_after_a_clean_shutdown(running: Stack) -> None:
    running.sql("CREATE TABLE kept AS SELECT 1 AS n")
    ids = running.ids()
    edit(running, "dbserver/plan.py", "interval=5", "interval=7")
    running.start().ok()
    after = running.ids()
    assert ids[0] != after[0]
    assert ids[1] != after[1]
    assert running.inspect(running.postgres)["Config"]["Healthcheck"]["Interval"] == 7_000_000_000
    assert running.sql("SELECT n FROM kept") == "1"
    assert "was shut down at" in run("docker", "logs", running.postgres).text
    assert "was interrupted" not in run("docker", "logs", running.postgres).text
    running.pulumi("preview", "--refresh", "--expect-no-changes").ok()


@pytest.mark.full
def test_memory_and_restart_policy_change_in_place(running: Stack) -> None:
    ids = running.ids()
    running.configure(postgres={"memory": "640m"}, redis={"memory": "160m"})
    edit(running, "dbserver/plan.py", 'RESTART = "always"', 'RESTART = "unless-stopped"')
    running.start().ok()
    assert running.ids() == ids
    for name, limit in ((running.postgres, 640), (running.redis, 160)):
        host = running.inspect(name)["HostConfig"]
        assert host["Memory"] == host["MemorySwap"] == limit * 1024 * 1024
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
    assert running.sql("SHOW shared_buffers") == "160MB"
    running.pulumi("preview", "--refresh", "--expect-no-changes").ok()


@pytest.mark.full
def test_a_new_image_under_the_same_tag_is_seen_by_a_plain_preview(running: Stack) -> None:
    image = running.inspect(running.redis)["Config"]["Image"]
    tag = f"{running.name}-image:8"
    run("docker", "tag", image, tag).ok()
    running.configure(redis={"image": tag})
    running.start().ok()
    running.cli("SET", "kept", "yes")
    running.build_image(tag, f"FROM {image}\nLABEL changed=yes\n")
    steps = json.loads(running.pulumi("preview", "--json").ok().out)["steps"]
    replaced = [step["urn"] for step in steps if step["op"] == "replace"]
    assert [urn for urn in replaced if urn.endswith("Container::redis")]
    assert "backed up before: server.redis_" in running.start().ok().err
    assert running.cli("GET", "kept") == "yes"
    running.configure(redis={"image": "redis:8"})
    running.start().ok()
    run("docker", "image", "rm", tag)


@pytest.mark.full
@pytest.mark.parametrize(
    "path",
    [
        ["append-only", "snapshot", "append-only"],
        pytest.param(["snapshot", "none", "append-only"], marks=pytest.mark.full),
    ],
)
def test_persistence_changes_while_redis_runs_and_a_kill_then_loses_nothing(running: Stack, path: list[str]) -> None:
    identity = running.ids()[1]
    running.cli("FLUSHALL")
    for number, persistence in enumerate(path):
        running.configure(redis={"persistence": persistence})
        running.start().ok()
        assert running.ids()[1] == identity
        running.cli("SET", f"kept:{number}", persistence)
        assert running.cli("DBSIZE") == str(number + 1)
    running.kill(running.redis)
    running.until(lambda: running.script("status.sh").code == 0)
    assert running.cli("DBSIZE") == str(len(path))
    running.pulumi("preview", "--refresh", "--expect-no-changes").ok()


@pytest.mark.full
def test_a_removed_container_after_leaving_append_only_reads_its_snapshot_not_the_stale_file(running: Stack) -> None:
    running.cli("SET", "old", "value")
    running.configure(redis={"persistence": "snapshot"})
    running.start().ok()
    running.cli("SET", "old", "newer")
    running.cli("SAVE")
    run("docker", "rm", "-f", "-v", running.redis).ok()
    running.start().ok()
    assert running.cli("GET", "old") == "newer"
    running.configure(redis={"persistence": "append-only"})


def test_a_faulty_configuration_is_refused_whole_before_anything_changes(running: Stack) -> None:
    ids = running.ids()
    with running.configured(**faulty.TWELVE):
        refused = running.pulumi("preview"), running.start()
    for done in refused:
        assert done.code != 0
        assert faulty.lines(done.text) == faulty.LINES, done.text
        assert "Traceback" not in done.text
    assert done.code == 2
    assert "error occurred" not in done.err
    assert running.ids() == ids


def test_an_application_is_added_behind_the_others_and_the_comments_stay(running: Stack) -> None:
    before, ids = running.file.read_text(), running.ids()
    commented = before.replace("config:\n", "# ours\nconfig: # all of it\n", 1)
    running.file.write_text(commented)
    try:
        added = running.script(
            "dbserver", "add", "added-shop", "--database", "added", "--pool", "2", "--format", "json"
        )
        after = running.file.read_text()
        again = running.script("dbserver", "add", "added-shop")
    finally:
        running.file.write_text(before)
    assert added.code == 0, added.text
    changes = {change["name"]: change["cost"] for change in json.loads(added.out)["changes"]}
    assert changes["application-created:added-shop"] == "nothing"
    kept = commented.replace("standIns: true", 'standIns: "true"')  # as the engine holds and writes a switch
    assert set(kept.splitlines()) <= set(after.splitlines())
    assert "poolSize: 2" in after
    assert again.code == 2, again.text
    assert "declares added-shop already" in again.err
    assert running.ids() == ids


def test_the_daemon_of_the_selected_context_is_the_engines_too(
    running: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the servers would be looked at beside one daemon and made beside another."""
    before = running.ids()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    with relayed(tmp_path / "far.sock") as far:
        run("docker", "context", "create", "far", "--docker", f"host=unix://{far.path}").ok()
        run("docker", "context", "use", "far").ok()
        running.configure(redis={"memory": "144m"})
        plain = running.pulumi("preview")
        assert (plain.code != 0, running.ids()) == (True, before), plain.text
        assert (
            f"context far is selected, which Pulumi does not know: export DOCKER_HOST=unix://{far.path}" in plain.text
        )
        far.heads.clear()
        running.start("--format", "json").ok()
        assert any(head.startswith("POST") for head in far.by_others_than_the_client), far.by_others_than_the_client
    assert running.inspect(running.redis)["HostConfig"]["Memory"] == 144 * 1024 * 1024
