"""Redis from inside: what one call prints is read."""

import base64
import json
import subprocess
from collections.abc import Sequence

from dbserver.diagnosis.facts import Denied
from dbserver.redis import examination
from tests.unit.fakes import Failed, Programs

LOG = [
    {
        "count": 2, "reason": "auth", "context": "toplevel", "object": "AUTH", "username": "shop", "age-seconds": 3.5,
        "client-info": "id=5 addr=172.20.0.5:5000 laddr=172.20.0.2:6379 name=",
    },
    {
        "count": 1, "reason": "key", "object": "other:key", "username": "a\x1e\ncount\nNaN", "age-seconds": 9,
        "client-info": "id=6 addr=",
    },
]  # fmt: skip
PARTS = [
    "PONG\n",
    "# Server\r\nredis_version:8.0.2\r\nloading:0\r\nused_memory:1000\r\n",
    "maxmemory\n100663296\nsave\n\nappendonly\nyes\n",
    json.dumps(LOG),
    '# Rendered\nport 6379\nmaxmemory 96mb\nsave ""\nappendonly yes\naclfile /x\n',
]


def printed(parts: Sequence[str]) -> str:
    return "".join(base64.b64encode(part.encode()).decode() + "\n" for part in parts)


PRINTED = printed(PARTS)


def test_the_answer_is_read(programs: Programs) -> None:
    programs.answer("docker exec", PRINTED)
    found, refusal = examination.examine("db-server-redis", "dbadmin")
    assert found
    assert refusal == ""
    assert (found.ping, found.info["redis_version"], found.number("used_memory"), found.number("none")) == (
        "PONG", "8.0.2", 1000, 0,
    )  # fmt: skip
    assert found.settings == {"maxmemory": "100663296", "save": "", "appendonly": "yes"}
    assert found.in_file == {"maxmemory": "100663296", "save": "", "appendonly": "yes"}
    assert found.denied == (
        Denied("auth", "shop", "AUTH", "172.20.0.5", 2, 3.5),
        Denied("key", "a\x1e\ncount\nNaN", "other:key", "the host", 1, 9.0),
    )


def test_without_entries_nobody_was_denied(programs: Programs) -> None:
    programs.answer("docker exec", printed([*PARTS[:3], "[]", PARTS[4]]))
    found, _ = examination.examine("c", "dbadmin")
    assert found
    assert found.denied == ()


def test_a_server_that_refuses_or_never_answers_is_told_with_its_words(programs: Programs) -> None:
    programs.answer("docker exec", printed(["PONG\n", "NOAUTH Authentication required.\n"]))
    assert examination.examine("c", "dbadmin") == (None, "NOAUTH Authentication required.")
    programs.answer("docker exec", Failed("container is not running"))
    assert examination.examine("c", "dbadmin") == (None, "container is not running")
    programs.answer("docker exec", subprocess.TimeoutExpired("docker", 15))
    assert examination.examine("c", "dbadmin") == (None, "no answer within 15 s")


def test_the_password_stays_in_the_container(programs: Programs) -> None:
    programs.answer("docker exec", PRINTED)
    examination.examine("c", "dbadmin")
    assert "$(cat /usr/local/etc/redis/admin-password)" in " ".join(programs.calls[0].argv)
    assert "requirepass" not in examination.EXAMINE
    assert "requirepass" not in examination.SETTINGS
