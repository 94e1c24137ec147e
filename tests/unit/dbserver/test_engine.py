"""The engine: what of its output is shown, and which locks may be released."""

import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from dbserver import contract, diagnostics, engine, execute, passphrase
from dbserver.declared import ROOT
from dbserver.errors import CommandError, DbServerError, Exit, LockedError, RefusedError, UsageError
from dbserver.settings.model import SettingsError
from tests.unit.fakes import Failed, Programs

# What `pulumi up --non-interactive --color never` prints.
FAILED_UPDATE = """\
Updating (dev):

 +  pulumi:pulumi:Stack db-server-dev creating (0s)
 ~  docker:index:Container postgres refreshing (0s)
 +  docker:index:Container redis creating (0s)
 +  docker:index:Container redis created (0.52s)
 ~  pulumi-python:dynamic/db-server:PostgresServer postgres-server updating (0s) [diff: ~settings]
 ~  pulumi-python:dynamic/db-server:PostgresServer postgres-server updated (0.31s) [diff: ~settings]
 -- docker:index:Container postgres deleting original (0s) [diff: ~labels]
 -- docker:index:Container postgres deleted original (1s) [diff: ~labels]
 +- docker:index:Container postgres replaced (0.00s) [diff: ~labels]
 -  docker:index:Container old deleted (1s)
 =  docker:index:Container other imported (1s)
 +  pulumi-python:dynamic/db-server:RedisServer redis-server creating (2s) error: it does not answer
 +  pulumi-python:dynamic/db-server:RedisServer redis-server **creating failed** error: it does not answer
    pulumi:pulumi:Stack db-server-dev running starting container db-server-redis, which was stopped
    pulumi:pulumi:Stack db-server-dev running warning: taking over container db-server-postgres
 +  pulumi:pulumi:Stack db-server-dev created (5s) 1 error
Diagnostics:
  pulumi:pulumi:Stack (db-server-dev):
    warning: taking over container db-server-postgres
    warning: told here alone
    error: update failed
  pulumi-python:dynamic/db-server:RedisServer (redis-server):
    error: Exception calling application: db-server-redis stopped with exit code 1
    HINT: docker logs db-server-redis

Resources:
    + 2 created
    3 unchanged

Duration: 5s
""".splitlines()

SHOWN = [
    "+  docker:index:Container redis created (0.52s)",
    "~  pulumi-python:dynamic/db-server:PostgresServer postgres-server updated (0.31s) [diff: ~settings]",
    "-- docker:index:Container postgres deleted original (1s) [diff: ~labels]",
    "+- docker:index:Container postgres replaced (0.00s) [diff: ~labels]",
    "-  docker:index:Container old deleted (1s)",
    "pulumi:pulumi:Stack db-server-dev running warning: taking over container db-server-postgres",
    "+  pulumi:pulumi:Stack db-server-dev created (5s) 1 error",
    "warning: told here alone",
]


def streaming(monkeypatch: pytest.MonkeyPatch, lines: list[str], status: int) -> list[Any]:
    started: list[Any] = []

    def stream(argv: list[str], on_line: Callable[[str], None], **options: Any) -> int:
        started.append((argv, options))
        for line in lines:
            on_line(line)
        return status

    monkeypatch.setattr(execute, "stream", stream)
    return started


def test_of_the_output_only_changes_and_the_program_s_messages_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    streaming(monkeypatch, FAILED_UPDATE, 0)
    shown: list[str] = []
    engine.up("dev", shown.append)
    assert shown == SHOWN


def test_an_update_compares_with_the_real_containers_first_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    started = streaming(monkeypatch, [], 0)
    engine.up("dev", pytest.fail)
    argv, options = started[0]
    assert argv[:2] == ["pulumi", "up"]
    assert {"--yes", "--refresh", "--non-interactive", "--skip-preview", "--suppress-outputs"} <= set(argv)
    assert argv[-2:] == ["--stack", "dev"]
    assert options["cwd"] == ROOT


@pytest.mark.parametrize(
    ("allowed", "env"), [(False, {}), (True, {"DBSERVER_DISCONNECT_APPLICATIONS": "yes"})], ids=["refuses", "may"]
)
def test_an_update_may_cut_applications_off_only_where_it_is_told_to(
    monkeypatch: pytest.MonkeyPatch, env: dict[str, str], *, allowed: bool
) -> None:
    started = streaming(monkeypatch, [], 0)
    engine.up("dev", pytest.fail, disconnect=allowed)
    assert started[0][1]["env"] == env


