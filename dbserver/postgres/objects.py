"""How many objects of each kind a database has: what tells whether a restore has brought all of them. Pure.

Left out is what a dump leaves out, or another version counts otherwise: what belongs to an extension or stands on a
table of one, indexes that are not valid, subscriptions, what follows from a partitioned table's, NOT NULL.
"""

from collections.abc import Mapping

# As one expression: kind -> number, without those of which there are none.
COUNTS = """(
WITH member AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'),
object (kind, class, oid, schema, relation) AS (
  SELECT CASE c.relkind WHEN 'r' THEN 'tables' WHEN 'p' THEN 'partitioned tables' WHEN 'i' THEN 'indexes'
    WHEN 'I' THEN 'partitioned indexes' WHEN 'v' THEN 'views' WHEN 'm' THEN 'materialized views'
    WHEN 'S' THEN 'sequences' WHEN 'f' THEN 'foreign tables' WHEN 'c' THEN 'composite types' END,
    'pg_class'::regclass, c.oid, c.relnamespace, coalesce(i.indrelid, 0::oid)
    FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid
    WHERE c.relkind <> 't' AND (i.indexrelid IS NULL OR c.relkind = 'I' OR i.indisvalid AND i.indisready)
  UNION ALL SELECT 'functions', 'pg_proc'::regclass, oid, pronamespace, 0 FROM pg_proc
  UNION ALL SELECT 'types', 'pg_type'::regclass, oid, typnamespace, 0 FROM pg_type WHERE typtype IN ('d', 'e', 'r')
  UNION ALL SELECT 'constraints', 'pg_constraint'::regclass, oid, connamespace, conrelid FROM pg_constraint
    WHERE contype IN ('c', 'f', 'p', 'u', 'x') AND conparentid = 0
  UNION ALL SELECT 'statistics', 'pg_statistic_ext'::regclass, oid, stxnamespace, stxrelid FROM pg_statistic_ext
  UNION ALL SELECT 'triggers', 'pg_trigger'::regclass, t.oid, c.relnamespace, c.oid
    FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE NOT t.tgisinternal AND t.tgparentid = 0
  UNION ALL SELECT 'rules', 'pg_rewrite'::regclass, r.oid, c.relnamespace, c.oid
    FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class WHERE r.rulename <> '_RETURN'
  UNION ALL SELECT 'policies', 'pg_policy'::regclass, p.oid, c.relnamespace, c.oid
    FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
  UNION ALL SELECT 'schemas', 'pg_namespace'::regclass, oid, oid, 0 FROM pg_namespace WHERE nspname <> 'public'
)
SELECT coalesce(json_object_agg(k.kind, k.n ORDER BY k.kind), '{}') FROM (
  SELECT o.kind, count(*) AS n FROM object o JOIN pg_namespace n ON n.oid = o.schema
    WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM member m WHERE m.classid = o.class AND m.objid = o.oid)
    AND NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_class'::regclass AND m.objid = o.relation)
    GROUP BY o.kind
  UNION ALL SELECT 'event triggers', count(*) FROM pg_event_trigger e
    WHERE NOT EXISTS (SELECT FROM member m WHERE m.classid = 'pg_event_trigger'::regclass AND m.objid = e.oid)
    HAVING count(*) > 0
  UNION ALL SELECT 'publications', count(*) FROM pg_publication HAVING count(*) > 0) k)"""
QUESTION = f"SELECT {COUNTS};\n"


def differing(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """Return each kind of which there are more or fewer, in words."""
    kinds = sorted({*before, *after})
    return [
        f"{after.get(kind, 0)} {kind} instead of {before.get(kind, 0)}"
        for kind in kinds
        if before.get(kind, 0) != after.get(kind, 0)
    ]
