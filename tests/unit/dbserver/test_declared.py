"""What operations read of a stack without Pulumi: the names, and which stack is meant."""

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from dbserver import declared
from dbserver.clients import Servers
from dbserver.errors import DbServerError, UsageError
from dbserver.settings.model import load


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project directory and an empty home of Pulumi."""
    monkeypatch.setattr(declared, "ROOT", tmp_path)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi-home"))
    return tmp_path


def select(project: Path, content: str) -> None:
    digest = hashlib.sha1(str(project / "Pulumi.yaml").encode()).hexdigest()
    directory = project / "pulumi-home" / "workspaces"
    directory.mkdir(parents=True)
    (directory / f"db-server-{digest}-workspace.json").write_text(content)


def test_the_stack_is_dev_where_nothing_says_another(project: Path) -> None:
    assert not (project / "pulumi-home").exists()
    assert declared.selected_stack() == "dev"


@pytest.mark.parametrize(("stored", "stack"), [("prod", "prod"), ("organization/db-server/prod", "prod")])
def test_the_stack_selected_in_the_directory_is_used(project: Path, stored: str, stack: str) -> None:
    select(project, json.dumps({"stack": stored}))
    assert declared.selected_stack() == stack


@pytest.mark.parametrize(
    ("backend", "stack"),
    [("", "prod"), ("file:///elsewhere", "other"), ("s3://bucket", "old")],
    ids=["Pulumi.yaml's backend", "the variable's", "one without a selection of its own"],
)
def test_the_selection_of_the_backend_in_use_counts_before_the_one_for_all(
    project: Path, monkeypatch: pytest.MonkeyPatch, backend: str, stack: str
) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", backend)
    each = {"file://./.state": "organization/db-server/prod", "file:///elsewhere": "organization/db-server/other"}
    select(project, json.dumps({"stacks": each, "stack": "old"}))
    assert declared.selected_stack() == stack


def test_the_default_backend_is_the_one_in_pulumi_yaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    assert declared.backend() == yaml.safe_load((declared.ROOT / "Pulumi.yaml").read_text())["backend"]["url"]


def test_the_variable_wins_over_the_selected_stack_and_the_flag_over_both(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    select(project, json.dumps({"stack": "prod"}))
    monkeypatch.setenv("PULUMI_STACK", "variable")
    assert declared.selected_stack() == "variable"
    assert declared.selected_stack("flag") == "flag"


def test_neither_the_variable_nor_the_default_counts_as_what_pulumi_selected(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_STACK", "variable")
    assert declared.workspace_stack() is None
    select(project, json.dumps({"stack": "prod"}))
    assert declared.workspace_stack() == "prod"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"stack": ""}', '{"stacks": []}', "null"])
def test_a_workspace_file_without_a_stack_means_the_default(project: Path, content: str) -> None:
    select(project, content)
    assert declared.selected_stack() == "dev"


def test_the_selection_of_another_directory_is_not_ours(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    select(project, json.dumps({"stack": "prod"}))
    monkeypatch.setattr(declared, "ROOT", project / "elsewhere")
    assert declared.selected_stack() == "dev"


def test_what_is_missing_is_the_default_of_the_program(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text("config: {}\n")
    found, settings = declared.read("dev"), load({})
    assert found.network == settings.network.name
    assert found.create_network == settings.network.create
    assert found.data_directory == settings.data_directory
    assert found.admin == settings.postgres.admin_user
    assert found.stand_ins == settings.stand_ins
    for server, section in (("postgres", settings.postgres), ("redis", settings.redis)):
        stored = (found.containers[server], found.images[server])
        assert stored == (section.container_name, section.image)


def test_the_entries_whose_passwords_the_server_keeps_are_known(project: Path) -> None:
    entries = "[{name: a, keepPassword: true}, {name: b, keepPassword: 'true'}, {name: c, keepPassword: no}, {name: d}]"
    (project / "Pulumi.dev.yaml").write_text(f"config:\n  db-server:applications: {entries}\n")
    assert declared.read("dev").keeping == {"a", "b"}


def test_every_name_is_read_from_the_stack_s_file(project: Path) -> None:
    (project / "Pulumi.test.yaml").write_text(
        "encryptionsalt: v1:x\n"
        "config:\n"
        "  db-server:network: {name: net, create: true}\n"
        "  db-server:dataDirectory: /srv/data\n"
        "  db-server:backupDirectory: /srv/backups\n"
        "  db-server:standIns: 'true'\n"
        "  db-server:adminPassword: {secure: v1:x}\n"
        "  db-server:postgres: {containerName: pg, image: 'postgres:18', port: 15432, memory: 2g, adminUser: boss}\n"
        "  db-server:redis: {containerName: rd, image: 'redis:7', port: '16379'}\n"
    )
    assert declared.read("test") == declared.Declared(
        stack="test",
        network="net",
        create_network=True,
        data_directory="/srv/data",
        backup_directory="/srv/backups",
        admin="boss",
        containers={"postgres": "pg", "redis": "rd"},
        images={"postgres": "postgres:18", "redis": "redis:7"},
        ports={"postgres": 15432, "redis": 16379},
        memory={"postgres": 2 * 1024**3, "redis": 256 * 1024**2},
        stand_ins=True,
        max_connections=204,
    )


@pytest.mark.parametrize("content", ["", "null", "[]", "text", "config: []", "config: {db-server:postgres: []}"])
def test_a_file_without_sections_is_read_as_the_defaults(project: Path, content: str) -> None:
    (project / "Pulumi.dev.yaml").write_text(content)
    assert declared.read("dev").containers["postgres"] == "db-server-postgres"


def test_a_file_that_is_no_yaml_is_a_fault_of_usage_that_names_it(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text("config: {\n")
    with pytest.raises(UsageError, match=r"Pulumi\.dev\.yaml is no valid YAML"):
        declared.read("dev")


@pytest.mark.parametrize("port", ["abc", "[1]", "null", "''"])
def test_a_port_that_is_no_number_is_left_to_the_program_or_told_as_an_expected_fault(project: Path, port: str) -> None:
    (project / "Pulumi.dev.yaml").write_text(f"config: {{'db-server:postgres': {{port: {port}}}}}\n")
    with contextlib.suppress(DbServerError):
        assert declared.read("dev").containers["postgres"] == "db-server-postgres"


@pytest.mark.parametrize(
    ("written", "known"),
    [
        (
            "[{name: my-shop, poolSize: 3}, {name: blog, database: posts}, {name: wiki, role: editor}]",
            {"my-shop": ("my_shop", "my_shop"), "blog": ("posts", "posts"), "wiki": ("wiki", "editor")},
        ),
        ("[]", {}), ("shop", {}), ("{name: shop}", {}),
        ("[shop, {role: x}, {name: blog}]", {"blog": ("blog", "blog")}),
    ],
    ids=["three", "none", "a word", "no list", "some are no entries"],
)  # fmt: skip
def test_the_applications_are_read_with_database_and_role_and_nothing_is_judged(
    project: Path, written: str, known: dict[str, tuple[str, str]]
) -> None:
    (project / "Pulumi.dev.yaml").write_text(f"config:\n  db-server:applications: {written}\n")
    assert declared.read("dev").applications == known


@pytest.mark.parametrize(
    "tls",
    [None, {}, {"address": "10.0.0.5"}, {"address": "10.0.0.5", "servers": ["redis", "postgres"]}],
)
def test_what_is_reached_from_outside_is_what_the_program_declares(project: Path, tls: dict[str, Any] | None) -> None:
    values = {"tls": tls, "redis": {"access": "password"}} if tls is not None else {}
    content = {"config": {f"db-server:{name}": value for name, value in values.items()}}
    (project / "Pulumi.dev.yaml").write_text(yaml.safe_dump(content))
    found = declared.read("dev")
    assert found.outside == load(values).tls.outside
    assert [found.plan(server).address for server in found.containers] == [
        found.outside.get(server, "") for server in found.containers
    ]


def test_a_stack_without_applications_declares_none(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text("config: {}\n")
    assert declared.read("dev").applications == {}


def test_database_and_role_are_those_that_the_program_declares(project: Path) -> None:
    entries = [{"name": "my-shop"}, {"name": "blog", "database": "posts"}, {"name": "wiki", "role": "editor"}]
    (project / "Pulumi.dev.yaml").write_text(json.dumps({"config": {"db-server:applications": entries}}))
    settings = load({"applications": entries})
    assert declared.read("dev").applications == {
        entry.name: (entry.database_name, entry.role_name) for entry in settings.applications
    }


def test_who_is_connected_is_asked_of_one_server_or_both(project: Path) -> None:
    (project / "Pulumi.dev.yaml").write_text(
        "config:\n  db-server:network: {name: n}\n  db-server:postgres: {containerName: p, adminUser: boss}\n"
    )
    found = declared.read("dev")
    assert found.servers() == Servers({"postgres": "p", "redis": "db-server-redis"}, "boss", "n")
    assert found.servers(["redis"]) == Servers({"redis": "db-server-redis"}, "boss", "n")
