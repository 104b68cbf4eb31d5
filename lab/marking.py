"""How routers and lines rewrite the mark of a packet, its DSCP (RFC 2474 §3): rules of which the first match decides.

Pure: the same rules become nftables in the lab (`lab.node.marking`) and are walked in a prediction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lab.bgp import Address, Prefix, within
from lab.expressroute.dscp import DSCP_VALUES, dscp_text
from lab.packets import Header, PortRange, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketMatch:
    """The packets that a rule is about: all that is given must hold, and of each tuple one; an empty one asks nothing.

    Ports are those of `protocol`, which is UDP or TCP where there are any; a fragment but the first has none.
    """

    protocol: Protocol | None = None
    sources: tuple[Prefix, ...] = ()
    destinations: tuple[Prefix, ...] = ()
    source_ports: tuple[PortRange, ...] = ()
    destination_ports: tuple[PortRange, ...] = ()
    dscps: tuple[int, ...] = ()

    def takes(self, header: Header) -> bool:
        """Whether a packet is one of them."""
        return (
            self.protocol in (None, header.protocol)
            and _one_holds(header.source, self.sources)
            and _one_holds(header.destination, self.destinations)
            and _is_in(header.source_port, self.source_ports)
            and _is_in(header.destination_port, self.destination_ports)
            and (not self.dscps or header.dscp in self.dscps)
        )

    def __str__(self) -> str:
        parts = [
            _words("from", self.sources),
            _words("from port", self.source_ports),
            _words("to", self.destinations),
            _words("to port", self.destination_ports),
            _marks(self.dscps),
        ]
        about = " ".join(filter(None, parts))
        kind = f"{self.protocol.value} packets" if self.protocol else "packets"
        return f"{kind} {about}" if about else kind if self.protocol else "every packet"


def _marks(dscps: tuple[int, ...]) -> str:
    others = [one for one in DSCP_VALUES if one not in dscps]
    if len(others) < len(dscps):
        return _words("with any mark but", map(dscp_text, others))
    return _words("with", map(dscp_text, dscps))


def _one_holds(address: Address | Prefix, prefixes: tuple[Prefix, ...]) -> bool:
    return not prefixes or any(within(address, one) for one in prefixes)


def _is_in(port: int, ranges: tuple[PortRange, ...]) -> bool:
    return not ranges or any(port in one for one in ranges)


def _words(name: str, values: Iterable[object]) -> str:
    said = ", ".join(map(str, values))
    return f"{name} {said}" if said else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkingRule:
    """What a router does to the mark of the packets that it forwards and that match: `dscp`, or None to drop them.

    `enters_by` and `leaves_by` are interfaces, of which it must be one; none means any. `source` says where the rule is
    written, or what document it follows, and is no part of what it does. What the router itself sends and receives is
    not looked at.
    """

    match: PacketMatch = PacketMatch()
    dscp: int | None
    enters_by: tuple[str, ...] = ()
    leaves_by: tuple[str, ...] = ()
    source: str = field(default="", compare=False)

    def takes(self, header: Header, enters_by: str, leaves_by: str) -> bool:
        """Whether the rule is about a packet that enters and leaves by these interfaces."""
        return (
            (not self.enters_by or enters_by in self.enters_by)
            and (not self.leaves_by or leaves_by in self.leaves_by)
            and self.match.takes(header)
        )

    def __str__(self) -> str:
        does = "drops" if self.dscp is None else f"sets {dscp_text(self.dscp)} on"
        ways = [_words("entering by", self.enters_by), _words("leaving by", self.leaves_by)]
        return " ".join(filter(None, (does, str(self.match), *ways)))


def first_match(rules: Iterable[MarkingRule], header: Header, *, enters_by: str, leaves_by: str) -> MarkingRule | None:
    """The rule that decides over a packet; None where it keeps its mark."""
    return next((rule for rule in rules if rule.takes(header, enters_by, leaves_by)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A map of marks: what has one of these leaves with the other, whatever the packet is.

    All else keeps its mark. `source` says where it is written.
    """

    marks: tuple[tuple[int, int], ...]
    source: str = field(default="", compare=False)

    def of(self, dscp: int) -> int:
        """The mark behind it."""
        return dict(self.marks).get(dscp, dscp)

    @property
    def bleaches(self) -> bool:
        """Whether every mark becomes 0 (RFC 9435 §5)."""
        return dict(self.marks) == dict.fromkeys(DSCP_VALUES[1:], 0)

    def rules(self) -> tuple[MarkingRule, ...]:
        """The same for a router."""
        new = dict.fromkeys(after for _, after in self.marks)
        return tuple(
            MarkingRule(
                match=PacketMatch(dscps=tuple(before for before, there in self.marks if there == after)),
                dscp=after,
                source=self.source,
            )
            for after in new
        )

    def __str__(self) -> str:
        if self.bleaches:
            return "every mark to cs0"
        return ", ".join(f"{dscp_text(before)} to {dscp_text(after)}" for before, after in self.marks)
