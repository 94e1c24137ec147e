"""A server that speaks SFTP as a target. Only a host whose key is known is talked to."""

import logging
import posixpath
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import paramiko
from paramiko.ssh_exception import AuthenticationException, BadHostKeyException, NoValidConnectionsError, SSHException

from dbserver.errors import DbServerError, RefusedError, UsageError
from dbserver.offsite.place import Address, Place
from dbserver.offsite.targets import PARTIAL, paced

Found = TypeVar("Found")

CONNECT_SECONDS, ANSWER_SECONDS, ALIVE_SECONDS = 15, 60, 15
PAUSES_SECONDS = (1.0, 3.0)  # before the second attempt and the third
SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")
# It writes the stack traces of what it raises.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)
LOST = (SSHException, EOFError, ConnectionError, TimeoutError, NoValidConnectionsError)


class UnknownHostError(Exception):
    """The server's key is in none of the files of known hosts."""


class _Refusing(paramiko.MissingHostKeyPolicy):
    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002  paramiko's signature
        raise UnknownHostError(f"{key.get_name()} {key.fingerprint}")


def open_target(wanted: Place, address: Address) -> "Sftp":
    """Return the target, connected."""
    target = Sftp(wanted, address)
    target.connect()
    return target


class Sftp:
    """A directory behind SFTP. A connection that is lost is made again, and what was under way repeated."""

    def __init__(self, wanted: Place, address: Address) -> None:
        self._wanted, self._address = wanted, address
        self._name = f"sftp server {address.host}:{address.port}"
        self._ssh: paramiko.SSHClient | None = None
        self._made: set[str] = set()

    def connect(self) -> None:
        """Connect, and find the directory there."""
        self._again(lambda sftp: sftp.stat(self._address.path), f"{self._address.path} cannot be read")

    def names(self, under: str) -> Mapping[str, int]:
        """Return what lies below."""
        top = posixpath.join(self._address.path, under)
        return self._again(lambda sftp: dict(_walk(sftp, top, "")), f"{top} cannot be listed")

    def put(self, name: str, content: bytes) -> None:
        """Write it under another name, then rename it."""
        path = posixpath.join(self._address.path, name)
        self._again(lambda sftp: self._put(sftp, path, content), f"{path} cannot be written; is its disk full?")

    def get(self, name: str) -> bytes:
        """Read it."""
        path = posixpath.join(self._address.path, name)
        return self._again(lambda sftp: _get(sftp, path), f"{path} cannot be read")

    def remove(self, name: str) -> None:
        """Remove it, and its directory with the last one."""
        path = posixpath.join(self._address.path, name)
        self._again(lambda sftp: _remove(sftp, path), f"{path} cannot be removed")

    def close(self) -> None:
        """Let the connection go."""
        if self._ssh:
            self._ssh.close()
        self._ssh = None

    def _put(self, sftp: paramiko.SFTPClient, path: str, content: bytes) -> None:
        self._make(sftp, posixpath.dirname(path))
        partial = path + PARTIAL
        try:
            with sftp.open(partial, "wb") as file:
                file.set_pipelined(True)
                for block in paced(content, self._wanted.bandwidth):
                    file.write(block)
            _refuse_cut_off(sftp, partial, len(content))
        except OSError:
            with suppress(*LOST, OSError):
                sftp.remove(partial)
            raise
        sftp.posix_rename(partial, path)

    def _make(self, sftp: paramiko.SFTPClient, path: str) -> None:
        missing = []
        while path not in self._made and path != self._address.path:
            missing.append(path)
            path = posixpath.dirname(path)
        for each in reversed(missing):
            try:
                sftp.stat(each)
            except FileNotFoundError:
                sftp.mkdir(each, 0o700)
            self._made.add(each)

    def _again(self, action: Callable[[paramiko.SFTPClient], Found], what: str) -> Found:
        """Do something, on a new connection where the one before is lost."""
        for pause in (*PAUSES_SECONDS, None):
            try:
                return action(self._client())
            except (AuthenticationException, BadHostKeyException, UnknownHostError) as fault:
                raise self._refused(fault) from None
            except (*LOST, OSError) as fault:
                lost = isinstance(fault, LOST) or not self._active()
                if not lost or pause is None:
                    message = f"{self._name}: " + (f"no connection: {fault}" if lost else f"{what}: {fault}")
                    raise DbServerError(message, "look at that server and the network, then try again") from None
                self.close()
                time.sleep(pause)
        raise AssertionError

    def _active(self) -> bool:
        transport = self._ssh.get_transport() if self._ssh else None
        return bool(transport and transport.is_active())

    def _client(self) -> paramiko.SFTPClient:
        if self._ssh is None or not self._active():
            self.close()
            self._ssh, self._sftp = self._connected()
        return self._sftp

    def _connected(self) -> tuple[paramiko.SSHClient, paramiko.SFTPClient]:
        ssh, key = paramiko.SSHClient(), self._wanted.credentials_file
        self._load_known_hosts(ssh)
        ssh.set_missing_host_key_policy(_Refusing())
        try:
            ssh.connect(
                self._address.host, self._address.port, self._address.user, key_filename=key or None,
                look_for_keys=not key, allow_agent=not key,
                timeout=CONNECT_SECONDS, banner_timeout=CONNECT_SECONDS, auth_timeout=CONNECT_SECONDS,
            )  # fmt: skip
            transport, sftp = ssh.get_transport(), ssh.open_sftp()
            channel = sftp.get_channel()
            if transport and channel:
                transport.set_keepalive(ALIVE_SECONDS)
                channel.settimeout(ANSWER_SECONDS)
        except BaseException:
            ssh.close()
            raise
        return ssh, sftp

    def _load_known_hosts(self, ssh: paramiko.SSHClient) -> None:
        own = self._wanted.known_hosts
        try:
            ssh.load_system_host_keys(own or None)  # nothing is read where the user has no file
            if not own and SYSTEM_KNOWN_HOSTS.is_file():
                ssh.load_system_host_keys(str(SYSTEM_KNOWN_HOSTS))
        except OSError as fault:
            raise UsageError(f"{own} cannot be read: {fault.strerror}", "offsite.knownHosts") from None

    def _refused(self, fault: Exception) -> DbServerError:
        where = self._wanted.known_hosts or "~/.ssh/known_hosts"
        port = f"-p {self._address.port} {self._address.host}"
        if isinstance(fault, AuthenticationException):
            hint = "credentialsFile with a private key that it knows; docs/how-to/offsite.md"
            return UsageError(f"{self._name} refuses the key of {self._address.user}", hint)
        if isinstance(fault, UnknownHostError):
            hint = f"compare that with what its owner says, then: ssh-keyscan {port} >> {where}"
            return RefusedError(f"{self._name} is not in {where}; its key is {fault}", hint)
        return RefusedError(
            f"{self._name} has another key than the one in {where}: it may be another server",
            f"ask its owner; where it is right: ssh-keygen -R, then ssh-keyscan {port} >> {where}",
        )


