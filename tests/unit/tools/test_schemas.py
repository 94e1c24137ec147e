"""The published shape of every result is the one that the verbs print."""

import pytest
from jsonschema import Draft202012Validator

from tools import schemas

KNOWN = schemas.schemas()


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_the_published_schema_is_valid_and_that_of_the_code(name: str) -> None:
    Draft202012Validator.check_schema(KNOWN[name])
    published = (schemas.DIRECTORY / f"{name}.json").read_text()
    assert published == schemas.text(KNOWN[name]), "python -m tools.schemas writes it anew"


def test_no_schema_is_published_that_no_verb_prints() -> None:
    assert {path.stem for path in schemas.DIRECTORY.glob("*.json")} == set(KNOWN)
