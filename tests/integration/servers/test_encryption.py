"""Backups that the host alone cannot read."""

import json
from pathlib import Path

import pyrage
import pytest

from tests.support.commands import Ran, run
from tests.support.keys import public, written
from tests.support.lending import Lent
from tests.support.stack import Stack

MARK = "nobody shall read this"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A private key, as age-keygen writes it."""
    return written(tmp_path_factory.mktemp("keys") / "identity.txt", pyrage.x25519.Identity.generate())


@pytest.fixture(scope="module")
def shop(lent: Lent, key: Path) -> Stack:
    """An application whose backups are encrypted to two keys."""
    lent.admit({"name": "shop", "poolSize": 10, "extensions": ["pg_trgm"]})
    other = pyrage.x25519.Identity.generate().to_public()
    lent.configure(backupRecipients=[public(key), str(other)])
    as_shop(lent, "CREATE SCHEMA parts; CREATE EXTENSION citext SCHEMA parts; COMMENT ON SCHEMA parts IS 'of others'")
    as_shop(lent, f"CREATE TABLE item (id serial PRIMARY KEY, name text); CREATE INDEX ON item (name);"
                  f"INSERT INTO item (name) SELECT '{MARK} ' || n FROM generate_series(1, 5000) n")  # fmt: skip
    return lent


def as_shop(stack: Stack, sql: str) -> str:
    argv = [
        "docker",
        "exec",
        "-i",
        stack.postgres,
        "psql",
        "-XAtq",
        "-v",
        "ON_ERROR_STOP=1",
        "-U",
        "shop",
        "-d",
        "shop",
    ]
    return run(*argv, stdin=sql).ok().out.strip()


def backed_up(stack: Stack) -> Path:
    done = stack.script("backup-database.sh", "shop", "--format", "json").ok()
    told = json.loads(done.out)["backups"][0]
    assert told["encrypted"]
    return stack.project / "backups" / str(told["id"])


def restoring(stack: Stack, backup: Path, *flags: str) -> Ran:
    return stack.script("restore-database.sh", "shop", backup.name, "--confirm", "shop", *flags)


def test_a_backup_is_encrypted_and_comes_back_with_a_key(shop: Stack, key: Path) -> None:
    made = backed_up(shop)
    assert sorted(path.name for path in made.iterdir()) == ["data.dump.age", "manifest.json"]
    sealed = made / "data.dump.age"
    assert sealed.stat().st_mode & 0o777 == 0o600
    assert sealed.read_bytes().startswith(b"age-encryption.org/v1")
    assert public(key) in json.loads((made / "manifest.json").read_text())["recipients"]
    as_shop(shop, "DELETE FROM item WHERE id > 3")
    restoring(shop, made, "--identity", str(key)).ok()
    assert as_shop(shop, "SELECT count(*), min(name) FROM item") == f"5000|{MARK} 1"
    assert as_shop(shop, "SELECT extname FROM pg_extension WHERE extname = 'pg_trgm'") == "pg_trgm"
    assert as_shop(shop, "SELECT nspowner::regrole, obj_description(oid) FROM pg_namespace WHERE nspname = 'parts'"
                   ) == "shop|of others"  # fmt: skip
    whole = shop.script("dbserver", "verify", made.name, "--identity", str(key)).ok()
    assert "not read" not in whole.out


@pytest.mark.full
def test_without_the_key_the_bytes_are_proved_and_nothing_is_restored(shop: Stack, tmp_path: Path) -> None:
    made = backed_up(shop)
    assert "its structure was not read" in shop.script("dbserver", "verify", made.name).ok().out
    refused = restoring(shop, made)
    assert (refused.code, "is encrypted" in refused.err, "--identity" in refused.err) == (2, True, True), refused.text
    stranger = written(tmp_path / "other.txt", pyrage.x25519.Identity.generate())
    wrong = restoring(shop, made, "--identity", str(stranger))
    assert (wrong.code, "no key in" in wrong.err) == (1, True), wrong.text
    assert stranger.read_text().split()[-1] not in wrong.text


def test_a_damaged_byte_is_seen_without_the_key(shop: Stack, key: Path) -> None:
    made = backed_up(shop)
    sealed = made / "data.dump.age"
    content = bytearray(sealed.read_bytes())
    content[len(content) // 2] ^= 1
    sealed.write_bytes(content)
    assert shop.script("dbserver", "verify", made.name).code == 1
    assert restoring(shop, made, "--identity", str(key)).code == 1


@pytest.mark.full
def test_a_backup_that_fails_leaves_nothing(shop: Stack) -> None:
    before = sorted((shop.project / "backups").iterdir())
    with shop.configured(backupRecipients=["age1" + "q" * 58]):
        failed = shop.script("backup-database.sh", "shop")
    assert (failed.code, "backupRecipients" in failed.err) == (2, True), failed.text
    blocking = "BEGIN; LOCK TABLE item; SELECT pg_sleep(15)"
    holder = shop.popen("docker", "exec", shop.postgres, "psql", "-XAtq", "-U", "shop", "-d", "shop", "-c", blocking)
    shop.until(lambda: shop.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'") == "1")
    failed = shop.script("backup-database.sh", "shop")
    holder.communicate()
    assert (failed.code, "lock" in failed.err) == (1, True), failed.text
    assert sorted((shop.project / "backups").iterdir()) == before
