"""A role whose password the stack does not know: a difference at every update, until somebody decides."""

import secrets
from typing import Any

from dbserver.postgres import scram
from dbserver.postgres.sql import literal
from dbserver.settings.application import Application
from infra.application_server import ApplicationProvider
from tests.support.lending import Lent

UNKNOWN = "role stranger exists with a password that this stack does not know"


def wanted(lent: Lent, **entry: Any) -> dict[str, Any]:
    return lent.wanted(Application.model_validate({"name": "stranger", **entry}))


def test_every_update_fails_for_a_role_with_an_unknown_password_until_it_is_given_kept_or_renewed(lent: Lent) -> None:
    theirs = secrets.token_urlsafe(16)
    lent.sql(f"CREATE ROLE stranger LOGIN PASSWORD {literal(scram.verifier(theirs))}")
    lent.sql("CREATE DATABASE stranger OWNER stranger")
    provider, props = ApplicationProvider(), wanted(lent)
    made = provider.create(props).outs or {}
    for _ in range(2):
        assert made["password"] == ""
        assert UNKNOWN in made["drift"][0]
        found = provider.read("stranger", made).outs or {}
        assert "this stack does not know the role's password" in found["drift"]
        assert provider.diff("stranger", found, {**props, "drift": []}).changes, "a start has something to do"
        made = provider.update("stranger", found, props).outs or {}
    assert scram.matches(lent.sql("SELECT rolpassword FROM pg_authid WHERE rolname = 'stranger'"), theirs)

    kept = wanted(lent, keepPassword=True)
    made = provider.update("stranger", made, kept).outs or {}
    assert (made["drift"], made["password"]) == ([], "")
    assert (provider.read("stranger", made).outs or {})["drift"] == []

    renewed = wanted(lent, passwordVersion=2)
    made = provider.update("stranger", made, renewed).outs or {}
    assert (made["drift"], bool(made["password"])) == ([], True)
    assert (provider.read("stranger", made).outs or {})["drift"] == []
