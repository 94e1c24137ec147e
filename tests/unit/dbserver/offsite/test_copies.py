"""What a copy says of itself, and what a listing says of it."""

from datetime import UTC, datetime

import pytest

from dbserver.backups.manifest import ManifestError
from dbserver.offsite import copies
from dbserver.offsite.copies import Copy, Sealed

NAME = "shop_2026-11-23T14-05-07Z"
OBJECTS = (Sealed("manifest.age", 300, "a" * 64), Sealed("000001.age", 4000, "b" * 64))
COPY = Copy(NAME, "shop", "2026-11-23T14:05:07+00:00", 3900, ["age1x"], OBJECTS)


def test_a_copy_says_what_it_is_and_is_read_again() -> None:
    assert copies.parse(copies.render(COPY), NAME) == COPY
    assert COPY.stored == 4300


@pytest.mark.parametrize("change", [(b"4000", b"4001"), (b"shop", b"shoq"), (b"}\n", b"}")])
def test_a_byte_that_changed_is_seen(change: tuple[bytes, bytes]) -> None:
    with pytest.raises(ManifestError):
        copies.parse(copies.render(COPY).replace(*change), NAME)


def test_the_list_of_another_copy_is_none_of_this_one() -> None:
    with pytest.raises(ManifestError, match="it is that of"):
        copies.parse(copies.render(COPY), "blog_2026-11-23T14-05-07Z")


def test_an_object_of_another_name_is_not_followed() -> None:
    hostile = Copy(NAME, "shop", COPY.started, 1, [], (Sealed("../../x", 1, "a"),))
    with pytest.raises(ManifestError):
        copies.parse(copies.render(hostile), NAME)


@pytest.mark.parametrize("content", [b"", b"{}", b"\xff", b"[]\n"])
def test_anything_else_is_no_copy(content: bytes) -> None:
    with pytest.raises(ManifestError):
        copies.parse(content, NAME)


def test_a_name_tells_of_what_and_when() -> None:
    moment = datetime(2026, 11, 23, 14, 5, 7, tzinfo=UTC)
    assert copies.named(NAME) == ("shop", moment)
    assert copies.named("database.by_hand_2026-11-23T14-05-07Z-2") == ("database.by_hand", moment)
    for other in ("shop", "", "..", ".shop_2026-11-23T14-05-07Z", "shop_2026-13-23T14-05-07Z"):
        assert copies.named(other) is None


def test_objects_are_grouped_by_copy_and_what_is_of_others_is_left_alone() -> None:
    names = {f"{NAME}/000001.age": 1, f"{NAME}/copy.json": 2, "readme": 3, "other/000001.age": 4}
    assert copies.grouped(names) == {NAME: {"000001.age": 1, "copy.json": 2}}


def test_a_listing_shows_what_is_missing_and_what_has_another_size() -> None:
    assert copies.faults(COPY, {"manifest.age": 300, "000001.age": 4000, "copy.json": 9}) == []
    assert copies.faults(COPY, {"000001.age": 3999}) == [
        f"{NAME}/manifest.age is missing", f"{NAME}/000001.age has 3999 bytes instead of 4000",
    ]  # fmt: skip
