"""A worker that forks, with its heartbeat and its channel of commands."""

from typing import Any

from redis import Redis
from rq import Queue, Worker

from tests.support.libraries import URL, say


def rq() -> Any:
    client = Redis.from_url(URL)
    job = Queue(connection=client).enqueue("operator.mul", 6, 7)
    Worker(["default"], connection=client).work(burst=True, with_scheduler=True)
    return job.return_value()


if __name__ == "__main__":
    say(rq())
