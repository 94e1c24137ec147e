"""An update or a preview that failed, as the error that it is."""

import pytest

from dbserver import contract
from dbserver.engine import diagnostics
from dbserver.engine.diagnostics import Fault
from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.settings.model import SettingsError
from tests.unit.dbserver.engine.said import EXITED


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (f"{contract.REFUSED}\n  port 1 is taken\n", RefusedError, f"{contract.REFUSED}\n  port 1 is taken"),
        (f"{contract.FAULTY}\n  postgres.port: no\n", UsageError, f"{contract.FAULTY}\n  postgres.port: no"),
        (
            "Exception calling application: it cannot be renamed",
            DbServerError,
            "the preview of stack dev did not finish:\nit cannot be renamed",
        ),
    ],
)
def test_a_preview_that_did_not_finish_is_the_program_s_own_error(said: str, kind: type, message: str) -> None:
    fault = diagnostics.refused("dev", [said, EXITED])
    assert (type(fault), fault.message) == (kind, message)


def ended(*errors: str, resource: str = "") -> DbServerError:
    """Return what an update raises that ends with these errors."""
    return diagnostics.failure("the update", [Fault(resource, each) for each in errors], diagnostics.AGAIN)


def test_a_failure_names_the_resource_and_gives_the_hint_of_its_own() -> None:
    found = ended(
        "db-server-redis stopped with exit code 1\nHINT: docker logs db-server-redis", resource="redis-server"
    )
    assert (type(found), found.exit_code) == (DbServerError, 1)
    assert found.message == "the update did not finish:\nredis-server: db-server-redis stopped with exit code 1"
    assert found.hint == "docker logs db-server-redis"


def test_a_hint_that_several_errors_share_is_given_once_and_another_one_stays() -> None:
    found = ended("one\nHINT: docker logs a", "two\nHINT: docker logs b", "three\nHINT: docker logs a")
    assert str(found).count("HINT: docker logs a") == 1
    assert str(found).count("HINT: docker logs b") == 1
    assert str(found).endswith("\nHINT: docker logs a")


def test_a_failure_without_a_hint_is_to_be_tried_again() -> None:
    assert ended("it failed").hint == diagnostics.AGAIN


def test_faults_in_the_configuration_are_a_fault_of_usage() -> None:
    faults = ["postgres.port: 'x' should be a whole number, without quotes", "redis.memry: unknown key"]
    found = ended("another", str(SettingsError(faults)))
    assert (type(found), found.exit_code) == (UsageError, 2)
    assert [line.strip() for line in found.message.split("\n")] == [contract.FAULTY, *faults]
    assert found.hint == diagnostics.CORRECT


@pytest.mark.parametrize("resource", ["", "postgres"])
def test_a_host_that_is_refused_is_a_refusal_whatever_resource_tells_it(resource: str) -> None:
    reasons = ["network n does not exist; create it: docker network create n", "port 5432 is taken by nc (pid 7)"]
    found = ended("\n  ".join([contract.REFUSED, *reasons]), resource=resource)
    assert (type(found), found.exit_code) == (RefusedError, 5)
    assert [line.strip() for line in found.message.split("\n")] == [contract.REFUSED, *reasons]
    assert found.hint == diagnostics.CORRECT


def test_a_refusal_that_has_a_hint_of_its_own_keeps_it() -> None:
    said = f"{contract.REFUSED} taking over a: application containers are connected: shop-blue (blue) 5 to postgres"
    hint = "finish the deployment and stop them, or cut them off with --disconnect-applications"
    found = ended(str(RefusedError(said, hint)))
    assert (type(found), found.message, found.hint) == (RefusedError, said, hint)


def test_a_passphrase_that_does_not_fit_is_a_fault_of_usage() -> None:
    found = ended("error: getting secrets manager: passphrase must be set: incorrect passphrase")
    assert isinstance(found, UsageError)
    assert "encryptionsalt was made with another passphrase" in found.message
