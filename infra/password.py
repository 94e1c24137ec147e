"""Passwords that nobody supplied: generated once, kept as secrets in the state."""

import secrets
from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider

PASSWORD_BYTES = 24


class PasswordProvider(ResourceProvider):
    """Generates a password when it is created, and keeps it."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Return a new password of 192 random bits."""
        return CreateResult("password", {"value": secrets.token_urlsafe(PASSWORD_BYTES)})

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Nothing changes a password but its replacement."""
        return DiffResult(changes=False)


class Password(Resource, module="db-server", name="Password"):
    """A generated password; `pulumi up --replace URN` rotates it."""

    value: pulumi.Output[str]

    def __init__(self, resource_name: str) -> None:
        options = pulumi.ResourceOptions(additional_secret_outputs=["value"])
        super().__init__(PasswordProvider(), resource_name, {"value": None}, options)


def password(resource_name: str, given: str | None) -> pulumi.Output[str]:
    """Return the given password, or a generated one, as a secret."""
    value: pulumi.Input[str] = given if given is not None else Password(resource_name).value
    return pulumi.Output.secret(value)
