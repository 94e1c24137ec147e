"""The rooms of the design: who may import whom, who starts processes, who prints; and their size."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = [ROOT / "__main__.py", *sorted(ROOT.glob("infra/**/*.py")), *sorted(ROOT.glob("dbserver/**/*.py"))]
LEAVES = ("contract", "errors", "results")
ENTRANCES = ("dbserver", "dbserver.__main__")
# Modules whose import is all that the engine's provider process needs.
PROVIDERS = (
    "infra.network", "infra.password", "infra.postgres_server", "infra.redis_server", "infra.server",
    "infra.application_server", "infra.redis_users", "infra.certificate",
)  # fmt: skip

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


KNOWN = {name_of(path): path for path in MODULES}


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imported(path: Path) -> Iterator[str]:
    """Yield every module that a module imports, wherever in it; `from a import b` is a.b where that is a module."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in KNOWN else str(node.module)


def of(rooms: Iterable[str], path: Path) -> list[str]:
    """Return what a module imports of these rooms, or modules."""
    return [name for name in imported(path) if f"{name}.".startswith(tuple(f"{room}." for room in rooms))]


def storey(module: str) -> int:
    """Return how high a module of dbserver stands: it may import what stands as high or lower."""
    part = module.split(".")[1] if "." in module else ""
    return {"cli": 3, "actions": 2, "": 0, **dict.fromkeys(LEAVES, 0), "__main__": 4}.get(part, 1)


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every call by its dotted name, with its line."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno


@each_module
def test_lines_end_at_a_line_feed_alone(path: Path) -> None:
    """`cleaning.lines` says why: by `splitlines` an application forges a line of what a server says."""
    wrong = [line for name, line in calls(path) if name.endswith(".splitlines")]
    assert not wrong, f"{path}: lines {wrong} call splitlines"


@each_module
def test_one_module_says_where_the_daemon_is(path: Path) -> None:
    """Another would decide anew what an empty DOCKER_HOST means, and take this machine's daemon for a remote one."""
    found = [
        node.lineno for node in ast.walk(tree(path)) if isinstance(node, ast.Constant) and node.value == "DOCKER_HOST"
    ]
    assert not found or path.name == "endpoint.py", f"{path}: lines {found} look at DOCKER_HOST"


def test_the_rooms_are_where_this_test_looks() -> None:
    assert {"dbserver.settings.model", "dbserver.cli.main", "dbserver.execute", "dbserver.actions.start"} <= set(KNOWN)


@each_module
def test_no_module_imports_the_main_program_the_tests_the_tools_or_the_bench(path: Path) -> None:
    back = [name for name in imported(path) if name.partition(".")[0] in ("__main__", "tests", "tools", "bench")]
    assert back == []


@each_module
def test_operations_know_neither_pulumi_nor_the_declarations(path: Path) -> None:
    if name_of(path).partition(".")[0] == "dbserver":
        back = {name for name in imported(path) if name.partition(".")[0] in ("infra", "pulumi", "pulumi_docker")}
        assert back == set(), "operations have to work where Pulumi is absent"


@each_module
def test_declarations_use_what_the_servers_need_and_no_verb(path: Path) -> None:
    if name_of(path).partition(".")[0] in ("infra", "__main__"):
        verbs = ("dbserver.cli", "dbserver.actions", "dbserver.engine", "dbserver.declared", "dbserver.locks")
        assert of(verbs, path) == []


def test_the_main_program_declares_through_infra_only() -> None:
    own = {name for name in imported(ROOT / "__main__.py") if name.partition(".")[0] in ("infra", "dbserver")}
    assert {name for name in own if name.startswith("dbserver")} <= {"dbserver.errors", "dbserver.settings.model"}


@each_module
def test_inside_the_operations_every_arrow_points_down(path: Path) -> None:
    module = name_of(path)
    if module.partition(".")[0] == "dbserver":
        up = {name for name in imported(path) if name.startswith("dbserver") and storey(name) > storey(module)}
        assert up == set(), f"{module} imports what stands above it"


