"""The mirror comes from the machine's own package configuration."""

from pathlib import Path

import pytest

from tools.debian import bootstrap_command, mirror, mirror_in
from tools.machine import Machine

DEB822 = """# comment
Types: deb
URIs: https://vendor.example/apt
Suites: bookworm
Components: stable

Types: deb deb-src
# moved
URIs: http://mirror.example/debian
  http://second.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
"""


def test_a_stanza_of_the_main_archive_gives_its_first_address() -> None:
    assert mirror_in(DEB822, one_line=False) == "http://mirror.example/debian"


@pytest.mark.parametrize(
    "stanza",
    [
        "Types: deb\nURIs: http://m.example/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n",
        "Types: deb-src\nURIs: http://m.example/debian\nSuites: bookworm\nComponents: main\n",
        "Types: deb\nURIs: http://m.example/security\nSuites: bookworm-security\nComponents: main\n",
        "Types: deb\nURIs: http://m.example/ubuntu\nSuites: noble\nComponents: main universe\n",
        "Types: deb\nURIs: cdrom:[Debian]/\nSuites: bookworm\nComponents: main\n",
        "",
    ],
)
def test_other_stanzas_give_none(stanza: str) -> None:
    assert mirror_in(stanza, one_line=False) is None


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("deb http://m.example/debian trixie main # note", "http://m.example/debian"),
        ("deb [arch=amd64 signed-by=/k.gpg] https://m.example/debian stable main non-free", "https://m.example/debian"),
        ("# deb http://m.example/debian trixie main", None),
        ("deb-src http://m.example/debian trixie main", None),
        ("deb http://m.example/pg bookworm-pgdg main", None),
        ("deb http://m.example/vendor bookworm stable", None),
    ],
)
def test_a_one_line_entry_of_the_main_archive_gives_its_address(line: str, address: str | None) -> None:
    assert mirror_in(f"\n{line}\n", one_line=True) == address


def test_a_mirror_named_by_the_user_wins() -> None:
    machine = Machine({"DBSERVER_DEBIAN_MIRROR": "http://own.example"}, superuser=True, apt=True, systemd=False)
    assert mirror(machine) == "http://own.example"


def test_a_suite_newer_than_debootstrap_takes_the_common_script(tmp_path: Path) -> None:
    (tmp_path / "trixie").touch()
    assert bootstrap_command("trixie", Path("/t"), "http://m", tmp_path)[-1] == "http://m"
    assert bootstrap_command("forky", Path("/t"), "http://m", tmp_path)[-1] == str(tmp_path / "sid")
