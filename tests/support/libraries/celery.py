"""A worker with its events and its remote control, asked over both, and a result."""

import subprocess
import sys
import threading
from typing import Any

from celery import Celery

from tests.support.libraries import PREFIX, SECONDS, URL, say


def multiply(one: int, other: int) -> int:
    return one * other


def celery_application() -> Any:
    """Return what the worker and those who ask it have in common."""
    options = {"global_keyprefix": PREFIX}
    app = Celery("jobs", broker=URL, backend=URL)
    app.conf.update(broker_transport_options=options, result_backend_transport_options=options)
    app.task(multiply, name="multiply")
    return app


def celery() -> Any:
    app, seen = celery_application(), threading.Event()

    def watch() -> None:
        with app.connection() as connection:
            receiver = app.events.Receiver(connection, handlers={"worker-heartbeat": lambda _: seen.set()})
            receiver.capture(limit=None, timeout=SECONDS)

    with subprocess.Popen([sys.executable, "-m", __spec__.name, "worker"]) as worker:
        try:
            threading.Thread(target=watch, daemon=True).start()
            result = app.tasks["multiply"].delay(6, 7).get(timeout=SECONDS)
            assert app.control.ping(timeout=SECONDS, limit=1), "its remote control"
            assert seen.wait(SECONDS), "its events"
        finally:
            worker.terminate()
    return result


def celery_worker() -> Any:
    """The worker, until it is terminated."""
    return celery_application().worker_main(["worker", "--pool", "solo", "--task-events", "--loglevel", "ERROR"])


if __name__ == "__main__":
    say(celery_worker() if sys.argv[1:] else celery())
