"""An environment in every form is read back as it was, whatever is in its values."""

import json
import re
import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.cli import environment
from dbserver.errors import UsageError

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
VALUES = st.dictionaries(st.sampled_from(["DB_PASSWORD", "DATABASE_URL", "DB_HOST"]), PRINTABLE)
HOSTILE = [
    "", " ", "a b", "it's", 'say "x"', "$HOME", "$(reboot)", "`reboot`", "a\\", "\\'", "'\"", "'$x`\"\\'", "#x", "a #b",
    "a;b", "a&b", "~", "*", "!x", "=", "a=b", "%25", "export X",
]  # fmt: skip


def read_dotenv(text: str) -> dict[str, str]:
    """Read as `source` does: bare, between single quotes, or between double quotes with escapes."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition("=")
        if value.startswith("'"):
            assert re.fullmatch(r"'[^']*'", value), line
            found[name] = value[1:-1]
        elif value.startswith('"'):
            assert re.fullmatch(r'"(?:[^"\\$`]|\\[\\"$`])*"', value), line
            found[name] = re.sub(r"\\(.)", r"\1", value[1:-1])
        else:
            assert re.fullmatch(r"[^\s'\"\\$`;&|<>()*?\[\]#~!{}]*", value), line
            found[name] = value
    return found


def read_shell(text: str) -> dict[str, str]:
    words = shlex.split(text)
    assert words[::2] == ["export"] * (len(words) // 2)
    return dict(word.split("=", 1) for word in words[1::2])


@given(VALUES)
def test_every_value_is_read_back_from_every_form(variables: dict[str, str]) -> None:
    assert read_dotenv(environment.dotenv(variables)) == variables
    assert read_shell(environment.shell(variables)) == variables
    assert json.loads(environment.as_json(variables)) == variables


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_is_read_back_from_every_form(value: str) -> None:
    variables = {"DB_PASSWORD": value}
    assert read_dotenv(environment.dotenv(variables)) == variables
    assert read_shell(environment.shell(variables)) == variables
    assert json.loads(environment.as_json(variables)) == variables


def test_what_needs_no_quotes_has_none_because_docker_takes_them_for_a_part_of_the_value() -> None:
    url = "postgresql://shop:p%40ss@db-server-postgres:5432/shop"
    assert environment.dotenv({"DATABASE_URL": url, "DB_PORT": "5432"}) == f"DATABASE_URL={url}\nDB_PORT=5432"


def test_github_s_file_gets_the_values_and_its_log_only_what_to_mask(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("BEFORE=1\n")
    variables = {"DB_HOST": "h", "DB_PASSWORD": "50%'$x", "DATABASE_URL": "postgresql://a%40", "REDIS_URL": "redis://r"}
    printed = environment.github(variables, file)
    assert printed.splitlines() == [
        "::add-mask::50%25'$x", "::add-mask::postgresql://a%2540", "::add-mask::redis://r",
    ]  # fmt: skip
    assert file.read_text() == "BEFORE=1\n" + "".join(f"{name}={value}\n" for name, value in variables.items())


def test_a_file_of_github_that_cannot_be_written_is_a_fault_of_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"GITHUB_ENV names .*/missing/env, which cannot be written: No such file"):
        environment.github({"DB_PASSWORD": "p"}, tmp_path / "missing" / "env")