def test_an_update_keeps_containers_of_elsewhere_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    started = streaming(monkeypatch, [], 0)
    engine.up("dev", pytest.fail, keep=True)
    assert started[0][1]["env"] == {"DBSERVER_KEEP_FOREIGN_CONTAINERS": "yes"}


def test_an_update_goes_without_backups_only_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    started = streaming(monkeypatch, [], 0)
    engine.up("dev", pytest.fail, checkpoint=False)
    assert started[0][1]["env"] == {"DBSERVER_NO_CHECKPOINT": "yes"}


def previewing(monkeypatch: pytest.MonkeyPatch, printed: str, said: str = "") -> list[list[str]]:
    started: list[list[str]] = []

    def run(argv: list[str], **_: Any) -> execute.Finished:
        started.append(argv)
        return execute.Finished(1, printed, said)

    monkeypatch.setattr(execute, "run", run)
    return started


@pytest.mark.parametrize("refresh", [True, False])
def test_a_preview_is_what_the_engine_printed_whatever_its_exit_status(
    monkeypatch: pytest.MonkeyPatch, *, refresh: bool
) -> None:
    started = previewing(monkeypatch, '{"steps": []}')
    assert engine.preview("dev", refresh=refresh) == '{"steps": []}'
    assert ("--refresh" in started[0]) is refresh
    assert {"preview", "--json", "--non-interactive"} <= set(started[0])


def test_a_preview_whose_provider_was_ended_too_early_is_asked_again_once(programs: Programs) -> None:
    crashed = json.dumps({"diagnostics": [{"message": "... exited prematurely ..."}]})
    programs.answer("pulumi preview", crashed, '{"steps": []}')
    assert engine.preview("dev", refresh=True) == '{"steps": []}'
    programs.answer("pulumi preview", crashed, crashed, '{"steps": []}')
    assert engine.preview("dev", refresh=True) == crashed


def test_a_preview_of_a_stack_that_there_is_not_names_the_command_that_makes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    previewing(monkeypatch, "", "error: no stack named 'new' found")
    with pytest.raises(UsageError) as caught:
        engine.preview("new", refresh=True)
    assert caught.value.hint == "pulumi stack init new --no-select"


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (f"error: {contract.REFUSED}\n  port 1 is taken\n", RefusedError, f"{contract.REFUSED}\n  port 1 is taken"),
        (f"error: {contract.FAULTY}\n  postgres.port: no\n", UsageError, f"{contract.FAULTY}\n  postgres.port: no"),
        (
            "error: Exception calling application: it cannot be renamed",
            DbServerError,
            "the preview of stack dev did not finish:\nerror: it cannot be renamed",
        ),
    ],
)
def test_a_preview_that_did_not_finish_is_the_program_s_own_error(said: str, kind: type, message: str) -> None:
    noise = "error: an unhandled error occurred: program exited with non-zero exit code: 1"
    fault = diagnostics.refused("dev", f"{said}\n{noise}")
    assert (type(fault), fault.message) == (kind, message)


def test_an_update_that_failed_ends_with_its_diagnostics_and_their_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    streaming(monkeypatch, FAILED_UPDATE, 255)
    with pytest.raises(DbServerError) as caught:
        engine.up("dev", lambda _: None)
    assert caught.value.exit_code == Exit.FAILED
    assert caught.value.message == (
        "the update of stack dev did not finish:\n"
        "  pulumi-python:dynamic/db-server:RedisServer (redis-server):\n"
        "    error: db-server-redis stopped with exit code 1"
    )
    assert caught.value.hint == "docker logs db-server-redis"


def test_a_hint_that_several_errors_share_is_given_once_and_another_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ended(monkeypatch, "one\nHINT: docker logs a", "two\nHINT: docker logs b", "three\nHINT: docker logs a")
    assert str(found).count("HINT: docker logs a") == 1
    assert str(found).count("HINT: docker logs b") == 1
    assert str(found).endswith("\nHINT: docker logs a")


def test_an_update_that_ended_without_diagnostics_ends_with_its_last_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    streaming(monkeypatch, [f"line {number}" for number in range(40)], 1)
    with pytest.raises(DbServerError) as caught:
        engine.up("dev", lambda _: None)
    assert caught.value.message.endswith("line 38\nline 39")
    assert "line 24" not in caught.value.message
    assert caught.value.hint == "mend the cause, then run ./scripts/start.sh again"


