"""A consumer with its scheduler, a result that is waited for, a lock."""

from typing import Any

from huey import RedisHuey

from tests.support.libraries import SECONDS, URL, say


def huey() -> Any:
    queue = RedisHuey("jobs", url=URL)

    def product(one: int, other: int) -> int:
        with queue.lock_task("one at a time"):
            return one * other

    multiply = queue.task()(product)
    consumer = queue.create_consumer(workers=1)
    consumer.start()
    try:
        multiply.schedule((1, 1), delay=3600)
        return multiply(6, 7).get(blocking=True, timeout=SECONDS)
    finally:
        consumer.stop(graceful=True)


if __name__ == "__main__":
    say(huey())
