"""The one factory of resource options: how every container is replaced, hooked and deleted."""

import asyncio
from collections.abc import Callable, Sequence

import pulumi

Prepare = Callable[..., None]


def container_options(
    name: str, prepare: Prepare, depends_on: Sequence[pulumi.Resource], given: pulumi.Output[str] | None = None
) -> pulumi.ResourceOptions:
    """Return the options of a server's container.

    - Delete before replace: the name and the port are taken until the old one is gone.
    - A changed health check, mount or directory in memory never reaches a container in place; it has to replace it.
    - Where compose has made the container anew, its network mode is the network's id: no reason to replace it.
    - `prepare` runs just before a container is created, also by a plain `pulumi up`; it gets what is `given`, if any.
    """

    async def prepared(_: pulumi.ResourceHookArgs) -> None:
        # On the program's own loop the second server's preparation would hold up the answer for the first one, which
        # is stopped by then.
        known = [] if given is None else [await given.future()]
        await asyncio.to_thread(prepare, *known)

    hook = pulumi.ResourceHook(f"prepare-{name}", prepared)
    return pulumi.ResourceOptions(
        delete_before_replace=True,
        replace_on_changes=["healthcheck", "mounts", "tmpfs"],
        ignore_changes=["networkMode"],
        hooks=pulumi.ResourceHookBinding(before_create=[hook]),
        depends_on=list(depends_on),
    )
