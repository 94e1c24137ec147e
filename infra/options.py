"""The one factory of resource options: how every container is replaced, hooked and deleted."""

from collections.abc import Callable, Sequence

import pulumi


def container_options(
    name: str, prepare: Callable[[], None], depends_on: Sequence[pulumi.Resource]
) -> pulumi.ResourceOptions:
    """Return the options of a server's container.

    - Delete before replace: the name and the port are taken until the old one is gone.
    - A changed health check or mount never reaches a container in place; it has to replace it.
    - `prepare` runs just before a container is created, also by a plain `pulumi up`.
    """
    hook = pulumi.ResourceHook(f"prepare-{name}", lambda _: prepare())
    return pulumi.ResourceOptions(
        delete_before_replace=True,
        replace_on_changes=["healthcheck", "mounts"],
        hooks=pulumi.ResourceHookBinding(before_create=[hook]),
        depends_on=list(depends_on),
    )