def ended(monkeypatch: pytest.MonkeyPatch, *errors: str) -> DbServerError:
    """Return what an update raises that ends with these errors of the program."""
    indented = [f"    error: {error}".replace("\n", "\n    ") for error in errors]
    output = "\n".join(
        ["Updating (dev):", "Diagnostics:", "  pulumi:pulumi:Stack (db-server-dev):", *indented, "", "Resources:"]
    )
    streaming(monkeypatch, output.splitlines(), 255)
    with pytest.raises(DbServerError) as caught:
        engine.up("dev", lambda _: None)
    return caught.value


EXITED = "an unhandled error occurred: program exited with non-zero exit code: 1"


def test_faults_in_the_configuration_end_an_update_as_a_fault_of_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    faults = ["postgres.port: 'x' should be a whole number, without quotes", "redis.memry: unknown key"]
    found = ended(monkeypatch, str(SettingsError(faults)), EXITED)
    assert (type(found), found.exit_code) == (UsageError, 2)
    assert [line.strip() for line in found.message.splitlines()] == [contract.FAULTY, *faults]
    assert found.hint == "correct that, then run ./scripts/start.sh again"


def test_a_host_that_is_refused_ends_an_update_as_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    reasons = ["network n does not exist; create it: docker network create n", "port 5432 is taken by nc (pid 7)"]
    found = ended(monkeypatch, "\n  ".join([contract.REFUSED, *reasons]), EXITED)
    assert (type(found), found.exit_code) == (RefusedError, 5)
    assert [line.strip() for line in found.message.splitlines()] == [contract.REFUSED, *reasons]
    assert found.hint == "correct that, then run ./scripts/start.sh again"


def test_a_refusal_that_has_a_hint_of_its_own_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    said = f"{contract.REFUSED} taking over a: application containers are connected: shop-blue (blue) 5 to postgres"
    hint = "finish the deployment and stop them, or cut them off with --disconnect-applications"
    found = ended(monkeypatch, str(RefusedError(said, hint)), EXITED)
    assert (type(found), found.message, found.hint) == (RefusedError, said, hint)


def test_any_other_error_of_the_program_ends_an_update_as_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    found = ended(monkeypatch, "the Docker daemon does not answer\nHINT: sudo systemctl start docker", EXITED)
    assert (type(found), found.exit_code) == (DbServerError, 1)
    assert found.hint == "sudo systemctl start docker"


def test_that_the_program_exited_is_no_news_beside_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, "it failed", EXITED).message == (
        "the update of stack dev did not finish:\n    error: it failed"
    )  # fmt: skip


def test_a_missing_engine_is_reported_with_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UsageError, match="pulumi is not on PATH") as caught:
        engine.require()
    assert "./scripts/start.sh" in caught.value.hint


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
    assert engine.accept("dev", {"postgres": "new", "redis": "same"}) == ["postgres"]
    (imported,) = programs.started("pulumi stack import --stack dev --non-interactive")
    assert imported.stdin == exported(("postgres", "new"), ("redis", "same"))


def killed_while_creating(*known: tuple[str, str], kind: str = "creating") -> str:
    """Return a state in which an update was killed when it had made Redis' container and not noted it."""
    urn = "urn:pulumi:dev::db-server::{}".format
    state = json.loads(exported(*known))
    container = {
        "urn": urn("docker:index/container:Container::redis"), "type": "docker:index/container:Container",
        "inputs": {"__defaults": [], "name": "db-server-redis"}, "parent": urn("pulumi:pulumi:Stack::dev"),
        "provider": urn("pulumi:providers:docker::default::1"), "dependencies": [urn("network::network")],
    }  # fmt: skip
    others = ("network::network", "pulumi:providers:docker::default", "redis-server::redis-server")
    state["deployment"]["resources"] += [{"urn": urn(other), "type": "other", "id": "1"} for other in others]
    state["deployment"]["pending_operations"] = [{"resource": container, "type": kind}]
    return json.dumps(state)


