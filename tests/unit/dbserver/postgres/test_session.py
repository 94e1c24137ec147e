"""psql that stays open: one for each thread and server, connected anew for every script."""

import pytest

from dbserver.errors import CommandError
from dbserver.execute import Finished
from dbserver.postgres import session
from dbserver.postgres.server import Server

SERVER = Server("db-server-postgres", "dbadmin")


class Conversation:
    """Stands where psql would be."""

    made: list["Conversation"]
    replies: list[Finished]

    def __init__(self, argv: list[str]) -> None:
        self.argv, self.ended = argv, False
        self.asked: list[str] = []
        self.made.append(self)

    def ask(self, text: str, end: str, timeout: float) -> Finished:
        assert text.endswith(f"\\echo {end}\n")
        assert timeout > 0
        self.asked.append(text)
        reply = self.replies.pop(0) if self.replies else Finished(0, "1", "")
        self.ended = not reply.succeeded
        return reply


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[Conversation]:
    monkeypatch.setattr(Conversation, "made", [], raising=False)
    monkeypatch.setattr(Conversation, "replies", [], raising=False)
    monkeypatch.setattr(session, "Conversation", Conversation)
    session._open.__dict__.clear()
    return Conversation.made


def test_one_psql_answers_all_scripts_for_a_server(made: list[Conversation]) -> None:
    assert [session.query(SERVER, "SELECT 1;", name) for name in ("shop", "blog")] == ["1", "1"]
    assert len(made) == 1
    assert made[0].argv[:4] == ["docker", "exec", "-i", "db-server-postgres"]
    session.query(Server("another", "dbadmin"), "SELECT 1;")
    assert len(made) == 2


def test_every_script_connects_anew_and_goes_back_so_that_no_database_is_held(made: list[Conversation]) -> None:
    session.attempt(SERVER, "SELECT 1;", "it's")
    assert made[0].asked == ["\\connect 'it''s'\nSELECT 1;\n\\connect 'dbadmin'\n\\echo -- end of the script --\n"]


def test_a_psql_that_has_ended_is_started_anew(made: list[Conversation]) -> None:
    Conversation.replies.append(Finished(3, "", "ERROR:  it failed"))
    with pytest.raises(CommandError, match="psql in db-server-postgres ended with exit status 3: ERROR:  it failed"):
        session.query(SERVER, "SELECT 1 / 0;")
    assert session.query(SERVER, "SELECT 1;") == "1"
    assert len(made) == 2
