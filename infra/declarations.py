"""All that the stack declares, in its order, and what it tells the outside."""

import pulumi

from dbserver import contract
from dbserver.settings.model import Settings
from infra.applications import create_applications, create_redis_users, end_with_faults, environments
from infra.archive import create_archive
from infra.network import create_network
from infra.outputs import outputs
from infra.postgres import create_postgres
from infra.preflight import Host
from infra.redis import create_redis
from infra.tls import create_tls


async def declare(settings: Settings, host: Host, admin_password: pulumi.Output[str]) -> None:
    """Declare everything; end the update where applications could not be finished."""
    network = create_network(settings.network.name, create=settings.network.create)
    tls = create_tls(settings)
    postgres = create_postgres(settings, host, network, admin_password, tls)
    archive = create_archive(settings, host, postgres)
    redis = create_redis(settings, host, network, tls)
    applications = create_applications(settings, postgres)
    create_redis_users(settings, applications, redis)
    known = environments(settings, applications, postgres, redis)
    for name, value in outputs(settings, network, postgres, redis, admin_password, known, tls).items():
        pulumi.export(name, value)
    made = {contract.POSTGRES: postgres.container, contract.REDIS: redis.container, contract.ARCHIVE: archive}
    ids = {server: container.id for server, container in made.items() if container}
    await end_with_faults(settings, applications, postgres, ids, host)
