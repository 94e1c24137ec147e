"""The documents name everything that exists, and nothing that does not."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast, get_args

import click
import pytest
import yaml
from pydantic import BaseModel

from dbserver.applications import Application, environment
from dbserver.cli import main  # noqa: F401  importing it adds the verbs
from dbserver.cli.options import commands
from dbserver.contract import SERVERS
from dbserver.errors import Exit
from dbserver.redis import access, limits
from dbserver.settings.model import Settings
from dbserver.settings.tls import Tls as TlsSettings
from infra.network import Network
from infra.outputs import outputs
from infra.tls import Tls

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs" / "reference"
ELSEWHERE = {".git", ".venv", ".state", "node_modules", ".pytest_cache", ".hypothesis", "backups"}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
DEFINED = re.compile(r"^def (test_\w+)", re.MULTILINE)
CODE_BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def documents() -> Iterator[Path]:
    for directory, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in ELSEWHERE]
        yield from (Path(directory) / name for name in files if name.endswith(".md"))


DOCUMENTS = sorted(documents())
each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def reference(name: str) -> str:
    return (REFERENCE / name).read_text()


def section(text: str, title: str) -> str:
    """Return what stands under a second-level heading."""
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"no heading `## {title}`"
    return found[1]


def first_column(text: str) -> set[str]:
    """Return the backticked words in the first column of every table."""
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("|")]
    return {word for cell in rows for word in re.findall(r"`([^`]+)`", cell)}


def flags(command: click.Command) -> set[str]:
    return {flag for option in command.params for flag in option.opts if flag.startswith("-")}


def keys(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Yield every configuration key by its path, as it is written in Pulumi.<stack>.yaml."""
    for name, described in model.model_fields.items():
        path = prefix + (described.alias or name)
        # A list's entries are described as one section.
        kind = next(iter(get_args(described.annotation)), described.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from keys(kind, f"{path}.")
        else:
            yield path


def output_keys() -> Iterator[str]:
    """Yield every output by its path."""
    anything = cast("Any", SimpleNamespace(id="", name="", image=None, identity="", version=""))
    server = cast("Any", SimpleNamespace(container=anything, image=anything, server=anything))
    variables = environment(Application("", "", "", 1, 1), dict.fromkeys(SERVERS, ""), "", "")
    known = cast("Any", {f"APP.{name}": value for name, value in variables.items()})
    settings, tls = Settings(tls=TlsSettings(address="10.0.0.5")), Tls(anything, "", "")
    for name, value in outputs(settings, Network("", []), server, server, anything, known, tls).items():
        yield name
        yield from (f"{name}.{key}" for key in (value if isinstance(value, dict) else ()))


def headings(path: Path) -> set[str]:
    """Return the anchors of a document's headings."""
    titles = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def prose(path: Path) -> str:
    return CODE_BLOCK.sub("", path.read_text())


def test_the_documents_are_where_this_test_looks() -> None:
    named = {str(path.relative_to(ROOT)) for path in DOCUMENTS}
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/how-to/recover.md"} <= named


@pytest.mark.parametrize("verb", sorted(commands.commands))
def test_every_verb_is_documented_with_each_of_its_flags(verb: str) -> None:
    text = section(reference("commands.md"), f"`{verb}`") + section(reference("commands.md"), "Every verb")
    assert sorted(flags(commands.commands[verb]) - first_column(text)) == []


def test_no_document_names_a_verb_or_a_flag_that_does_not_exist() -> None:
    text = reference("commands.md")
    documented = set(re.findall(r"^## `([\w-]+)`$", text, re.MULTILINE)) - {"dbserver"}
    assert documented == set(commands.commands)
    for verb in documented:
        known = flags(commands.commands[verb]) | {"--help", "-h"}
        assert first_column(section(text, f"`{verb}`")) <= known, verb


def test_every_configuration_key_is_documented_and_no_other() -> None:
    assert first_column(reference("configuration.md")) == set(keys(Settings))


def test_every_limit_of_redis_that_may_be_declared_is_documented_and_no_other() -> None:
    named = re.findall(r"^- `([a-z-]+)`, by default", reference("configuration.md"), re.MULTILINE)
    assert sorted(named) == sorted(limits.PARSE)


def test_the_project_file_declares_every_section_that_has_a_default() -> None:
    declared = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    wanted = {described.alias or name for name, described in Settings.model_fields.items()}
    # A key with a type but no default would be required: the optional secret stays undeclared.
    assert set(declared) == wanted - {"adminPassword"}


def test_every_output_is_documented_and_no_other() -> None:
    assert first_column(reference("outputs.md")) == set(output_keys())


def test_every_command_that_no_key_pattern_fences_is_documented() -> None:
    text = section(reference("isolation.md"), "Redis")
    assert [name for name in access.UNFENCED if f"`{name.upper()}`" not in text] == []


def test_every_exit_code_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", reference("exit-codes.md"), re.MULTILINE)
    assert {(int(code), name) for code, name in rows} == {(int(code), code.name) for code in Exit}


@each_document
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    lost = []
    for target in LINK.findall(prose(path)):
        name, _, anchor = target.partition("#")
        there = path.parent / name if name else path
        if re.match(r"[a-z]+:", target):
            continue
        if not there.exists() or (anchor and anchor not in headings(there)):
            lost.append(target)
    assert lost == []


@each_document
def test_every_command_of_the_project_that_a_document_names_exists(path: Path) -> None:
    # scripts/blue-green is the deployment's.
    command = r"(?<![\w/.-])(?:\./)?((?:scripts(?!/blue-green)|tools|pipeline)/[\w-]+(?:\.\w+)?)"
    named = re.findall(command, path.read_text())
    assert sorted({name for name in named if not (ROOT / name).exists()}) == []


def test_every_test_that_the_promises_of_redis_name_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", reference("redis-persistence.md")))
    there = {name for path in (ROOT / "tests").rglob("test_*.py") for name in DEFINED.findall(path.read_text())}
    assert len(named) > 5
    assert sorted(named - there) == []


def test_every_promise_of_security_names_a_test_that_exists_and_what_is_not_promised_is_said() -> None:
    page = reference("security.md")
    promised, _, rest = page.partition("## Not promised")
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", page)
    there = {
        (file, name) for file in {file for file, _ in named} for name in DEFINED.findall((ROOT / file).read_text())
    }
    assert sorted(set(named) - there) == []
    lines = [line for line in promised.splitlines() if line.startswith("|") and not line.startswith(("|---", "| p"))]
    assert len(lines) > 30
    assert [line for line in lines if "::test_" not in line] == [], "a promise without a test"
    assert "**Audit.**" in rest


def test_every_decision_has_a_number_of_its_own_and_all_its_parts() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        titles = re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)
        assert titles == ["Context", "Decision", "Consequences", "Measured"], page.name