def test_a_container_that_a_killed_update_had_made_is_noted_after_what_it_depends_on(programs: Programs) -> None:
    programs.answer("stack export", killed_while_creating())
    programs.answer("stack import", "")
    assert engine.accept("dev", {"redis": "new"}) == ["redis"]
    (imported,) = programs.started("pulumi stack import")
    deployment = json.loads(imported.stdin)["deployment"]
    names = [each["urn"].rpartition("::")[2] for each in deployment["resources"]]
    assert names == ["dev", "network", "default", "redis", "redis-server"]
    noted = deployment["resources"][3]
    assert (noted["id"], noted["outputs"]) == ("new", {"name": "db-server-redis", "id": "new"})
    assert deployment["pending_operations"] == []


@pytest.mark.parametrize(
    "state",
    [killed_while_creating(kind="updating"), killed_while_creating(("redis", "new"))],
    ids=["updating", "noted"],
)
def test_any_other_operation_of_a_killed_update_is_left_to_the_engine(programs: Programs, state: str) -> None:
    programs.answer("stack export", state)
    assert engine.accept("dev", {"redis": "new"}) == []
    assert len(programs.calls) == 1


def test_a_state_on_this_machine_is_asked_whether_it_names_a_container(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{tmp_path}")
    assert engine.knows("dev", "new"), "there is no state yet"
    file = tmp_path / ".pulumi" / "stacks" / "db-server" / "dev.json"
    file.parent.mkdir(parents=True)
    file.write_text(exported(("postgres", "old")))
    assert engine.knows("dev", "old")
    assert not engine.knows("dev", "new")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://elsewhere")
    assert engine.knows("dev", "new"), "nobody asks"


@pytest.mark.parametrize(
    "state",
    [
        exported(),
        exported(("postgres", "new")),
        '{"version": 3, "deployment": {}}',
        exported(("postgres", "old"), delete=True),
        exported(("postgres", "old"), pendingReplacement=True),
    ],
    ids=["no container", "the same", "an empty stack", "one to be deleted", "one that was deleted"],
)
def test_a_state_that_has_nothing_to_learn_is_left_alone(programs: Programs, state: str) -> None:
    programs.answer("stack export", state)
    assert engine.accept("dev", {"postgres": "new"}) == []
    assert len(programs.calls) == 1


def test_outputs_are_asked_for_without_secrets_unless_they_are_wanted(programs: Programs) -> None:
    programs.answer("pulumi stack output", '{"network": "n"}')
    assert engine.outputs("dev") == {"network": "n"}
    engine.outputs("dev", secrets=True)
    assert ["--show-secrets" in call.argv for call in programs.calls] == [False, True]


# Selecting -----------------------------------------------------------------------


def selected(monkeypatch: pytest.MonkeyPatch, stack: str | None) -> None:
    monkeypatch.setattr(engine, "workspace_stack", lambda: stack)


def made(state: Path, stack: str) -> None:
    file = state / "stacks" / "db-server" / f"{stack}.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")


