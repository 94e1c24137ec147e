"""Copies of the backups on real servers: there, whole, encrypted; and what happens when something is in the way."""

import hashlib
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
import pytest

from dbserver.backups import manifest, proof, store
from tests.support.commands import Ran, run
from tests.support.disk import mounted
from tests.support.keys import public, written
from tests.support.lending import Lent
from tests.support.places import Ssh, Storage, credentials, ssh, storage
from tests.support.stack import Stack

MIB = 1 << 20


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("keys") / "identity.txt", pyrage.x25519.Identity.generate())


@pytest.fixture(scope="module")
def server(lent: Lent, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ssh]:
    made = ssh(lent, tmp_path_factory.mktemp("ssh"))
    yield made
    run("docker", "rm", "-f", "-v", made.container).ok()


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    with storage(tmp_path_factory.mktemp("storage")) as made:
        yield made


@pytest.fixture(scope="module")
def depot(lent: Lent) -> Stack:
    """A running stack with an application, a real backup of everything and one of 24 MB, which is two chunks."""
    lent.admit({"name": "shop", "poolSize": 2})
    lent.sql("CREATE TABLE item AS SELECT n FROM generate_series(1, 1000) n", "shop")
    lent.script("dbserver", "backup", "--all").ok()
    lent.script("dbserver", "backup", "--redis").ok()
    large(lent)
    return lent


def large(stack: Stack, size: int = 24 * MIB) -> str:
    """Make a backup of so many bytes as the store makes one; return its name."""
    kept, moment = store.Store(stack.project / "backups"), datetime.now(UTC)
    with kept.new("large", moment) as partial:
        (partial / "data").mkdir()
        (partial / "data" / "first").write_bytes(os.urandom(size - 5))
        (partial / "data" / "last").write_bytes(b"12345")
        parts = proof.parts(partial)
        made = manifest.Manifest(
            id=store.final_name(partial), kind=manifest.DATABASE, application="", database="large", server_version="17",
            server_major=17, tool_version="0", started=moment.isoformat(timespec="seconds"), duration_seconds=1,
            size=size, parts=parts,
        )  # fmt: skip
        return kept.finish(partial, made).id


def section(key: Path, **changes: Any) -> dict[str, Any]:
    return {"recipients": [public(key)], **changes}


def offsite(stack: Stack, *arguments: str) -> Ran:
    return stack.script("dbserver", "offsite", *arguments)


def listed(stack: Stack) -> dict[str, Any]:
    return dict(json.loads(offsite(stack, "list", "--format", "json").ok().out))


def backups(stack: Stack) -> list[str]:
    return sorted(path.name for path in (stack.project / "backups").iterdir() if not path.name.startswith("."))


def directory(parent: Path) -> Path:
    made = parent / "there"
    made.mkdir()
    return made


def pushed(stack: Stack) -> dict[str, Any]:
    return dict(json.loads(offsite(stack, "push", "--format", "json").ok().out))


