"""Client libraries as an application uses them: `python -m tests.support.libraries.NAME` does one whole job.

Where Redis is stands in REDIS_URL and REDIS_PREFIX, as `env` prints them. Each prints 42, which a worker has computed.
"""

import os
import sys

NAMES = ("redis-py", "rq", "huey", "arq", "celery", "dramatiq")
URL, PREFIX = os.environ.get("REDIS_URL", ""), os.environ.get("REDIS_PREFIX", "")
SECONDS = 20


def say(answer: object) -> None:
    sys.stdout.write(f"{answer}\n")
