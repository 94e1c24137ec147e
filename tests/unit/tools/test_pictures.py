"""The pictures: the same text is the same picture, it tells nothing of the machine, and README shows each."""

import re

import pytest

from tests.support.project import ROOT
from tools import pictures

README = (ROOT / "README.md").read_text()
SECRET = re.compile(r"(?i)password[=:]\S|://[^/\s]*:[^/\s]*@|passphrase=")
ELSEWHERE = re.compile(r"/(?:tmp|home|root|work|Users)/|https?://(?!www\.w3\.org/)|\bdbs-")


def test_the_same_text_is_the_same_picture_and_keeps_its_colours() -> None:
    shown = pictures.terminal("./scripts/status.sh", "\x1b[1;32mok\x1b[0m  both\r\n")
    drawn = pictures.picture("status", shown)
    assert drawn == pictures.picture("status", shown)
    assert "$&#160;./scripts/status.sh" in drawn
    assert re.search(r'class="status-r\d+"[^>]*>ok<', drawn)
    assert drawn.startswith("<svg ")


def test_a_long_line_goes_on_in_the_next() -> None:
    drawn = pictures.picture("long", pictures.terminal("x", "word " * 60))
    assert drawn.count("word") == 60
    assert len(set(re.findall(r'<text[^>]*\by="([\d.]+)"', drawn))) > 3


@pytest.mark.parametrize("name", pictures.SCENES)
def test_a_picture_tells_no_secret_and_no_place_of_the_machine_that_drew_it(name: str) -> None:
    text = (pictures.DIRECTORY / f"{name}.svg").read_text()
    assert len(text) > 2000
    assert SECRET.findall(text) == []
    assert ELSEWHERE.findall(text) == []


@pytest.mark.parametrize("name", pictures.SCENES)
def test_the_readme_shows_each(name: str) -> None:
    assert re.search(rf"!\[[^\]]+\]\(docs/pictures/{name}\.svg\)", README)
