"""Every documented command is run by a test, and each that calls this project is one that its parser takes."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

import tests.endurance.__main__ as endurance
from dbserver.cli.options import commands
from dbserver.diagnosis.causes import CAUSES
from tests.documented import INLINE, ROOT, all_typed, beginning, calls, documents, lines, parse
from tests.integration.engine.test_documented_commands import SESSIONS
from tests.support.injections import INJECTIONS
from tools import troubleshooting

ADOPT = "test_adopt.py::test_adopted_taken_back_killed_half_way_and_adopted_for_good"
ARCHIVE = "test_archive.py::test_any_second_has_all_that_was_acknowledged_before_it_and_nothing_after"
OFFSITE = "test_offsite.py::test_backups_are_copied_once_encrypted_and_come_back"
ENCRYPTED = "test_encryption.py::test_a_backup_is_encrypted_and_comes_back_with_a_key"
TLS = "test_tls.py::test_a_client_elsewhere_proves_the_server_and_no_other_way_leads_in"
CLIENT = "test_compose.py::test_the_deployment_client_finds"
# Integration tests that run the command, with names and moments of their own.
ELSEWHERE = {
    './scripts/dbserver schedule install "daily 03:30"':
        "test_schedule.py::test_a_run_that_failed_turns_status_and_doctor_red_until_one_succeeds_and_somebody_is_told",
    "./scripts/dbserver history crypto-ai-agent --since -3h":
        "test_history.py::test_a_large_delete_among_small_commits_is_found_and_taken_back",
    "./scripts/dbserver restore crypto-ai-agent --at '2026-11-23 14:05:07+01'": ARCHIVE,
    "./scripts/dbserver restore crypto-ai-agent --at -10min --confirm crypto-ai-agent": ARCHIVE,
    "./scripts/dbserver restore crypto-ai-agent --at 'checkpoint crypto-ai-agent_2026-11-23T13-05-07Z'": ARCHIVE,
    "./scripts/dbserver restore crypto-ai-agent --before-transaction 48213":
        "test_archive.py::test_a_transaction_that_should_not_have_been_is_left_out_with_what_came_after",
    "./scripts/dbserver restore crypto-ai-agent --at -10min --into crypto_to_look_at":
        "test_archive.py::test_a_dropped_table_comes_back_into_the_live_database_and_the_other_application_stays",
    "./scripts/dbserver restore --all --confirm postgres":
        "test_whole_server.py::test_nothing_acknowledged_is_lost_with_the_server_and_its_directories",
    "./scripts/dbserver restore --all --at '2026-11-23 14:05:07+01' --disconnect-applications":
        "test_whole_server.py::test_the_server_before_comes_back_and_each_of_both_has_a_line_of_its_own",
    "./scripts/dbserver restore --all --undo --confirm postgres":
        "test_whole_server.py::test_the_server_before_comes_back_and_each_of_both_has_a_line_of_its_own",
    "pulumi stack output tls --json | jq -r .caCertificate > db-server-ca.pem": TLS,
    'psql "host=db.example.com port=5432 dbname=crypto_ai_agent user=crypto sslmode=verify-full'
    ' sslrootcert=db-server-ca.pem"': TLS,
    "redis-cli --tls --cacert db-server-ca.pem -h db.example.com -p 6379 --user crypto-ai-agent --askpass PING":
        "test_tls.py::test_redis_is_proved_by_the_same_authority_and_speaks_nothing_but_tls_there",
    "./scripts/dbserver logs -f": "test_shells.py::test_logs_are_followed_until_an_interruption",
    "./scripts/dbserver upgrade postgres --to 18 --rehearse":
        "test_upgrade.py::test_a_rehearsal_reports_everything_and_changes_nothing",
    "./scripts/dbserver upgrade postgres --to 18 --confirm postgres":
        "test_upgrade.py::test_an_upgrade_keeps_everything_loses_no_acknowledged_write_and_is_taken_back",
    "./scripts/dbserver upgrade postgres --rollback --confirm postgres":
        "test_upgrade.py::taken_back",
    "docker logs <container> 2>&1 | grep 'was terminated by signal'":
        "test_limits.py::test_a_process_that_was_killed_is_named_once_the_server_is_back",
    'docker exec <container> psql -U <admin> -d postgres -c "SELECT pg_terminate_backend((SELECT pid FROM pg_locks'
    ' WHERE pid IS NOT NULL GROUP BY pid ORDER BY count(*) DESC LIMIT 1))" || docker restart <container>':
        "test_limits.py::test_an_application_that_takes_all_locks_is_named_and_the_others_work_once_it_is_ended",
    "./scripts/dbserver adopt --stack prod": ADOPT,
    "./scripts/dbserver adopt --stack prod --confirm prod": ADOPT,
    "./scripts/dbserver adopt --stack prod --undo --confirm prod": ADOPT,
    "./scripts/dbserver adopt --stack prod --finish --confirm prod": ADOPT,
    "./scripts/dbserver offsite list": OFFSITE,
    "./scripts/dbserver offsite verify": OFFSITE,
    "./scripts/dbserver offsite verify --sizes": OFFSITE,
    "./scripts/dbserver offsite verify --identity identity.txt": OFFSITE,
    "./scripts/dbserver offsite fetch crypto-ai-agent_2026-11-23T14-05-07Z --identity /media/key/identity.txt": OFFSITE,
    "./scripts/restore-database.sh crypto-ai-agent crypto-ai-agent_2026-11-23T14-05-07Z":
        "test_backups.py::test_a_restore_brings_back_the_rows_and_everything_that_a_dump_leaves_out",
    "./scripts/restore-database.sh crypto-ai-agent latest --identity /media/key/identity.txt": ENCRYPTED,
    "./scripts/dbserver preview --allow 'data-directory:postgres=moved by hand on Tuesday, see #42'":
        "test_costs.py::test_data_at_risk_is_refused_and_who_is_connected_is_named",
    "exec /path/to/database-server/scripts/start-database-server.sh":
        "test_compose.py::test_the_hook_works_without_a_terminal_and_an_environment",
    "./scripts/dbserver offsite push --stack <stack>": OFFSITE,
    "./scripts/dbserver backup <subject> --stack <stack>":
        "test_keeping.py::test_a_newest_backup_that_was_found_damaged_is_told_until_another_one_is_made",
    "mv <file> <file>.before && ./scripts/start.sh --stack <stack>":
        "test_compose.py::test_somebody_else_s_file_is_refused_and_never_written_over",
    "mv docker-compose.yml docker-compose.yml.before":
        "test_compose.py::test_somebody_else_s_file_is_refused_and_never_written_over",
    """watch -n 2 'docker exec db-server-postgres psql -U dbadmin -c "SELECT count(*) FROM pg_stat_activity;"'""":
        CLIENT,
}  # fmt: skip
# What is run on no test's machine, and why.
NOWHERE = {
    "./scripts/test.sh": "it runs this test",
    **dict.fromkeys((
        "./scripts/endure.sh", "./scripts/endure.sh --minutes 5 --seed 7", "./scripts/endure.sh --seed 7 --steps 31",
    ), "it takes minutes; test_endurance runs its short form"),
    "pipx run pip-audit --requirement requirements.txt --require-hashes --disable-pip":
        "it asks a service that a test machine need not reach",
    "tools/prepare": "it ran before this test, or there would be none",
    "age-keygen -o identity.txt": "age's own program; test_encryption makes keys with the same library as backups",
    "./scripts/rescue.sh --from s3://company-backups/db-server --endpoint https://s3.example.org"
    " --credentials /media/key/s3 --identity /media/key/identity.txt --stack prod":
        "test_rescue brings the stack back from a directory; what asks s3 is in test_offsite",
    "curl http://crypto-ai-backend-blue:8100/health": "the application's own",
    "curl http://crypto-ai-backend-green:8100/health": "the application's own",
    "docker exec crypto-ai-backend-blue ping -c 2 db-server-postgres":
        "needs ping in the application's image; test_compose asks for the name",
    "docker exec crypto-ai-backend-blue ping -c 2 db-server-redis":
        "needs ping in the application's image; test_compose asks for the name",
    r'docker exec db-server-postgres psql -U dbadmin -c "SELECT pg_size_pretty'
    r'(pg_database_size(\"current_database()\"));"':
        "no PostgreSQL can answer it: in quotation marks the function is a column",
    "docker stop db-server-postgres": "the document says never to; test_recovery and test_doctor do it",
    **dict.fromkeys((
        "sudo systemctl start docker", "sudo systemctl restart docker",
        "sudo usermod -aG docker $USER && newgrp docker",
        "sudo timedatectl set-ntp true", "sudo sysctl -w vm.overcommit_memory=1",
        "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
        "sudo mount -a && sudo ls -A <data> | grep . && ./scripts/start.sh --stack <stack>",
        "sudo mount -a && docker restart --time 60 <container> && ./scripts/start.sh --stack <stack>",
    ), "it changes the machine for everybody on it"),
    "docker exec <container> sh -c 'REDISCLI_AUTH=$(cat /usr/local/etc/redis/admin-password)"
    """ exec redis-cli --user <admin> "$@"' sh""": "the beginning of the commands with <redis-cli>, which are run",
    "docker logs --tail 20 --follow <container>": "it ends with the server or the reader; without --follow it is run",
    "docker logs --tail 30 <archive>": "as of the other containers",
    "subnet=$(docker network inspect -f '{{(index .IPAM.Config 0).Subnet}}' <network>); sudo iptables -I DOCKER-USER"
    " -d $subnet ! -s $subnet -p tcp -m multiport --dports 5432,6379 -m conntrack --ctdir ORIGINAL<unless> -j DROP":
        "test_neighbours runs what doctor prints, on a Docker before 28",
}  # fmt: skip

