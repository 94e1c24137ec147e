"""Places for copies of backups, as they are elsewhere: an SSH server in a container, a server that speaks S3."""

import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from dbserver import contract
from dbserver.docker import images
from tests.support.commands import run
from tests.support.ports import free_port
from tests.support.stack import Stack

SSHD = """
FROM {image}
RUN apt-get update -o Acquire::Check-Valid-Until=false \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openssh-server \\
 && mkdir -p /run/sshd /copies && rm -rf /var/lib/apt/lists/*
# Newer ones shut out for a while who comes with a wrong key.
RUN if /usr/sbin/sshd -t -o PerSourcePenalties=no; then \\
 echo PerSourcePenalties no > /etc/ssh/sshd_config.d/tests.conf; fi
ENTRYPOINT ["/usr/sbin/sshd", "-D", "-e"]
"""
POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}'


@dataclass(frozen=True)
class Ssh:
    """An SSH server that takes one key, and the files with which a client knows it. `small` is a disk of 8 MB."""

    container: str
    port: int
    key: Path
    known_hosts: Path

    small = "/small"

    def section(self, path: str = "/copies") -> dict[str, Any]:
        """Return what the configuration says of it."""
        url = f"sftp://root@127.0.0.1:{self.port}{path}"
        return {"url": url, "credentialsFile": str(self.key), "knownHosts": str(self.known_hosts)}

    def shell(self, script: str) -> str:
        return run("docker", "exec", "-i", self.container, "sh", "-s", stdin=script).ok().out.strip()

    def files(self, path: str = "/copies") -> list[str]:
        return sorted(self.shell(f"mkdir -p {path}; cd {path}; find . -type f | cut -c 3-").split())


def ssh(stack: Stack, directory: Path, *mounts: str) -> Ssh:
    """Start an SSH server; it goes with the stack at the latest."""
    image = images.resolve(contract.DEFAULT_IMAGE[contract.POSTGRES], stand_ins=True).name
    port, name = free_port(), f"{stack.name}-sshd"
    argv = ["docker", "build", "-q", "--network=host", "-t", "dbs-test-sshd", "-"]
    run(*argv, stdin=SSHD.format(image=image), env={**os.environ, "DOCKER_BUILDKIT": "0"}).ok()
    small = ["--tmpfs", f"{Ssh.small}:size=8m"]
    run("docker", "run", "-d", "--name", name, "-p", f"127.0.0.1:{port}:22", *small, *mounts, "dbs-test-sshd").ok()
    key, known = directory / "id_ed25519", directory / "known_hosts"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)).ok()
    made = Ssh(name, port, key, known)
    public = key.with_suffix(".pub").read_text().strip()
    made.shell(f"mkdir -p ~/.ssh && echo '{public}' > ~/.ssh/authorized_keys")
    host = made.shell("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub")
    known.write_text(f"[127.0.0.1]:{port} {host}\n")
    return made


def reached(stack: Stack, directory: Path, daemon: Path) -> tuple[str, Path]:
    """Start an SSH server beside a daemon's socket; return the daemon's address, and where an `ssh` is that gets in.

    OpenSSH looks for its configuration where the machine's user has it, whatever HOME says.
    """
    mounts = ["-v", f"{daemon}:/var/run/docker.sock", "-v", f"{shutil.which('docker')}:/usr/bin/docker:ro"]
    made = ssh(stack, directory, *mounts)
    programs = directory / "programs"
    programs.mkdir()
    options = f"-i {made.key} -o UserKnownHostsFile={made.known_hosts} -o IdentitiesOnly=yes"
    (programs / "ssh").write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} {options} "$@"\n')
    (programs / "ssh").chmod(0o755)
    return f"ssh://root@127.0.0.1:{made.port}", programs


@dataclass(frozen=True)
class Storage:
    """A server that speaks S3 and proves who asks. `secret` is the key that must be seen nowhere."""

    port: int
    credentials: Path
    client: Any
    access: str
    secret: str

    def section(self, prefix: str) -> dict[str, Any]:
        """Return what the configuration says of it."""
        endpoint = f"http://127.0.0.1:{self.port}"
        return {"url": f"s3://copies/{prefix}", "endpoint": endpoint, "credentialsFile": str(self.credentials)}

    def keys(self, prefix: str) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket="copies", Prefix=f"{prefix}/")
        return sorted(entry["Key"] for page in pages for entry in page.get("Contents", ()))


@contextmanager
def storage(directory: Path) -> Iterator[Storage]:
    """Run an S3 server: its first four requests, which make a user, are not asked who they are from."""
    port = free_port()
    environment = {**os.environ, "INITIAL_NO_AUTH_ACTION_COUNT": "4"}
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield _made(port, directory)
    finally:
        process.terminate()
        process.wait(30)


def _made(port: int, directory: Path) -> Storage:
    iam = _client("iam", port, "first", "first")
    deadline = time.monotonic() + 60
    while True:
        try:
            iam.create_user(UserName="copies")
            break
        except Exception:  # noqa: BLE001  it is not up yet
            assert time.monotonic() < deadline
            time.sleep(0.2)
    key = iam.create_access_key(UserName="copies")["AccessKey"]
    iam.put_user_policy(UserName="copies", PolicyName="all", PolicyDocument=POLICY)
    access, secret = str(key["AccessKeyId"]), str(key["SecretAccessKey"])
    client = _client("s3", port, access, secret)
    client.create_bucket(Bucket="copies")
    file = directory / f"credentials-{uuid.uuid4().hex[:8]}"
    file.write_text(credentials(access, secret))
    file.chmod(0o600)
    return Storage(port, file, client, access, secret)


def credentials(access: str, secret: str) -> str:
    """Return a credentials file."""
    return f"[default]\naws_access_key_id = {access}\naws_secret_access_key = {secret}\n"


def _client(service: str, port: int, access: str, secret: str) -> Any:
    session = botocore.session.Session()
    session.set_credentials(access, secret)
    return boto3.session.Session(botocore_session=session).client(
        service,
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )
