"""Nobody is cut off by an update, unless the variable says so."""

import pytest

from dbserver.errors import RefusedError
from infra.deployment import refuse_disconnecting
from tests.unit.fakes import Programs, connected, postgres_row

NAMES = {"postgres": "db-server-postgres"}


def update() -> None:
    refuse_disconnecting(NAMES, "nginx-network", "dbadmin", "replacing db-server-postgres: ")


@pytest.mark.parametrize("value", [None, ""], ids=["unset", "empty"])
def test_without_the_variable_connected_applications_refuse_an_update(
    programs: Programs, monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("DBSERVER_DISCONNECT_APPLICATIONS", value)
    connected(programs, postgres_row("172.18.0.4", 5))
    with pytest.raises(RefusedError, match=r"^refused before anything was changed: replacing db-server-postgres: app"):
        update()


def test_with_the_variable_nobody_is_protected(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBSERVER_DISCONNECT_APPLICATIONS", "yes")
    connected(programs, postgres_row("172.18.0.4", 5))
    update()
    assert programs.started("pg_stat_activity")


def test_only_the_servers_that_are_named_are_asked(programs: Programs) -> None:
    connected(programs, redis=[("172.18.0.4", "shop", 1)])
    update()
    assert not programs.started("CLIENT LIST")
