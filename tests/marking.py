r"""Packets through all that may rewrite their marks: a customer's edge, a provider's line and router, Microsoft's.

    hq, hq6 ─┐                                                   ┌─ svc, svc6
    lab ─────┴ ce ══ line ══ pe ─── msee ─── ms ─────────────────┘

`line` is a switch, and all others are routers. Nobody rewrites anything unless a test says so.
"""

from __future__ import annotations

from collections.abc import Iterable

from lab.bgp import Family, parse_prefix
from lab.expressroute.dscp import DSCP_OF
from lab.forwarding import Crossing, Flow
from lab.marking import MarkingRule, PacketMatch, Remark
from lab.packets import Protocol
from lab.plan import Plan, Tagged
from networks import Net

MARKS = tuple(DSCP_OF[name] for name in ("ef", "af41", "af21", "af11", "cs0", "af31", "cs3"))
"""Those of Microsoft's table, and two that it does not have."""
NEXT = dict(zip(MARKS, (*MARKS[1:], MARKS[0]), strict=True))
"""Another mark for each."""
HQ, HQ6 = parse_prefix("10.1.0.0/24"), parse_prefix("2001:db8:1::/64")
_TO = {"hq": "svc", "hq6": "svc6", "lab": "svc"}
_BOTH = (Family.IPV4, Family.IPV6)


def path(*, line: Remark | None = None, **marking: Iterable[MarkingRule]) -> Plan:
    """The network, with the map of the line and the rules of routers."""
    net = Net()
    net.router("ce", 65010, ["10.1.0.0/24", "10.2.0.0/24", "2001:db8:1::/64"])
    net.router("pe", 64700)
    net.router("msee", 12076)
    net.router("ms", 8075, ["198.51.100.0/24", "2001:db8:5::/64"])
    net.provider("line")
    at_ce, left = net.trunk("ce:port", "line:left")
    right, at_pe = net.trunk("line:right", "pe:port")
    net.cross_connect(Tagged(port=left, tags=(100,)), Tagged(port=right, tags=(1034, 100)), line)
    places = {"ce": Tagged(port=at_ce, tags=(100,)), "pe": Tagged(port=at_pe, tags=(1034, 100))}
    net.session("ce", "pe", _BOTH, at=places)
    net.session("pe", "msee", _BOTH)
    net.session("msee", "ms", _BOTH)
    for name, router, network in (
        ("hq", "ce", "10.1.0.0/24"),
        ("lab", "ce", "10.2.0.0/24"),
        ("hq6", "ce", "2001:db8:1::/64"),
        ("svc", "ms", "198.51.100.0/24"),
        ("svc6", "ms", "2001:db8:5::/64"),
    ):
        net.host(name, router, network)
    for router, rules in marking.items():
        net.mark(router, *rules)
    return net.plan()


def flow(source: str, dscp: int, protocol: Protocol = Protocol.ICMP, port: int = 0) -> Flow:
    """Packets from a host of the customer's to the service."""
    family = Family.IPV6 if source.endswith("6") else Family.IPV4
    return Flow(
        source=source,
        destination=_TO[source],
        family=family,
        dscp=dscp,
        protocol=protocol,
        destination_port=port,
    )


def every_mark(leaves_by: str = "", match: PacketMatch = PacketMatch()) -> tuple[MarkingRule, ...]:  # noqa: B008  # frozen
    """Rules that make of each mark the next one, of packets that match otherwise."""
    out = (leaves_by,) if leaves_by else ()
    return tuple(
        MarkingRule(match=with_mark(match, before), dscp=after, leaves_by=out, source="a test")
        for before, after in NEXT.items()
    )


def with_mark(match: PacketMatch, dscp: int) -> PacketMatch:
    """The same packets, as far as they have a mark."""
    return PacketMatch(
        protocol=match.protocol,
        sources=match.sources,
        destinations=match.destinations,
        source_ports=match.source_ports,
        destination_ports=match.destination_ports,
        dscps=(dscp,),
    )


def marks_of(crossings: Iterable[Crossing]) -> list[tuple[str, int | None, int | None]]:
    """The mark on entering and on leaving each node."""
    return [
        (one.node, one.entered.dscp if one.entered else None, one.left.dscp if one.left else None) for one in crossings
    ]
