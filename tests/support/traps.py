"""A database whose owner has shadowed what our SQL uses: whoever resolves one of them runs it with his own rights.

PostgreSQL prefers an exact match in a later schema of the search path to one that needs a cast in an earlier: so an
application's operator on (oid, regrole) is taken for PostgreSQL's own on (oid, oid), and runs as who asks.
"""

import re
from itertools import product
from pathlib import Path

from tests.support.project import ROOT

OPERATORS = ("=", "<>", "<", ">", "<=", ">=", "||", "~", "!~", "~~", "!~~", "+", "-", "->", "->>", "@>", "<@", "&&")
TYPES = (
    "oid", "name", "text", "regrole", "regclass", "regnamespace", "boolean", "integer", "bigint", '"char"', "json",
    "jsonb", "text[]", "name[]", "aclitem[]", "xid", "timestamptz", "pg_lsn",
)  # fmt: skip
# Words that are followed by a bracket and are no functions.
GRAMMAR = {
    "all", "any", "array", "as", "case", "cast", "coalesce", "exists", "extract", "filter", "from", "greatest", "in",
    "interval", "join", "lateral", "least", "limit", "not", "nullif", "numeric", "on", "or", "over", "overlay",
    "position", "row", "select", "substring", "table", "trim", "using", "values", "when", "where",
}  # fmt: skip
TRAP = """
CREATE SCHEMA IF NOT EXISTS sprung;
CREATE FUNCTION public.spring() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  BEGIN EXECUTE 'ALTER ROLE {role} SUPERUSER'; EXCEPTION WHEN OTHERS THEN NULL; END;
END $$;
"""


def functions() -> list[str]:
    """Return the names of all functions and aggregates that the project's SQL calls."""
    sources = [*(ROOT / "dbserver").rglob("*.py"), *(ROOT / "dbserver").rglob("*.sh"), *(ROOT / "infra").rglob("*.py")]
    words = {word for path in sources for word in _called(path)}
    return sorted(words - GRAMMAR)


def _called(path: Path) -> set[str]:
    return set(re.findall(r"\b([a-z][a-z0-9_]+)\(", path.read_text()))


def traps(role: str, known: set[str]) -> str:
    """Return the script that the owner runs in his database. `known` are the functions that PostgreSQL has."""
    lines = [TRAP.format(role=role)]
    for operator, (left, right) in product(OPERATORS, product(TYPES, TYPES)):
        lines.append(_operator(operator, left, right))
    for name in functions():
        if name in known:
            lines += [_function(name, types) for types in ((), *((each,) for each in TYPES), ("text", "text"))]
    return "".join(lines)


def _body(returns: str) -> str:
    return f"RETURNS {returns} LANGUAGE plpgsql AS $$ BEGIN PERFORM public.spring(); RETURN NULL; END $$;\n"


def _operator(operator: str, left: str, right: str) -> str:
    function = f'public."{operator} {left} {right}"'.replace('""char""', "char").replace('"char"', "char")
    returns = "text" if operator in ("||", "+", "-", "->", "->>") else "boolean"
    return (
        f"CREATE FUNCTION {function}(a {left}, b {right}) {_body(returns)}"
        f"CREATE OPERATOR public.{operator} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = {function});\n"
    )


def _function(name: str, types: tuple[str, ...]) -> str:
    return f'CREATE FUNCTION public."{name}"({", ".join(types)}) {_body("text")}'
