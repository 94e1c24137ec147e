"""The one table of rules: preview and guard judge by it, and docs/reference/preview.md is written from it."""

from dbserver.preview.application_rules import APPLICATION_RULES
from dbserver.preview.archive_rules import ARCHIVE_RULES
from dbserver.preview.container_rules import CONTAINER_RULES, UNKNOWN_RULES
from dbserver.preview.server_rules import SERVER_RULES

RULES = (*CONTAINER_RULES, *SERVER_RULES, *APPLICATION_RULES, *ARCHIVE_RULES, *UNKNOWN_RULES)
