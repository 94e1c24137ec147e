"""One look at everything that an update compares, with its program; a fingerprint a part.

What stands inside the applications' databases is not looked at: a server of many would be asked many times, and
nothing of theirs shall run as the administrator because of a start.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dbserver import contract, declared, execute
from dbserver.applied import program
from dbserver.applied.program import fingerprint
from dbserver.declared import Declared
from dbserver.docker import made
from dbserver.postgres import look as postgres
from dbserver.redis import look as redis

ANSWER_SECONDS = 10
# Asked of each server besides its use, in the same command: starting one in a container costs more than all it does.
QUESTIONS: Mapping[str, str] = {contract.POSTGRES: postgres.question(), contract.REDIS: redis.QUESTION}
PARSE: Mapping[str, Callable[[str], dict[str, str]]] = {contract.POSTGRES: postgres.parse, contract.REDIS: redis.parse}


@dataclass(frozen=True)
class Heard:
    """What Docker tells of the containers and the images, and what each server has printed."""

    containers: Sequence[dict[str, Any]]
    images: Sequence[dict[str, Any]]
    said: Mapping[str, str]


def networks(stack: Declared) -> str:
    """Return what Docker tells of the stack's network, without its members."""
    argv = ["docker", "network", "inspect", stack.network]
    shown = execute.run(argv, check=False, timeout=ANSWER_SECONDS)
    return made.networks(json.loads(shown.stdout or "[]"))


def look(stack: Declared, heard: Heard, network: str) -> dict[str, str]:
    """Return part -> fingerprint; nothing where the look is not whole, so that the engine has to be asked.

    A certificate of the stack's own is renewed by the engine, and only time tells when.
    """
    own = {} if stack.outside else program.fingerprints(stack.stack)
    parts = [PARSE[server](said) for server, said in heard.said.items()]
    if not own or len(parts) < len(PARSE) or not all(parts):
        return {}
    told = {name: text.encode() for part in parts for name, text in part.items()} | {
        "the containers": made.containers(heard.containers).encode(),
        "the images": made.images(heard.images).encode(),
        "the network": network.encode(),
        "the compose file": program.exists(declared.ROOT / contract.COMPOSE_FILE),
    }
    return own | {name: fingerprint([(name, text)]) for name, text in told.items()}
