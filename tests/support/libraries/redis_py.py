"""Keys, a pipeline, a script, a lock, a stream with a group, and a message to a pattern."""

from typing import Any

import redis

from tests.support.libraries import PREFIX, SECONDS, URL, say


def redis_py() -> Any:
    client = redis.Redis.from_url(URL, decode_responses=True)
    messages = client.pubsub(ignore_subscribe_messages=True)
    messages.psubscribe(f"{PREFIX}*")
    messages.get_message(timeout=SECONDS)
    with client.lock(f"{PREFIX}lock", timeout=SECONDS), client.pipeline() as pipeline:
        pipeline.set(f"{PREFIX}half", 21).xadd(f"{PREFIX}stream", {"half": 21}).execute()
    client.xgroup_create(f"{PREFIX}stream", "workers", id="0")
    assert client.xreadgroup("workers", "one", {f"{PREFIX}stream": ">"})
    double = client.register_script("return 2 * redis.call('GET', KEYS[1])")
    client.publish(f"{PREFIX}answers", double(keys=[f"{PREFIX}half"]))
    return (messages.get_message(timeout=SECONDS) or {})["data"]


if __name__ == "__main__":
    say(redis_py())
