"""A worker that looks at the server as it starts, and a result."""

import asyncio
from typing import Any

from arq import Worker, create_pool, func
from arq.connections import RedisSettings

from tests.support.libraries import SECONDS, URL, say


def arq() -> Any:
    async def multiply(_: dict[Any, Any], one: int, other: int) -> int:
        return one * other

    async def run() -> Any:
        settings = RedisSettings.from_dsn(URL)
        pool = await create_pool(settings)
        job = await pool.enqueue_job("multiply", 6, 7)
        worker = Worker([func(multiply, name="multiply")], redis_settings=settings, burst=True, handle_signals=False)
        await worker.async_run()
        await worker.close()
        assert job
        return await job.result(timeout=SECONDS)

    return asyncio.run(run())


if __name__ == "__main__":
    say(arq())
