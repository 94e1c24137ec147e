"""A stack's file as YAML: a key that stands twice is a fault with both lines, and every reader finds it."""

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dbserver import declared, stack_file
from dbserver.adoption import configuration
from dbserver.errors import UsageError
from dbserver.offsite import setup
from dbserver.offsite.setup import Setup

TWICE = """\
config:
  db-server:applications:
    - name: shop
      poolSize: 5
      poolSize: 6
  db-server:postgres: {port: 5432, memory: 1g, "memory": 2g}
  db-server:applications: []
  other:key: 1
  other:key: 1
encryptionsalt: a
encryptionsalt: b
"""
FAULTS = [
    "applications.0.poolSize: stands twice, in line 4 and in line 5",
    "postgres.memory: stands twice, in line 6 and in line 6",
    "applications: stands twice, in line 2 and in line 7",
    "config.other:key: stands twice, in line 8 and in line 9",
    "encryptionsalt: stands twice, in line 10 and in line 11",
]


def test_every_key_that_stands_twice_is_told_with_its_path_and_both_lines() -> None:
    assert stack_file.loaded("Pulumi.dev.yaml", TWICE)[1] == FAULTS


@pytest.mark.parametrize(
    "text",
    [
        "", "config:\n", "config: {}\n", "- a\n- a\n", "a: {x: 1}\nb: {x: 1}\n", "a: [{x: 1}, {x: 1}]\n",
        "a: &a {x: 1}\nb: {<<: *a, x: 2}\n", "a: &a [*a]\n", "a: &a {x: {y: 1}}\nb: *a\n",
    ],
)  # fmt: skip
def test_what_stands_once_is_no_fault(text: str) -> None:
    assert stack_file.loaded("Pulumi.dev.yaml", text)[1] == []


@pytest.mark.parametrize(
    "read",
    [
        lambda text: declared.parse("dev", text),
        lambda text: configuration.parsed(text, "Pulumi.dev.yaml"),
        lambda text: setup.with_tls_address(Setup(text, "", ""), "192.0.2.1"),
    ],
    ids=["every verb", "adopt", "rescue"],
)
def test_whoever_reads_such_a_file_refuses_it(read: Callable[[str], Any]) -> None:
    with pytest.raises(UsageError) as caught:
        read(TWICE)
    assert [line.strip() for line in caught.value.message.splitlines()[1:]] == FAULTS
    assert caught.value.exit_code == 2


def test_what_the_engine_reads_as_text_is_text() -> None:
    assert stack_file.content("x", "a: yes\nb: off\nc: true\n") == {"a": "yes", "b": "off", "c": True}


def test_nothing_else_reads_yaml() -> None:
    root = Path(stack_file.__file__).parent
    reading = {
        str(path.relative_to(root))
        for path in root.glob("**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("yaml.load", "yaml.safe_load", "yaml.SafeLoader")
    }
    assert reading == {"stack_file.py"}
