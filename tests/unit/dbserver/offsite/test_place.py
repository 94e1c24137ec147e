"""Where copies go, by its URL."""

import pytest

from dbserver.offsite.place import Address, parse


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("s3://copies", Address("s3", "copies", "")),
        ("s3://copies/db/server/", Address("s3", "copies", "db/server")),
        ("sftp://root@nas.example.org/db", Address("sftp", "nas.example.org", "/db", "root", 22)),
        ("sftp://a%40b@127.0.0.1:2222/a%20b", Address("sftp", "127.0.0.1", "/a b", "a@b", 2222)),
        ("file:///mnt/disk/copies/", Address("file", "", "/mnt/disk/copies")),
    ],
)
def test_a_place_is_taken_apart(url: str, address: Address) -> None:
    assert parse(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "", "copies", "/mnt/disk", "https://example.org/x", "s3://", "s3:///prefix", "s3://user@bucket", "s3://bucket:1/x",
        "sftp://nas/db", "sftp://root@nas", "sftp://root@nas/", "sftp://root@nas:x/db", "file://host/path", "file:///",
        "file:///mnt/../etc", "s3://bucket/x?y=1", "s3://bucket/x#y", "s3://copies/a%0ab",
    ],
)  # fmt: skip
def test_what_is_no_place_is_refused_with_the_forms(url: str) -> None:
    with pytest.raises(ValueError, match="should be"):
        parse(url)


@pytest.mark.parametrize("url", ["sftp://root:geheim@nas/db", "s3://key:geheim@bucket/x"])
def test_a_password_in_it_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="holds a password") as refused:
        parse(url)
    assert "geheim" not in str(refused.value)
