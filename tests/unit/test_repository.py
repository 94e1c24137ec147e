"""What is committed: no path of a home, no address of a package registry, every requirement pinned by a hash."""

import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
IGNORED = {
    ".git", ".venv", "__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".hypothesis", "node_modules",
    ".pulumi", "locks",
}  # fmt: skip
RENDERED = "docker-compose.yml"  # an update writes it, with the paths of this machine
LARGEST = 1024 * 1024
LINK = 0o120000
# Written in parts, so that this file does not hold what it forbids.
REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("files", "pythonhosted", "org"), ("proxy", "golang", "org"), ("sum", "golang", "org"),
        ("registry", "npmjs", "org"), ("deb", "debian", "org"), ("security", "debian", "org"),
        ("archive", "ubuntu", "com"), ("registry-1", "docker", "io"), ("index", "docker", "io"),
        ("auth", "docker", "io"), ("crates", "io"), ("rubygems", "org"),
    )
]  # fmt: skip
HOMES = re.compile("|".join(f"/{parent}/" for parent in ("home", "Users")) + "|(?<![A-Za-z0-9_.}])/" + "root" + "/")


def committed() -> Iterator[tuple[str, str]]:
    """Yield path and text of every file that is or may be committed."""
    for directory, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in IGNORED and Path(directory, name) != ROOT / "backups"]
        for name in files:
            path = Path(directory) / name
            relative = str(path.relative_to(ROOT))
            local = relative == RENDERED or (relative.startswith(".state/") and name != ".gitignore")
            if not local and path.is_file() and not path.is_symlink() and path.stat().st_size < LARGEST:
                yield relative, path.read_bytes().decode(errors="replace")


TEXTS = dict(committed())
REQUIREMENTS = sorted(name for name in TEXTS if re.search(r"requirements[^/]*\.txt$", name))


def holding(pattern: "re.Pattern[str]") -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:100]}"
        for name, text in TEXTS.items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_the_files_are_where_this_test_looks() -> None:
    assert {"__main__.py", "pyproject.toml", "infra/preflight.py", "tests/unit/test_repository.py"} <= set(TEXTS)


def links() -> list[str]:
    """Return the symbolic links that git tracks, out of its index: git itself is a program, and none runs here."""
    place = ROOT / ".git"
    directory = Path(place.read_text().removeprefix("gitdir: ").strip()) if place.is_file() else place
    index = (ROOT / directory / "index").read_bytes()
    version, count = struct.unpack(">4xLL", index[:12])
    assert version in (2, 3), "another format of git's index"
    found, start = [], 12
    for _ in range(count):
        mode, flags = struct.unpack(">24xL32xH", index[start : start + 62])
        begin = start + (64 if flags & 0x4000 else 62)
        end = index.index(b"\0", begin)
        if mode == LINK:
            found.append(index[begin:end].decode())
        start += (end - start) // 8 * 8 + 8
    assert count > 500
    return found


def test_no_link_is_committed_it_would_lead_to_a_place_of_one_machine() -> None:
    """A pattern with a slash at its end ignores a directory, and not a link to one."""
    assert links() == []
    assert "/.venv" in (ROOT / ".gitignore").read_text().splitlines()


def test_every_known_fault_that_loses_data_has_a_test_of_its_number() -> None:
    faults = "".join(text for name, text in TEXTS.items() if name.startswith(("tests/faults/", "tests/support/")))
    named = re.findall(r"def test_faults?_([\d_and]+)_[a-z]|\"fault (\d+): ", faults)
    assert {int(number) for names in named for number in re.findall(r"\d+", "".join(names))} == set(range(1, 26))


def test_no_file_holds_the_path_of_somebody_s_home() -> None:
    assert holding(HOMES) == []


@pytest.mark.parametrize("registry", REGISTRIES)
def test_no_file_holds_the_address_of_a_package_registry(registry: str) -> None:
    assert holding(re.compile(rf"(?<![\w.-]){re.escape(registry)}(?![\w-])")) == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_every_requirement_is_one_version_with_a_hash(name: str) -> None:
    joined = TEXTS[name].replace("\\\n", " ")
    entries = [line for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")]
    loose = [entry[:80] for entry in entries if not re.match(r"[\w.\[\],-]+==\S+.*--hash=sha256:[0-9a-f]{64}", entry)]
    assert entries
    assert loose == []


@pytest.mark.parametrize("name", REQUIREMENTS)
def test_no_requirement_names_where_it_comes_from(name: str) -> None:
    assert not re.search(r"://|--index-url|--extra-index-url|--find-links|--trusted-host", TEXTS[name])


def test_the_pinned_requirements_hold_every_requirement_that_is_asked_for() -> None:
    for asked, pinned in (("requirements.in", "requirements.txt"), ("requirements-dev.in", "requirements-dev.txt")):
        names = {re.split(r"[=<>~\[]", line)[0].strip().lower() for line in TEXTS[asked].splitlines()}
        names = {name for name in names if name and not name.startswith(("-", "#"))}
        text = TEXTS[pinned].lower()
        assert [name for name in sorted(names) if not re.search(rf"^{re.escape(name)}==", text, re.MULTILINE)] == []


def test_the_state_and_what_is_rendered_are_never_committed() -> None:
    assert {"/.state/*", f"/{RENDERED}"} <= set(TEXTS[".gitignore"].splitlines())
