"""SQL about what the numbers in the log mean. Pure."""

# Not every relation's file stands in pg_class, whose own does not: the function knows all.
ALL = (
    "SELECT json_build_object('database', (SELECT oid::bigint FROM pg_database WHERE datname = current_database()),"
    " 'relations', (SELECT json_agg(json_build_array(c.oid::bigint, coalesce(pg_relation_filenode(c.oid), 0)::bigint,"
    " c.relkind, format('%I.%I', n.nspname, c.relname)))"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace));\n"
)
