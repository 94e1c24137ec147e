"""Where the Docker daemon is, and whether that is this machine."""

import pytest

from dbserver import endpoint


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
