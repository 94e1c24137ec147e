"""The one table of causes: doctor judges by it, and docs/how-to/troubleshooting.md is written from it."""

from dbserver.diagnosis import (
    archive_causes,
    backup_causes,
    certificate_causes,
    container_causes,
    data_causes,
    database_causes,
    host_causes,
    postgres_causes,
    redis_causes,
    session_causes,
)

CAUSES = (
    *host_causes.CAUSES,
    *data_causes.CAUSES,
    *container_causes.CAUSES,
    *postgres_causes.CAUSES,
    *database_causes.CAUSES,
    *session_causes.CAUSES,
    *redis_causes.CAUSES,
    *certificate_causes.CAUSES,
    *backup_causes.CAUSES,
    *archive_causes.CAUSES,
)
