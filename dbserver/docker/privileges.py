"""What a container may do: what its image's entrypoint needs until it is the server's user, and nothing else. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from dbserver import contract

ALL = "ALL"
# Docker's client gives names back in this form; another one would be a difference at every preview.
BECOMING_A_USER = ("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID")
SECURITY = "no-new-privileges:true"


@dataclass(frozen=True)
class Privileges:
    """What a container may do. `temporary` is path -> options of what it may write besides its mounts, in memory.

    `core` is the largest core file in bytes, None without a limit: it would hold what the server's memory holds.
    """

    capabilities: tuple[str, ...] = ()
    dropped: tuple[str, ...] = (ALL,)
    security: tuple[str, ...] = (SECURITY,)
    read_only: bool = True
    temporary: Mapping[str, str] = field(default_factory=dict)
    core: int | None = 0

    def __str__(self) -> str:
        """Return what a person reads where it differs."""
        root = "read-only" if self.read_only else "writable"
        lists = (self.capabilities, self.dropped, self.security, self.temporary)
        kept, dropped, security, temporary = (" ".join(sorted(each)) or "none" for each in lists)
        return (
            f"capabilities {kept}, dropped {dropped}; {security}; root {root}, in memory {temporary}; core {self.core}"
        )

    def besides(self, *paths: str) -> "Privileges":
        """Return them with more paths that are in memory."""
        return replace(self, temporary={**self.temporary, **dict.fromkeys(paths, "mode=1777")})

    def options(self) -> list[str]:
        """Return them as options of `docker run`."""
        return [
            *(word for each in self.dropped for word in ("--cap-drop", each)),
            *(word for each in self.capabilities for word in ("--cap-add", each)),
            *(word for each in self.security for word in ("--security-opt", each)),
            *(["--read-only"] if self.read_only else []),
            *(["--ulimit", f"core={self.core}"] if self.core is not None else []),
            *(word for path, how in self.temporary.items() for word in ("--tmpfs", f"{path}:{how}")),
        ]


# A person's psql writes its history into /root. What is in memory counts as the container's.
SERVER_TEMPORARY = {"/root": "mode=0700,size=1m", "/tmp": "mode=1777,size=64m"}  # noqa: S108  in the container
# From its start. A question to the archive unpacks two segments, whatever their size is.
AS_THE_SERVERS_USER = Privileges(temporary={"/tmp": "mode=1777"})  # noqa: S108  in the container
PRIVILEGES = {
    contract.POSTGRES: Privileges(BECOMING_A_USER, temporary=SERVER_TEMPORARY),
    # Its entrypoint empties its own bounding set.
    contract.REDIS: Privileges(tuple(sorted((*BECOMING_A_USER, "CAP_SETPCAP"))), temporary=SERVER_TEMPORARY),
    # Where the image declares a volume that nothing is mounted on, Docker makes one, and it outlives the container.
    contract.ARCHIVE: AS_THE_SERVERS_USER.besides(contract.INNER_DATA[contract.POSTGRES]),
}
# Processes and threads: max_connections is 10,000 at most. Health checks of a Redis that hangs leave some every 5 s,
# which nobody collects: with a small limit it could not be asked any more once it is back.
PROCESSES = 12_000