TYPED = all_typed()
FLAG = re.compile(r"(?<![\w-])--?[a-z][\w-]*")
INLINE_TEXTS = sorted({text for each in documents().values() for text in INLINE.findall(each)})
EXAMPLES = sorted({
    re.split(r"\s{2,}", line.strip())[0]
    for verb in commands.commands.values()
    for line in (verb.epilog or "").splitlines()
    if line.strip().startswith("dbserver ")
})  # fmt: skip


def called(texts: Iterable[str]) -> list[tuple[str, ...]]:
    """Return what texts run of this project's scripts, each once; a name to be filled in stands for itself."""
    plain = (re.sub(r"<([\w-]+)>", r"\1", text) for text in texts)
    return sorted({tuple(call) for text in plain for call in calls(text) if call[0] != "test.sh"})


def is_usage(text: str) -> bool:
    """Return whether it describes what may be given, in brackets and alternatives."""
    return bool(re.search(r"[\[|]|\.\.\.|\bVERB\b", text))


def mended() -> set[str]:
    """Return the commands that mend what test_doctor injects."""
    injected = {injection.cause for injection in INJECTIONS if injection.undo is None}
    return {troubleshooting.command(cause) for cause in CAUSES if cause.name in injected}


def typed_in_sessions() -> set[str]:
    return {command for session in SESSIONS for command in lines(session.script)}


