"""Which data belongs to a stack: remembered, found on its device, forgotten on purpose."""

from pathlib import Path

import pytest

from dbserver import identity
from dbserver.identity import Known

TABLE = """\
22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 8:17 / /data rw,relatime shared:2 master:3 - ext4 /dev/sdb1 rw
31 30 8:33 / /data/db\\040server rw - xfs /dev/disk\\040three rw
32 30 8:49 /sub /data rw - btrfs /dev/sdc1 rw
"""
POSTGRES, REDIS = Known("7123", "/data/db-server/postgres", "/data", "/dev/sdb1"), Known("0a", "/data/db-server/redis")


@pytest.mark.parametrize(
    ("directory", "found"),
    [
        ("/srv", ("/", "/dev/sda1")), ("/", ("/", "/dev/sda1")), ("/database", ("/", "/dev/sda1")),
        ("/data", ("/data", "/dev/sdc1")), ("/data/db-server/postgres", ("/data", "/dev/sdc1")),
        ("/data/db server", ("/data/db server", "/dev/disk three")),
        ("/data/db server/redis", ("/data/db server", "/dev/disk three")),
    ],
)  # fmt: skip
def test_a_directory_is_on_what_is_mounted_nearest_above_it_last(directory: str, found: tuple[str, str]) -> None:
    assert identity.mounted(directory, TABLE) == found


def test_where_nothing_tells_of_mounts_nothing_is_known_of_them() -> None:
    assert identity.mounted("/data", "") == ("", "")


def test_on_a_daemon_of_another_machine_no_mount_of_this_one_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://other")
    assert identity.placed("7123", "/data") == Known("7123", "/data")


def test_what_is_remembered_is_for_its_owner_alone_and_is_forgotten_server_by_server(tmp_path: Path) -> None:
    identity.write(tmp_path, "prod", {"postgres": POSTGRES, "redis": REDIS})
    assert identity.read(tmp_path, "prod") == {"postgres": POSTGRES, "redis": REDIS}
    assert identity.path(tmp_path, "prod").stat().st_mode & 0o777 == 0o600
    identity.forget(tmp_path, "prod", "postgres")
    identity.forget(tmp_path, "prod", "postgres")
    assert identity.read(tmp_path, "prod") == {"redis": REDIS}
    assert identity.read(tmp_path, "dev") == {}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"postgres": 1}', '{"postgres": {"word": "x"}}'])
def test_what_cannot_be_read_is_nothing_known(tmp_path: Path, text: str) -> None:
    identity.path(tmp_path, "prod").parent.mkdir()
    identity.path(tmp_path, "prod").write_text(text)
    assert identity.read(tmp_path, "prod") == {}
