"""The file with a server's certificate and key: its user's alone, replaced in one rename."""

import hashlib
from pathlib import Path

from dbserver import contract, execute
from dbserver.docker import host
from dbserver.docker.containers import ANSWER_SECONDS

# PostgreSQL starts with no key that anybody else may read.
MODE = "600"
WRITE = """
umask 077; mkdir -p "/target/$1" && cd "/target/$1" || exit 1
cat > ".$2.new" && chown "$3" ".$2.new" && sync && mv -f ".$2.new" "$2"
"""
PUBLIC = "/BEGIN CERTIFICATE/,/END CERTIFICATE/p"
LOOK = 'sha256sum < "$1" && stat -c "%a %U" "$1"'


def write(directory: str, pem: str, image: str, server: str) -> None:
    """Write the file into a host directory; only the image knows the number of its server's user."""
    path = Path(directory)
    argv = host.helper_argv(image, ["--volume", f"{path.parent}:/target"])
    script = ["-c", WRITE, "sh", path.name, contract.CERTIFICATE_FILE, server]
    execute.run([*argv, *script], stdin=pem, timeout=host.HELPER_SECONDS)


def shown(container: str, server: str) -> str:
    """Return the certificate that a running container has, without its key; empty where there is none."""
    argv = ["docker", "exec", container, "sed", "-n", PUBLIC, contract.certificate_path(server)]
    return execute.run(argv, check=False, timeout=ANSWER_SECONDS).stdout


def in_place(container: str, server: str, pem: str) -> bool:
    """Return True where a running container has this very file, readable by its server alone."""
    argv = ["docker", "exec", container, "sh", "-c", LOOK, "sh", contract.certificate_path(server)]
    shown = execute.run(argv, check=False, timeout=ANSWER_SECONDS).stdout
    return shown.split() == [hashlib.sha256(pem.encode()).hexdigest(), "-", MODE, server]
