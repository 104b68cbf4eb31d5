"""Where a packet of a size cannot go on."""

from __future__ import annotations

from collections.abc import Iterable

from lab.bgp import Family
from lab.forwarding.flows import Flow
from lab.packets import Protocol
from lab.plan import NodePlan
from lab.plan.crossing import CrossedWire
from lab.plan.packet_limits import TooLarge

_ETHERNET_BYTES, _TAG_BYTES = 14, 4
_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17}
_ICMP = {Family.IPV4: 1, Family.IPV6: 58}


def protocol_number(flow: Flow) -> int:
    """The number of a flow's IP protocol (IANA)."""
    return _NUMBERS.get(flow.protocol, _ICMP[flow.family])


def refused_by_sender(node: NodePlan, packet_bytes: int) -> str:
    """Why a packet does not even leave the host that would send it; empty where it does."""
    most_bytes = max(one.mtu_bytes for one in node.interfaces)
    return f"{node.name} itself sends {most_bytes} bytes at most" if packet_bytes > most_bytes else ""


def lost_on_wires(wires: Iterable[CrossedWire], packet_bytes: int) -> str:
    """Which wire does not carry the frame of a packet; empty where all do."""
    for one in wires:
        most_bytes = one.impairment.frame_bytes
        if most_bytes is not None and packet_bytes + _ETHERNET_BYTES + _TAG_BYTES * one.tags > most_bytes:
            return f"wire {one.wire.name} carries frames of {most_bytes} bytes at most"
    return ""


def stopped_by_size(node: NodePlan, leaves_by: str, packet_bytes: int, protocol: int) -> str:
    """Why a router does not forward a packet, which may not be fragmented, by an interface; empty where it does."""
    limit = node.packet_limit
    if limit is not None and limit.stops(packet_bytes, protocol):
        says = "drops silently" if limit.too_large is TooLarge.DROPPED else "refuses, and tells the sender,"
        return f"{node.name} {says} what has more than {limit.most_bytes} bytes"
    mtu_bytes = node.interface(leaves_by).mtu_bytes
    if packet_bytes > mtu_bytes:
        return (
            f"{node.name} refuses, and tells the sender, what has more than {mtu_bytes} bytes, the MTU of {leaves_by}"
        )
    return ""
