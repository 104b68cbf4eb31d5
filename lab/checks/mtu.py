"""How large a packet may be to get from one network to another, and where larger ones end."""

from __future__ import annotations

from dataclasses import replace

from lab.bgp import Family
from lab.checks.evidence import Evidence, Finding
from lab.checks.kind import Kind
from lab.checks.largest import Largest, largest, sizes_left
from lab.expectations import MtuExpectation
from lab.forwarding import Flow, FlowResult
from lab.packets import Protocol
from lab.plan import Endpoint, Plan


def _flows(expectation: MtuExpectation, plan: Plan) -> tuple[Flow, ...]:
    """In each family the smallest packet there is, which shows that there is a way, and the two that decide."""
    wanted = expectation.packet_bytes
    return tuple(
        _flow(expectation, family, size) for family in families(expectation, plan) for size in (0, wanted, wanted + 1)
    )


def families(expectation: MtuExpectation, plan: Plan) -> list[Family]:
    """The families that are asked about: the expectation's, or all that both ends have."""
    if expectation.family is not None:
        return [expectation.family]
    ends = [plan.node(expectation.source), plan.node(expectation.destination)]
    return [family for family in Family if all(end.address(family) is not None for end in ends)]


def _flow(expectation: MtuExpectation, family: Family, packet_bytes: int) -> Flow:
    return Flow(
        source=expectation.source,
        destination=expectation.destination,
        family=family,
        protocol=expectation.protocol,
        destination_port=expectation.port,
        packet_bytes=packet_bytes,
    )


def _more(expectation: MtuExpectation, evidence: Evidence) -> tuple[Flow, ...]:
    """Where the two that decide did not confirm what is expected: what narrows it down to the true size."""
    found = []
    for family in families(expectation, evidence.plan):
        measured = Measured(expectation, family, evidence)
        if measured.arrives and not measured.unsent:
            sizes = sizes_left(measured.arrivals, measured.most_bytes)
            found += [_flow(expectation, family, size) for size in sizes]
    return tuple(found)


class Measured:
    """What one body of evidence tells of the sizes of packets in one family."""

    def __init__(self, expectation: MtuExpectation, family: Family, evidence: Evidence) -> None:
        self._plan = evidence.plan
        self.results = {
            flow.packet_bytes: result
            for flow, result in evidence.flows.items()
            if replace(flow, packet_bytes=0) == _flow(expectation, family, 0)
        }
        self.most_bytes = max(one.mtu_bytes for one in evidence.plan.node(expectation.source).interfaces)
        """What the sender itself can send."""

    @property
    def smallest(self) -> FlowResult | None:
        """What became of the smallest packet there is."""
        return self.results.get(0)

    @property
    def arrives(self) -> bool:
        """Whether there is a way at all."""
        return self.smallest is not None and self.smallest.arrived

    @property
    def arrivals(self) -> dict[int, bool]:
        """Whether each size arrived."""
        return {size: result.arrived for size, result in self.results.items() if size}

    @property
    def unsent(self) -> str:
        """Which packet did not leave that its sender could have sent, and why; empty where all did."""
        unsent = ((size, one) for size, one in self.results.items() if not one.sent and size <= self.most_bytes)
        return next((f"{size} bytes were not sent: {one.stopped}" for size, one in unsent), "")

    @property
    def largest(self) -> Largest:
        """The largest size that arrived, and the smallest that did not."""
        return largest(self.arrivals, self.most_bytes)

    @property
    def untold(self) -> str:
        """Why the largest size cannot be told; empty where it can."""
        found = self.largest
        contradiction = next((one.contradiction for one in self.results.values() if one.contradiction), "")
        if contradiction:
            return contradiction
        if self.unsent:
            return self.unsent
        if found.contradiction is not None:
            return f"{found.arrived_bytes} bytes arrived, and {found.contradiction} did not"
        asked = found.known and found.lost_bytes in self.results
        return "" if asked else f"sizes from {found.arrived_bytes} to {found.lost_bytes} bytes were not asked"

    @property
    def limit(self) -> tuple[str, str]:
        """Where the smallest packet ended that did not arrive, and how."""
        result = self.results[self.largest.lost_bytes]
        return ended_at(result, self._plan), result.stopped


def ended_at(result: FlowResult, plan: Plan) -> str:
    """Where a packet ended that did not arrive: at the sender, in a router, or on the wire that it left by.

    Of a link that a provider carries it is not known on which of its wires, and the link is named.
    """
    if not result.sent or not result.there:
        return result.flow.source
    last = result.there[-1]
    if last.left is None:
        return last.node
    node, left_by = plan.node(last.node), last.left.interface
    interface = next((one for one in node.interfaces if one.name == left_by), None)
    if interface is None:  # made behind the lab's back
        return last.node
    end = interface.vlan.port if interface.vlan is not None else Endpoint(node=last.node, interface=interface.name)
    wire = next((wire.name for wire in plan.wires if end in wire.ends), last.node)
    return wire.removesuffix("-microsoft")


def _find(expectation: MtuExpectation, evidence: Evidence) -> Finding:
    findings = [_in_family(expectation, family, evidence) for family in families(expectation, evidence.plan)]
    if not findings:
        return Finding(holds=None, text="no address family in common")
    for wanted in (False, None):
        for family, finding in zip(families(expectation, evidence.plan), findings, strict=True):
            if finding.holds is wanted:
                return replace(finding, text=f"{family.value}: {finding.text}")
    return Finding(holds=True, text="; ".join(dict.fromkeys(finding.text for finding in findings)))


def _in_family(expectation: MtuExpectation, family: Family, evidence: Evidence) -> Finding:
    measured = Measured(expectation, family, evidence)
    smallest, found = measured.smallest, measured.largest
    if smallest is None:
        return Finding(holds=None, text="was not asked")
    if not smallest.sent:
        return Finding(holds=None, text=f"no packet left {expectation.source}: {smallest.stopped}")
    if not smallest.arrived and not smallest.contradiction:
        return Finding(holds=False, text=f"no packet arrives: {smallest.stopped}")
    if measured.untold:
        return Finding(holds=None, text=f"cannot tell: {measured.untold}")
    at, how = measured.limit
    fits = found.arrived_bytes == expectation.packet_bytes and at in (expectation.limited_by or (at,))
    size = f"largest {found.arrived_bytes} bytes" if found.arrived_bytes else f"less than {found.lost_bytes} bytes"
    return Finding(holds=fits, text=f"{size}, limited by {at}: {how}")


def _describe(expectation: MtuExpectation) -> str:
    about = f" {expectation.family.value}" if expectation.family is not None else ""
    about += f" {expectation.protocol.value}" if expectation.protocol is not Protocol.ICMP else ""
    about += f" port {expectation.port}" if expectation.port else ""
    by = f", limited by {' or '.join(expectation.limited_by)}" if expectation.limited_by else ""
    ends = f"{expectation.source} to {expectation.destination}"
    return f"largest{about} packet from {ends} has {expectation.packet_bytes} bytes{by}"


KIND = Kind(
    key=lambda _: "mtu",
    describe=_describe,
    find=_find,
    flows=_flows,
    more=_more,
    by_absence=lambda _: True,  # what is larger has to be lost
)
