"""Circuits in small: `ce` and `msee` over a trunk or through a provider's switch, with the tags that a test wants.

Their ports are named `port`, the provider's `left` and `right`, and the sub-interfaces as those of `networks.Net`.
"""

from __future__ import annotations

from lab.bgp import Family
from lab.plan import Endpoint, Plan, Tagged
from networks import Net

BOTH = (Family.IPV4, Family.IPV6)
C, S_AND_C = (100,), (1034, 100)
"""Usual tags: a customer's, and behind that of the provider."""


def edges() -> Net:
    """The routers at both ends of a circuit, each with a network."""
    net = Net()
    net.router("ce", 65010, ["10.1.0.0/16"])
    net.router("msee", 12076, ["10.2.0.0/16"])
    return net


def direct(ce: Tagged | None = None, msee: Tagged | None = None, tags: tuple[int, ...] = C) -> Plan:
    """A trunk between the two, and a session over sub-interfaces of it."""
    net = edges()
    at_ce, at_msee = net.trunk("ce:port", "msee:port")
    places = {"ce": ce or Tagged(port=at_ce, tags=tags), "msee": msee or Tagged(port=at_msee, tags=tags)}
    net.session("ce", "msee", BOTH, at=places)
    return net.plan()


def at(node: str, *tags: int, outer_ethertype: int = 0x8100) -> Tagged:
    """A place at a node's port."""
    return Tagged(port=Endpoint(node=node, interface="port"), tags=tags, outer_ethertype=outer_ethertype)


def through_a_provider(ce: Tagged, left: tuple[int, ...], right: tuple[int, ...], msee: Tagged) -> Plan:
    """A provider's switch between the two that exchanges the tags of its left port and those of its right one."""
    net = edges()
    net.provider("provider")
    _, left_port = net.trunk("ce:port", "provider:left")
    right_port, _ = net.trunk("provider:right", "msee:port")
    net.cross_connect(
        Tagged(port=left_port, tags=left),
        Tagged(port=right_port, tags=right, outer_ethertype=msee.outer_ethertype),
    )
    net.session("ce", "msee", BOTH, at={"ce": ce, "msee": msee})
    return net.plan()


def untagged_wire() -> Plan:
    """The two routers at one wire."""
    net = edges()
    net.session("ce", "msee", BOTH)
    return net.plan()
