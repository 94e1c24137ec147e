"""Every rule on previews that were recorded, and on some that were made: what a change costs."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.cli.render import preview as render_preview
from dbserver.preview.rule import APPLICATION, COSTS, RISK, SERVER_OF, USERS, Facts, Live, judge
from dbserver.preview.rules import RULES
from dbserver.preview.steps import KINDS, parse
from tests.unit.dbserver.preview import told
from tests.unit.dbserver.preview.expected import DIRECTORY, EXPECTED, REFUSED
from tests.unit.dbserver.preview.made import (
    DATA,
    SAFE,
    archive,
    container,
    costs,
    judged,
    replaced,
    settings,
    step,
    text,
)

NOTHING, RELOAD, RESTART, RECREATE = COSTS[:4]
# What the engine prints for a value that is not known yet.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
RECORDED = sorted(path.stem for path in DIRECTORY.glob("*.json"))
WAITING, REMOTE_WRITE = {"synchronous_standby_names": "db_server_archive"}, {"synchronous_commit": "remote_write"}
APP = {"name": "shop", "database": "shop", "role": "shop", "poolSize": 3, "settings": {}}
ELSEWHERE = {DATA["postgres"]: "/data/elsewhere/postgres"}


def test_every_preview_is_recorded() -> None:
    assert set(RECORDED) == {*EXPECTED, *REFUSED}


@pytest.mark.parametrize("name", RECORDED)
def test_nothing_of_the_machine_and_no_secret_is_in_a_recording(name: str) -> None:
    recorded = (DIRECTORY / f"{name}.json").read_text()
    for word in ("/tmp/", "dbs-test", "given by the operator", "ciphertext"):
        assert word not in recorded
    for found in json.loads(recorded)["steps"]:
        for state in (found.get("oldState", {}), found.get("newState", {})):
            known = {**state.get("inputs", {}), **state.get("outputs", {})}
            assert {known.get(key, "[secret]") for key in ("adminPassword", "password", "value")} <= {
                "[secret]",
                UNKNOWN,
            }


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_a_recorded_preview_costs_what_is_expected(name: str) -> None:
    found = judge(Facts(parse((DIRECTORY / f"{name}.json").read_text())), RULES, {})
    assert costs(found) == EXPECTED[name]
    assert found.well == (RISK not in EXPECTED[name].values())
    assert found.cost == max(EXPECTED[name].values(), key=COSTS.index, default=NOTHING)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_a_recorded_preview_that_the_program_refused_has_its_errors(name: str) -> None:
    assert parse((DIRECTORY / f"{name}.json").read_text()).errors


HERE = {"external": 5432, "internal": 5432, "ip": "127.0.0.1"}
OUTSIDE = {**HERE, "ip": "10.0.0.5"}


def certificate(op: str) -> dict[str, Any]:
    inputs = {"names": ["db.example.com"]}
    states = (None if op == "create" else inputs, None if op == "delete" else inputs)
    return step(op, "certificate", *states, "pulumi-python:dynamic/db-server:Certificate")


def users(*, was_open: bool) -> dict[str, Any]:
    """Return the step by which Redis is closed to who comes without a password, or opened."""
    inputs = {"container": "db-server-redis", "containerId": "c", "tenants": "[secret]"}
    return step("update", "redis-users", {**inputs, "open": was_open}, {**inputs, "open": not was_open}, USERS)


def taking(server: str, pem: str) -> dict[str, Any]:
    """Return the step of a server that takes a certificate, as the engine shows it."""
    inputs = {"container": f"db-server-{server}", "certificate": "[secret]"}
    return step("update", f"{server}-server", inputs, {**inputs, "certificate": pem})


MADE: dict[str, tuple[list[dict[str, Any]], dict[str, str]]] = {
    "another directory": (
        [replaced(mounts=ELSEWHERE)],
        {"data-directory:postgres": RISK, "container-recreated:postgres": RECREATE},
    ),
    "a volume instead of the directory": (
        [replaced(mounts={}, volumes=[{"containerPath": DATA["postgres"], "volumeName": "data"}])],
        {"data-directory:postgres": RISK, "container-recreated:postgres": RECREATE},
    ),
    "another path in the container": (
        [replaced(mounts={"/var/lib/postgresql": "/data/db-server/postgres"})],
        {"data-mount:postgres": RISK, "container-recreated:postgres": RECREATE},
    ),
    "no mount at all": (
        [replaced("redis", mounts={})],
        {"data-mount:redis": RISK, "container-recreated:redis": RECREATE},
    ),
    "another PGDATA": (
        [replaced(pgdata="/var/lib/postgresql/other")],
        {"data-mount:postgres": RISK, "container-recreated:postgres": RECREATE},
    ),
    "another name": (
        [replaced("redis", name="cache")],
        {"container-name:redis": RISK, "container-recreated:redis": RECREATE},
    ),
    "a newer major version": (
        [replaced(image="postgres:18", labels={"com.database.version": "18"})],
        {"major-version:postgres": RISK, "container-recreated:postgres": RECREATE},
    ),
    "a minor version": ([replaced(image="postgres:17.6")], {"container-recreated:postgres": RECREATE}),
    "another image under the same tag": (
        [replaced(labels={"com.database.image": "sha256:b"})],
        {"container-recreated:postgres": RECREATE},
    ),
    "a replacement in the engine's three steps": (
        [
            step("delete-replaced", "redis", container("redis"), None),
            step("replace", "redis", container("redis"), container("redis", shmSize=64)),
            step("create-replacement", "redis", container("redis"), container("redis", shmSize=64)),
        ],
        {"container-recreated:redis": RECREATE},
    ),
    "a deleted container": ([step("delete", "postgres", container(), None)], {"container-deleted:postgres": RISK}),
    "a deleted network": ([step("delete", "network", {"name": "n"}, None)], {"network-deleted:network": RISK}),
    "a new network": ([step("create", "network", None, {"name": "n"})], {"network-kept:network": NOTHING}),
    "a new container": ([step("create", "redis", None, container("redis"))], {"container-created:redis": NOTHING}),
    "memory": (
        [step("update", "redis", container("redis"), container("redis", memory=2048))],
        {"container-in-place:redis": NOTHING},
    ),
    "full page writes": (
        [settings("postgres", {}, {"full_page_writes": "false"})],
        {"less-durable:postgres": RISK, "postgres-reload:postgres": RELOAD},
    ),
    "synchronous commit": (
        [settings("postgres", {"synchronous_commit": "on"}, {"synchronous_commit": "of"})],
        {"less-durable:postgres": RISK, "postgres-reload:postgres": RELOAD},
    ),
    "synchronous commit to a local disk": (
        [settings("postgres", {"synchronous_commit": "on"}, {"synchronous_commit": "local"})],
        {"postgres-reload:postgres": RELOAD},
    ),
    "synchronous commit to a local disk, with an archive that commits wait for": (
        [settings("postgres", WAITING, {**WAITING, "synchronous_commit": "local"})],
        {"less-durable:postgres": RISK, "postgres-reload:postgres": RELOAD},
    ),
    "commits of an application that do not wait for the archive": (
        [step("update", "shop", APP, {**APP, "settings": REMOTE_WRITE})],
        {"less-durable:shop": RISK, "application-changed:shop": RELOAD},
    ),
    "commits of an application of a server without an archive": (
        [settings("postgres", {}, {"work_mem": "7MB"}), step("update", "shop", APP, {**APP, "settings": REMOTE_WRITE})],
        {"postgres-reload:postgres": RELOAD, "application-changed:shop": RELOAD},
    ),
    "commits that wait for the archive again": (
        [settings("postgres", {**WAITING, "synchronous_commit": "off"}, {**WAITING, **REMOTE_WRITE})],
        {"postgres-reload:postgres": RELOAD},
    ),
    "commits that wait for the archive in another way": (
        [settings("postgres", WAITING, {**WAITING, "synchronous_commit": "remote_apply"})],
        {"postgres-reload:postgres": RELOAD},
    ),
    "fsync on again": ([settings("postgres", {"fsync": "off"}, {"fsync": "on"})], {"postgres-reload:postgres": RELOAD}),
    "an unsafe setting that stays": (
        [settings("postgres", {"fsync": "off"}, {"fsync": "off", "work_mem": "1MB"})],
        {"postgres-reload:postgres": RELOAD},
    ),
    "damaged pages": (
        [settings("postgres", {}, {"zero_damaged_pages": "on"})],
        {"less-durable:postgres": RISK, "postgres-reload:postgres": RELOAD},
    ),
    "a setting in capitals": (
        [settings("postgres", {}, {"FSync": "0"})],
        {"less-durable:postgres": RISK, "postgres-reload:postgres": RELOAD},
    ),
    "a setting removed": ([settings("postgres", {"wal_level": "logical"}, {})], {"postgres-restart:postgres": RESTART}),
    "persistence from append-only to snapshot": (
        [settings("redis", SAFE, {**SAFE, "appendonly": "no"})],
        {"redis-persistence:redis": RISK, "redis-reload:redis": RELOAD},
    ),
    "persistence from snapshot to none": (
        [settings("redis", {**SAFE, "appendonly": "no"}, {**SAFE, "appendonly": "no", "save": ""})],
        {"redis-persistence:redis": RISK, "redis-reload:redis": RELOAD},
    ),
    "persistence from none to append-only": (
        [settings("redis", {**SAFE, "appendonly": "no", "save": ""}, SAFE)],
        {"redis-reload:redis": RELOAD},
    ),
    "an application of another role": (
        [step("update", "shop", APP, {**APP, "role": "other"})],
        {"application-renamed:shop": RISK, "application-changed:shop": RELOAD},
    ),
    "an application whose keys have another prefix": (
        [step("update", "shop", {**APP, "redisPrefix": "shop:"}, {**APP, "redisPrefix": "s:"})],
        {"application-keys-left:shop": RISK, "application-changed:shop": RELOAD},
    ),
    "an application with a prefix more": (
        [step("update", "shop", APP, {**APP, "redisOtherPrefixes": ["rq:"]})],
        {"application-changed:shop": RELOAD},
    ),
    "an application with a prefix less": (
        [
            step(
                "update", "shop", {**APP, "redisOtherPrefixes": ["rq:", "jobs:"]}, {**APP, "redisOtherPrefixes": ["rq"]}
            )
        ],
        {"application-keys-left:shop": RISK, "application-changed:shop": RELOAD},
    ),
    "an application whose prefix has a wider one in its place": (
        [step("update", "shop", {**APP, "redisOtherPrefixes": ["rq:"]}, {**APP, "redisOtherPrefixes": ["rq"]})],
        {"application-changed:shop": RELOAD},
    ),
    "an application whose keys are in another database": (
        [step("update", "shop", {**APP, "redisDatabase": 0}, {**APP, "redisDatabase": 1})],
        {"application-keys-left:shop": RISK, "application-changed:shop": RELOAD},
    ),
    "an application that is called as the server": (
        [step("update", "postgres", APP, {**APP, "settings": {"synchronous_commit": "off"}}, APPLICATION)],
        {"less-durable:application/postgres": RISK, "application-changed:application/postgres": RELOAD},
    ),
    "Redis opened": ([users(was_open=False)], {"redis-users:redis": RELOAD}),
    "Redis closed": ([users(was_open=True)], {"redis-closed:redis": RELOAD}),
    "two applications removed": (
        [step("delete", "shop", APP, None), step("delete", "blog", APP, None)],
        {"application-removed:shop": RISK, "application-removed:blog": RISK},
    ),
    "an application replaced": ([step("replace", "shop", APP, APP)], {"application-removed:shop": RISK}),
    "an unknown resource deleted": (
        [step("delete", "volume", {}, None, "docker:index/volume:Volume")],
        {"unknown:volume": RISK},
    ),
    "an unknown resource changed": (
        [step("update", "volume", {}, {}, "docker:index/volume:Volume")],
        {"unknown:volume": RISK},
    ),
    "an unknown resource made": (
        [step("create", "volume", None, {}, "docker:index/volume:Volume")],
        {"unknown-created:volume": NOTHING},
    ),
    "a word of the engine that nobody knows": (
        [step("annihilate", "postgres", container(), None)],
        {"container-deleted:postgres": RISK},
    ),
    "a generated password": (
        [step("create", "admin-password", None, {}, "pulumi-python:dynamic/db-server:Password")],
        {"password-made:admin-password": NOTHING},
    ),
    "an archive made": ([step("create", "archive", None, archive())], {"archive-made:archive": NOTHING}),
    "an archive that is kept for longer": (
        [step("replace", "archive", archive(), archive(keep="864000"))],
        {"archive-changed:archive": NOTHING},
    ),
    "an archive that is kept for less long": (
        [step("replace", "archive", archive(), archive(keep="86400"))],
        {"archive-shorter:archive": RISK, "archive-changed:archive": NOTHING},
    ),
    "an archive elsewhere": (
        [step("replace", "archive", archive(), archive(directory="/elsewhere"))],
        {"archive-moved:archive": RISK, "archive-changed:archive": NOTHING},
    ),
    "an archive that ends": ([step("delete", "archive", archive(), None)], {"archive-ended:archive": RISK}),
    "commits that wait for the archive no more": (
        [
            settings("postgres", {"synchronous_standby_names": "db_server_archive"}, {}),
            step("replace", "archive", archive(how="synchronous"), archive()),
        ],
        {
            "less-durable:postgres": RISK,
            "postgres-reload:postgres": RELOAD,
            "archive-changed:archive": NOTHING,
        },
    ),
    "a server that becomes reachable from outside": (
        [replaced(ports=[HERE, OUTSIDE])],
        {"container-recreated:postgres": RECREATE, "published-outside:postgres": NOTHING},
    ),
    "a server that is reachable from outside and stays so": (
        [step("replace", "postgres", container(ports=[HERE, OUTSIDE]), container(ports=[HERE, OUTSIDE], shmSize=64))],
        {"container-recreated:postgres": RECREATE},
    ),
    "a new server that is reachable from outside": (
        [step("create", "redis", None, container("redis", ports=[HERE, OUTSIDE]))],
        {"container-created:redis": NOTHING, "published-outside:redis": NOTHING},
    ),
    "a certificate made": ([certificate("create")], {"certificate-made:certificate": NOTHING}),
    "a certificate given up": ([certificate("delete")], {"certificate-made:certificate": NOTHING}),
    "another authority": ([certificate("replace")], {"certificate-renewed:certificate": RELOAD}),
    "a certificate renewed": (
        [certificate("update"), taking("postgres", "04da6b54"), taking("redis", "04da6b54")],
        {
            "certificate-renewed:certificate": RELOAD,
            "certificate-taken:postgres": RELOAD,
            "certificate-taken:redis": RELOAD,
        },
    ),
    "a certificate taken by a new container": (
        [replaced("redis", shmSize=64), taking("redis", "04da6b54")],
        {"container-recreated:redis": RECREATE},
    ),
    "another given certificate, which is a secret": (
        [taking("postgres", "[secret]"), taking("redis", "[secret]")],
        {"postgres-administrator:postgres": RELOAD, "certificate-taken:redis": RELOAD},
    ),
    "a provider": ([step("update", "default", {}, {}, "pulumi:providers:docker")], {"bookkeeping:default": NOTHING}),
}


@pytest.mark.parametrize("name", sorted(MADE))
def test_a_made_preview_costs_what_is_expected(name: str) -> None:
    steps, expected = MADE[name]
    assert costs(judged(*steps)) == expected


@pytest.mark.parametrize("name", told.PREVIEWS)
def test_what_is_told_of_a_preview_is_what_the_file_says(name: str) -> None:
    assert told.text_of(name) == told.written()[name], "python -m tests.unit.dbserver.preview.told writes it: read it"


def test_the_recorded_and_the_made_ones_reach_every_rule() -> None:
    rest = {"container-deleted-in-dev", "container-taken-over", "bookkeeping"}  # below, and by the engine's own
    reached = {name.partition(":")[0] for _, expected in MADE.values() for name in expected}
    reached |= {name.partition(":")[0] for expected in EXPECTED.values() for name in expected}
    assert {rule.name for rule in RULES} - reached - rest == set()


def test_in_the_stack_for_development_a_container_and_the_network_may_go() -> None:
    steps = step("delete", "postgres", container(), None), step("delete", "network", {"name": "n"}, None)
    found = judged(*steps, stack="dev")
    assert costs(found) == {"container-deleted-in-dev:postgres": RECREATE, "network-kept:network": NOTHING}
    assert found.well


def test_a_container_that_the_state_does_not_know_is_taken_over() -> None:
    live = Live(
        containers={"db-server-redis": {"/data": "/data/db-server/redis", "/usr/local/etc/redis": "/elsewhere"}}
    )
    found = judged(step("create", "redis", None, container("redis")), live=live)
    assert costs(found) == {"container-taken-over:redis": RECREATE}


def test_one_that_is_taken_over_on_another_directory_leaves_its_data_behind() -> None:
    live = Live(containers={"db-server-redis": {"/data": "/data/by-hand"}})
    found = judged(step("create", "redis", None, container("redis")), live=live)
    assert costs(found) == {"data-directory:redis": RISK, "container-taken-over:redis": RECREATE}


@pytest.mark.parametrize(("context", "cost"), [("postmaster", RESTART), ("user", RELOAD), ("backend", RELOAD)])
def test_the_running_server_knows_better_than_the_table(context: str, cost: str) -> None:
    found = judged(settings("postgres", {}, {"new.setting": "1"}), live=Live(contexts={"new.setting": context}))
    assert [change.cost for change in found.changes] == [cost]


def test_a_setting_that_neither_server_nor_table_know_may_take_a_restart_and_says_so() -> None:
    (change,) = judged(settings("postgres", {}, {"some_extension.size": "1"})).changes
    assert (change.rule, change.cost) == ("postgres-unknown", RESTART)
    assert "is not known" in change.what


def test_settings_that_come_with_a_new_container_cost_nothing_of_their_own() -> None:
    found = judged(replaced(image="postgres:17.6"), settings("postgres", {}, {"wal_level": "logical"}))
    assert costs(found) == {"container-recreated:postgres": RECREATE, "starts-with-them:postgres": NOTHING}


def test_another_digest_under_the_same_tag_is_named() -> None:
    (change,) = judged(replaced(labels={"com.database.image": "sha256:b"})).changes
    assert change.details == ("another image under the same tag postgres:17: sha256:a -> sha256:b",)


def test_who_is_cut_off_and_for_how_long_is_told() -> None:
    live = Live(connected={"postgres": ("shop-blue", "shop-green"), "redis": ()})
    found = judged(replaced(ports=[]), replaced("redis", ports=[]), live=live)
    assert {(c.resource, c.seconds, c.connected) for c in found.changes} == {
        ("postgres", 1.5, ("shop-blue", "shop-green")),
        ("redis", 1.4, ()),
    }
    assert judged(replaced(ports=[])).changes[0].connected is None


def test_who_is_cut_off_where_redis_is_closed_is_told() -> None:
    found = judged(users(was_open=True), live=Live(connected={"redis": ("shop-blue",)}))
    assert (found.changes[0].seconds, found.changes[0].connected) == (None, ("shop-blue",))
    assert "(connected: shop-blue)" in render_preview.text(found)
    assert judged(users(was_open=True)).changes[0].connected is None


def test_one_name_does_not_allow_what_an_application_of_the_server_s_name_changes() -> None:
    off = {"synchronous_commit": "off"}
    found = judged(
        settings("postgres", {}, off), step("update", "postgres", APP, {**APP, "settings": off}, APPLICATION),
        less_durable__postgres="meant",
    )  # fmt: skip
    assert [change.name for change in found.at_risk] == ["less-durable:application/postgres"]


def test_a_secret_in_a_setting_is_not_shown() -> None:
    conninfo = "host=standby user=r password=verysecret"
    (change,) = judged(settings("postgres", {}, {"primary_conninfo": conninfo})).changes
    assert "verysecret" not in "".join(change.details)


def test_the_dearest_change_comes_first_and_is_what_all_of_it_costs() -> None:
    found = judged(
        settings("postgres", {}, {"work_mem": "1MB"}), replaced(mounts=ELSEWHERE), replaced("redis", ports=[])
    )
    order = [COSTS.index(change.cost) for change in found.changes]
    assert order == sorted(order, reverse=True)
    assert found.cost == RISK


OPS = st.sampled_from([*KINDS, "unheard-of"])
RESOURCES = st.sampled_from(["postgres", "redis", "shop", "network", "postgres-server"])
INPUTS = st.dictionaries(st.sampled_from(["name", "image", "memory", "shmSize"]), st.text(max_size=4), max_size=3)
STEPS = st.lists(st.tuples(OPS, RESOURCES, INPUTS), max_size=5)


@given(STEPS)
def test_no_step_of_the_engine_that_deletes_or_replaces_goes_unnoticed(
    found: list[tuple[str, str, dict[str, Any]]],
) -> None:
    preview = judged(*(step(op, name, {"name": "before"}, inputs) for op, name, inputs in found))
    named = {change.resource for change in preview.changes}
    for op, name, _ in found:
        if KINDS.get(op, "delete") in ("delete", "replace"):
            assert SERVER_OF.get(_type(name), name) in named


def _type(name: str) -> str:
    return parse(text(step("same", name, None, None))).steps[0].type
