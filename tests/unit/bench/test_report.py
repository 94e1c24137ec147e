from pathlib import Path

from bench.figures import Table
from bench.report import page, write


def test_the_page_holds_the_tables_the_machine_and_how_to_repeat_it() -> None:
    text = page(3, [Table("One", ("a",), [("1",)]), Table("Two", ("b",), [("2",)])], {"kernel": "6.1"})
    assert "of 3\nrounds" in text
    assert text.index("## One") < text.index("## Two") < text.index("## The machine")
    assert "- kernel: 6.1" in text
    assert "python -m bench --rounds 3" in text


def test_the_page_is_put_into_place_whole(tmp_path: Path) -> None:
    write(tmp_path / "performance.md", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["performance.md"]
    assert (tmp_path / "performance.md").read_text() == "text"
