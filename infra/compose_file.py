"""docker-compose.yml in the project's directory, and compose's labels on the containers."""

from collections.abc import Mapping

import pulumi

from dbserver import compose, contract, refusals
from dbserver.docker import host
from dbserver.docker.compose import hashes
from dbserver.docker.containers import Container
from dbserver.docker.images import Image
from dbserver.errors import DbServerError
from dbserver.plan import ContainerPlan, replacing
from dbserver.settings.model import Settings
from infra.plans import PROJECT, container_plan

Labels = dict[str, str]
MODE = 0o644


def reasons() -> list[str]:
    """Return why the file cannot be put in place."""
    return refusals.compose_files(PROJECT, compose.foreign(PROJECT))


def rendered(settings: Settings, images: Mapping[str, Image]) -> str:
    """Return the file's text."""
    services = [(container_plan(settings, server, image.name), image) for server, image in images.items()]
    return compose.render(pulumi.get_stack(), services)


def write(text: str) -> None:
    """Put the file in place; one that says the same is left alone. Raises DbServerError where that cannot be done."""
    path = PROJECT / contract.COMPOSE_FILE
    if compose.text(path) == text:
        return
    try:
        host.replace_file(path, text, MODE)
    except OSError as fault:
        hint = f"run it as the owner of {PROJECT}, or as root"
        raise DbServerError(f"{path} cannot be written: {fault.strerror}", hint) from None


def labels(
    settings: Settings, text: str, images: Mapping[str, Image], existing: Mapping[str, Container]
) -> dict[str, Labels]:
    """Return every label by server. Compose's are as a container that stays has them, else as the file asks for."""
    plans = {server: container_plan(settings, server, image.name) for server, image in images.items()}
    found = {server: staying(plan, images[server], existing.get(plan.name)) for server, plan in plans.items()}
    known = {server: compose.kept(container.labels) for server, container in found.items() if container}
    fresh = hashes(text) if None in found.values() else {}
    return {
        server: plan.labels(pulumi.get_stack(), images[server])
        | compose.labels(plan, images[server])
        | (known[server] if server in known else compose.place(PROJECT, fresh.get(server)))
        for server, plan in plans.items()
    }


def staying(plan: ContainerPlan, image: Image, container: Container | None) -> Container | None:
    """Return a container that is this stack's and as planned, so that the engine leaves it where it is."""
    if container is None or not container.belongs_to(pulumi.get_stack()) or replacing(plan, container, image.identity):
        return None
    return container
