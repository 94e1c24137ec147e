"""One look at everything that an update compares, with its program; a fingerprint a part.

What stands inside the applications' databases is not looked at: a server of many would be asked many times, and
nothing of theirs shall run as the administrator because of a start.
"""

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from dbserver import contract, declared, execute
from dbserver.applied import program
from dbserver.applied.program import fingerprint
from dbserver.declared import Declared
from dbserver.docker import images, made
from dbserver.errors import CommandError
from dbserver.postgres import look as postgres
from dbserver.redis import look as redis

ANSWER_SECONDS = 10
# Docker's kind of object -> what of its words is compared.
KINDS = {"container": made.containers, "network": made.networks, "image": made.images}


def look(stack: Declared) -> dict[str, str]:
    """Return part -> fingerprint; nothing where the look cannot be whole, so that the engine has to be asked.

    A certificate of the stack's own is renewed by the engine, and only time tells when.
    """
    own = {} if stack.outside else program.fingerprints(stack.stack)
    if not own:
        return {}
    with ThreadPoolExecutor() as pool:
        seen = [pool.submit(_inspected, kind, names) for kind, names in _objects(stack).items()]
        seen += [pool.submit(_postgres, stack), pool.submit(_redis, stack)]
        parts = [part.result() for part in seen]
    if not all(parts):
        return {}
    compose = program.exists(declared.ROOT / contract.COMPOSE_FILE)
    told = {name: text.encode() for part in parts for name, text in part.items()} | {"the compose file": compose}
    return own | {name: fingerprint([(name, text)]) for name, text in told.items()}


def _objects(stack: Declared) -> dict[str, list[str]]:
    own = [stack.archive.name] if stack.archive else []
    stand_ins = [images.stand_in(name) for name in stack.images.values()] if stack.stand_ins else []
    return {
        "container": [*stack.containers.values(), *own],
        "network": [stack.network],
        "image": [*stack.images.values(), *stand_ins],
    }


def _inspected(kind: str, names: list[str]) -> Mapping[str, str]:
    """Return Docker's words on these objects; those that are missing are missing in them."""
    shown = execute.run(["docker", kind, "inspect", *names], check=False, timeout=ANSWER_SECONDS)
    return {f"the {kind}s": KINDS[kind](json.loads(shown.stdout or "[]"))}


def _postgres(stack: Declared) -> Mapping[str, str]:
    argv = postgres.ask(stack.containers[contract.POSTGRES], stack.admin)
    found = postgres.parse(_said(argv, postgres.question()))
    return found if {*postgres.PARTS} <= {*found} else {}


def _redis(stack: Declared) -> Mapping[str, str]:
    return redis.parse(_said(redis.ask(stack.containers[contract.REDIS], stack.admin), redis.QUESTION))


def _said(argv: list[str], question: str) -> str:
    try:
        return execute.run(argv, stdin=question, check=False, timeout=ANSWER_SECONDS).stdout
    except CommandError:
        return ""
