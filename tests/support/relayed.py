"""A socket that hands everything on to the Docker daemon and remembers what was asked of it."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

DAEMON = "/var/run/docker.sock"
REQUEST = re.compile(rb"(?:GET|HEAD|POST|PUT|DELETE) [^ ]+ HTTP/1\.1\r\n.*?\r\n\r\n", re.DOTALL)


@dataclass
class Relay:
    """`heads` are the requests' first lines and headers, of those that came in one piece."""

    path: Path
    heads: list[str] = field(default_factory=list)

    @property
    def by_others_than_the_client(self) -> list[str]:
        """What came from programs that bring their own client, as the engine's provider does."""
        return [head for head in self.heads if "User-Agent: Docker-Client/" not in head]

    def serve(self, listening: socket.socket) -> None:
        """Take connections until the socket is closed."""
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                daemon = socket.socket(socket.AF_UNIX)
                daemon.connect(DAEMON)
                for pair in ((client, daemon), (daemon, client)):
                    threading.Thread(target=self.pump, args=pair, daemon=True).start()

    def pump(self, source: socket.socket, target: socket.socket) -> None:
        """Hand on what comes, and its end."""
        with suppress(OSError):
            while piece := source.recv(1 << 16):
                self.heads += [head.decode("latin-1") for head in REQUEST.findall(piece)]
                target.sendall(piece)
            target.shutdown(socket.SHUT_WR)


@contextmanager
def relayed(path: Path) -> Iterator[Relay]:
    """A relay at this path, for a while."""
    relay = Relay(path)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        threading.Thread(target=relay.serve, args=(listening,), daemon=True).start()
        yield relay