def test_a_verb_imports_another_only_to_show_the_status() -> None:
    for path in (ROOT / "dbserver" / "actions").glob("*.py"):
        others = {name for name in imported(path) if name.startswith("dbserver.actions.")}
        assert others <= {"dbserver.actions.status"}, path


@each_module
def test_the_judgement_of_doctor_looks_at_nothing_itself(path: Path) -> None:
    if name_of(path).startswith("dbserver.diagnosis"):
        looking = {"dbserver.execute", "dbserver.engine", "os", "pathlib", "time", "datetime", "psutil", "socket"}
        assert of(looking, path) == [], "facts come in from outside, so that every cause can be tested"


@each_module
def test_the_judgement_of_a_preview_looks_at_nothing_itself(path: Path) -> None:
    if name_of(path).startswith("dbserver.preview"):
        looking = {"dbserver.execute", "dbserver.engine", "dbserver.clients", "os", "pathlib", "time", "socket"}
        assert of(looking, path) == [], "what servers tell comes in from outside"


@each_module
def test_only_one_module_starts_processes(path: Path) -> None:
    if name_of(path) == "dbserver.execute":
        return
    assert "subprocess" not in {name.partition(".")[0] for name in imported(path)}
    names = ("system", "popen", "exec", "spawn", "fork", "posix_spawn")
    starting = (*(f"os.{name}" for name in names), "pty.", "asyncio.create_subprocess", "multiprocessing.")
    assert [call for call in calls(path) if call[0].startswith(starting)] == []


def test_no_process_is_started_through_a_shell() -> None:
    for path in MODULES:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call):
                assert "shell" not in {keyword.arg for keyword in node.keywords}, f"{path}:{node.lineno}"


@each_module
def test_only_the_command_line_prints_and_exits(path: Path) -> None:
    if name_of(path).startswith("dbserver.cli"):
        return
    ending = {"print", "exit", "quit", "sys.exit", "os._exit", "click.echo", "sys.stdout.write", "sys.stderr.write"}
    assert [call for call in calls(path) if call[0] in ending] == []
    assert "click" not in set(imported(path))


@pytest.mark.parametrize("module", PROVIDERS)
def test_what_the_engine_loads_for_a_provider_is_small(module: str) -> None:
    """The engine starts a process for the providers: pydantic and the docker package would double its start."""
    heavy = {"pulumi_docker", "pydantic", "dbserver.settings.model", "infra.container"}
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        if name in KNOWN:
            waiting += [found for found in imported(KNOWN[name]) if found not in seen]
    assert seen & heavy == set()


@each_module
def test_a_verb_that_only_looks_does_not_wait_for_the_settings_models(path: Path) -> None:
    if name_of(path).startswith("dbserver") and not name_of(path).startswith("dbserver.settings"):
        first = [node for node in tree(path).body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {getattr(node, "module", "") for node in first} | {a.name for node in first for a in node.names}
        assert not {name for name in names if str(name).startswith(("pydantic", "dbserver.settings"))}


@each_module
def test_a_module_has_at_most_300_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 300


@each_module
def test_a_function_has_at_most_40_lines(path: Path) -> None:
    functions = [node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = {f.name: f.end_lineno - f.lineno + 1 for f in functions if f.end_lineno and f.end_lineno - f.lineno >= 40}
    assert long == {}, "functions are mostly under 20 lines"


@pytest.mark.parametrize("path", sorted((ROOT / "pipeline").glob("*.py")), ids=lambda path: path.name)
def test_a_step_of_a_pipeline_knows_the_verbs_by_their_commands_alone(path: Path) -> None:
    own = {name for name in imported(path) if name.partition(".")[0] in ("infra", "dbserver", "tools", "pulumi")}
    assert own <= {"dbserver.errors"}
    assert len(path.read_text().splitlines()) <= 300


@pytest.mark.parametrize("path", sorted((ROOT / "scripts").iterdir()), ids=lambda path: path.name)
def test_a_script_is_three_lines_without_logic_that_start_the_operations(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert len(lines) <= 3, "logic belongs into dbserver or tools"
    assert path.stat().st_mode & 0o111, "not executable"
    assert not {"if", "for", "while", "case"} & set(path.read_text().split())
