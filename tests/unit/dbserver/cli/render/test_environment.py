"""An environment in every form is read back as it was, or refused, whatever is in its values."""

import io
import json
import shlex
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given
from hypothesis import strategies as st

from dbserver.cli.render import environment
from dbserver.errors import UsageError
from tests.support.dotenv import HOSTILE, READABLE, named

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
VALUES = st.dictionaries(st.sampled_from(["DB_PASSWORD", "DATABASE_URL", "DB_HOST"]), PRINTABLE)


def read_dotenv(text: str) -> dict[str, str | None]:
    """Read as python-dotenv does."""
    return dotenv_values(stream=io.StringIO(text))


def read_shell(text: str) -> dict[str, str]:
    words = shlex.split(text)
    assert words[::2] == ["export"] * (len(words) // 2)
    return dict(word.split("=", 1) for word in words[1::2])


@given(VALUES)
def test_every_value_is_read_back_from_every_form(variables: dict[str, str]) -> None:
    assert read_shell(environment.shell(variables)) == variables
    assert json.loads(environment.as_json(variables)) == variables
    try:
        printed = environment.dotenv(variables)
    except UsageError:
        return
    assert read_dotenv(printed) == variables


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_value_is_read_back_from_every_form_but_dotenv_which_is_refused(value: str) -> None:
    variables = {"DB_HOST": "h", "DB_PASSWORD": value}
    assert read_shell(environment.shell(variables)) == variables
    assert json.loads(environment.as_json(variables)) == variables
    assert environment.docker(variables) == f"DB_HOST=h\nDB_PASSWORD={value}"
    with pytest.raises(UsageError) as caught:
        environment.dotenv(variables)
    assert caught.value.message == "DB_PASSWORD: the readers of a dotenv file would not agree on its characters"


def test_what_a_dotenv_file_can_hold_stands_there_as_it_is() -> None:
    variables = named(READABLE)
    printed = environment.dotenv(variables)
    assert printed == "\n".join(f"{name}={value}" for name, value in variables.items())
    assert read_dotenv(printed) == variables


def test_github_s_file_gets_the_values_and_its_log_only_what_to_mask(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("BEFORE=1\n")
    variables = {
        "DB_HOST": "h", "DB_PASSWORD": "50%'$x", "DATABASE_URL": "postgresql://a:50%25%27%24x@h:5432/a",
        "REDIS_URL": "redis://r:secret@h", "REDIS_HOST": "h", "REDIS_PASSWORD": "secret", "REDIS_USER": "r",
    }  # fmt: skip
    printed = environment.github(variables, file)
    assert printed.splitlines() == [
        "::add-mask::50%25'$x", "::add-mask::50%2525%2527%2524x", "::add-mask::secret",
        "::add-mask::postgresql://a:50%2525%2527%2524x@h:5432/a", "::add-mask::redis://r:secret@h",
    ]  # fmt: skip
    assert file.read_text() == "BEFORE=1\n" + "".join(f"{name}={value}\n" for name, value in variables.items())


def test_a_file_of_github_that_cannot_be_written_is_a_fault_of_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"GITHUB_ENV names .*/missing/env, which cannot be written: No such file"):
        environment.github({"DB_PASSWORD": "p"}, tmp_path / "missing" / "env")


def test_one_value_is_printed_alone_as_it_is_or_as_json() -> None:
    variables = {"DB_HOST": "h", "DB_PASSWORD": "it's \"$x"}
    assert environment.field(variables, "DB_PASSWORD", "dotenv") == "it's \"$x"
    assert json.loads(environment.field(variables, "DB_PASSWORD", "json")) == "it's \"$x"
    with pytest.raises(UsageError) as caught:
        environment.field(variables, "REDIS_USER", "dotenv")
    assert (caught.value.message, caught.value.hint) == (
        "there is no field REDIS_USER", "one of: DB_HOST, DB_PASSWORD",
    )  # fmt: skip
    for form in ("shell", "docker", "github"):
        with pytest.raises(UsageError, match=f"--format {form}"):
            environment.field(variables, "DB_HOST", form)
