"""The declared applications: a role and a database each, and what an application has to know to connect."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from dbserver import contract
from dbserver.applications import Application as Entry
from dbserver.applications import environment
from dbserver.redis import access
from dbserver.settings.application import Application as ApplicationSettings
from dbserver.settings.model import Settings
from infra import identity, standing
from infra.application_server import Application
from infra.postgres import Postgres
from infra.precautions import silent
from infra.preflight import Host
from infra.redis import Redis
from infra.redis_users import RedisUsers


def create_applications(settings: Settings, postgres: Postgres) -> list[Application]:
    """Declare every application's role and database."""
    return [_application(settings, entry, postgres) for entry in settings.applications]


async def end_with_faults(
    settings: Settings, declared: Sequence[Application], postgres: Postgres, ids: Mapping[str, pulumi.Output[str]],
    host: Host,
) -> None:  # fmt: skip
    """End the update where a server or an application does not stand or answer, and name it: Pulumi's entry point.

    An error of a resource may stop the engine before it has stored the outputs of the applications that are done; one
    of the entry point comes when everything is registered. In a preview the faults are not known, and nothing ends.
    `ids` is container -> the id that it has.
    """
    each = await pulumi.Output.all(*[application.drift for application in declared]).future()
    reached = await pulumi.Output.all(postgres.container.id, postgres.server.version).future()
    made = {server: await id_.future() for server, id_ in ids.items()}
    if pulumi.runtime.is_dry_run():
        standing.foretell(settings, made)
        return
    gone = standing.faults(settings)
    if gone:
        raise pulumi.RunError("\n".join([*gone, f"HINT: {standing.WAY_OUT}"]))
    identity.remember(settings, pulumi.get_stack(), host.images, host.identities)
    faults = zip(settings.applications, each or [], strict=True)
    faulty = sorted(f"application {entry.name}: {'; '.join(found)}" for entry, found in faults if found)
    faulty += silent(settings, host.containers.get(contract.POSTGRES), reached[0] if reached else None)
    if faulty:
        raise pulumi.RunError("\n".join([*faulty, "HINT: the other applications are done; mend these, then up again"]))


def create_redis_users(
    settings: Settings, declared: Sequence[Application], redis: Redis, others: Sequence[pulumi.Resource]
) -> RedisUsers:
    """Declare who may do what in Redis, after all `others` too: so `pulumi destroy` has to begin with it."""
    secrets = pulumi.Output.all(*[application.redis_password for application in declared])
    return RedisUsers(
        "redis-users",
        {
            # The server's own resource passes its container on, so that this one waits for its answer.
            "container": redis.server.container,
            "containerId": redis.container.id,
            "image": redis.image.name,
            "configDirectory": contract.config_directory(settings.data_directory, contract.REDIS),
            "adminUser": settings.postgres.admin_user,
            "open": settings.redis.access == "open",
            **({} if settings.redis.access == "open" else {"fence": access.fence()}),
            "tenants": pulumi.Output.secret(secrets.apply(lambda known: _tenants(settings, known))),
        },
        others,
    )


def _tenants(settings: Settings, passwords: Sequence[str]) -> list[dict[str, Any]]:
    if settings.redis.access == "open":
        return []
    entries = zip(settings.applications, passwords, strict=True)
    return [tenant(entry, password) for entry, password in entries]


def tenant(entry: ApplicationSettings, password: str) -> dict[str, Any]:
    """Return what the users' provider makes an application's rules of."""
    return {
        "name": entry.name,
        "prefixes": list(entry.prefixes),
        "password": password,
        "scan": entry.redis_scan,
        "channels": entry.redis_channels,
    }


def environments(
    settings: Settings, declared: Sequence[Application], postgres: Postgres, redis: Redis
) -> pulumi.Output[dict[str, dict[str, str]]]:
    """Return each application's environment, as a secret."""
    hosts = pulumi.Output.all(postgres=postgres.container.name, redis=redis.container.name)
    passwords = pulumi.Output.all(*[pulumi.Output.all(each.password, each.redis_password) for each in declared])

    def put_together(known: list[Any]) -> dict[str, dict[str, str]]:
        entries = zip(settings.applications, known[1], strict=True)
        return {entry.name: _environment(settings, entry, known[0], *both) for entry, both in entries}

    return pulumi.Output.secret(pulumi.Output.all(hosts, passwords).apply(put_together))


def _environment(
    settings: Settings, entry: ApplicationSettings, hosts: dict[str, str], password: str, redis_password: str
) -> dict[str, str]:
    tenant = redis_password if settings.redis.access == "password" else None
    return environment(known(entry), hosts, password or "", tenant)


def known(entry: ApplicationSettings) -> Entry:
    """Return an application as both rooms know it."""
    return Entry(
        name=entry.name,
        database=entry.database_name,
        role=entry.role_name,
        pool_size=entry.pool_size,
        instances=entry.instances_per_colour,
        redis_database=entry.redis_database,
        redis_prefix=entry.prefixes[0],
        redis_other_prefixes=entry.prefixes[1:],
    )


def properties(
    entry: ApplicationSettings, container: str | pulumi.Output[str], admin_user: str, image: str, data_directory: str
) -> dict[str, Any]:
    """Return what the provider makes the role and the database of; `image` is PostgreSQL's, on the host."""
    application = known(entry)
    others = list(application.redis_other_prefixes)
    return {
        "container": container,
        "adminUser": admin_user,
        "name": application.name,
        "database": application.database,
        "role": application.role,
        "poolSize": application.pool_size,
        "instances": application.instances,
        "redisDatabase": application.redis_database,
        "redisPrefix": application.redis_prefix,
        # Left out where there are none, as in the states of earlier versions: else each would differ.
        **({"redisOtherPrefixes": others} if others else {}),
        "extensions": sorted(entry.extensions),
        "settings": entry.settings,
        "givenPassword": entry.password or "",
        "passwordVersion": entry.password_version,
        "keepPassword": entry.keep_password,
        contract.KEPT_IN: contract.password_directory(data_directory, application.role),
        "image": image,
    }


def _application(settings: Settings, entry: ApplicationSettings, postgres: Postgres) -> Application:
    # The server's own resource passes its container on, so that this one waits for its answer.
    admin, image = settings.postgres.admin_user, postgres.image.name
    wanted = properties(entry, postgres.server.container, admin, image, settings.data_directory)
    if entry.password:
        wanted["givenPassword"] = pulumi.Output.secret(entry.password)
    secret = ["password", "redis_password", "givenPassword"]
    return Application(entry.name, wanted, pulumi.ResourceOptions(additional_secret_outputs=secret))
