"""A stack's file, judged without the engine: what is mistyped is found, what Pulumi takes is taken."""

from typing import Any

import pytest
import yaml

from dbserver import declared, stack_file
from dbserver.errors import UsageError
from dbserver.settings import file

SHOP = {"name": "shop"}


def config(**values: Any) -> dict[str, Any]:
    return {"config": {f"db-server:{key}": value for key, value in values.items()}}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (config(applications=[{"nmae": "shop"}]), "applications.0.nmae: unknown key; did you mean name?"),
        (config(aplications=[SHOP]), "aplications: unknown key; did you mean applications?"),
        ({"confg": {"db-server:applications": [SHOP]}}, "confg: unknown key; did you mean config?"),
        (
            {"config": {"db-sever:applications": [SHOP]}},
            "config.db-sever:applications: unknown key; did you mean db-server:applications?",
        ),
        (
            {"config": {"applications": [SHOP]}},
            "config.applications: unknown key; did you mean db-server:applications?",
        ),
        (config(postgres={"contianerName": "pg"}), "postgres.contianerName: unknown key; did you mean containerName?"),
        (config(redis={"port": "6379"}), "redis.port: '6379' should be a whole number, without quotes"),
        (config(dataDirectory="data"), "dataDirectory: "),
        (config(applications=[SHOP, SHOP]), "applications: name shop is used twice"),
        (config(standIns="perhaps"), "standIns: "),
        ({"config": ["db-server:standIns"]}, "config: is no mapping of keys"),
        (["config"], "is no mapping of keys"),
    ],
)
def test_a_fault_is_found_with_its_path(content: Any, fault: str) -> None:
    assert [found for found in file.faults(content) if found.startswith(fault)], file.faults(content)


def test_all_faults_are_told_at_once_and_the_file_is_named() -> None:
    content = {**config(nmae="x", postgres={"port": 0}), "confg": {}}
    with pytest.raises(UsageError) as caught:
        file.refuse_faults("Pulumi.prod.yaml", content)
    assert caught.value.message.startswith("Pulumi.prod.yaml: ")
    for fault in ("confg: unknown key", "nmae: unknown key", "postgres.port: "):
        assert fault in caught.value.message


@pytest.mark.parametrize(
    "content",
    [
        None, {}, {"config": None},
        {"encryptionsalt": "v1:x", "secretsprovider": "p", "encryptedkey": "k", "environment": ["e"], **config()},
        {"config": {"docker:host": "unix:///x", "pulumi:disable-default-providers": ["*"]}},
        config(standIns="true"), config(standIns=True), config(postgres='{"port": 5433}'),
        config(adminPassword={"secure": "v1:x"}, standIns=True),
        config(adminPassword={"secure": "v1:x"}, applications=[{"name": "shop", "password": {"secure": "v1:y"}}]),
        config(postgres={"secure": "v1:all of it"}), config(redis={"port": {"secure": "v1:x"}}),
    ],
    ids=repr,
)  # fmt: skip
def test_what_the_engine_takes_is_no_fault(content: Any) -> None:
    assert file.faults(content) == []


def test_a_key_beside_an_encrypted_one_is_judged() -> None:
    content = config(postgres={"port": {"secure": "v1:x"}, "prot": 1})
    assert file.faults(content) == ["postgres.prot: unknown key; did you mean port?"]


def test_a_password_in_clear_text_is_a_fault_that_names_what_encrypts_it() -> None:
    entries = [{"name": "shop", "password": {"secure": "v1:x"}}, {"name": "blog", "password": "of the blog"}]
    way = "stands in clear text; encrypt it: pulumi config set --secret"
    assert file.faults(config(adminPassword="12345678", applications=entries)) == [
        f"adminPassword: {way} adminPassword",
        f"applications.1.password: {way} --path 'db-server:applications[1].password'",
    ]


def test_an_encrypted_password_and_one_that_is_kept_exclude_each_other_as_a_plain_one_does() -> None:
    entry = {"name": "shop", "password": {"secure": "v1:x"}, "keepPassword": True}
    assert file.faults(config(applications=[entry])) == [
        "applications.0.keepPassword: a password is given as well; leave one of them out"
    ]


def test_a_key_that_stands_twice_is_one_of_all_faults() -> None:
    content, twice = stack_file.loaded("Pulumi.prod.yaml", "config:\n  db-server:tsl: x\n  db-server:tsl: y\n")
    with pytest.raises(UsageError) as caught:
        file.refuse_faults("Pulumi.prod.yaml", content, twice)
    assert caught.value.message.splitlines()[1:] == [
        "  tsl: stands twice, in line 2 and in line 3", "  tsl: unknown key; did you mean tls?",
    ]  # fmt: skip


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_stacks_of_the_project_have_no_fault(stack: str) -> None:
    assert file.faults(yaml.safe_load(declared.file(stack).read_text())) == []


def test_words_that_older_yaml_reads_as_yes_and_no_are_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr(declared, "ROOT", tmp_path)
    text = "config:\n  db-server:applications: [{name: on}, {name: no}]\n  db-server:network: {create: true}\n"
    (tmp_path / "Pulumi.dev.yaml").write_text(text)
    declared.refuse_faults("dev")
    found = declared.read("dev")
    assert (sorted(found.applications), found.create_network) == (["no", "on"], True)
