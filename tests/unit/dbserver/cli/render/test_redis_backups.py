"""The restore of Redis in words."""

from dataclasses import replace

from dbserver.cli.render import redis_backups as render
from dbserver.results.backups import Loss
from dbserver.results.redis_backups import RedisRestored

DONE = RedisRestored("dev", "", "server.redis_1", "", "server.redis_2", 17, 3, 0.25, 4.0)


def test_before_a_restore_it_says_which_databases_differ() -> None:
    said = render.plan("server.redis_1", "", [Loss("db0", 5, 17), Loss("db3", 1, None)])
    assert said.splitlines() == [
        "all of Redis will be server.redis_1; what differs now:",
        "  db0: 5 keys, in the backup 17",
        "  db3: 1 keys, in the backup 0",
    ]
    assert render.plan("b", "", []).endswith("every database has as many keys now as in the backup")
    assert render.plan("b", "shop", []) == "the keys of shop will be those of b; all others stay as they are"


def test_after_a_restore_it_names_the_way_back() -> None:
    said = render.restored(DONE)
    assert "all of Redis: 17 keys of server.redis_1 instead of 3" in said
    assert said.endswith("to go back to it: ./scripts/dbserver restore --redis server.redis_2")
    shop = replace(DONE, application="shop")
    assert render.restored(shop).endswith("restore --redis shop server.redis_2")


def test_a_restore_to_a_moment_says_what_can_be_reached_and_that_it_begins_anew() -> None:
    at, window = "2026-11-23 13:05:07Z", "from 2026-11-23 09:00:00Z to 2026-11-23 14:00:00Z"
    said = render.plan("b", "shop", [], at, window)
    assert said.splitlines() == [
        f"b is what Redis held at {at}; the append-only file reaches {window}",
        "a restore begins it anew; to keep other seconds too, before: ./scripts/dbserver backup --redis --at MOMENT",
        "the keys of shop will be those of b; all others stay as they are",
    ]
    assert render.restored(replace(DONE, at=at)).startswith(f"as of {at}: all of Redis: 17 keys")
