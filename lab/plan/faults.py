"""What would keep a plan from being built, or would make its lab another network than the plan says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from itertools import pairwise

from lab.bgp import family_of
from lab.plan import Endpoint, NodePlan, Plan, Role, Tagged

LONGEST_INTERFACE_NAME = 15
"""Octets, the kernel's limit."""


def faults(plan: Plan) -> list[str]:
    """Every fault of a plan; none of a good one."""
    return [
        *_names(plan),
        *_links(plan),
        *_wires(plan),
        *_sub_interfaces(plan),
        *_cross_connects(plan),
        *_sessions(plan),
    ]


def _twice(what: str, values: Iterable[Hashable]) -> Iterator[str]:
    yield from (f"{what} {value} is there {count} times" for value, count in Counter(values).items() if count > 1)


def _names(plan: Plan) -> Iterator[str]:
    yield from _twice("node", (node.name for node in plan.nodes))
    yield from _twice("wire", (wire.name for wire in plan.wires))
    yield from _twice("cross connect", (one.name for one in plan.cross_connects))
    for node in plan.nodes:
        names = [one.name for one in node.interfaces]
        yield from _twice(f"interface of {node.name}", names)
        yield from (
            f"{node.name}: {name} is no interface name"
            for name in names
            if not 0 < len(name.encode()) <= LONGEST_INTERFACE_NAME
        )
        yield from _addresses(node)


def _addresses(node: NodePlan) -> Iterator[str]:
    """The subnets of a node's interfaces are apart."""
    placed = [(address, one.name) for one in node.interfaces for address in one.addresses]
    placed.sort(key=lambda p: (p[0].version, int(p[0].network.network_address), p[0].network.prefixlen))
    for (first, one), (second, other) in pairwise(placed):
        if first.version == second.version and first.network.overlaps(second.network):
            yield f"{node.name}: {first} at {one} and {second} at {other} overlap"


def _links(plan: Plan) -> Iterator[str]:
    """Nobody has another's address on a link."""
    addresses = {
        Endpoint(node=node.name, interface=one.name): [address.ip for address in one.addresses]
        for node in plan.nodes
        for one in node.interfaces
    }
    for ends in plan.links:
        among = ", ".join(sorted(map(str, ends)))
        yield from _twice(f"on the link of {among} the address", (ip for end in ends for ip in addresses[end]))


def _wires(plan: Plan) -> Iterator[str]:
    ends = [end for wire in plan.wires for end in wire.ends]
    yield from _twice("wire end", ends)
    there = set(_endpoints(plan))
    yield from (f"the wire end {end} is no interface" for end in ends if end not in there)
    tunnels = {end.vrf for overlay in plan.overlays for end in overlay.ends}
    joined = {*ends, *tunnels}
    for node in plan.nodes:
        for one in node.interfaces:
            end = Endpoint(node=node.name, interface=one.name)
            if one.vlan is None and end not in joined and not one.name.startswith("lo"):
                yield f"{end} is at no wire"


def _endpoints(plan: Plan) -> Iterator[Endpoint]:
    yield from (Endpoint(node=node.name, interface=one.name) for node in plan.nodes for one in node.interfaces)


def _sub_interfaces(plan: Plan) -> Iterator[str]:
    places = [one.vlan for node in plan.nodes for one in node.interfaces if one.vlan is not None]
    yield from _twice("sub-interface", map(_words, places))
    yield from _ports(plan, places)


def _words(place: Tagged) -> str:
    return f"{place.port} {'.'.join(map(str, place.tags))}"


def _cross_connects(plan: Plan) -> Iterator[str]:
    places = [end for one in plan.cross_connects for end in one.ends]
    yield from _twice("end of a cross connect", map(_words, places))
    yield from _ports(plan, places)
    for one in plan.cross_connects:
        nodes = {end.port.node for end in one.ends}
        if len(nodes) > 1 or plan.node(nodes.pop()).role is not Role.PROVIDER_SWITCH:
            yield f"{one.name} is not inside of a provider's switch"


def _ports(plan: Plan, places: Iterable[Tagged]) -> Iterator[str]:
    wired = {end for wire in plan.wires for end in wire.ends}
    for place in places:
        if place.port not in wired:
            yield f"{place.port} carries tagged frames to nowhere"
        if not place.tags or not all(1 <= tag <= 4094 for tag in place.tags):
            yield f"{place.port} has no tags that there are: {place.tags}"


def _sessions(plan: Plan) -> Iterator[str]:
    """Both ends of each session are there, agree, and have their addresses where the sessions say."""
    far_ends = plan.far_ends()
    for node in plan.routers:
        sessions = node.bgp.sessions if node.bgp else ()
        yield from _twice(f"session of {node.name}", (one.name for one in sessions))
        yield from _twice(f"peer of {node.name}", (one.peer_address for one in sessions))
        for one in sessions:
            what = f"session {one.name} of {node.name}"
            found = far_ends.get((node.name, one.name))
            if found is None:
                yield f"{what} has no other end"
                continue
            router, there = found
            if (router, there.passive, there.peer_asn) != (one.neighbor, not one.passive, one.local_asn):
                yield f"{what} is not agreed on"
            if one.family is not family_of(one.local_address) and not one.vpn:
                yield f"{what} has an address of the other family"
            if node.bgp and node.bgp.asn != one.local_asn:
                yield f"{what} is of AS {one.local_asn}"
            if one.interface not in {i.name for i in node.interfaces}:
                yield f"{what} has no interface {one.interface}"
            elif one.local_address not in {a.ip for a in node.interface(one.interface).addresses}:
                yield f"{what} has no address at {one.interface}"
