"""The manifest: what is written is read, and nothing else is; a refusal is in words."""

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbserver.backups import manifest
from dbserver.backups.manifest import Manifest, ManifestError, Part, parse, render


def made(**changes: Any) -> Manifest:
    values: dict[str, Any] = {
        "id": "shop_2026-11-23T14-05-07Z", "kind": manifest.APPLICATION, "application": "shop", "database": "shop_data",
        "server_version": "17.5", "server_major": 17, "tool_version": "1", "started": "2026-11-23T14:05:07+00:00",
        "duration_seconds": 1.5, "size": 12, "parts": (Part("data/toc.dat", 12, "ab" * 32),),
        "rows": (("public", "item", 3),), "note": 'says "so",\n "checksum": "ü"', "properties": {"owner": "shop"},
    }  # fmt: skip
    return Manifest(**{**values, **changes})


TEXT = render(made())


def test_what_is_written_is_read() -> None:
    found = parse(TEXT)
    assert render(found) == TEXT
    assert (found.parts, found.rows, found.note) == (made().parts, made().rows, made().note)


def test_the_checksum_is_that_of_all_the_rest_as_json() -> None:
    content = json.loads(TEXT)
    checksum = content.pop("checksum")
    assert manifest._text({**content, "checksum": manifest._digest(manifest._text(content))}) == TEXT
    assert checksum == manifest._digest(manifest._text(content))


@given(st.integers(0, len(TEXT.encode()) - 1), st.integers(1, 255))
def test_a_change_of_any_byte_is_seen(place: int, change: int) -> None:
    content = bytearray(TEXT.encode())
    content[place] ^= change
    with pytest.raises((ManifestError, UnicodeDecodeError)):
        parse(bytes(content).decode())


@given(st.integers(0, len(TEXT) - 1))
def test_a_manifest_that_was_cut_off_is_none(length: int) -> None:
    with pytest.raises(ManifestError):
        parse(TEXT[:length])


@pytest.mark.parametrize("text", ["", "{}", "[]\n", TEXT + "\n", " " + TEXT, TEXT.replace("\n", "\r\n")])
def test_another_text_is_none(text: str) -> None:
    with pytest.raises(ManifestError):
        parse(text)


@pytest.mark.parametrize("content", [{"schema": "backup-2"}, {"schema": "backup-1", "id": "x"}, {"id": "x"}])
def test_another_content_with_a_right_checksum_is_none(content: dict[str, Any]) -> None:
    text = manifest.checked(content)
    with pytest.raises(ManifestError):
        parse(text)


def test_no_two_things_share_a_subject() -> None:
    subjects = {
        manifest.subject(manifest.APPLICATION, "shop"), manifest.subject(manifest.DATABASE, database="shop"),
        manifest.subject(manifest.SERVER), manifest.subject(manifest.REDIS),
    }  # fmt: skip
    assert subjects == {"shop", "database.shop", "server.globals", "server.redis"}
    assert "/" not in manifest.subject(manifest.DATABASE, database="a/b")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=4,
)
WRITTEN = st.text(st.characters(exclude_categories=["Cs"]))


def shop(**changes: Any) -> Manifest:
    given = {
        "id": "shop_2026-01-01T00-00-00Z", "kind": "application", "application": "shop", "database": "shop",
        "server_version": "17.6", "server_major": 17, "tool_version": "1", "started": "2026-01-01T00:00:00+00:00",
        "duration_seconds": 1.5, "size": 3, "parts": (Part("data/toc.dat", 3, "00"),),
    }  # fmt: skip
    return Manifest(**{**given, **changes})


def with_checksum(content: dict[str, Any]) -> str:
    checksum = hashlib.sha256((json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()).hexdigest()
    return json.dumps({**content, "checksum": checksum}, indent=1, ensure_ascii=False) + "\n"


@given(WRITTEN, WRITTEN, st.lists(st.tuples(WRITTEN, WRITTEN, st.integers(0))))
def test_what_is_written_comes_back(note: str, revision: str, rows: list[tuple[str, str, int]]) -> None:
    found = manifest.parse(manifest.render(shop(note=note, revision=revision, rows=tuple(rows))))
    assert (found.note, found.revision, found.rows, found.parts) == (note, revision, tuple(rows), shop().parts)


@given(st.text())
def test_any_text_is_a_manifest_or_refused_in_words(text: str) -> None:
    with pytest.raises(ManifestError):
        manifest.parse(text)


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), JSON))
def test_any_json_is_refused_in_words(content: dict[str, Any]) -> None:
    with pytest.raises(ManifestError):
        manifest.parse(json.dumps({"schema": "backup-1", **content, "checksum": "00"}))


@pytest.mark.parametrize("text", ['{"schema": "\\ud800", "checksum": ""}', "[" * 100_000, "[]", "null", "4", ""])
def test_texts_that_no_json_writer_makes_are_refused_in_words(text: str) -> None:
    with pytest.raises(ManifestError):
        manifest.parse(text)


@pytest.mark.parametrize("key", ["id", "parts", "rows", "kind"])
def test_a_manifest_that_lacks_something_is_refused_in_words(key: str) -> None:
    content = json.loads(manifest.render(shop()))
    del content["checksum"], content[key]
    with pytest.raises(ManifestError, match="another version"):
        manifest.parse(with_checksum(content))


def test_a_manifest_of_another_schema_is_named() -> None:
    with pytest.raises(ManifestError, match="it is a backup-2, known is backup-1"):
        manifest.parse(with_checksum({"schema": "backup-2"}))
