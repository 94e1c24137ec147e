"""A writer that knows when each of its writes was acknowledged, and what a moment must have of them."""

import subprocess
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from tests.support.stack import Stack

TABLE = "CREATE TABLE written (n int PRIMARY KEY)"


@dataclass
class Writer:
    """Writes one row after the other, from `start` to `stop`; `writes` are number, sent at, acknowledged at."""

    stack: Stack
    database: str = "shop"
    pause: float = 0.02
    writes: list[tuple[int, datetime, datetime]] = field(default_factory=list)

    def __enter__(self) -> "Writer":
        argv = ["docker", "exec", "-i", self.stack.postgres, "psql", "-XqAt", "-U", "dbadmin", "-d", self.database]
        self._psql = subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self._first = len(self.writes)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join(60)
        self._psql.kill()
        self._psql.communicate()

    def _write(self) -> None:
        assert self._psql.stdin
        assert self._psql.stdout
        number = self._first
        while not self._ended.is_set():
            sent = datetime.now(UTC)
            try:
                self._psql.stdin.write(f"INSERT INTO written VALUES ({number}) RETURNING n;\n")
                self._psql.stdin.flush()
            except BrokenPipeError:
                return
            if self._psql.stdout.readline().strip() != str(number):
                return
            self.writes.append((number, sent, datetime.now(UTC)))
            number += 1
            time.sleep(self.pause)

    def judge(self, moment: datetime, found: set[int]) -> None:
        """Everything acknowledged before a moment is there, nothing that was sent after it is."""
        missing = [write for write in self.writes if write[2] <= moment and write[0] not in found]
        beyond = [write for write in self.writes if write[1] > moment and write[0] in found]
        assert not missing, f"acknowledged before {moment} and not there: {missing[:3]} of {len(missing)}"
        assert not beyond, f"sent after {moment} and there: {beyond[:3]} of {len(beyond)}"

    def between(self, part: float) -> datetime:
        """Return a moment while it wrote: 0 is its first acknowledgement, 1 its last."""
        first, last = self.writes[0][2], self.writes[-1][2]
        return first + timedelta(seconds=(last - first).total_seconds() * part)