def _walk(sftp: paramiko.SFTPClient, top: str, under: str) -> Iterator[tuple[str, int]]:
    try:
        entries = sftp.listdir_attr(posixpath.join(top, under))
    except FileNotFoundError:
        return
    for entry in entries:
        name = posixpath.join(under, entry.filename)
        if stat.S_ISDIR(entry.st_mode or 0):
            yield from _walk(sftp, top, name)
        elif not name.endswith(PARTIAL):
            yield name, entry.st_size or 0


def _refuse_cut_off(sftp: paramiko.SFTPClient, path: str, size: int) -> None:
    """Answers to writes come late: only the size proves that all of them were good."""
    if sftp.stat(path).st_size != size:
        raise OSError("it was cut off")


def _get(sftp: paramiko.SFTPClient, path: str) -> bytes:
    with sftp.open(path, "rb") as file:
        file.prefetch()
        return file.read()


def _remove(sftp: paramiko.SFTPClient, path: str) -> None:
    with suppress(FileNotFoundError):
        sftp.remove(path)
    parent = posixpath.dirname(path)
    with suppress(FileNotFoundError):
        left = sftp.listdir(parent)
        for name in left:
            if name.endswith(PARTIAL):
                sftp.remove(posixpath.join(parent, name))
        if all(name.endswith(PARTIAL) for name in left):
            sftp.rmdir(parent)
