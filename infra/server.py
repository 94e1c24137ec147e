"""The dynamic provider of a running server: the gate that proves it answers, and its settings.

Providers stand in importable modules, so that what the state holds is a
reference and a new version of the code shows no difference; and in modules
that import little, because the engine starts a process of its own for them.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from pulumi.dynamic import CreateResult, DiffResult, ReadResult, ResourceProvider, UpdateResult

from dbserver.docker import certificate, containers
from dbserver.errors import DbServerError

Properties = dict[str, Any]
Answer = TypeVar("Answer")


class ServerError(Exception):
    """What the engine shows; the chain of causes stays away from the operator."""


def told(action: Callable[[Properties], Properties], props: Properties) -> Properties:
    """Run an action; an expected error reaches the operator as its text, with its hint."""
    try:
        return action(props)
    except DbServerError as fault:
        raise ServerError(str(fault)) from None


def patiently(wait: Callable[[], object], ask: Callable[[], Answer]) -> Answer:
    """Ask a running server; one that does not answer may be recovering: it is waited for, and asked once more."""
    try:
        return ask()
    except DbServerError:
        wait()
        return ask()


def certificate_found(props: Properties, server: str) -> Properties:
    """Return no certificate where the running server's file is another one than the state's, or open to others."""
    wanted = props.get("certificate")
    return {"certificate": ""} if wanted and not certificate.in_place(props["container"], server, wanted) else {}


class ServerProvider(ResourceProvider):
    """Converges on create and update; compares on read; leaves the server alone on delete."""

    serialize_as_secret_always = False
    compared: tuple[str, ...] = ("container", "containerId", "processes", "settings")

    def converge(self, props: Properties) -> Properties:
        """Bring the server to what is declared and return the outputs."""
        raise NotImplementedError

    def observe(self, props: Properties) -> Properties:
        """Return the properties as the running server has them."""
        raise NotImplementedError

    def create(self, props: Properties) -> CreateResult:
        """The server answers with its declared settings, or this fails."""
        return CreateResult(props["container"], told(self._brought_in_line, props))

    def update(self, _id: str, _olds: Properties, news: Properties) -> UpdateResult:
        """As create: converging is the same from every state."""
        return UpdateResult(told(self._brought_in_line, news))

    def diff(self, _id: str, olds: Properties, news: Properties) -> DiffResult:
        """Any compared property that differs is brought in line in place."""
        return DiffResult(changes=any(olds.get(name) != news.get(name) for name in self.compared), replaces=[])

    def read(self, id_: str, props: Properties) -> ReadResult:
        """Compare with the running server; another, a stopped or a missing container is its own resource's matter."""
        found = containers.inspect([props["container"]]).get(props["container"])
        if found is None or not found.running or found.id != props["containerId"]:
            return ReadResult(id_, props)
        limit = {"processes": found.pids} if "processes" in props else {}
        return ReadResult(id_, {**told(self.observe, props), **limit})

    def _brought_in_line(self, props: Properties) -> Properties:
        converged = self.converge(props)
        # The provider of containers knows no such limit; Docker sets none of a container that is just down.
        if "processes" in props:
            containers.limit_processes(props["container"], int(props["processes"]))
        return converged