def test_the_documents_have_the_commands_that_this_test_looks_for() -> None:
    assert len(TYPED) > 150
    assert {"./scripts/start.sh", "./scripts/dbserver rollback crypto-ai-agent", "pulumi up"} <= set(TYPED)


def test_every_documented_command_is_run_by_a_test() -> None:
    covered = typed_in_sessions() | set(ELSEWHERE) | set(NOWHERE) | mended()
    assert {command: name for command, name in TYPED.items() if command not in covered} == {}


def test_no_exception_is_left_of_a_command_that_no_document_has() -> None:
    assert (set(ELSEWHERE) | set(NOWHERE)) - set(TYPED) == set()
    assert (set(ELSEWHERE) | set(NOWHERE)) & (typed_in_sessions() | mended()) == set()


@pytest.mark.parametrize("command", ELSEWHERE)
def test_a_test_that_is_named_for_a_command_exists_and_has_its_words(command: str) -> None:
    file, _, name = ELSEWHERE[command].partition("::")
    sources = [path.read_text() for path in (ROOT / "tests" / "integration").glob(f"*/{file}")]
    (source,) = [text for text in sources if f"def {name}(" in text]
    words = [call[0] if call[0] != "dbserver" else call[1] for call in calls(command)]
    helpers = {"restore-database.sh": r"restore-database\.sh|\brestored\(", "start.sh": r"\.start\("}
    wanted = [helpers.get(word, re.escape(word)) for word in [*words, *FLAG.findall(command.partition("--stack")[0])]]
    assert [word for word in wanted if not re.search(word, source)] == []


@pytest.mark.parametrize("call", called(TYPED), ids=" ".join)
def test_every_documented_call_is_one_that_the_parser_takes(call: tuple[str, ...]) -> None:
    if call[0] == "endure.sh":
        endurance.parse(list(call[1:]))
    else:
        parse([*beginning(call[0]), *call[1:]])


@pytest.fixture
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that a sentence or an example takes for granted: the parser asks whether they exist."""
    monkeypatch.chdir(tmp_path)
    for name in ("FILE", "preview.json"):
        (tmp_path / name).touch()


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize("text", [text for text in INLINE_TEXTS if not is_usage(text)])
def test_every_call_in_a_sentence_is_one_that_the_parser_takes(text: str) -> None:
    for script, *arguments in called([text if "scripts/" in text else f"scripts/{text}"]):
        line = [*beginning(script), *arguments]
        assert not line or line[0] in commands.commands
        if len(line) > 1:  # a verb alone is only spoken of
            parse(line)


@pytest.mark.parametrize("text", [text for text in INLINE_TEXTS if is_usage(text) and " " in text])
def test_every_usage_names_flags_that_exist(text: str) -> None:
    script, first, *_ = text.removeprefix("./").removeprefix("scripts/").split()
    name = [*beginning(script), first][0]
    if name != "VERB":
        known = {flag for option in commands.commands[name].params for flag in option.opts}
        assert set(FLAG.findall(text)) - known - {"--no-refresh"} == set()


@pytest.mark.usefixtures("_files")
@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_of_a_help_is_one_that_the_parser_takes(example: str) -> None:
    for _, *arguments in called([f"scripts/{example}"]):
        parse(arguments)
