"""Asking compose for its hashes, where there is one."""

import pytest

from dbserver.docker.compose import hashes
from tests.unit.fakes import Failed, Programs

TEXT = "name: unit\n"


def test_the_hash_of_each_service_is_what_compose_says_of_the_text(programs: Programs) -> None:
    programs.answer("docker compose --file - config --hash *", "postgres aa11\nredis bb22\n")
    assert hashes(TEXT) == {"postgres": "aa11", "redis": "bb22"}
    assert programs.calls[0].stdin == TEXT


@pytest.mark.parametrize("said", ["docker: 'compose' is not a docker command.", "unknown flag: --hash"])
def test_where_compose_is_missing_or_another_program_there_is_none(programs: Programs, said: str) -> None:
    programs.answer("docker compose", Failed(said))
    assert hashes(TEXT) == {}
