"""The gate that every application has to pass: it names those that could not be finished."""

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

from infra.server import Properties, ServerError


class GateProvider(ResourceProvider):
    """Raises the faults of all applications together, after all of them were tried."""

    serialize_as_secret_always = False

    def create(self, props: Properties) -> CreateResult:
        """Pass, or raise."""
        return CreateResult("applications", passed(props))

    def update(self, _id: str, _olds: Properties, news: Properties) -> UpdateResult:
        """As create."""
        return UpdateResult(passed(news))

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        """Another list of applications or faults is another passing."""
        return DiffResult(changes=olds.get("faults") != news["faults"], replaces=[])


def passed(props: Properties) -> Properties:
    """Return the properties where no application has a fault."""
    faulty = {name: faults for name, faults in props["faults"].items() if faults}
    if faulty:
        lines = [f"application {name}: {'; '.join(faults)}" for name, faults in sorted(faulty.items())]
        raise ServerError("\n".join([*lines, "HINT: the other applications are done; mend these, then up again"]))
    return props


class ApplicationsGate(Resource, module="db-server", name="Applications"):
    """All applications are as declared."""

    def __init__(self, resource_name: str, faults: pulumi.Input[dict[str, Any]], after: pulumi.Resource) -> None:
        options = pulumi.ResourceOptions(depends_on=[after])
        super().__init__(GateProvider(), resource_name, {"faults": faults}, options)
