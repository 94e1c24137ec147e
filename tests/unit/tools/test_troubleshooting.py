"""The page on troubleshooting is the one that doctor's table gives, with the integration document's four issues."""

import pytest

from dbserver.diagnosis.cause import Cause
from dbserver.diagnosis.causes import CAUSES
from tools import troubleshooting


def test_the_page_is_that_of_the_table() -> None:
    written = troubleshooting.PAGE.read_text()
    assert written == troubleshooting.page(), "python -m tools.troubleshooting writes it anew"


@pytest.mark.parametrize("title", [
    '## Issue: "Shared infrastructure is not running"', '## Issue: "Cannot connect to database"',
    '## Issue: "Database locked" or "Too many connections"', '## Issue: "Redis connection failed"',
])  # fmt: skip
def test_the_four_issues_of_the_integration_document_are_found_by_name(title: str) -> None:
    page = troubleshooting.page()
    section = page.partition(f"\n{title}\n")[2].partition("\n## ")[0]
    assert section.count("](#") > 5, "causes behind it"


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.name)
def test_every_cause_is_linked_and_has_its_command(cause: Cause) -> None:
    page = troubleshooting.page()
    section = page.partition(f"\n### {cause.name}\n")[2].partition("\n### ")[0]
    assert "```bash\n" in section
    assert f"](#{cause.name})" in page
