"""A worker with a delayed message, a rate limiter and a result."""

from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.rate_limits import ConcurrentRateLimiter
from dramatiq.rate_limits.backends import RedisBackend as Limits
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from tests.support.libraries import PREFIX, SECONDS, URL, say


def run() -> Any:
    class Prefixed(RedisBackend):  # type: ignore[misc]  # it has no types
        def build_message_key(self, message: Any) -> str:
            return f"{PREFIX}{super().build_message_key(message)}"

    broker = RedisBroker(url=URL, namespace=f"{PREFIX}dramatiq")
    broker.add_middleware(Results(backend=Prefixed(url=URL)))
    dramatiq.set_broker(broker)
    limiter = ConcurrentRateLimiter(Limits(url=URL), f"{PREFIX}limit")

    def product(one: int, other: int) -> int:
        with limiter.acquire():
            return one * other

    multiply = dramatiq.actor(store_results=True)(product)
    worker = dramatiq.Worker(broker)
    worker.start()
    try:
        return multiply.send_with_options(args=(6, 7), delay=10).get_result(block=True, timeout=SECONDS * 1000)
    finally:
        worker.stop()


if __name__ == "__main__":
    say(run())
