"""The file of certificate and key: written by the image's own user, and compared without being shown."""

import hashlib

import pytest

from dbserver.docker import certificate
from tests.unit.fakes import Failed, Programs

PEM = "key and certificate"
DIGEST = hashlib.sha256(PEM.encode()).hexdigest()


def test_the_text_goes_through_standard_input_and_the_file_to_the_server_s_user(programs: Programs) -> None:
    programs.answer("docker run", "")
    certificate.write("/data/db-server/config/redis", PEM, "redis:8", "redis")
    call = programs.calls[0]
    assert call.stdin == PEM
    assert PEM not in " ".join(call.argv)
    assert "/data/db-server/config:/target" in call.argv
    assert call.argv[-3:] == ("redis", "server.pem", "redis")


@pytest.mark.parametrize(
    ("shown", "same"),
    [
        (f"{DIGEST}  -\n600 postgres\n", True),
        (f"{DIGEST}  -\n644 postgres\n", False),
        (f"{DIGEST}  -\n600 root\n", False),
        (f"{'0' * 64}  -\n600 postgres\n", False),
        ("", False),
    ],
    ids=["the same", "open to others", "somebody else's", "another text", "nothing"],
)
def test_a_file_is_in_place_where_text_mode_and_owner_are_the_server_s(
    programs: Programs, shown: str, same: object
) -> None:
    programs.answer("docker exec", shown)
    assert certificate.in_place("db-server-postgres", "postgres", PEM) is same
    assert "/etc/postgresql/server.pem" in programs.calls[0].argv


def test_a_file_that_is_missing_is_not_in_place(programs: Programs) -> None:
    programs.answer("docker exec", Failed("sh: cannot open"))
    assert not certificate.in_place("db-server-postgres", "postgres", PEM)
