"""What the lab's own nodes and interfaces are called. Names of interfaces are at most 15 bytes, the kernel's limit.

A circuit's name is in front of its nodes where a topology has several: `ams-msee1`. A Microsoft edge is a node for each
peering, as each is a VRF: `msee1` is private peering's, `msee1-ms` Microsoft peering's.
"""

from __future__ import annotations

import re

from lab.topology import Circuit, Link, RoutingDomain

REFLECTOR = "rr"
"""The route reflector of a provider's edge routers."""
MICROSOFT_CORE = "ms-core"
"""Stands for Microsoft's network behind the edges, where the public services are."""
CIRCUIT_NAME_LENGTH = 6
"""At most: `to-` and `-msee1` around it are an interface's name."""
NUMBER = {Link.PRIMARY: 1, Link.SECONDARY: 2}
RESERVED = re.compile(
    r"gw[0-9]*|ms-core|core|rr|lan-.*|vnet-.*|.*msee[0-9].*|line[0-9]|.*-line[0-9]|(.*-)?exchange-fabric"
)
"""Names that no node of a file may have."""
RESERVED_WORDS = "gw, msee1, ms-core, lan-... and the like are the lab's"


def of_circuit(circuit: str, name: str) -> str:
    """A name that is one of a circuit's."""
    return f"{circuit}-{name}" if circuit else name


def device(circuit: str, link: Link) -> str:
    """A Microsoft edge as a whole."""
    return of_circuit(circuit, f"msee{NUMBER[link]}")


def microsoft_edge(circuit: str, link: Link, domain: RoutingDomain) -> str:
    """The VRF of a peering at the Microsoft edge of a link."""
    return device(circuit, link) + ("" if domain is RoutingDomain.PRIVATE else "-ms")


def provider_switch(circuit: str, link: Link, *, exchange: bool) -> str:
    """The switch of a provider that only carries frames: one for each link, or the one fabric of an exchange."""
    return of_circuit(circuit, "exchange-fabric" if exchange else f"line{NUMBER[link]}")


def to_microsoft(circuit: Circuit, link: Link, domain: RoutingDomain) -> str:
    """The interface towards a Microsoft edge."""
    return ("to-" if domain is RoutingDomain.PRIVATE else "ms-") + device(circuit.name, link)


def port(circuit: str, link: Link) -> str:
    """The port of a link at both its ends."""
    return of_circuit(circuit, f"port{NUMBER[link]}")


def vrf(edge: str, vpn: str) -> str:
    """The VRF of a VPN at a provider's edge router."""
    return f"{edge}-{vpn}"


def towards(node: str) -> str:
    """The interface towards a node: `to-` before its name where there is room for it."""
    return f"to-{node}" if len(node) <= 12 else node


def gateways(instances: int) -> tuple[str, ...]:
    """The instances of the gateway of the VNets."""
    return ("gw",) if instances == 1 else tuple(f"gw{number}" for number in range(1, instances + 1))


def lan(network: str) -> str:
    """The switch of an on-premises network."""
    return f"lan-{network}"
