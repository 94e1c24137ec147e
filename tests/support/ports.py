"""Ports and addresses for the servers of tests."""

import itertools
import os
import random
import socket

import psutil

# The process of a test run that this is, and the ports that each has for itself.
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw7").removeprefix("gw")) % 8
WORKER_PORTS = 2500
DOCKERS_OWN = ("docker", "br-", "veth", "lo")
_ports = itertools.count(random.randrange(WORKER_PORTS))


def free_port() -> int:
    """Return a port that nobody listens on, below those that the kernel hands out to others meanwhile.

    No other process of this test run is given it: what is not listened on yet, another one would take for free.
    """
    while True:
        port = 10000 + WORKER * WORKER_PORTS + next(_ports) % WORKER_PORTS
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def address() -> str:
    """Return an address of this machine by which others reach it."""
    found = [
        each.address
        for interface, several in psutil.net_if_addrs().items()
        for each in several
        if each.family == socket.AF_INET and not interface.startswith(DOCKERS_OWN)
    ]
    assert found, "this machine has no address but the loopback's"
    return found[0]
