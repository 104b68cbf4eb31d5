"""A provider's core under an IPVPN: whole packets through its tunnels, and tunnels that go down and come back."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from erlab_command import Erlab
from lab_processes import await_

TESTS = Path(__file__).parents[1]
IPVPN = TESTS.parent / "topologies" / "any_to_any_ipvpn.yaml"
LAB = "contoso-ipvpn"
PLANT = {"ipv4": "10.11.0.10", "ipv6": "2001:db8:11::a"}
"""The host of another site than hq."""


@pytest.fixture
def ipvpn(erlab: Erlab) -> Erlab:
    """The command, with the shipped IPVPN up."""
    erlab.does("up", IPVPN, "--timeout", "30")
    return erlab


def whole_packet(erlab: Erlab, address: str, length: int) -> str:
    """What came of a packet of hq that must not be fragmented."""
    return erlab.shell("hq", sys.executable, str(TESTS / "whole_packet.py"), address, str(length)).strip()


def test_a_packet_of_1500_bytes_crosses_the_core_in_one_piece(ipvpn: Erlab) -> None:
    """Customers can send 1500 bytes, which neither the tunnel nor the core under it makes smaller."""
    for address in PLANT.values():
        assert whole_packet(ipvpn, address, 1500) == "answered"
    counters = ipvpn.shell("pe1", "cat", "/proc/net/snmp").splitlines()
    names, values = (line.split()[1:] for line in counters if line.startswith("Ip:"))
    assert dict(zip(names, values, strict=True))["FragCreates"] == "0"

    ipvpn.shell("pe1-contoso", "ip", "link", "set", "core", "mtu", "1499")
    assert whole_packet(ipvpn, PLANT["ipv4"], 1500) == "too long"


def test_a_tunnel_interface_that_flaps(ipvpn: Erlab) -> None:
    """While it is down no packets of the VPN leave the edge; when it is up again they do, as before."""

    def answered() -> list[bool]:
        probes = ipvpn.run("probe", "hq", "plant", "--timeout", "1", "--format", "json").document["probes"]
        return [one["answered"] for one in probes]

    assert answered() == [True, True]
    ipvpn.shell("pe1-contoso", "ip", "link", "set", "core", "down")
    await_(lambda: answered() == [False, False], "the tunnel's end")
    ipvpn.shell("pe1-contoso", "ip", "link", "set", "core", "up")
    await_(lambda: answered() == [True, True], "the tunnel's return")
    report = ipvpn.does("test", IPVPN, "--lab", LAB, "--timeout", "30", "--format", "json").document
    assert report["model"]["differences"] == []
