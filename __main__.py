"""The shared PostgreSQL and Redis server: settings -> host -> declarations -> outputs."""

import pulumi

from dbserver.errors import DbServerError
from infra import configuration
from infra.applications import create_applications, create_gate, create_redis_users, environments
from infra.network import create_network
from infra.outputs import outputs
from infra.password import password
from infra.postgres import create_postgres
from infra.preflight import HostError, examine
from infra.redis import create_redis
from infra.settings import SettingsError, load

try:
    settings = load(configuration.values())
    host = examine(settings)
except (SettingsError, HostError, DbServerError) as fault:
    raise pulumi.RunError(str(fault)) from None

network = create_network(settings.network.name, create=settings.network.create)
admin_password = password("admin-password", settings.admin_password)
postgres = create_postgres(settings, host.images["postgres"], network, admin_password)
redis = create_redis(settings, host.images["redis"], network)
applications = create_applications(settings, postgres)
users = create_redis_users(settings, applications, redis, admin_password)
create_gate(settings, applications, users)
known = environments(settings, applications, postgres, redis)

for name, value in outputs(settings, network, postgres, redis, admin_password, known).items():
    pulumi.export(name, value)
