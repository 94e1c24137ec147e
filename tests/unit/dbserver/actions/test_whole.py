"""A whole restore: what keeps it from beginning."""

from dataclasses import replace

import pytest

from dbserver.actions import whole
from dbserver.engine import command
from dbserver.errors import LockedError, UsageError
from tests.unit.dbserver.actions.test_verbs import DECLARED
from tests.unit.dbserver.archive.test_recovering import ARCHIVE
from tests.unit.fakes import Programs

pytestmark = pytest.mark.usefixtures("state")

KNOWN = replace(DECLARED, archive=ARCHIVE, applications={"shop": ("shop", "shop")})


def test_nobody_backs_up_or_restores_meanwhile() -> None:
    with whole._held(KNOWN), pytest.raises(LockedError), whole._held(replace(KNOWN, applications={})):
        pytest.fail("two at a time")


def test_there_is_nothing_to_undo_without_a_kept_directory(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "require", lambda: None)
    programs.answer("image inspect", '[{"Id": "sha256:1", "Config": {"Env": ["PG_MAJOR=17"]}}]')
    programs.answer("docker run", "data 17\nkept postgres.16-1\n")
    with pytest.raises(UsageError, match="no directory of a restore is kept"):
        whole.undo(KNOWN, lambda _: None, override=False)
    assert not [call for call in programs.calls if "--exchange" in call.text]