MAKING = ("pulumi", "stack", "init", "dev", "--no-select", "--non-interactive")
SELECTING = ("pulumi", "stack", "select", "dev", "--non-interactive")


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty local state, in whose directory no stack was selected."""
    monkeypatch.setattr(engine, "ROOT", tmp_path)
    selected(monkeypatch, None)
    return tmp_path / ".state" / ".pulumi"


def test_a_stack_without_state_is_made_and_not_selected(state: Path, programs: Programs) -> None:
    programs.answer("pulumi", "")
    engine.make("dev")
    assert [call.argv for call in programs.calls] == [MAKING]
    assert not state.exists()


def test_a_stack_whose_state_is_there_is_not_made(state: Path, programs: Programs) -> None:
    made(state, "dev")
    engine.make("dev")
    assert programs.calls == []


def test_a_selected_stack_whose_state_was_lost_is_made_again(
    state: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer("pulumi", "")
    made(state, "prod")
    selected(monkeypatch, "dev")
    engine.make("dev")
    assert [call.argv for call in programs.calls] == [MAKING]


def test_a_stack_in_a_backend_elsewhere_may_be_there_already(
    state: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer("pulumi", Failed("error: stack 'organization/db-server/dev' already exists", 1))
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket")
    made(state, "dev")
    engine.make("dev")
    assert [call.argv for call in programs.calls] == [MAKING]
    programs.answer("pulumi", Failed("error: no access", 1))
    with pytest.raises(CommandError, match="no access"):
        engine.make("dev")


@pytest.mark.usefixtures("state")
def test_a_stack_that_is_selected_needs_no_selecting(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    selected(monkeypatch, "dev")
    engine.select("dev")
    assert programs.calls == []


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("before", ["prod", None])
def test_a_stack_that_is_not_the_selected_one_is_selected(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    programs.answer("pulumi", "")
    selected(monkeypatch, before)
    engine.select("dev")
    assert [call.argv for call in programs.calls] == [SELECTING]


@pytest.mark.usefixtures("state")
def test_a_stack_in_a_backend_elsewhere_is_always_selected(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    programs.answer("pulumi", "")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket")
    selected(monkeypatch, "dev")
    engine.select("dev")
    assert [call.argv for call in programs.calls] == [SELECTING]


# The passphrase --------------------------------------------------------------------

DECRYPTING = "error: getting secrets manager: passphrase must be set: incorrect passphrase"


@pytest.mark.parametrize(
    "command",
    [lambda: engine.select("dev"), lambda: engine.outputs("dev"), lambda: engine.release_stale_lock("dev")],
    ids=["select", "output", "cancel"],
)
def test_another_passphrase_is_a_fault_of_usage_that_says_where_the_right_one_belongs(
    state: Path, programs: Programs, command: Callable[[], object]
) -> None:
    programs.answer("pulumi", Failed(DECRYPTING, 255))
    lock(state)
    with pytest.raises(UsageError, match="encryptionsalt was made with another passphrase") as caught:
        command()
    assert len(programs.calls) == 1
    assert caught.value.hint == "put that passphrase into .state/passphrase; docs/how-to/state-and-secrets.md"


PAGE = "docs/how-to/state-and-secrets.md"
NO_WORDS = "error: get stack secrets manager: passphrase must be set with PULUMI_CONFIG_PASSPHRASE or ..."
NO_FILE = "error: get stack secrets manager: unable to read PULUMI_CONFIG_PASSPHRASE_FILE: open /gone: no such file"


@pytest.mark.usefixtures("state")
@pytest.mark.parametrize("said", [DECRYPTING, NO_WORDS, NO_FILE])
@pytest.mark.parametrize(
    ("chosen", "hint"),
    [
        ({}, "put that passphrase into .state/passphrase"),
        ({passphrase.VARIABLE: ""}, f"{passphrase.VARIABLE} is set: put that passphrase into it, or unset it"),
        (
            {passphrase.FILE_VARIABLE: "/gone"},
            f"{passphrase.FILE_VARIABLE} is set: put that passphrase into /gone, or unset it",
        ),
        (
            {passphrase.VARIABLE: "x", passphrase.FILE_VARIABLE: "/gone"},
            f"{passphrase.VARIABLE} is set: put that passphrase into it, or unset it",
        ),
    ],
)
def test_a_passphrase_that_does_not_fit_or_is_missing_is_told_with_the_variable_that_is_set(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, said: str, chosen: dict[str, str], hint: str
) -> None:
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    programs.answer("pulumi", Failed(said, 255))
    with pytest.raises(UsageError) as caught:
        engine.exported("dev")
    assert caught.value.hint == f"{hint}; {PAGE}"


@pytest.mark.usefixtures("state")
def test_a_state_that_belongs_to_another_person_is_told_with_its_owner(
    programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    programs.answer("pulumi", Failed('error: write ".pulumi/meta.yaml": permission denied', 255))
    with pytest.raises(DbServerError, match="this clone belongs to"):
        engine.exported("dev")


@pytest.mark.usefixtures("state")
def test_a_stack_that_was_never_made_has_no_outputs(programs: Programs) -> None:
    programs.answer("pulumi", Failed("error: no stack named 'dev' found", 6))
    assert engine.outputs("dev", secrets=True) == {}


@pytest.mark.usefixtures("state")
def test_any_other_failure_of_pulumi_is_told_as_it_is(programs: Programs) -> None:
    programs.answer("pulumi", Failed("error: no access to the backend", 255))
    with pytest.raises(CommandError, match="no access to the backend"):
        engine.select("dev")


# Locks -----------------------------------------------------------------------------


def lock(state: Path, name: str = "one", **changes: Any) -> None:
    directory = state / "locks" / "organization" / "db-server" / "dev"
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


def test_without_a_lock_there_is_nothing_to_release(state: Path, programs: Programs) -> None:
    assert engine.release_stale_lock("dev") == []
    assert (programs.calls, state.exists()) == ([], False)


def test_the_lock_of_a_killed_update_is_released(state: Path, programs: Programs) -> None:
    programs.answer("pulumi cancel", "")
    lock(state)
    assert engine.release_stale_lock("dev") == [dead_pid()]
    assert programs.calls[0].argv == ("pulumi", "cancel", "--yes", "--stack", "dev", "--non-interactive")


def test_the_pid_of_a_killed_update_that_another_program_has_now_does_not_keep_its_lock(
    state: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer("pulumi cancel", "")
    process_named(monkeypatch, "sshd")
    lock(state, pid=os.getpid())
    assert engine.release_stale_lock("dev") == [os.getpid()]


def test_a_killed_update_that_nobody_has_collected_yet_does_not_keep_its_lock(
    state: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs.answer("pulumi cancel", "")
    process_named(monkeypatch, "pulumi", psutil.STATUS_ZOMBIE)
    lock(state, pid=4711)
    assert engine.release_stale_lock("dev") == [4711]


def locked(programs: Programs) -> str:
    with pytest.raises(LockedError) as caught:
        engine.release_stale_lock("dev")
    assert not programs.calls
    return caught.value.message


def test_the_lock_of_an_update_at_work_is_left_and_its_holder_named(
    state: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    process_named(monkeypatch, "pulumi")
    lock(state, pid=4711)
    assert locked(programs) == f"pulumi (pid 4711 on {socket.gethostname()}) holds the lock of stack dev"


def test_the_lock_of_another_host_is_left(state: Path, programs: Programs) -> None:
    lock(state, hostname="another-host")
    assert "on another-host" in locked(programs)


def test_the_updates_that_left_a_lock_are_told_and_nothing_is_released(state: Path, programs: Programs) -> None:
    lock(state, "one")
    lock(state, "two", hostname="another-host")
    assert engine.dead_updates("dev") == [dead_pid()]
    assert programs.calls == []
    assert len(list(state.rglob("*.json"))) == 2


def test_one_living_lock_beside_a_dead_one_keeps_both(state: Path, programs: Programs) -> None:
    lock(state, "one")
    lock(state, "two", hostname="another-host")
    assert "on another-host" in locked(programs)


@pytest.mark.parametrize("text", ["", "{", '"text"'])
def test_a_lock_that_cannot_be_read_is_left(state: Path, programs: Programs, text: str) -> None:
    lock(state)
    path = next(state.rglob("one.json"))
    path.write_text(text)
    locked(programs)


def test_locks_of_a_backend_elsewhere_are_not_ours_to_judge(
    state: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(state)
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://bucket")
    assert engine.release_stale_lock("dev") == []
    assert programs.calls == []


@pytest.mark.parametrize("url", ["file://{}", "file://~"])
def test_the_state_is_found_where_the_usual_variable_says(
    tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    programs.answer("pulumi cancel", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PULUMI_BACKEND_URL", url.format(tmp_path))
    lock(tmp_path / ".pulumi")
    assert engine.release_stale_lock("dev") == [dead_pid()]


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
    assert engine.mend_state("unit")
    assert file.read_text() == '{"version": 3}'
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("backup", [None, "", '{"version'], ids=["none", "empty", "cut off"])
def test_without_a_whole_backup_the_newest_whole_copy_of_an_update_counts(project: Path, backup: str | None) -> None:
    file = states(project, "", backup)
    history = project / ".state" / ".pulumi" / "history" / "db-server" / "unit"
    with pytest.raises(DbServerError) as caught:
        engine.mend_state("unit")
    assert caught.value.hint.startswith(f"rm -f {file} {file}.bak && ./scripts/start.sh")
    assert file.read_text() == ""
    history.mkdir(parents=True)
    for number, text in ((1, '{"number": 1}'), (2, '{"number": 2}'), (3, '{"num')):
        (history / f"unit-{number}.checkpoint.json").write_text(text)
        (history / f"unit-{number}.history.json").write_text('{"number": 9}')
    assert engine.mend_state("unit") == "that of the last update that ended"
    assert file.read_text() == '{"number": 2}'


def test_a_whole_state_is_left_alone(project: Path) -> None:
    file = states(project, '{"version": 3}', '{"version": 2}')
    assert not engine.mend_state("unit")
    assert file.read_text() == '{"version": 3}'


def test_a_state_that_an_update_is_writing_is_left_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = states(project, "", '{"version": 3}')
    monkeypatch.setattr(engine, "_locks", lambda _: [{"pid": 1, "hostname": "elsewhere"}])
    assert not engine.mend_state("unit")
    assert file.read_text() == ""
