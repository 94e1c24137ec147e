"""What the keeper removes: its functions, read from its file, on directories that look like an archive."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbserver.archive.contents import STAMP
from dbserver.archive.plan import KEEPER

KEEP, HOUR = 3600, 3600
# PostgreSQL's own programs, as far as a directory shows what they do.
PROGRAMS = {
    "pg_combinebackup": 'shift; mkdir "$1"; echo "combined ${@:2}" >"$1/backup_label"; last=${@: -1}\n'
    'grep "^START WAL" "$last/backup_label" >>"$1/backup_label"',
    "pg_verifybackup": "exit 0",
    "pg_archivecleanup": 'cd "$3"; for each in *; do [[ ! $each < $4 ]] || rm "$each"; done',
}


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("programs")
    for name, text in PROGRAMS.items():
        (directory / name).write_text(f"#!/bin/bash\n{text}\n")
        (directory / name).chmod(0o755)
    return directory


def segment(number: int) -> str:
    return f"{1:08X}{0:08X}{number:08X}"


def made(archive: Path, ages: list[int], full: set[int]) -> list[str]:
    """Make a line with base backups of these ages in seconds, and the log from the first one on."""
    now, names = datetime.now(UTC), []
    (archive / "line" / "base").mkdir(parents=True)
    (archive / "line" / "wal").mkdir()
    for number, age in enumerate(sorted(ages, reverse=True)):
        name = f"{now - timedelta(seconds=age):{STAMP}}"
        label = f"START WAL LOCATION: 0/0 (file {segment(number)})\n"
        (archive / "line" / "base" / name).mkdir(exist_ok=True)
        at = now.timestamp() - age
        how = "" if number in full or number == 0 else "INCREMENTAL FROM LSN: 0/0\n"
        (archive / "line" / "base" / name / "backup_label").write_text(label + how)
        os.utime(archive / "line" / "base" / name, (at, at))
        (archive / "line" / "wal" / segment(number)).touch()
        names.append(name)
    return names


def call(archive: Path, programs: Path, *commands: str) -> str:
    """Source the keeper and call what is in it."""
    arguments = ["dbadmin", str(KEEP), str(HOUR), "asynchronous", *[" 0 "] * 5]
    script = 'source "$1" "${@:2}"\nlived=$EPOCHSECONDS\n' + "\n".join(commands)
    environment = {**os.environ, "ARCHIVE": str(archive), "PATH": f"{programs}:{os.environ['PATH']}"}
    argv = ["bash", "-c", script, "bash", str(KEEPER), *arguments]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def kept(archive: Path) -> list[str]:
    return sorted(path.name for path in (archive / "line" / "base").iterdir())


def test_the_newest_base_backup_before_the_promised_time_stays_and_what_was_before_it_goes(
    tmp_path: Path, programs: Path
) -> None:
    names = made(tmp_path, [4 * HOUR, 3 * HOUR, 2 * HOUR, 100], {0, 1, 2, 3})
    call(tmp_path, programs, "expire line")
    assert kept(tmp_path) == names[2:]
    assert sorted(path.name for path in (tmp_path / "line" / "wal").iterdir()) == [segment(2), segment(3)]


def test_an_incremental_one_is_made_whole_before_what_it_needs_goes(tmp_path: Path, programs: Path) -> None:
    names = made(tmp_path, [4 * HOUR, 3 * HOUR, 2 * HOUR, 100], {0})
    call(tmp_path, programs, "expire line")
    assert kept(tmp_path) == [f"{names[2]}+", names[3]]
    whole = (tmp_path / "line" / "base" / f"{names[2]}+" / "backup_label").read_text()
    assert whole.splitlines()[0] == "combined " + " ".join(f"line/base/{name}" for name in names[:3])


def test_one_that_cannot_be_made_whole_costs_nothing(tmp_path: Path, programs: Path) -> None:
    names = made(tmp_path, [4 * HOUR, 2 * HOUR, 100], {0})
    said = call(tmp_path, programs, 'pg_combinebackup() { return 1; }; nice() { "${@:3}"; }; expire line || true')
    assert kept(tmp_path) == names
    assert f"base backup {names[1]} could not be made whole" in said


def test_nothing_goes_while_no_base_backup_is_older_than_the_promised_time(tmp_path: Path, programs: Path) -> None:
    names = made(tmp_path, [KEEP - 100, 100], {0, 1})
    call(tmp_path, programs, "expire line", "expire line")
    assert kept(tmp_path) == names


def test_what_is_whole_twice_is_listed_once(tmp_path: Path, programs: Path) -> None:
    names = made(tmp_path, [100, 50], {0})
    (tmp_path / "line" / "base" / f"{names[1]}+").mkdir()
    assert call(tmp_path, programs, "bases line").split() == [names[0], f"{names[1]}+"]


def test_segments_are_packed_but_for_the_newest_ones(tmp_path: Path, programs: Path) -> None:
    made(tmp_path, [400, 300, 200, 100], {0})
    (tmp_path / "line" / "wal" / f"{segment(4)}.partial").touch()
    os.utime(tmp_path / "line" / "wal" / segment(0), (1000, 1000))
    call(tmp_path, programs, "compress line")
    found = sorted(path.name for path in (tmp_path / "line" / "wal").iterdir())
    assert found == [f"{segment(0)}.gz", f"{segment(1)}.gz", segment(2), segment(3), f"{segment(4)}.partial"]
    packed = tmp_path / "line" / "wal" / f"{segment(0)}.gz"
    assert packed.stat().st_mtime == 1000, "when it was written says until when it reaches"


@pytest.mark.parametrize(
    ("age", "due"), [(HOUR + 10, True), (10, False)], ids=["after the longest time", "before it, at another minute"]
)
def test_a_base_backup_that_was_missed_is_made_up_for(tmp_path: Path, programs: Path, age: int, *, due: bool) -> None:
    made(tmp_path, [age], {0})
    said = call(
        tmp_path, programs, "minutes=' 99 '", "due line && echo due || echo not", "due line && echo again || true"
    )
    assert said.split() == (["due"] if due else ["not"]), "and once a minute only"


def test_a_base_backup_is_due_at_its_minute(tmp_path: Path, programs: Path) -> None:
    made(tmp_path, [10], {0})
    every = " ".join(str(number) for number in range(60))
    lists = [f"{name}=' {every} '" for name in ("minutes", "hours", "days", "months", "weekdays")]
    assert call(tmp_path, programs, *lists, "due line && echo due").strip() == "due"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sets(st.integers(1, 8 * HOUR), min_size=1, max_size=7), st.sets(st.integers(0, 6)), st.integers(1, 3))
def test_any_time_in_the_promised_window_comes_back_after_any_prunes(
    tmp_path_factory: pytest.TempPathFactory, programs: Path, ages: set[int], full: set[int], times: int
) -> None:
    archive = tmp_path_factory.mktemp("archive")
    names = made(archive, sorted(ages), full)
    call(archive, programs, *["expire line"] * times)
    stays = kept(archive)
    promised = f"{datetime.now(UTC) - timedelta(seconds=KEEP - 5):{STAMP}}"
    before = [name for name in names if name <= promised]
    needed = [*before[-1:], *(name for name in names if name > promised)]
    assert {name.rstrip("+") for name in stays} >= {*needed}
    log = sorted(path.name for path in (archive / "line" / "wal").iterdir())
    assert log == [segment(number) for number, name in enumerate(names) if name >= stays[0].rstrip("+")]
    first = (archive / "line" / "base" / stays[0] / "backup_label").read_text()
    assert "INCREMENTAL" not in first, "what the oldest one needs is there"


def ticks(archive: Path, programs: Path, *said: tuple[int, int, str], line: str = "line") -> str:
    """Let the keeper look at clocks that say so: seconds of the day, seconds since the start of the machine, which."""
    (archive / line).mkdir(exist_ok=True)
    clocks = [f"clocks() {{ wall={wall} up={up} boot={boot}; }}" for wall, up, boot in said]
    looks = [command for clock in clocks[1:] for command in (clock, f"tick {line}")]
    return call(archive, programs, clocks[0], "clocks_begin 2>/dev/null", *looks)


def clock(archive: Path) -> list[str]:
    return (archive / ".clock").read_text().split()


def notes(archive: Path, name: str) -> str:
    path = archive / "line" / name
    return path.read_text() if path.exists() else ""


def test_an_even_clock_is_nothing_to_note(tmp_path: Path, programs: Path) -> None:
    said = ticks(tmp_path, programs, (1000, 10, "a"), (1001, 11, "a"), (1003, 12, "a"), (1060, 70, "a"))
    assert (said, notes(tmp_path, ".jumps"), notes(tmp_path, ".ended")) == ("", "", "")
    assert clock(tmp_path) == ["1060", "70", "a", "1060"]


def test_a_clock_that_goes_on_ages_nothing_and_leaves_out_the_times_between(tmp_path: Path, programs: Path) -> None:
    said = ticks(tmp_path, programs, (1000, 10, "a"), (1001, 11, "a"), (9003, 13, "a"))
    assert "the clock went on by 8000 s more than passed" in said
    assert (notes(tmp_path, ".jumps"), notes(tmp_path, ".ended")) == ("1001 9003\n", "")
    assert clock(tmp_path) == ["9003", "13", "a", "1003"], "three seconds have passed"


def test_a_clock_that_goes_back_ends_the_line_where_it_was(tmp_path: Path, programs: Path) -> None:
    said = ticks(tmp_path, programs, (9000, 10, "a"), (9001, 11, "a"), (1002, 12, "a"), (1004, 14, "a"))
    assert "the clock went back by 8000 s" in said
    assert (notes(tmp_path, ".jumps"), notes(tmp_path, ".ended")) == ("", "9001\n")
    assert clock(tmp_path)[3] == "9004"


def test_what_the_clock_does_after_a_line_has_ended_is_none_of_it(tmp_path: Path, programs: Path) -> None:
    ticks(tmp_path, programs, (9000, 10, "a"), (1001, 11, "a"), (9002, 12, "a"), (10, 13, "a"))
    assert (notes(tmp_path, ".jumps"), notes(tmp_path, ".ended")) == ("", "9000\n")


@pytest.mark.parametrize(
    ("later", "jumps", "ended", "lived"),
    [
        ((5000, 4010, "a"), "", "", "5000"),
        ((9000, 4010, "a"), "1000 9000\n", "", "5000"),
        ((500, 4010, "a"), "", "1000\n", "5000"),
        ((5000, 30, "b"), "1000 5000\n", "", "1030"),
        ((500, 30, "b"), "", "1000\n", "1030"),
    ],
    ids=["nothing", "on", "back", "off meanwhile, or on", "back, at another start"],
)
def test_what_the_clock_did_while_the_archive_was_away_is_seen(
    tmp_path: Path, programs: Path, later: tuple[int, int, str], jumps: str, ended: str, lived: str
) -> None:
    ticks(tmp_path, programs, (1000, 10, "a"), (1000, 10, "a"))
    ticks(tmp_path, programs, later, later)
    assert (notes(tmp_path, ".jumps"), notes(tmp_path, ".ended"), clock(tmp_path)[3]) == (jumps, ended, lived)


def test_an_archive_that_has_no_clock_yet_goes_on_from_its_newest_base_backup(tmp_path: Path, programs: Path) -> None:
    names = made(tmp_path, [500, 100], {0})
    newest = int((tmp_path / "line" / "base" / names[1]).stat().st_mtime)
    ticks(tmp_path, programs, (10**10, 10, "a"), (10**10 + 1, 11, "a"))
    assert clock(tmp_path)[3] == str(newest + 1), "whatever the clock says"


def test_a_year_more_on_the_clock_expires_nothing(tmp_path: Path, programs: Path) -> None:
    names = made(tmp_path, [HOUR - 600, HOUR // 2, 100], {0, 1, 2})
    (tmp_path / "old" / "base" / "20200101t000000z").mkdir(parents=True)
    now, year = int(datetime.now(UTC).timestamp()), 365 * 24 * HOUR
    said = [f"clocks() {{ wall={now + step} up={10 + second} boot=a; }}" for second, step in enumerate((0, year, year))]
    looks = [word for each in said for word in (each, "tick line", "expire line", "expire_line old")]
    call(tmp_path, programs, said[0], "clocks_begin 2>/dev/null", *looks)
    assert kept(tmp_path) == names
    assert (tmp_path / "old").exists()


def test_a_line_that_is_left_goes_after_the_promised_time_and_one_with_nothing_at_once(
    tmp_path: Path, programs: Path
) -> None:
    for line in ("left", "empty"):
        (tmp_path / line / "base").mkdir(parents=True)
    (tmp_path / "left" / "base" / "20200101t000000z").mkdir()
    call(tmp_path, programs, "expire_line left", "expire_line empty", f"lived=$((lived + {KEEP}))", "expire_line left")
    assert [path.name for path in tmp_path.iterdir()] == ["left"]
    call(tmp_path, programs, f"lived=$((lived + {KEEP + 60}))", "expire_line left")
    assert [*tmp_path.iterdir()] == []


def test_a_base_backup_never_takes_the_name_of_another(tmp_path: Path, programs: Path) -> None:
    """Moved onto a directory that is there, it would end inside it."""
    (newest,) = made(tmp_path, [-2], {0})
    (tmp_path / "line" / ".new").mkdir()
    (tmp_path / ".clock").write_text("1 1 a 777\n")
    call(tmp_path, programs, f"place line {newest}")
    one, other = kept(tmp_path)
    assert one == newest < other
    assert (tmp_path / "line" / "base" / other).stat().st_mtime == 777, "its age is not told by the machine's clock"
    assert [path.name for path in (tmp_path / "line" / "base" / one).iterdir()] == ["backup_label"]


def test_a_base_backup_during_which_the_clock_went_back_is_none(tmp_path: Path, programs: Path) -> None:
    names = made(tmp_path, [100], {0})
    (tmp_path / "line" / ".new").mkdir()
    (tmp_path / "line" / ".ended").touch()
    call(tmp_path, programs, f"place line {names[0]} || echo none")
    assert kept(tmp_path) == names
    assert not (tmp_path / "line" / ".new").exists()


def test_another_line_is_the_last_by_name_however_far_back_the_clock_is(tmp_path: Path, programs: Path) -> None:
    ahead = "29991231t235959z-77"
    (tmp_path / ahead / "base").mkdir(parents=True)
    (tmp_path / ahead / ".ended").touch()
    asked = "ask() { case $1 in *system_identifier*) echo 77 ;; *drop*) echo ;; *) echo reserved ;; esac; }"
    found = call(tmp_path, programs, asked, "complete() { :; }", "line_to_stream 2>/dev/null")
    assert found == "30000101t000000z-77\n", "and nothing else is said, it is the name of a directory"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(60, KEEP), st.sampled_from([0, 0, 5, KEEP, 10**8])), min_size=1, max_size=8))
def test_what_is_younger_than_promised_stays_however_the_clock_goes_on(
    tmp_path_factory: pytest.TempPathFactory, programs: Path, steps: list[tuple[int, int]]
) -> None:
    """Each step is how much time has passed, and how much more the clock says; then a base backup is made."""
    archive = tmp_path_factory.mktemp("archive")
    for part in ("base", "wal"):
        (archive / "line" / part).mkdir(parents=True)
    words, wall, up = ["clocks() { wall=10 up=10 boot=a; }", "clocks_begin 2>/dev/null"], 10, 10
    label = "START WAL LOCATION: 0/0 (file {})"
    for number, (passed, more) in enumerate(steps):
        wall, up = wall + passed + more, up + passed
        words += [f"clocks() {{ wall={wall} up={up} boot=a; }}", f'now() {{ echo "{wall:012}"; }}', "tick line"]
        words += [f"mkdir line/.new; echo '{label.format(segment(number))}' >line/.new/backup_label"]
        words += [f"touch line/wal/{segment(number)}", "place line 0", "expire line"]
    call(archive, programs, *words)
    ages = [sum(passed for passed, _ in steps[number + 1 :]) for number in range(len(steps))]
    oldest = max((number for number, age in enumerate(ages) if age >= KEEP), default=0)
    assert len(kept(archive)) == len(steps) - oldest, "those since, and the one that the oldest second begins with"
