"""The network of the applications: made where it is declared, never removed."""

import json

from infra.network import NetworkProvider
from tests.unit.fakes import Failed, Programs

MISSING = Failed("Error response from daemon: network dev-net not found")
FOUND = json.dumps([{"Name": "dev-net", "Id": "n1", "Driver": "bridge", "IPAM": {"Config": []}}])


def test_a_missing_network_is_made_once(programs: Programs) -> None:
    programs.answer("network inspect", MISSING, FOUND)
    programs.answer("network create", "n1\n")
    assert NetworkProvider().create({"name": "dev-net"}).id == "n1"
    assert len(programs.started("docker network create --driver bridge dev-net")) == 1


def test_a_network_that_exists_is_used_as_it_is(programs: Programs) -> None:
    programs.answer("network inspect", FOUND)
    assert NetworkProvider().create({"name": "dev-net"}).id == "n1"


def test_a_network_is_never_removed_because_others_use_it(programs: Programs) -> None:
    NetworkProvider().delete("n1", {"name": "dev-net"})
    assert programs.calls == []


def test_a_network_that_is_gone_is_proposed_again_by_a_refresh(programs: Programs) -> None:
    programs.answer("network inspect", MISSING)
    assert not NetworkProvider().read("n1", {"name": "dev-net"}).id


def test_a_network_that_is_there_is_read_back_as_declared(programs: Programs) -> None:
    programs.answer("network inspect", FOUND)
    result = NetworkProvider().read("old", {"name": "dev-net"})
    assert (result.id, result.outs) == ("n1", {"name": "dev-net"})


def test_only_another_name_is_another_network() -> None:
    provider = NetworkProvider()
    assert provider.diff("n1", {"name": "a"}, {"name": "a"}).changes is False
    assert provider.diff("n1", {"name": "a"}, {"name": "b"}).replaces == ["name"]