def digest(stack: Stack, name: str) -> dict[str, str]:
    top = stack.project / "backups" / name
    files = [path for path in top.rglob("*") if path.is_file()]
    return {str(path.relative_to(top)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_backups_are_copied_once_encrypted_and_come_back(depot: Stack, key: Path, tmp_path: Path) -> None:
    there = directory(tmp_path)
    with depot.configured(offsite=section(key, url=f"file://{there}")):
        first = pushed(depot)
        assert sorted(name for name in first["pushed"] if not name.startswith("server.setup")) == backups(depot)
        assert first["sent_bytes"] > 24 * MIB
        again = pushed(depot)
        assert (again["pushed"], again["sent_bytes"]) == ([], 0)
        assert [copy["here"] for copy in listed(depot)["copies"]].count(True) == len(backups(depot))
        for file in (path for path in there.rglob("*.age")):
            assert file.read_bytes().startswith(b"age-encryption.org/v1")
            assert file.stat().st_mode & 0o777 == 0o600
        assert "decrypted" in offsite(depot, "verify", "--identity", str(key)).ok().out
        name = next(name for name in backups(depot) if name.startswith("shop_"))
        shutil.rmtree(depot.project / "backups" / name)
        assert offsite(depot, "fetch", name).code == 2, "it takes a key"
        offsite(depot, "fetch", name, "--identity", str(key)).ok()
        assert offsite(depot, "fetch", name, "--identity", str(key)).code == 2, "it is there already"
        depot.script("dbserver", "verify", name).ok()
        depot.sql("DELETE FROM item", "shop")
        depot.script("restore-database.sh", "shop", name, "--confirm", "shop").ok()
        assert depot.sql("SELECT count(*) FROM item", "shop") == "1000"


@pytest.mark.full
@pytest.mark.parametrize("kind", ["sftp", "s3"])
def test_the_other_places_take_copies_and_give_them_back(
    kind: str, depot: Stack, key: Path, server: Ssh, bucket: Storage
) -> None:
    place = server.section("/copies/whole") if kind == "sftp" else bucket.section("whole")
    if kind == "sftp":
        server.shell("mkdir -p /copies/whole")
    with depot.configured(offsite=section(key, **place, keep={"last": 1, "minimum": 1})):
        made = pushed(depot)
        assert "decrypted" in offsite(depot, "verify", "--identity", str(key)).ok().out
        name = next(name for name in backups(depot) if name.startswith("large_"))
        before = digest(depot, name)
        shutil.rmtree(depot.project / "backups" / name)
        offsite(depot, "fetch", name, "--identity", str(key)).ok()
        assert digest(depot, name) == before
        with (depot.project / f"Pulumi.{depot.name}.yaml").open("a") as file:
            file.write("# changed\n")
        assert [each.rpartition("_")[0] for each in pushed(depot)["pushed"]] == ["server.setup"]
        old = next(each for each in made["pushed"] if each.startswith("server.setup_"))
        assert f"removed {old}" in " ".join(offsite(depot, "prune").ok().out.split())
        assert old not in [copy["id"] for copy in listed(depot)["copies"]]
        names = server.files("/copies/whole") if kind == "sftp" else bucket.keys("whole")
        assert names
        assert [each for each in names if old in each] == []


@pytest.mark.full
@pytest.mark.parametrize("kind", ["sftp", "s3", "file"])
def test_a_push_that_is_killed_is_finished_by_the_next_and_sends_little_twice(
    kind: str, depot: Stack, key: Path, server: Ssh, bucket: Storage, tmp_path: Path
) -> None:
    there = directory(tmp_path)
    places = {
        "sftp": server.section("/copies/killed"), "s3": bucket.section("killed"), "file": {"url": f"file://{there}"},
    }  # fmt: skip
    objects: dict[str, Callable[[], list[str]]] = {
        "sftp": lambda: server.files("/copies/killed"),
        "s3": lambda: bucket.keys("killed"),
        "file": lambda: [str(path) for path in there.rglob("*")],
    }
    server.shell("mkdir -p /copies/killed")
    with depot.configured(offsite=section(key, **places[kind], bandwidth="6m")):
        process = depot.popen(str(depot.project / "scripts" / "dbserver"), "offsite", "push")
        large_one = next(name for name in backups(depot) if name.startswith("large_"))
        depot.until(lambda: any(f"{large_one}/000001.age" in each and not each.endswith(".partial")
                                for each in objects[kind]()), 120, what="the first chunk")  # fmt: skip
        assert depot.blow(process, signal.SIGKILL) == -signal.SIGKILL
        assert not any(f"{large_one}/copy.json" in each for each in objects[kind]())
        assert large_one in listed(depot)["unfinished"]
        with depot.configured(offsite={"bandwidth": 0}):
            again = pushed(depot)
        assert large_one in again["pushed"]
        assert again["sent_bytes"] < 16 * MIB, "the first chunk of 16 MiB was there"
        assert not any(each.endswith(".partial") for each in objects[kind]())
        assert offsite(depot, "verify", large_one, "--identity", str(key)).ok()


@pytest.mark.full
def test_a_connection_that_is_cut_is_made_again_and_the_chunk_repeated(depot: Stack, key: Path, server: Ssh) -> None:
    server.shell("mkdir -p /copies/cut")
    with depot.configured(offsite=section(key, **server.section("/copies/cut"), bandwidth="6m")):
        process = depot.popen(str(depot.project / "scripts" / "dbserver"), "offsite", "push")
        depot.until(lambda: any(each.endswith("000001.age.partial") and "large_" in each
                                for each in server.files("/copies/cut")), 120, what="the first chunk")  # fmt: skip
        server.shell("pkill -KILL -f 'sshd-session.*root@|sshd: root@'")
        said, _ = process.communicate(timeout=300)
        assert process.returncode == 0, said
        assert offsite(depot, "verify").ok()
        assert [each for each in server.files("/copies/cut") if each.endswith(".partial")] == []


@pytest.mark.full
def test_a_server_that_goes_away_ends_the_push_with_its_name_and_turns_status_red(
    depot: Stack, key: Path, bucket: Storage, tmp_path: Path
) -> None:
    with storage(tmp_path) as other:
        place = section(key, **other.section("away"), bandwidth="10m")
        with depot.configured(offsite=place):
            process = depot.popen(str(depot.project / "scripts" / "dbserver"), "offsite", "push")
            depot.until(lambda: any("large_" in each for each in other.keys("away")), 120, what="the first objects")
    with depot.configured(offsite=place):
        said, _ = process.communicate(timeout=300)
        assert (process.returncode, "bucket copies" in said) == (1, True), said
        status, doctor = depot.script("status.sh"), depot.script("dbserver", "doctor")
        assert (status.code, "the last push failed" in status.out) == (3, True), status.text
        assert (doctor.code, "offsite-failed" in doctor.out) == (3, True), doctor.text
    with depot.configured(offsite=section(key, **bucket.section("after"))):
        run = depot.script("dbserver", "schedule", "run").ok()
        assert "copied large_" in run.err
        depot.script("status.sh").ok()


@pytest.mark.full
def test_wrong_credentials_are_refused_and_no_secret_is_told(
    depot: Stack, key: Path, server: Ssh, bucket: Storage, tmp_path: Path
) -> None:
    stranger, wrong = tmp_path / "id_ed25519", tmp_path / "credentials"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)).ok()
    secret = "x" * len(bucket.secret)
    wrong.write_text(credentials(bucket.access, secret))
    places = [
        {**bucket.section("wrong"), "credentialsFile": str(wrong)},
        {**bucket.section("wrong"), "credentialsFile": str(tmp_path / "nowhere")},
        {**server.section(), "credentialsFile": str(stranger)},
    ]
    private = stranger.read_text().splitlines()[1]
    for place in places:
        with depot.configured(offsite=section(key, **place)):
            refused = offsite(depot, "push", "--debug", "--format", "json")
            assert refused.code == 2, refused.text
            assert not [text for text in (secret, bucket.secret, private) if text in refused.text]
    with depot.configured(offsite=section(key, **bucket.section("right"))):
        told = offsite(depot, "push", "--debug").ok().text + depot.script("status.sh").text
        assert bucket.secret not in told
    state = "".join(path.read_text() for path in (depot.project / ".state" / "offsite").rglob("*") if path.is_file())
    assert bucket.secret not in state


