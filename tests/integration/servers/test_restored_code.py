"""What a dump brings along runs while it is loaded: never as superuser, whoever owns what is in the database."""

import re
from collections.abc import Iterator

import pytest

from tests.support.commands import run
from tests.support.lending import Lent
from tests.support.shop import as_role, backed_up, restored

SHOP = {"name": "shop", "poolSize": 10, "extensions": ["pg_trgm"]}
OWNERS = ("shop", "pg_database_owner", "neighbour", "dbadmin")
# What needs rights that its owner has through grants alone, or on something of another owner's.
TOGETHER = """
CREATE TABLE public.whole (n int) PARTITION BY RANGE (n);
CREATE TABLE public.part PARTITION OF public.whole FOR VALUES FROM (0) TO (10);
CREATE INDEX ON public.whole (n);
SELECT lo_from_bytea(4711, 'a large object');
"""
# Each says in the server's log as whom it runs, tries to get back to whoever logged in, and to become superuser.
SPRING = r"""
CREATE FUNCTION public.spring(what text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  super boolean := (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user);
BEGIN
  BEGIN
    EXECUTE 'RESET ROLE';
    EXECUTE 'RESET SESSION AUTHORIZATION';
    super := super OR (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user);
    RAISE EXCEPTION 'as it was';
  EXCEPTION WHEN OTHERS THEN NULL;
  END;
  RAISE LOG 'sprung in %: %, super %', current_database(), what, super;
  IF super THEN EXECUTE 'ALTER ROLE shop SUPERUSER'; END IF;
END $$;
CREATE FUNCTION public.trap(what text, n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
 $$ BEGIN PERFORM public.spring(what); RETURN n; END $$;
CREATE FUNCTION public.trigger() RETURNS trigger LANGUAGE plpgsql AS
 $$ BEGIN PERFORM public.spring('trigger of ' || TG_TABLE_NAME); RETURN NEW; END $$;
"""
OF_ONE = """
CREATE DOMAIN public.domain_{0} AS int CHECK (public.trap('domain of {0}', VALUE) = VALUE);
CREATE TABLE public.of_{0} (
  n int PRIMARY KEY DEFAULT public.trap('default of {0}', 1), d public.domain_{0},
  g int GENERATED ALWAYS AS (public.trap('generated of {0}', n)) STORED, CHECK (public.trap('check of {0}', n) = n));
ALTER TABLE public.of_{0} ADD CONSTRAINT whole CHECK (public.trap('row of {0}', (of_{0}).n) > 0);
INSERT INTO public.of_{0} (n, d) VALUES (1, 1), (2, 2);
CREATE TRIGGER springing BEFORE INSERT ON public.of_{0} FOR EACH ROW EXECUTE FUNCTION public.trigger();
ALTER TABLE public.of_{0} ENABLE ALWAYS TRIGGER springing;
CREATE RULE springing AS ON DELETE TO public.of_{0} DO ALSO SELECT public.trap('rule of {0}', 1);
CREATE MATERIALIZED VIEW public.view_{0} AS SELECT public.trap('view of {0}', n) AS n FROM public.of_{0};
CREATE FUNCTION public.work_{0}() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';
"""
# A superuser's own index on an application's function is run as that superuser by autovacuum: that is PostgreSQL's.
INDEX = """
CREATE INDEX ON public.of_{0} ((public.trap('index of {0}', n)));
CREATE STATISTICS public.more_{0} ON (public.trap('statistics of {0}', n)), n FROM public.of_{0};
"""
KINDS = ("domain", "generated", "check", "row", "view")
ADMINS = """
ALTER TABLE public.part OWNER TO neighbour;
CREATE SCHEMA "its own" AUTHORIZATION neighbour;
CREATE TABLE "its own".item (id int PRIMARY KEY, name text);
CREATE VIEW "its own".counted AS SELECT id, name, count(*) FROM "its own".item GROUP BY id;
ALTER TABLE "its own".item OWNER TO neighbour;
ALTER VIEW "its own".counted OWNER TO neighbour;
CREATE FUNCTION public.watched() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE EVENT TRIGGER watching ON ddl_command_end EXECUTE FUNCTION public.watched();
CREATE PUBLICATION everything FOR ALL TABLES;
ALTER TABLE public.of_dbadmin ENABLE ROW LEVEL SECURITY;
GRANT SELECT, INSERT ON public.of_dbadmin TO shop;
ALTER TABLE public.of_neighbour ADD FOREIGN KEY (n) REFERENCES public.of_shop;
GRANT SELECT ON public.of_shop TO neighbour WITH GRANT OPTION;
SET ROLE neighbour;
GRANT SELECT ON public.of_shop TO PUBLIC;
"""
OBJECTS = """
SELECT string_agg(o::text, E'\\n' ORDER BY o::text) FROM (
  SELECT c.oid::regclass::text, relowner::regrole, relispopulated, coalesce(relacl, acldefault('r', relowner))
    FROM pg_class c WHERE relnamespace = 'public'::regnamespace OR relnamespace = '"its own"'::regnamespace
  UNION ALL SELECT p.oid::regprocedure::text, proowner::regrole, prosecdef, coalesce(proacl, acldefault('f', proowner))
    FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
  UNION ALL SELECT t.oid::regtype::text, typowner::regrole, false, coalesce(typacl, acldefault('T', typowner))
    FROM pg_type t WHERE typnamespace = 'public'::regnamespace AND typtype = 'd'
  UNION ALL SELECT nspname::text, nspowner::regrole, false, coalesce(nspacl, acldefault('n', nspowner))
    FROM pg_namespace WHERE nspname IN ('public', 'its own')
  UNION ALL SELECT oid::text, lomowner::regrole, false, lomacl FROM pg_largeobject_metadata
  UNION ALL SELECT inhrelid::regclass::text, 0, false, NULL FROM pg_inherits) o
"""
FILLERS = "SELECT count(*) FROM pg_roles WHERE rolname ~ '^(shop__|dbserver_)'"


