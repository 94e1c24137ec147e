"""Where copies go, as the configuration says it: every fault with its path, and no password repeated."""

from typing import Any

import pytest

from dbserver.declared import parse
from dbserver.settings.model import load
from tests.unit.dbserver.settings.test_model import faults

KEY = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"
PLACE = {"url": "s3://copies/db", "recipients": [KEY]}


def of(**changes: Any) -> dict[str, Any]:
    return {"offsite": {**PLACE, **changes}}


def test_without_a_url_nothing_is_copied() -> None:
    assert load({}).offsite.url == ""
    assert parse("unit", "config: {}").offsite is None


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"url": "ftp://nas/db"}, "offsite.url"), ({"url": "sftp://a:geheim@nas/db"}, "offsite.url"),
        ({"endpoint": "nas:9000"}, "offsite.endpoint"), ({"endpoint": "https://a:geheim@nas"}, "offsite.endpoint"),
        ({"credentialsFile": "key"}, "offsite.credentialsFile"), ({"knownHosts": "~/x"}, "offsite.knownHosts"),
        ({"recipients": ["geheim"]}, "offsite.recipients.0"), ({"bandwidth": "fast"}, "offsite.bandwidth"),
        ({"keep": {"hourly": 1}}, "offsite.keep.hourly"), ({"keep": {"daily": -1}}, "offsite.keep.daily"),
        ({"keep": {"minimum": 0}}, "offsite.keep.minimum"), ({"secretKey": "geheim"}, "offsite.secretKey"),
        ({"recipients": []}, "offsite.recipients: at least one"),
    ],
)  # fmt: skip
def test_a_fault_is_named_by_its_path_and_no_secret_is_repeated(changes: dict[str, Any], path: str) -> None:
    found = faults(of(**changes))
    assert len(found) == 1
    assert found[0].startswith(path)
    assert "geheim" not in found[0]


def test_operations_read_what_the_program_has_judged() -> None:
    keep = {"daily": 14, "weekly": 8, "minimum": 2}
    files = {"credentialsFile": "/etc/key", "knownHosts": "/etc/known"}
    section = of(endpoint="http://127.0.0.1:9000", bandwidth="10m", keep=keep, **files)["offsite"]
    judged, read = (
        load({"offsite": section}).offsite,
        parse("unit", f"config: {{'db-server:offsite': {section}}}").offsite,
    )
    assert read
    assert (read.url, read.endpoint, read.bandwidth) == (judged.url, judged.endpoint, judged.bandwidth)
    assert (read.credentials_file, read.known_hosts) == (judged.credentials_file, judged.known_hosts)
    assert list(read.recipients) == judged.recipients
    kept = judged.keep.model_dump()
    assert {name: getattr(read.keep, name) for name in kept} == kept


def test_no_limit_is_none() -> None:
    assert load(of()).offsite.bandwidth == 0
    assert load(of(bandwidth=500)).offsite.bandwidth == 500
