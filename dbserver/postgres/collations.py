"""Databases whose texts are ordered by another version of the system's collations than their indexes. Pure."""

from dbserver.postgres.sql import literal

ACTUAL = "pg_database_collation_actual_version(d.oid)"
LISTED = """
(SELECT coalesce(json_agg(json_build_object('name', d.datname, 'recorded', d.datcollversion,
 'actual', coalesce(ACTUAL, 'none'))), '[]') FROM pg_database d
 WHERE d.datallowconn AND d.datcollversion <> coalesce(ACTUAL, 'none'))
""".replace("ACTUAL", ACTUAL)
NONE = literal("'[]'::json")
# PostgreSQL keeps the version since 15; an older one would refuse the whole query for the name of a function. So the
# expression is chosen before, and stands as :collations in what follows.
FIND = (
    f"SELECT CASE WHEN current_setting('server_version_num')::int < 150000 THEN {NONE}"
    f" ELSE {literal(LISTED)} END AS collations \\gset\n"
)
