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


@pytest.mark.parametrize(
    ("config", "gateway"),
    [
        ({"Subnet": "10.99.7.0/24", "Gateway": "10.99.7.254"}, "10.99.7.254"),
        ({"Subnet": "10.99.7.0/24"}, "10.99.7.1"),
        ({"Subnet": "10.99.7.0/24", "IPRange": "10.99.7.128/25"}, "10.99.7.128"),
        ({"Subnet": "10.99.7.0/24", "IPRange": "10.99.7.0/25"}, "10.99.7.1"),
        ({"Subnet": "fd00:7::/64"}, "fd00:7::1"),
    ],
    ids=["given", "chosen in a subnet", "chosen in a range", "chosen in the first range", "chosen in IPv6"],
)
def test_a_gateway_that_docker_chose_itself_is_known_though_it_names_none(
    programs: Programs, config: dict[str, str], gateway: str
) -> None:
    entry = {"Name": "n", "Id": "i", "Driver": "bridge", "IPAM": {"Config": [config]}}
    programs.answer("network inspect n", json.dumps([entry]))
    found = networks.find("n")
    assert found is not None
    assert found.gateways == (gateway,)


def test_the_containers_on_a_network_are_known_by_each_of_their_addresses(programs: Programs) -> None:
    members = {
        "1": {"Name": "shop-blue", "IPv4Address": "172.18.0.4/16", "IPv6Address": "fd00::4/64"},
        "2": {"Name": "created", "IPv4Address": "", "IPv6Address": ""},
    }
    entry = {"Name": "n", "Id": "i", "Driver": "bridge", "IPAM": {"Config": None}, "Containers": members}
    programs.answer("network inspect n", json.dumps([entry]))
    found = networks.find("n")
    assert found is not None
    assert found.members == {"172.18.0.4": "shop-blue", "fd00::4": "shop-blue"}


@pytest.mark.parametrize("said", ["Error: No such network: n", "Error response from daemon: network n not found"])
def test_a_missing_network_is_none(programs: Programs, said: str) -> None:
    programs.answer("network inspect", Failed(said))
    assert networks.find("n") is None


def test_a_daemon_that_does_not_answer_is_not_a_missing_network(programs: Programs) -> None:
    programs.answer("network inspect", Failed("Cannot connect to the Docker daemon"))
    with pytest.raises(NotRunningError):
        networks.find("n")
