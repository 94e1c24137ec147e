"""Filling a database: what of it takes as long as the data is large."""

from dbserver.backups import filling
from dbserver.backups.making import COUNT_SECONDS
from dbserver.postgres.commands import QUERY_SECONDS
from dbserver.postgres.server import Server
from tests.unit.fakes import Programs

SERVER = Server("db-server-postgres", "dbadmin")


def test_counting_the_rows_may_take_as_long_as_in_the_backup(programs: Programs) -> None:
    programs.answer("psql", '["public", "item", 3]\n["shop", "order", 4]\n')
    assert filling.count(SERVER, "shop") == {("public", "item"): 3, ("shop", "order"): 4}
    assert f"statement_timeout={COUNT_SECONDS * 1000}" in programs.calls[0].text
    assert COUNT_SECONDS > QUERY_SECONDS