def test_a_host_that_is_not_known_or_another_one_is_refused(
    depot: Stack, key: Path, server: Ssh, tmp_path: Path
) -> None:
    known = tmp_path / "known_hosts"
    known.write_text("")
    with depot.configured(offsite=section(key, **{**server.section(), "knownHosts": str(known)})):
        refused = offsite(depot, "push")
        assert (refused.code, "SHA256:" in refused.err, "ssh-keyscan" in refused.err) == (5, True, True), refused.text
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")).ok()
        public_part = " ".join((tmp_path / "other.pub").read_text().split()[:2])
        known.write_text(f"[127.0.0.1]:{server.port} {public_part}\n")
        refused = offsite(depot, "push")
        assert (refused.code, "another key" in refused.err) == (5, True), refused.text


@pytest.mark.parametrize("kind", ["file", pytest.param("sftp", marks=pytest.mark.full)])
def test_a_target_that_is_full_fails_the_push_and_keeps_what_is_there(
    kind: str, depot: Stack, key: Path, server: Ssh, tmp_path: Path
) -> None:
    there = directory(tmp_path)
    place = server.section(server.small) if kind == "sftp" else {"url": f"file://{there}"}
    with mounted(there, "8m"), depot.configured(offsite=section(key, **place)):
        full = offsite(depot, "push", "--format", "json")
        told = json.loads(full.out)
        assert (full.code, told["well"]) == (1, False), full.text
        assert [each["subject"].rpartition("_")[0] for each in told["failed"]] == ["large"], full.text
        found = listed(depot)
        assert [copy["subject"] for copy in found["copies"] if copy["subject"] == "shop"] == ["shop"]
        assert not [copy for copy in found["copies"] if copy["subject"].startswith("database.large")]
        assert offsite(depot, "verify", "--identity", str(key)).ok()


