"""A stack's state: what it is told of containers, which locks are released, and how a cut one is mended."""

import json
import os
import socket
from pathlib import Path
from typing import Any

import psutil
import pytest

from dbserver.engine import state
from dbserver.errors import DbServerError, LockedError
from tests.unit.fakes import Programs


def exported(*ids: tuple[str, str], **marks: bool) -> str:
    urn = "urn:pulumi:dev::db-server::docker:index/container:Container::"
    resources: list[dict[str, Any]] = [{"urn": "urn:pulumi:dev::db-server::pulumi:pulumi:Stack::dev", "type": "stack"}]
    for name, id_ in ids:
        resource = {"urn": urn + name, "type": "docker:index/container:Container", "id": id_, "outputs": {"id": id_}}
        resources.append({**resource, **marks})
    return json.dumps({"version": 3, "deployment": {"resources": resources}})


def test_a_container_with_another_id_is_put_into_the_state_in_place_of_the_one_that_it_knew(programs: Programs) -> None:
    programs.answer("stack export", exported(("postgres", "old"), ("redis", "same")))
    programs.answer("stack import", "")
    assert state.accept("dev", {"postgres": "new", "redis": "same"}) == ["postgres"]
    (imported,) = programs.started("pulumi stack import --stack dev --non-interactive")
    assert imported.stdin == exported(("postgres", "new"), ("redis", "same"))


def killed_while_creating(*known: tuple[str, str], kind: str = "creating") -> str:
    """Return a state in which an update was killed when it had made Redis' container and not noted it."""
    urn = "urn:pulumi:dev::db-server::{}".format
    found = json.loads(exported(*known))
    container = {
        "urn": urn("docker:index/container:Container::redis"), "type": "docker:index/container:Container",
        "inputs": {"__defaults": [], "name": "db-server-redis"}, "parent": urn("pulumi:pulumi:Stack::dev"),
        "provider": urn("pulumi:providers:docker::default::1"), "dependencies": [urn("network::network")],
    }  # fmt: skip
    others = ("network::network", "pulumi:providers:docker::default", "redis-server::redis-server")
    found["deployment"]["resources"] += [{"urn": urn(other), "type": "other", "id": "1"} for other in others]
    found["deployment"]["pending_operations"] = [{"resource": container, "type": kind}]
    return json.dumps(found)


def test_a_container_that_a_killed_update_had_made_is_noted_after_what_it_depends_on(programs: Programs) -> None:
    programs.answer("stack export", killed_while_creating())
    programs.answer("stack import", "")
    assert state.accept("dev", {"redis": "new"}) == ["redis"]
    (imported,) = programs.started("pulumi stack import")
    deployment = json.loads(imported.stdin)["deployment"]
    names = [each["urn"].rpartition("::")[2] for each in deployment["resources"]]
    assert names == ["dev", "network", "default", "redis", "redis-server"]
    noted = deployment["resources"][3]
    assert (noted["id"], noted["outputs"]) == ("new", {"name": "db-server-redis", "id": "new"})
    assert deployment["pending_operations"] == []


@pytest.mark.parametrize(
    "text",
    [killed_while_creating(kind="updating"), killed_while_creating(("redis", "new"))],
    ids=["updating", "noted"],
)
def test_any_other_operation_of_a_killed_update_is_left_to_the_engine(programs: Programs, text: str) -> None:
    programs.answer("stack export", text)
    assert state.accept("dev", {"redis": "new"}) == []
    assert len(programs.calls) == 1


def test_a_state_on_this_machine_is_asked_whether_it_names_a_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    assert state.knows("dev", "new"), "there is no state yet"
    file = tmp_path / ".pulumi" / "stacks" / "db-server" / "dev.json"
    file.parent.mkdir(parents=True)
    file.write_text(exported(("postgres", "old")))
    assert state.knows("dev", "old")
    assert not state.knows("dev", "new")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://elsewhere")
    assert state.knows("dev", "new"), "nobody asks"


@pytest.mark.parametrize(
    "text",
    [
        exported(),
        exported(("postgres", "new")),
        '{"version": 3, "deployment": {}}',
        exported(("postgres", "old"), delete=True),
        exported(("postgres", "old"), pendingReplacement=True),
    ],
    ids=["no container", "the same", "an empty stack", "one to be deleted", "one that was deleted"],
)
def test_a_state_that_has_nothing_to_learn_is_left_alone(programs: Programs, text: str) -> None:
    programs.answer("stack export", text)
    assert state.accept("dev", {"postgres": "new"}) == []
    assert len(programs.calls) == 1


def lock(kept: Path, name: str = "one", **changes: Any) -> None:
    directory = kept / "locks" / "organization" / "db-server" / "dev"
    directory.mkdir(parents=True, exist_ok=True)
    content = {"pid": dead_pid(), "username": "root", "hostname": socket.gethostname(), "timestamp": "now", **changes}
    (directory / f"{name}.json").write_text(json.dumps(content))


def dead_pid() -> int:
    return next(pid for pid in range(4_000_000, 4_100_000) if not psutil.pid_exists(pid))


def process_named(monkeypatch: pytest.MonkeyPatch, name: str, status: str = psutil.STATUS_RUNNING) -> None:
    class Process:
        def __init__(self, pid: int) -> None:
            self.pid = pid

        def name(self) -> str:
            return name

        def status(self) -> str:
            return status

    monkeypatch.setattr(psutil, "Process", Process)