@pytest.fixture(scope="module")
def mixed(lent: Lent) -> Lent:
    """An application whose database holds traps of four owners."""
    lent.admit(SHOP, {"name": "neighbour", "poolSize": 2})
    as_role(lent, SPRING + TOGETHER)
    for owner in OWNERS:
        as_role(lent, OF_ONE.format(owner) + (INDEX.format(owner) if owner != "dbadmin" else ""))
    as_role(lent, "GRANT CREATE ON SCHEMA public TO pg_database_owner;\n" + given("pg_database_owner"))
    lent.sql(given("neighbour") + given("dbadmin") + ADMINS, "shop")
    assert superuser(lent) == "f"
    return lent


def given(owner: str) -> str:
    kinds = [("TABLE", "of_"), ("DOMAIN", "domain_"), ("MATERIALIZED VIEW", "view_"), ("FUNCTION", "work_")]
    return "".join(f"ALTER {kind} public.{name}{owner} OWNER TO {owner};\n" for kind, name in kinds)


@pytest.fixture(autouse=True)
def _no_superuser(mixed: Lent) -> Iterator[None]:
    before = len(log(mixed))
    yield
    found = re.findall(r"sprung in (\S+): (.+), super (\w)", log(mixed)[before:])
    assert {what for _, what, super_ in found if super_ == "t"} == set()
    assert {what for _, what, _ in found} >= {f"{kind} of {owner}" for kind in KINDS for owner in OWNERS}
    assert superuser(mixed) == "f"
    assert mixed.sql(FILLERS) == "0"


def log(stack: Lent) -> str:
    done = run("docker", "logs", stack.postgres)
    return done.out + done.err


def superuser(stack: Lent) -> str:
    return stack.sql("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = 'shop'", "postgres")


@pytest.mark.full
def test_a_drill_runs_nothing_as_superuser(mixed: Lent) -> None:
    backed_up(mixed)
    mixed.script("dbserver", "drill", "shop").ok()


def test_a_restore_runs_nothing_as_superuser_and_keeps_every_owner_and_right(mixed: Lent) -> None:
    before, made = mixed.sql(OBJECTS, "shop"), backed_up(mixed)
    restored(mixed, made)
    assert mixed.sql(OBJECTS, "shop") == before
    assert mixed.sql("SELECT evtname, evtowner::regrole FROM pg_event_trigger", "shop") == "watching|dbadmin"
    assert mixed.sql("SELECT pubname, pubowner::regrole FROM pg_publication", "shop") == "everything|dbadmin"
