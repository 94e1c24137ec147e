"""What is declared of a server's container is compared with the one that is there, or there is a reason why not."""

import pytest

from dbserver import plan
from dbserver.settings.model import load
from infra.plans import container_plan
from tests.unit.fakes import container
from tests.unit.program import declare

# The provider's argument -> what the comparison calls it.
COMPARED = {
    "image": "image", "command": "command", "envs": "environment", "mounts": "volumes", "healthcheck": "health check",
    "networksAdvanced": "networks", "ports": "published port", "memory": "memory limit", "restart": "restart policy",
    "memorySwap": "memory with swap", "shmSize": "shared memory", "logDriver": "log", "logOpts": "log",
    "stopTimeout": "seconds to stop", "capabilities": "privileges", "securityOpts": "privileges",
    "readOnly": "privileges", "tmpfs": "privileges", "ulimits": "privileges", "labels": "label com.database.server",
}  # fmt: skip
NOT_COMPARED = {
    "name": "the container was found by it",
    "networkMode": "compose has another word for it, and its changes are ignored",
    "mustRun": "the provider's own", "wait": "the provider's own",
    "removeVolumes": "the provider's own", "destroyGraceSeconds": "the provider's own",
}  # fmt: skip


@pytest.mark.parametrize("server", ["postgres", "redis"])
def test_every_declared_argument_is_compared_or_has_a_reason(server: str) -> None:
    own = {"sysctls"} if server == "redis" else set()  # compared: test_plan
    assert {*declare().container(server)} == {*COMPARED, *NOT_COMPARED, *own}


def test_each_of_them_has_a_row_where_nothing_is_as_declared() -> None:
    bare = container(image="", networks=(), published=(), mounts={}, environment={})
    found = {
        text.partition(":")[0] for text in plan.differences(container_plan(load({}), "postgres", "postgres:17"), bare)
    }
    assert {*COMPARED.values()} <= found
