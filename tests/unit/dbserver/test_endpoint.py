"""Where the Docker daemon is, and whether that is this machine."""

import hashlib
import json
from pathlib import Path

import pytest

from dbserver import endpoint, inherited

FAR = "tcp://far.example.org:2376"


@pytest.mark.parametrize(
    ("given", "address", "local"),
    [
        (None, endpoint.SOCKET, True),
        ("", endpoint.SOCKET, True),
        ("unix:///run/user/1000/docker.sock", "unix:///run/user/1000/docker.sock", True),
        ("ssh://deploy@db.example.org", "ssh://deploy@db.example.org", False),
        ("tcp://127.0.0.1:2375", "tcp://127.0.0.1:2375", False),
    ],
)
def test_only_a_socket_is_this_machine_and_an_empty_variable_is_none(
    monkeypatch: pytest.MonkeyPatch, given: str | None, address: str, *, local: bool
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    if given is not None:
        monkeypatch.setenv("DOCKER_HOST", given)
    assert (endpoint.address(), endpoint.local()) == (address, local)


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's own files, with a context `far` and a broken one."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    for name, text in (("far", json.dumps({"Endpoints": {"docker": {"Host": FAR}}})), ("broken", "{")):
        directory = tmp_path / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
        directory.mkdir(parents=True)
        (directory / "meta.json").write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("selected", "variables", "name", "address"),
    [
        ("far", {}, "far", FAR),
        ("", {"DOCKER_CONTEXT": "far"}, "far", FAR),
        ("far", {"DOCKER_CONTEXT": "default"}, "", endpoint.SOCKET),
        ("far", {"DOCKER_HOST": "ssh://other"}, "", "ssh://other"),
        ("default", {}, "", endpoint.SOCKET),
        ("broken", {}, "broken", endpoint.SOCKET),
        ("gone", {}, "gone", endpoint.SOCKET),
        ("", {}, "", endpoint.SOCKET),
    ],
)
def test_a_context_decides_as_it_does_for_docker_s_own_client(
    known: Path, monkeypatch: pytest.MonkeyPatch, selected: str, variables: dict[str, str], name: str, address: str
) -> None:
    (known / "config.json").write_text(json.dumps({"currentContext": selected} if selected else {}))
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert (endpoint.context(), endpoint.address()) == (name, address)
    assert endpoint.nowhere() == (name if address == endpoint.SOCKET else "")
    assert inherited.environment("/usr/bin/pulumi", None).get("DOCKER_HOST") == (
        address if name else variables.get("DOCKER_HOST")
    )
    assert inherited.environment("docker", None).get("DOCKER_HOST") == variables.get("DOCKER_HOST")


def test_the_certificates_of_a_context_are_told_too(known: Path) -> None:
    (known / "config.json").write_text('{"currentContext": "far"}')
    keys = known / "contexts" / "tls" / hashlib.sha256(b"far").hexdigest() / "docker"
    keys.mkdir(parents=True)
    told = {"DOCKER_HOST": FAR, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(keys)}
    assert endpoint.variables() == told
