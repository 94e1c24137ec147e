"""psql that stays open: one for each thread and server, connected anew for every script."""

from dataclasses import replace

import pytest

from dbserver.errors import CommandError
from dbserver.execute import Finished
from dbserver.postgres import session, sql
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
        connects = "-- begun " in end
        if connects and not (self.replies and not self.replies[0].succeeded and "BEGUN" not in self.replies[0].stdout):
            return Finished(0, "", "")
        reply = self.replies.pop(0) if self.replies else Finished(0, "BEGUN\n1\nENDED", "")
        self.ended = not reply.succeeded
        said = reply.stdout.removeprefix("BEGUN\n").replace("ENDED", f"-- ended {end.split()[2]} --")
        return replace(reply, stdout=said)


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[Conversation]:
    monkeypatch.setattr(Conversation, "made", [], raising=False)
    monkeypatch.setattr(Conversation, "replies", [], raising=False)
    monkeypatch.setattr(session, "Conversation", Conversation)
    session._open.__dict__.clear()
    return Conversation.made


def test_one_psql_answers_all_scripts_for_a_server(made: list[Conversation]) -> None:
    assert [SERVER.query("SELECT 1;", name) for name in ("shop", "blog")] == ["1", "1"]
    assert len(made) == 1
    assert made[0].argv[:4] == ["docker", "exec", "-i", "db-server-postgres"]
    Server("another", "dbadmin").query("SELECT 1;")
    assert len(made) == 2


def test_a_statement_that_may_take_longer_has_a_psql_of_its_own(made: list[Conversation]) -> None:
    SERVER.query("SELECT 1;")
    SERVER.attempt("SELECT 1;", "shop", 3600)
    assert ["statement_timeout=3600000" in " ".join(each.argv) for each in made] == [False, True]


def test_every_script_connects_anew_and_goes_home_so_that_no_database_is_held(made: list[Conversation]) -> None:
    SERVER.attempt("SELECT 1;", "it's")
    words = [line.partition(" -- ")[0] for asked in made[0].asked for line in asked.splitlines()]
    away, home = sql.connect("it's"), sql.connect("postgres")
    assert words == [away, "\\echo", "SELECT 1;", ";", "\\echo", home, "\\echo"]


def test_nobody_foresees_the_end_of_an_answer(made: list[Conversation]) -> None:
    for _ in range(2):
        SERVER.query("SELECT 1;")
    assert len(set(made[0].asked)) == len(made[0].asked) == 4


def test_nothing_of_a_script_is_sent_before_there_is_a_connection(made: list[Conversation]) -> None:
    Conversation.replies.append(Finished(124, "", "no answer within 15 s"))
    assert SERVER.attempt("DROP TABLE shop;", "shop").status == 124
    assert "DROP" not in "".join(made[0].asked)


def test_a_psql_that_has_ended_is_started_anew(made: list[Conversation]) -> None:
    Conversation.replies.append(Finished(3, "", "ERROR:  it failed"))
    with pytest.raises(CommandError, match="psql in db-server-postgres ended with exit status 3: ERROR:  it failed"):
        SERVER.query("SELECT 1 / 0;")
    assert SERVER.query("SELECT 1;") == "1"
    assert len(made) == 2


TOO_MANY = "connection to server on socket failed: FATAL:  sorry, too many clients already"


def test_a_script_is_sent_again_to_a_full_server_where_nothing_of_it_was_run(made: list[Conversation]) -> None:
    Conversation.replies += [
        Finished(2, "", f"psql: error: {TOO_MANY}"),
        Finished(3, "", f"psql:<stdin>:9: error: \\connect: {TOO_MANY}"),
    ]
    assert SERVER.query("SELECT 1;") == "1"
    assert len(made) == 3


def test_a_script_that_has_begun_is_not_sent_again(made: list[Conversation]) -> None:
    Conversation.replies.append(Finished(3, "BEGUN\n7", f"psql:<stdin>:9: error: \\connect: {TOO_MANY}"))
    done = SERVER.attempt("SELECT 7;\n\\connect shop\n", "postgres")
    assert (done.status, done.stdout, len(made)) == (3, "7", 1)


def test_a_script_whose_way_home_failed_has_succeeded(made: list[Conversation]) -> None:
    Conversation.replies.append(Finished(3, "BEGUN\n7\nENDED", f"psql:<stdin>:9: error: \\connect: {TOO_MANY}"))
    assert SERVER.query("SELECT 7;") == "7"
    assert SERVER.query("SELECT 1;") == "1"
    assert len(made) == 2
