"""The old containers: kept, never mixed up with others, and brought back only where that loses nothing."""

from dataclasses import replace
from typing import Any

import pytest

from dbserver import contract
from dbserver.adoption import swapping
from dbserver.adoption.record import SWAPPING, Old, Record
from dbserver.docker import containers
from dbserver.docker.containers import Container
from dbserver.errors import CommandError, RefusedError
from tests.unit.dbserver.adoption.installed import container

OLDS = {name: Old(f"db-server-{name}", f"old-{name}", "always", 0, "/srv/compose") for name in contract.SERVERS}
DATA = {"postgres": "/data/db-server/postgres", "redis": "/data/db-server/redis"}
RECORD = Record(
    stack="prod", step=SWAPPING, olds=OLDS, scripts=[], ports={"postgres": 5432}, admin="dbadmin",
    before={"majors": {"postgres": "15", "redis": "7"}, "data": DATA},
)  # fmt: skip


def ours(server: str, **changes: Any) -> Container:
    inner = contract.INNER_DATA[server]
    labels = {contract.LABEL_STACK: "prod", contract.LABEL_VERSION: RECORD.before["majors"][server]}
    return container(server, inner, 1, **{"labels": labels, **changes})


def there(monkeypatch: pytest.MonkeyPatch, *found: Container) -> None:
    def inspect(wanted: list[str]) -> dict[str, Container]:
        return {each.name: each for each in found if each.name in wanted or each.id in wanted}

    monkeypatch.setattr(containers, "inspect", inspect)


def kept(server: str) -> Container:
    return replace(ours(server), id=f"old-{server}", name=OLDS[server].kept, labels={})


def test_the_old_containers_are_known_by_their_ids_under_whatever_name(monkeypatch: pytest.MonkeyPatch) -> None:
    there(monkeypatch, kept("postgres"), replace(kept("redis"), name="db-server-redis"), ours("postgres"))
    assert {server: each.id for server, each in swapping.standing(RECORD).items()} == {
        "postgres": "old-postgres", "redis": "old-redis",
    }  # fmt: skip
    assert list(swapping.own(RECORD)) == ["postgres"]


def test_an_old_container_that_was_pruned_is_told_with_the_way_of_compose(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there(monkeypatch, kept("postgres"))
    with pytest.raises(RefusedError) as caught:
        swapping.standing(RECORD)
    assert "db-server-redis-before-adoption was removed" in caught.value.message
    assert "/srv/compose: docker compose up -d" in caught.value.hint


def test_a_stranger_under_the_name_is_never_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    there(monkeypatch, ours("redis", labels={}))
    with pytest.raises(RefusedError, match="db-server-redis is not of stack prod"):
        swapping.own(RECORD)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": {contract.LABEL_STACK: "prod", contract.LABEL_VERSION: "17"}}, "of version 17 by now"),
        ({"mounts": {contract.INNER_DATA["postgres"]: "/srv/moved/postgres"}}, "in /srv/moved/postgres by now"),
    ],
)
def test_data_that_have_moved_on_have_no_way_back(changes: dict[str, Any], words: str) -> None:
    swapping.refuse_moved_on(RECORD, {server: ours(server) for server in contract.SERVERS})
    with pytest.raises(RefusedError, match=words):
        swapping.refuse_moved_on(RECORD, {"postgres": ours("postgres", **changes)})


def test_only_a_published_server_can_be_measured() -> None:
    assert list(swapping.probes(RECORD)) == ["postgres"]


def test_a_daemon_that_cannot_hold_a_container_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise CommandError("docker update", 1, "no pids controller")

    told: list[str] = []
    monkeypatch.setattr(containers, "hold", refuse)
    swapping.hold(RECORD, told.append)
    assert len(told) == 2
    assert "never do that" in told[0]


def test_only_stopped_containers_that_were_kept_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[str] = []
    monkeypatch.setattr(containers, "remove", removed.append)
    there(monkeypatch, replace(kept("postgres"), state="exited"), replace(kept("redis"), id="another", state="exited"))
    assert swapping.remove(RECORD) == ["db-server-postgres-before-adoption"]
    assert removed == ["db-server-postgres-before-adoption"]
