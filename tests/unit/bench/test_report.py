from pathlib import Path

from bench import report
from bench.figures import Table
from bench.report import Run, page, topic, write

NAMES = ["first", "second"]
RUN = Run(3, "2026-01-02 03:04 UTC", "abc", "0.10, 0.20, 0.30")


def of(title: str, run: Run = RUN) -> str:
    return topic(run, [Table(title, ("a",), [("1",)]), Table(f"{title}, more", ("b",), [("2",)])])


def test_the_page_holds_the_tables_their_run_the_machine_and_how_to_repeat_it() -> None:
    text = page("", {"first": of("One"), "second": of("Two")}, NAMES, {"kernel": "6.1"})
    assert text.count("2026-01-02 03:04 UTC, 3 rounds, commit abc, load before the run (1, 5, 15 min) 0.10, ") == 2
    assert text.index("## One\n") < text.index("## Two\n") < text.index("## The machine")
    assert "- kernel: 6.1" in text


def test_what_was_not_measured_stays_as_it_was_and_in_its_place() -> None:
    before = page("", {"first": of("One"), "second": of("Two")}, NAMES, {"kernel": "6.1"})
    later = Run(1, "2026-02-02 00:00 UTC", "def", "0.00, 0.00, 0.00")
    text = page(before, {"first": of("New", later)}, NAMES, {"kernel": "6.2"})
    assert text == page("", {"first": of("New", later), "second": of("Two")}, NAMES, {"kernel": "6.2"})
    assert "## One" not in text
    assert "00:00 UTC, 1 round, commit def" in text


def test_every_part_of_the_page_in_docs_is_known_by_its_mark() -> None:
    before = Path(report.__file__).parents[1].joinpath("docs", "performance.md").read_text()
    assert (
        page(before, {}, [name for name, _ in report.TOPIC.findall(before)], {}).split("## The machine")[0]
        == (before.split("## The machine")[0])
    )


def test_the_page_is_put_into_place_whole(tmp_path: Path) -> None:
    write(tmp_path / "performance.md", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["performance.md"]
    assert (tmp_path / "performance.md").read_text() == "text"
