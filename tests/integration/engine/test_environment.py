"""What deploy pipelines get: `env`, `list` and `info`, used by real clients in throwaway containers."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.commands import run
from tests.support.stack import Stack

HOSTILE = {
    "quotes": """ it's "so" 100%d \\n\\\\ #1 @a:b/c?d=e&f """,
    "shell": "$HOME ${IFS} $(touch /tmp/pwned) `touch /tmp/pwned` !! ~ * [a-z] {1,2}",
    "signs": "'\"\\$`;|<>&()=^,.-+_'; DROP ROLE signs; --",
}
PASSWORDS = {**HOSTILE, "plain": None}
NAMES = {
    "DATABASE_URL",
    "DB_HOST",
    "DB_PORT",
    "DB_NAME",
    "DB_USER",
    "DB_PASSWORD",
    "REDIS_URL",
    "REDIS_HOST",
    "REDIS_PORT",
    "REDIS_USER",
    "REDIS_PASSWORD",
    "REDIS_PREFIX",
}
FORMS = ("shell", "docker")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Applications whose passwords were given, as secrets, and one whose was generated; every statement is logged."""
    made = Stack(tmp_path_factory.mktemp("pipeline"))
    made.configure(redis={"access": "password"}, postgres={"settings": {"log_statement": "all"}})
    made.declare(*({"name": name, "poolSize": 1 + number} for number, name in enumerate(PASSWORDS)))
    made.pulumi("stack", "init", made.name).ok()
    for number, password in enumerate(HOSTILE.values()):
        path = f"db-server:applications[{number}].password"
        made.pulumi("config", "set", "--secret", "--path", path, stdin=password).ok()
    made.start().ok()
    yield made
    made.remove()


@pytest.fixture(scope="module")
def files(pipeline: Stack) -> Path:
    """What `env` printed, a file per application and form."""
    directory = pipeline.directory / "env"
    directory.mkdir()
    for name in PASSWORDS:
        for form in (*FORMS, "dotenv") if name == "plain" else FORMS:
            printed = pipeline.script("dbserver", "env", name, "--format", form).ok()
            assert printed.err == ""
            (directory / f"{name}.{form}").write_text(printed.out)
    return directory


def test_psql_and_redis_cli_connect_with_what_env_printed(pipeline: Stack, files: Path) -> None:
    """Sourced by a POSIX shell in throwaway containers, on the network and the host; nothing in a password is run."""
    directory = files.parent / "sourced"
    directory.mkdir()
    for name in PASSWORDS:
        for place in ("host", "network"):
            printed = pipeline.script("dbserver", "env", name, "--format", "shell", "--for", place).ok()
            (directory / f"{name}.{place}").write_text(printed.out)
    into = ("-v", f"{directory}:/env:ro")
    ask = "psql -XAtq \"$DATABASE_URL\" -c 'SELECT current_user, current_database()' || echo REFUSED"
    parts = "export PGPASSWORD=$DB_PASSWORD; psql -XAtq -h $DB_HOST -p $DB_PORT -U $DB_USER -d $DB_NAME -c 'SELECT 1'"
    keys = 'redis-cli -e --no-auth-warning -u "$REDIS_URL" SET "${REDIS_PREFIX}k" v'
    tenant = "REDISCLI_AUTH=$REDIS_PASSWORD redis-cli -h $REDIS_HOST -p $REDIS_PORT --user $REDIS_USER"
    both = f'{keys}; {tenant} GET "${{REDIS_PREFIX}}k"; {tenant} ACL WHOAMI'
    for place in ("host", "network"):
        loop = f'for file in /env/*.{place}; do ( . "$file"; %s ) 2>&1; done; ls /tmp/pwned'
        where = (*into, "--network", "host") if place == "host" else into
        postgres = pipeline.client(loop % f"{ask}; {parts}", *where).out
        assert postgres == "".join(f"{name}|{name}\n1\n" for name in sorted(PASSWORDS)), place
        redis = pipeline.client(loop % both, *where, server="redis").out
        assert redis == "".join(f"OK\nv\n{name}\n" for name in sorted(PASSWORDS)), place


def test_a_sourced_password_is_the_given_one(pipeline: Stack, files: Path) -> None:
    for shell in ("sh", "bash"):
        for name, password in HOSTILE.items():
            argv = [shell, "-c", '. "$1"; printf %s "$DB_PASSWORD"', shell, str(files / f"{name}.shell")]
            assert run(*argv).ok().out == password, shell
    assert not Path("/tmp/pwned").exists()
    assert pipeline.variables("quotes")["DB_PASSWORD"] == HOSTILE["quotes"]


def test_a_password_that_no_dotenv_file_can_hold_is_refused_and_docker_takes_it_in_its_own_form(
    pipeline: Stack, files: Path
) -> None:
    for name, password in HOSTILE.items():
        refused = pipeline.script("dbserver", "env", name)
        assert (refused.code, refused.out) == (2, ""), refused.text
        assert "DB_PASSWORD" in refused.err
        assert "--format shell" in refused.err
        assert password not in refused.err
        inside = pipeline.client('psql -XAtq "$DATABASE_URL" -c "SELECT 1"; printf %s "$DB_PASSWORD"',
                                 "--env-file", str(files / f"{name}.docker"))  # fmt: skip
        assert inside.ok().out == f"1\n{password}", name
    assert (files / "plain.dotenv").read_text() == (files / "plain.docker").read_text()


def test_one_value_is_printed_alone(pipeline: Stack) -> None:
    known = pipeline.variables("quotes")
    assert pipeline.script("dbserver", "env", "quotes", "--field", "DB_PASSWORD").ok().out == HOSTILE["quotes"] + "\n"
    assert pipeline.script("dbserver", "env", "quotes", "--field", "REDIS_PASSWORD").ok().out[:-1] in known["REDIS_URL"]
    unknown = pipeline.script("dbserver", "env", "quotes", "--field", "REDIS_PASSWROD")
    assert (unknown.code, unknown.out) == (2, ""), unknown.text
    assert all(name in unknown.err for name in NAMES)


def test_json_and_the_output_hold_the_same_variables(pipeline: Stack) -> None:
    found = pipeline.variables("plain")
    assert set(found) == NAMES
    assert found == pipeline.output("applications")["plain"]
    assert found["REDIS_URL"].startswith("redis://plain:")
    assert (found["DB_PORT"], found["REDIS_PORT"]) == ("5432", "6379")


def test_github_gets_a_file_and_masks(pipeline: Stack, tmp_path: Path) -> None:
    file = tmp_path / "github"
    without = {key: value for key, value in pipeline.env().items() if key != "GITHUB_ENV"}
    assert pipeline.script("dbserver", "env", "plain", "--format", "github", env=without).code == 2
    done = pipeline.script("dbserver", "env", "quotes", "--format", "github", env={**without, "GITHUB_ENV": str(file)})
    lines = file.read_text().splitlines()
    assert f"DB_PASSWORD={HOSTILE['quotes']}" in lines
    assert {line.partition("=")[0] for line in lines} == NAMES
    masked = [line.removeprefix("::add-mask::").replace("%25", "%") for line in done.ok().out.splitlines()]
    known = pipeline.variables("quotes")
    assert {known[name] for name in ("DB_PASSWORD", "REDIS_PASSWORD", "DATABASE_URL", "REDIS_URL")} < set(masked)


def test_an_unknown_application_is_named_with_those_that_are_known(pipeline: Stack) -> None:
    for verb in ("env", "info", "redis-cli"):
        done = pipeline.script("dbserver", verb, "nobody")
        assert done.code == 2, done.text
        assert "there is no application nobody" in done.err
        assert "plain, quotes, shell, signs" in done.err
        assert done.out == ""


def test_list_and_info_tell_of_each_application(pipeline: Stack) -> None:
    listed = json.loads(pipeline.script("dbserver", "list", "--format", "json").ok().out)["applications"]
    assert [each["name"] for each in listed] == sorted(PASSWORDS)
    assert {each["name"]: each["connection_limit"] for each in listed} == {
        "quotes": 2,
        "shell": 4,
        "signs": 6,
        "plain": 8,
    }
    for each in listed:
        assert (each["owner"], each["exists"], each["connections"]) == (each["name"], True, 0)
        assert each["size_bytes"] > 1_000_000
    assert "plain" in pipeline.script("dbserver", "list").ok().out
    assert pipeline.script("dbserver", "info", "plain", "--field", "connection_limit").ok().out == "8\n"
    assert json.loads(pipeline.script("dbserver", "info", "plain", "--format", "json").ok().out)["role"] == "plain"
    unknown = pipeline.script("dbserver", "info", "plain", "--field", "colour")
    assert unknown.code == 2
    assert "connection_limit" in unknown.err


def test_no_password_stands_in_a_log_a_preview_an_output_or_the_state(pipeline: Stack) -> None:
    known = pipeline.output("applications")
    urls = [each[key] for each in known.values() for key in ("DATABASE_URL", "REDIS_URL")]
    passwords = [each["DB_PASSWORD"] for each in known.values()]
    secrets = [*passwords, *urls, *(json.dumps(each)[1:-1] for each in passwords), *(url.split("@")[0] for url in urls)]
    secrets += [url.split("@")[0].rpartition(":")[2] for url in urls]
    texts = {name: run("docker", "logs", name).text for name in (pipeline.postgres, pipeline.redis)}
    assert "SCRAM-SHA-256$" not in texts[pipeline.postgres]
    assert "CREATE DATABASE" in texts[pipeline.postgres], "statements are not logged: nothing was tested"
    texts["preview"] = pipeline.pulumi("preview", "--diff", "--refresh").ok().text
    texts["outputs"] = pipeline.pulumi("stack", "output").ok().text
    for path in (pipeline.project / ".state").rglob("*"):
        if path.is_file() and path.name != "passphrase":
            texts[str(path)] = path.read_text(errors="replace")
    assert any(path.endswith(f"{pipeline.name}.json") for path in texts)
    for where, text in texts.items():
        assert not [secret for secret in secrets if secret in text], where


def test_neither_a_daemon_nor_a_server_is_needed_to_print_an_environment(pipeline: Stack) -> None:
    nowhere = {**pipeline.env(), "DOCKER_HOST": f"unix://{pipeline.directory}/nobody.sock"}
    printed = pipeline.script("dbserver", "env", "plain", "--format", "json", env=nowhere).ok()
    assert json.loads(printed.out) == pipeline.variables("plain")


def test_redis_cli_is_the_applications_tenant(pipeline: Stack) -> None:
    script = "SET plain:greeting hello\nGET plain:greeting\nACL WHOAMI\n"
    asked = pipeline.script("dbserver", "redis-cli", "plain", stdin=script)
    assert (asked.code, asked.out.split()) == (0, ["OK", "hello", "plain"]), asked.text
    other = pipeline.script("dbserver", "redis-cli", "quotes", "--", "GET", "plain:greeting")
    assert (other.code, "NOPERM" in other.text) == (1, True), other.text
    assert pipeline.script("dbserver", "redis-cli", "--", "ACL", "WHOAMI").ok().out.strip() == "dbadmin"


@pytest.mark.full
def test_no_password_is_shown_not_even_while_debugging(pipeline: Stack) -> None:
    known = pipeline.variables("plain")
    secrets = [known["DB_PASSWORD"], known["REDIS_URL"].split(":")[2].split("@")[0], pipeline.output("adminPassword")]
    verbs = (
        ["psql", "plain", "--", "-c", "SELECT 1"], ["redis-cli", "plain", "--", "ping"], ["status"],
        ["connections"], ["list"], ["logs"], ["restart", "--yes"], ["drain", "plain", "blue"],
    )  # fmt: skip
    for verb in verbs:
        text = pipeline.script("dbserver", verb[0], "--debug", *verb[1:]).ok().text
        assert "docker" in text
        assert [secret for secret in secrets if secret in text] == [], verb
