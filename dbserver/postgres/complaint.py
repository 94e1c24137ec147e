"""What PostgreSQL says of a function that a dump's rows call and that relies on a search_path. Pure."""

import re
from dataclasses import dataclass

MISSING = re.compile(r'ERROR:\s+(?:relation|function|type) "?(?P<name>[^"(\s]+)\S* does not exist')
# PL/pgSQL names its function with the schema and the types, SQL without.
FUNCTION = re.compile(
    r'^(?:CONTEXT:\s+)?(?:PL/\w+|SQL) function "?(?P<name>[^"\n]+?)"?(?: (?:line|during|statement) |$)', re.MULTILINE
)


@dataclass(frozen=True)
class Unqualified:
    """A function that was called while a dump was restored, and a name without a schema that it did not find."""

    function: str
    name: str


def unqualified(output: str) -> Unqualified | None:
    """Return what a program's output says of that; None where it failed for anything else."""
    missing, _, context = output.partition("CONTEXT:")
    found, function = MISSING.search(missing), FUNCTION.search(f"CONTEXT:{context}")
    return Unqualified(function["name"], found["name"]) if found and function and "." not in found["name"] else None
