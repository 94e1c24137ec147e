"""The shared PostgreSQL and Redis server: settings -> host -> declarations -> outputs."""

import pulumi

from dbserver.errors import DbServerError
from dbserver.settings.model import SettingsError, load
from infra import configuration
from infra.applications import create_applications, create_redis_users, end_with_faults, environments
from infra.archive import create_archive
from infra.network import create_network
from infra.outputs import outputs
from infra.password import password
from infra.postgres import create_postgres
from infra.preflight import HostError, examine
from infra.redis import create_redis
from infra.tls import create_tls

try:
    settings = load(configuration.values())
    host = examine(settings)
except (SettingsError, HostError, DbServerError) as fault:
    raise pulumi.RunError(str(fault)) from None

network = create_network(settings.network.name, create=settings.network.create)
admin_password = password("admin-password", settings.admin_password)
tls = create_tls(settings)
postgres = create_postgres(settings, host, network, admin_password, tls)
create_archive(settings, host, postgres)
redis = create_redis(settings, host, network, tls)
applications = create_applications(settings, postgres)
users = create_redis_users(settings, applications, redis, admin_password)
known = environments(settings, applications, postgres, redis)

for name, value in outputs(settings, network, postgres, redis, admin_password, known, tls).items():
    pulumi.export(name, value)
pulumi.run(lambda: end_with_faults(settings, applications, postgres, host))
