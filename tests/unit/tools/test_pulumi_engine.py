"""Which Pulumi engine is used."""

import os
from pathlib import Path

import pytest

from tools import pulumi_engine
from tools.machine import Machine
from tools.pulumi_engine import PROGRAMS, VERSION, Engine, judge, new_enough, path_without, version_in, version_of


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("v3.259.0\n", True),
        ("3.260.1", True),
        ("v3.1000.0", True),
        ("v3.258.9", False),
        ("v3.99.0", False),
        ("v3.259.0-alpha.1", False),
        ("v3.259.1-alpha.1", True),
        ("v4.0.0", False),
        ("v2.300.0", False),
        ("", False),
        ("shim: no version is set", False),
    ],
)
def test_an_engine_of_the_same_major_and_not_older_is_new_enough(text: str, *, fit: bool) -> None:
    assert new_enough(text) is fit


def test_a_version_is_compared_by_numbers() -> None:
    assert version_in("v3.259.0") == (3, 259, 0)
    assert version_in("nothing") is None


@pytest.mark.parametrize(
    ("program", "version", "host", "reason"),
    [
        (None, "", True, "no pulumi is on PATH"),
        (Path("/x/pulumi"), "v3.1.0", True, f"/x/pulumi is v3.1.0, {VERSION} or newer is needed"),
        (Path("/x/pulumi"), "", True, f"/x/pulumi is of an unknown version, {VERSION} or newer is needed"),
        (Path("/x/pulumi"), "v3.259.0", False, "/x/pulumi has no pulumi-language-python beside it or on PATH"),
        (Path("/x/pulumi"), "v3.259.0", True, ""),
    ],
)
def test_why_an_engine_of_the_machine_is_not_used(
    program: Path | None, version: str, reason: str, *, host: bool
) -> None:
    assert judge(program, version, language_host=host) == reason


def test_the_cache_is_left_out_when_the_machines_own_engine_is_looked_for() -> None:
    assert path_without("/a:/cache/bin:/b", Path("/cache/bin")) == "/a:/b"


def programs(folder: Path, names: tuple[str, ...] = PROGRAMS) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)


def machine(tmp_path: Path, *path: Path) -> Machine:
    environment = {"DBSERVER_CACHE": str(tmp_path / "cache"), "PATH": os.pathsep.join(map(str, path))}
    return Machine(environment, superuser=False, apt=False, systemd=False)


@pytest.fixture
def says(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    versions: dict[str, str] = {}
    monkeypatch.setattr(pulumi_engine, "_ask", lambda program: versions.get(str(program.parent), f"v{VERSION}"))
    return versions


def test_a_new_enough_engine_of_the_machine_wins_over_the_cache(tmp_path: Path, says: dict[str, str]) -> None:
    programs(tmp_path / "own")
    programs(tmp_path / "cache" / "bin")
    found, reason = pulumi_engine.find(machine(tmp_path, tmp_path / "own"))
    assert found == Engine(tmp_path / "own" / "pulumi", cached=False)
    assert (reason, says) == ("", {})


def test_an_old_engine_of_the_machine_gives_way_to_the_cache(tmp_path: Path, says: dict[str, str]) -> None:
    programs(tmp_path / "own")
    programs(tmp_path / "cache" / "bin")
    says[str(tmp_path / "own")] = "v3.100.0"
    found, reason = pulumi_engine.find(machine(tmp_path, tmp_path / "own"))
    assert found == Engine(tmp_path / "cache" / "bin" / "pulumi", cached=True)
    assert "v3.100.0" in reason


@pytest.mark.usefixtures("says")
def test_a_cache_that_lacks_one_program_is_no_engine(tmp_path: Path) -> None:
    programs(tmp_path / "cache" / "bin", PROGRAMS[:-1])
    assert pulumi_engine.find(machine(tmp_path))[0] is None
    assert pulumi_engine.missing(machine(tmp_path)) is not None


def test_a_cache_of_an_older_release_is_no_engine(tmp_path: Path, says: dict[str, str]) -> None:
    programs(tmp_path / "cache" / "bin")
    says[str(tmp_path / "cache" / "bin")] = "v3.100.0"
    assert pulumi_engine.find(machine(tmp_path))[0] is None


def test_the_cached_engine_leads_path_only_over_an_unfit_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "state" / "mark"
    monkeypatch.setattr(pulumi_engine, "PREFER_CACHED", mark)
    programs(tmp_path / "own")
    engine = Engine(tmp_path / "cache" / "bin" / "pulumi", cached=True)
    pulumi_engine.prefer(engine, machine(tmp_path, tmp_path / "own"))
    assert mark.exists()
    pulumi_engine.prefer(engine, machine(tmp_path))
    assert not mark.exists()


def test_a_version_is_asked_for_once_while_the_file_stays_the_same(tmp_path: Path) -> None:
    program, asked = tmp_path / "pulumi", []
    program.write_bytes(b"x" * pulumi_engine.SMALLEST_ENGINE)

    def ask(path: Path) -> str:
        asked.append(path)
        return "v3.259.0"

    assert [version_of(program, tmp_path / "cache", ask) for _ in range(3)] == ["v3.259.0"] * 3
    assert len(asked) == 1
    os.utime(program, ns=(1, 1))
    version_of(program, tmp_path / "cache", ask)
    assert len(asked) == 2


def test_the_version_behind_a_small_shim_is_asked_for_each_time(tmp_path: Path) -> None:
    program, answers = tmp_path / "pulumi", ["v3.260.0", "v3.259.0"]
    program.write_text("#!/bin/sh")
    asked = [version_of(program, tmp_path / "cache", lambda _: answers.pop()) for _ in range(2)]
    assert asked == ["v3.259.0", "v3.260.0"]