@pytest.mark.full
def test_an_object_that_is_damaged_at_rest_is_named_and_nothing_is_made_of_it(
    depot: Stack, key: Path, tmp_path: Path
) -> None:
    there = directory(tmp_path)
    with depot.configured(offsite=section(key, url=f"file://{there}")):
        pushed(depot)
        name = next(each for each in backups(depot) if each.startswith("shop_"))
        damaged = there / depot.name / name / "000001.age"
        content = bytearray(damaged.read_bytes())
        content[len(content) // 2] ^= 1
        damaged.write_bytes(content)
        assert offsite(depot, "verify", "--sizes").ok(), "no size has changed"
        found = offsite(depot, "verify")
        assert (found.code, f"{name}/000001.age" in found.out) == (1, True), found.text
        shutil.move(depot.project / "backups" / name, tmp_path / name)
        failed = offsite(depot, "fetch", name, "--identity", str(key))
        assert (failed.code, f"{name}/000001.age is damaged" in failed.err) == (1, True), failed.text
        assert [path.name for path in (depot.project / "backups").iterdir() if name in path.name] == []
        shutil.move(tmp_path / name, depot.project / "backups" / name)
        damaged.write_bytes(content[:-1])
        found = offsite(depot, "verify", "--sizes")
        assert (found.code, "bytes instead of" in found.out) == (1, True), found.text
        damaged.unlink()
        assert "000001.age is missing" in offsite(depot, "verify", "--sizes").out
        listing = there / depot.name / name / "copy.json"
        listing.write_text(listing.read_text().replace('"size"', '"Size"', 1))
        assert name in listed(depot)["broken"]


def test_a_backup_that_is_damaged_here_is_not_copied_as_a_good_one(depot: Stack, key: Path, tmp_path: Path) -> None:
    there, name = directory(tmp_path), large(depot, 1 * MIB)
    try:
        with (depot.project / "backups" / name / "data" / "last").open("w") as file:
            file.write("54321")
        with depot.configured(offsite=section(key, url=f"file://{there}")):
            failed = offsite(depot, "push")
            assert (failed.code, f"FAILED {name}" in failed.out) == (1, True), failed.text
            assert len(listed(depot)["copies"]) == len(backups(depot)), "all others, and the setup"
    finally:
        shutil.rmtree(depot.project / "backups" / name)
