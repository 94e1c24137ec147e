"""The host's directories: what is in them, read from the helper's lines; files replaced in one step."""

import io
import os
import tarfile
from pathlib import Path

import pytest

from dbserver import execute
from dbserver.docker import host
from dbserver.docker.host import Directory, Occupant
from tests.unit.fakes import Programs

FULL = f"""\
exists 1
uid 999
free 53687091200
file PG_VERSION 999
version 17
filled 1
occupant 4711 {"c" * 64} postgres -D /var/lib/postgresql/data{" "}
occupant 4712 - vacuum
occupant 4713 -{" "}
"""


def test_a_full_directory_is_read_with_its_version_owners_and_occupants() -> None:
    assert host.parse_directory("/data", FULL) == Directory(
        path="/data",
        exists=True,
        filled=True,
        free_bytes=50 * 1024**3,
        server_uid=999,
        version="17",
        owners=(("PG_VERSION", 999),),
        occupants=(
            Occupant(4711, "c" * 64, "postgres -D /var/lib/postgresql/data"),
            Occupant(4712, "", "vacuum"),
            Occupant(4713, "", ""),
        ),
    )


def test_a_directory_that_does_not_exist_has_room_and_nothing_else() -> None:
    assert host.parse_directory("/data", "exists 0\nuid 70\nfree 1024\n") == Directory(
        "/data", exists=False, free_bytes=1024, server_uid=70
    )


def test_the_directories_that_upgrades_have_kept_are_read() -> None:
    found = host.parse_directory("/data", "exists 0\nbeside postgres.16-1\nbeside postgres.17-2\n")
    assert found.beside == ("postgres.16-1", "postgres.17-2")


def test_nothing_printed_is_a_directory_of_which_nothing_is_known() -> None:
    assert host.parse_directory("/data", "") == Directory("/data")


def test_what_a_directory_holds_is_asked_by_the_exact_name() -> None:
    found = Directory("/data", owners=(("dump.rdb", 999),))
    assert found.holds("dump.rdb")
    assert not found.holds("dump")


@pytest.fixture
def beside_the_daemon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.mark.usefixtures("beside_the_daemon")
def test_an_empty_or_missing_directory_needs_no_helper(tmp_path: Path, programs: Programs) -> None:
    missing = host.inspect_directory(str(tmp_path / "a" / "b"), "postgres:17", "postgres")
    empty = host.inspect_directory(str(tmp_path), "postgres:17", "postgres")
    assert (missing.exists, empty.exists, empty.filled) == (False, True, False)
    assert missing.free_bytes > 0
    assert programs.calls == []


@pytest.mark.usefixtures("beside_the_daemon")
def test_a_filled_directory_is_looked_at_by_a_helper_that_can_change_nothing(
    tmp_path: Path, programs: Programs
) -> None:
    (tmp_path / "PG_VERSION").write_text("17\n")
    programs.answer("docker run", FULL)
    assert host.inspect_directory(str(tmp_path), "postgres:17", "postgres", "/config/known").version == "17"
    argv = programs.calls[0].argv
    assert argv[-3:] == ("postgres", f"/host{tmp_path}", "/host/config/known")
    assert "type=bind,source=/,target=/host,readonly" in argv
    assert {"--rm", "none", "postgres:17"} <= set(argv)


@pytest.mark.usefixtures("beside_the_daemon")
def test_a_daemon_on_another_host_is_asked_by_a_helper(
    tmp_path: Path, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://other")
    programs.answer("docker run", "exists 0\nuid 1\nfree 1\n")
    host.inspect_directory(str(tmp_path), "postgres:17", "postgres")
    assert len(programs.calls) == 1


@pytest.mark.usefixtures("beside_the_daemon")
def test_files_are_replaced_whole_and_readable_for_the_server(tmp_path: Path) -> None:
    directory = tmp_path / "config" / "postgres"
    host.write_files(str(directory), {"postgresql.conf": "old"}, "postgres:17")
    host.write_files(str(directory), {"postgresql.conf": "new\n"}, "postgres:17")
    assert (directory / "postgresql.conf").read_text() == "new\n"
    assert (directory / "postgresql.conf").stat().st_mode & 0o777 == 0o644
    assert [path.name for path in directory.iterdir()] == ["postgresql.conf"]


@pytest.mark.usefixtures("elsewhere")
def test_without_the_right_to_write_a_helper_gets_the_files_as_an_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    argvs: list[list[str]] = []

    def run(argv: list[str], *, stdin: bytes, timeout: float) -> None:
        argvs.append(argv)
        sent.append(stdin)
        assert timeout

    monkeypatch.setattr(execute, "run", run)
    files = {"redis.conf": "größe\n", "secret": "x"}
    host.write_files("/data/config/redis", files, "redis:8", private=["secret"])
    with tarfile.open(fileobj=io.BytesIO(sent[0])) as archive:
        member = archive.getmember("redis.conf")
        content = archive.extractfile(member)
        assert content is not None
        assert (content.read().decode(), member.mode) == ("größe\n", 0o644)
        assert archive.getmember("secret").mode == 0o600
    assert "/data/config:/target" in argvs[0]
    assert argvs[0][-2:] == ["sh", "redis"], "the directory's name"
    assert not [word for word in argvs[0] if "größe" in word], "what files hold goes through standard input"


@pytest.mark.usefixtures("beside_the_daemon")
def test_a_private_file_is_its_owner_s(tmp_path: Path) -> None:
    directory = tmp_path / "config" / "redis"
    for text in ("first", "second"):
        host.write_files(str(directory), {"a": text, "b": text}, "redis:8", private=["a"])
    assert ((directory / "a").read_text(), (directory / "b").read_text()) == ("second", "second")
    assert [(directory / name).stat().st_mode & 0o777 for name in "ab"] == [0o600, 0o644]
    assert directory.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.usefixtures("beside_the_daemon")
def test_what_is_missing_or_empty_is_named_and_a_text_is_read(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"text \xff")
    (tmp_path / "empty").touch()
    assert host.missing_files(str(tmp_path), ["there", "empty", "gone"], "redis:8") == ["empty", "gone"]
    assert host.missing_files(str(tmp_path / "gone"), ["there"], "redis:8") == ["there"]
    assert host.read_file(str(tmp_path / "there"), "redis:8") == "text \ufffd"
    assert host.read_file(str(tmp_path / "gone"), "redis:8") == ""


@pytest.mark.usefixtures("elsewhere")
def test_where_this_process_may_not_look_the_image_does(programs: Programs) -> None:
    programs.answer("docker run", "users.acl\n")
    assert host.missing_files("/data/config/redis", ["users.acl"], "redis:8") == ["users.acl"]
    assert host.read_file("/data/config/redis/users.acl", "redis:8") == "users.acl\n"
    assert [call.argv[-1] for call in programs.calls] == ["users.acl", "/host/data/config/redis/users.acl"]


@pytest.mark.usefixtures("elsewhere")
def test_a_missing_directory_is_made_by_the_daemon_where_this_process_may_not(programs: Programs) -> None:
    programs.answer("docker run", "")
    host.make_directory("/data/db-server/redis", "redis:8")
    assert "/data/db-server/redis:/target" in programs.calls[0].argv


def test_a_newer_redis_is_known_by_what_the_image_cannot_read() -> None:
    assert host.parse_directory("/data", "exists 1\nnewer 8.0.2\nfilled 1\n").newer == "8.0.2"
    assert host.parse_directory("/data", "exists 1\nnewer unknown\n").newer == "unknown"
