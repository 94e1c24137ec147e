"""Networks: found or not, and a daemon that does not answer is neither."""

import json

import pytest

from dbserver.docker import networks
from dbserver.errors import NotRunningError
from tests.unit.fakes import Failed, Programs


def test_a_network_is_read_with_its_gateways(programs: Programs) -> None:
    entry = {"Name": "n", "Id": "i", "Driver": "bridge", "IPAM": {"Config": [{"Gateway": "172.18.0.1"}, {}]}}
    programs.answer("network inspect n", json.dumps([entry]))
    assert networks.find("n") == networks.Network("n", "i", "bridge", ("172.18.0.1",))


@pytest.mark.parametrize("said", ["Error: No such network: n", "Error response from daemon: network n not found"])
def test_a_missing_network_is_none(programs: Programs, said: str) -> None:
    programs.answer("network inspect", Failed(said))
    assert networks.find("n") is None


def test_a_daemon_that_does_not_answer_is_not_a_missing_network(programs: Programs) -> None:
    programs.answer("network inspect", Failed("Cannot connect to the Docker daemon"))
    with pytest.raises(NotRunningError):
        networks.find("n")