def test_without_a_lock_there_is_nothing_to_release(kept: Path, programs: Programs) -> None:
    assert state.release_stale_lock("dev") == []
    assert (programs.calls, kept.exists()) == ([], False)


def test_the_lock_of_a_killed_update_is_released(kept: Path, programs: Programs) -> None:
    programs.answer("pulumi cancel", "")
    lock(kept)
    assert state.release_stale_lock("dev") == [dead_pid()]
    assert programs.calls[0].argv == ("pulumi", "cancel", "--yes", "--stack", "dev", "--non-interactive")


def test_the_pid_of_a_killed_update_that_another_program_has_now_does_not_keep_its_lock(
    kept: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer("pulumi cancel", "")
    process_named(monkeypatch, "sshd")
    lock(kept, pid=os.getpid())
    assert state.release_stale_lock("dev") == [os.getpid()]


def test_a_killed_update_that_nobody_has_collected_yet_does_not_keep_its_lock(
    kept: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer("pulumi cancel", "")
    process_named(monkeypatch, "pulumi", psutil.STATUS_ZOMBIE)
    lock(kept, pid=4711)
    assert state.release_stale_lock("dev") == [4711]


def locked(programs: Programs) -> str:
    with pytest.raises(LockedError) as caught:
        state.release_stale_lock("dev")
    assert not programs.calls
    return caught.value.message


def test_the_lock_of_an_update_at_work_is_left_and_its_holder_named(
    kept: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    process_named(monkeypatch, "pulumi")
    lock(kept, pid=4711)
    assert locked(programs) == f"pulumi (pid 4711 on {socket.gethostname()}) holds the lock of stack dev"


def test_the_lock_of_another_host_is_left(kept: Path, programs: Programs) -> None:
    lock(kept, hostname="another-host")
    assert "on another-host" in locked(programs)


def test_the_updates_that_left_a_lock_are_told_and_nothing_is_released(kept: Path, programs: Programs) -> None:
    lock(kept, "one")
    lock(kept, "two", hostname="another-host")
    assert state.dead_updates("dev") == [dead_pid()]
    assert programs.calls == []
    assert len(list(kept.rglob("*.json"))) == 2


def test_one_living_lock_beside_a_dead_one_keeps_both(kept: Path, programs: Programs) -> None:
    lock(kept, "one")
    lock(kept, "two", hostname="another-host")
    assert "on another-host" in locked(programs)


@pytest.mark.parametrize("text", ["", "{", '"text"'])
def test_a_lock_that_cannot_be_read_is_left(kept: Path, programs: Programs, text: str) -> None:
    lock(kept)
    path = next(kept.rglob("one.json"))
    path.write_text(text)
    locked(programs)


def test_locks_of_a_backend_elsewhere_are_not_ours_to_judge(
    kept: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(kept)
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket")
    assert state.release_stale_lock("dev") == []
    assert programs.calls == []


@pytest.mark.parametrize("url", ["file://{}", "file://~"])
def test_the_state_is_found_where_the_usual_variable_says(
    tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    programs.answer("pulumi cancel", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PULUMI_BACKEND_URL", url.format(tmp_path))
    lock(tmp_path / ".pulumi")
    assert state.release_stale_lock("dev") == [dead_pid()]


def states(project: Path, text: str, backup: str | None) -> Path:
    file = project / ".state" / ".pulumi" / "stacks" / "db-server" / "unit.json"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    if backup is not None:
        file.with_name("unit.json.bak").write_text(backup)
    return file


@pytest.mark.parametrize("text", ["", '{"version": 3, "chec', "[]"])
def test_a_state_that_was_cut_off_is_the_backup_s_again(project: Path, text: str) -> None:
    file = states(project, text, '{"version": 3}')
    file.chmod(0o600)
    assert state.mend("unit")
    assert file.read_text() == '{"version": 3}'
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("backup", [None, "", '{"version'], ids=["none", "empty", "cut off"])
def test_without_a_whole_backup_the_newest_whole_copy_of_an_update_counts(project: Path, backup: str | None) -> None:
    file = states(project, "", backup)
    history = project / ".state" / ".pulumi" / "history" / "db-server" / "unit"
    with pytest.raises(DbServerError) as caught:
        state.mend("unit")
    assert caught.value.hint.startswith(f"rm -f {file} {file}.bak && ./scripts/start.sh")
    assert file.read_text() == ""
    history.mkdir(parents=True)
    for number, text in ((1, '{"number": 1}'), (2, '{"number": 2}'), (3, '{"num')):
        (history / f"unit-{number}.checkpoint.json").write_text(text)
        (history / f"unit-{number}.history.json").write_text('{"number": 9}')
    assert state.mend("unit") == "that of the last update that ended"
    assert file.read_text() == '{"number": 2}'


def test_a_whole_state_is_left_alone(project: Path) -> None:
    file = states(project, '{"version": 3}', '{"version": 2}')
    assert not state.mend("unit")
    assert file.read_text() == '{"version": 3}'


def test_a_state_that_an_update_is_writing_is_left_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = states(project, "", '{"version": 3}')
    monkeypatch.setattr(state, "_locks", lambda _: [{"pid": 1, "hostname": "elsewhere"}])
    assert not state.mend("unit")
    assert file.read_text() == ""
