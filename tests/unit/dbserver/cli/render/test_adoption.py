"""What adopt found and did, for people."""

from dbserver.adoption import showing
from dbserver.cli.render import adoption as render_adoption
from dbserver.results.adoption import Adopted, AdoptionFinished, AdoptionPlan, AdoptionUndone, ProvedDatabase
from dbserver.results.servers import Away
from tests.unit.dbserver.adoption.installed import connected, database, installation, postgres, redis

PROVED = (ProvedDatabase("shop", 2, 500, 501),)
AWAY = (Away("postgres", "db-server-postgres", 1.2), Away("redis", "db-server-redis", None))


def test_a_plan_tells_what_was_found_what_is_written_and_how_to_do_it() -> None:
    found = postgres(database("shop", "shop"), connected=[connected("shop", "shop", total=3)])
    plan = showing.shown(
        "prod", "Pulumi.prod.yaml", installation(found, redis()), {"shop": "webshop"}, ["+a"], ["less"]
    )
    text = render_adoption.plan(plan)
    assert "db-server-postgres  postgres:15 (15.18), on nginx-network, 127.0.0.1:5432" in text
    assert "shop      webshop      shop (password kept)" in text
    assert "connected: shop 3 to shop" in text
    assert "written into Pulumi.prod.yaml:\n  +a\ndifferent afterwards:\n  less" in text
    assert "dbserver adopt --stack prod --confirm prod" in text


def test_each_place_where_an_adoption_can_stand_names_what_goes_on() -> None:
    for step, words in (("swapping", "--confirm prod"), ("adopted", "--finish"), ("going back", "--undo --confirm")):
        assert words in render_adoption.plan(AdoptionPlan("prod", step, "Pulumi.prod.yaml"))


def test_what_was_done_tells_the_gap_the_proof_and_the_way_back() -> None:
    text = render_adoption.adopted(Adopted("prod", "f", ("b1",), AWAY, PROVED, 5, 7, ("pg-before-adoption",), 9.0))
    assert "db-server-postgres was away for 1.2 s, measured by a client" in text
    assert "db-server-redis was away for a time not measured" in text
    assert "shop: 2 tables, 501 rows (500 in the backup)" in text
    assert "back: dbserver adopt --undo --stack prod --confirm prod" in text


def test_the_ends_are_told() -> None:
    assert "run again" in render_adoption.undone(AdoptionUndone("prod", AWAY, PROVED, 3.0))
    assert "removed a, b;" in render_adoption.finished(AdoptionFinished("prod", ("a", "b")))
    assert "removed nothing;" in render_adoption.finished(AdoptionFinished("prod", ()))
