"""The shared PostgreSQL and Redis server: settings -> host -> declarations."""

import asyncio
import importlib

import pulumi

from dbserver.errors import DbServerError
from dbserver.settings.model import SettingsError
from infra import configuration
from infra.password import password
from infra.preflight import HostError, examine

try:
    settings = configuration.settings()
except (SettingsError, DbServerError) as fault:
    raise pulumi.RunError(str(fault)) from None


async def main() -> None:
    """Look at the host; meanwhile the engine starts the provider of our resources and the declarations are imported."""
    admin_password = password("admin-password", settings.admin_password)
    looking = asyncio.to_thread(examine, settings)
    importing = asyncio.to_thread(importlib.import_module, "infra.declarations")
    try:
        host, declarations = await asyncio.gather(looking, importing)
    except (HostError, DbServerError) as fault:
        raise pulumi.RunError(str(fault)) from None
    await declarations.declare(settings, host, admin_password)


pulumi.run(main)
