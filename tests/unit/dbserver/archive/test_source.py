"""The throwaway server that recovers to a moment, literally."""

from dbserver.archive import source
from dbserver.archive.source import Target
from tests.unit.dbserver.test_plan import POSTGRES

LOG = """\
2026-11-26 17:01:12.776 UTC [27] LOG:  restored log file "000000010000000000000005" from archive
2026-11-26 17:01:12.800 UTC [27] LOG:  recovery stopping before commit of transaction 750, time 2026-11-26 17:01:04.8+00
2026-11-26 17:01:12.801 UTC [27] LOG:  last completed transaction was at log time 2026-11-26 17:01:04.700123+00
"""


def argv(*, hurried: bool = False) -> list[str]:
    target = Target({"recovery_target_time": "2026-11-26 17:01:04+00"}, hurried)
    return source.run(POSTGRES, "postgres:17", "prod", "/srv/archive", "line", ["one", "two"], target)


def test_it_is_on_no_network_and_writes_into_its_own_directory_and_the_backups_alone() -> None:
    found = argv()
    mounts = [found[number + 1] for number, word in enumerate(found) if word == "--mount"]
    assert found[found.index("--network") + 1] == "none"
    assert {mount.partition("target=")[2] for mount in mounts if not mount.endswith(",readonly")} == {
        "/var/lib/postgresql/data",
        "/backups",
    }
    assert "source=/data/db-server/postgres.moment,target=/var/lib/postgresql/data" in " ".join(mounts)
    assert "/var/run/postgresql" not in " ".join(mounts), "the live server's socket is not its own"
    assert found[found.index("--cap-drop") + 1] == "ALL"
    assert "--cap-add" not in found


def test_it_begins_with_the_base_backups_and_ends_at_the_target() -> None:
    found = argv()
    assert found[found.index("--") - 2 : found.index("--")] == ["line/base/one", "line/base/two"]
    assert "recovery_target_time=2026-11-26 17:01:04+00" in found
    assert "synchronous_standby_names=" in found, "or its own commits would wait for an archive that it has not"


def test_one_that_stays_reaches_the_disk_and_one_that_is_gone_in_a_moment_waits_for_none() -> None:
    assert not {"--no-sync", "fsync=off"} & set(argv())
    assert {"--no-sync", "fsync=off"} <= set(argv(hurried=True))


def test_the_time_reached_and_the_segment_read_are_in_the_log() -> None:
    assert source.reached(LOG) == "2026-11-26 17:01:04.700123+00"
    assert source.last_segment(LOG) == "000000010000000000000005"
    assert (source.reached(""), source.last_segment("")) == ("", "")
