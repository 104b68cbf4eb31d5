"""The walk of packets through tables, and what must become of a flow by it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_network

from lab.bgp import Address, Prefix, family_of
from lab.expressroute.dscp import dscp_text
from lab.forwarding.flows import Crossing, Flow, FlowResult, Seen, Source
from lab.forwarding.marks import lines_between
from lab.forwarding.sizes import lost_on_wires, protocol_number, refused_by_sender, stopped_by_size
from lab.marking import MarkingRule, first_match
from lab.packets import Header, Protocol
from lab.plan import Endpoint, NodePlan, Plan, Role
from lab.plan.crossing import wires_crossed
from lab.tables import FibEntry, LabTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Translation:
    """A router gave packets a source of a pool, and gives what comes back to the pool to the source they had."""

    router: str
    source: Source
    pool: Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One way that a packet can take: the nodes, and why it ended where the last one is not the destination."""

    crossings: tuple[Crossing, ...] = ()
    stopped: str = ""
    translations: tuple[Translation, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that it crosses, sender first."""
        return tuple(one.node for one in self.crossings)

    def source_seen(self, source: Source) -> Source:
        """The source that packets have at the end of the walk, where they were sent with this one."""
        return self.translations[-1].pool if self.translations else source


@dataclass(frozen=True, slots=True, kw_only=True)
class _Packet:
    """A packet on its way, with its addresses as they are now. It has not met its target since `crossings[since]`.

    `answers` are the translations of the request that it answers: their routers undo them, and translate nothing anew.
    `pool` is the one that the target stands for, where it does. It has `packet_bytes`, of the IP protocol `protocol`.
    `ports` are those of source and destination.
    """

    crossings: tuple[Crossing, ...]
    target: Address
    source: Source | None
    dscp: int = 0
    packet_bytes: int = 0
    protocol: int = 0
    carries: Protocol = Protocol.ICMP
    ports: tuple[int, int] = (0, 0)
    translations: tuple[Translation, ...] = ()
    answers: tuple[Translation, ...] | None = None
    pool: Prefix | None = None
    since: int = 0

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that it has crossed, the one that it is at among them."""
        return tuple(one.node for one in self.crossings)

    def seen(self, interface: str) -> Seen | None:
        """The packet as it is seen at an interface; None where its sender has no address to send it from."""
        if self.source is None:
            return None
        return Seen(interface=interface, dscp=self.dscp, source=self.source, target=self.pool or self.target)

    def header(self) -> Header | None:
        """What rules look at; None where its sender has no address to send it from."""
        if self.source is None:
            return None
        return Header(
            protocol=self.carries,
            source=self.source,
            destination=self.pool or self.target,
            dscp=self.dscp,
            source_port=self.ports[0],
            destination_port=self.ports[1],
        )

    def ends(self, why: str = "") -> Walk:
        """The packet's walk, where it is over."""
        return Walk(crossings=self.crossings, stopped=why, translations=self.translations)


def walks(plan: Plan, tables: LabTables, source: str, target: Address, flow: Flow | None = None) -> tuple[Walk, ...]:
    """Every way that packets from a node to an address can take; several where load is shared.

    They are those of a flow, where one is given.
    """
    address = plan.node(source).address(family_of(target))
    packet = _Packet(
        crossings=(Crossing(node=source),),
        target=target,
        source=address,
        dscp=flow.dscp if flow is not None else 0,
        packet_bytes=flow.packet_bytes if flow is not None else 0,
        protocol=protocol_number(flow) if flow is not None else 0,
        carries=flow.protocol if flow is not None else Protocol.ICMP,
        ports=(flow.source_port, flow.port) if flow is not None else (0, 0),
    )
    return tuple(_walk(plan, tables, packet))


def answer_walks(  # noqa: PLR0913  # each is a part of the question
    plan: Plan, tables: LabTables, request: Walk, source: Address, answering: Address, *, flow: Flow | None = None
) -> tuple[Walk, ...]:
    """Every way that the answers to a request can take that arrived, that `source` had sent, `answering` being asked.

    They go to the source that was seen: the first address of a pool stands for all of it, wherever it leads. They have
    the mark that the request arrived with, and an echo its size.
    """
    seen, entered = request.source_seen(source), request.crossings[-1].entered
    answer = _Packet(
        crossings=(Crossing(node=request.nodes[-1]),),
        target=answered_to(seen),
        source=answering,
        dscp=entered.dscp if entered is not None else 0,
        packet_bytes=flow.packet_bytes if flow is not None and flow.protocol is Protocol.ICMP else 0,
        protocol=protocol_number(flow) if flow is not None else 0,
        carries=flow.protocol if flow is not None else Protocol.ICMP,
        ports=(flow.port, flow.source_port) if flow is not None else (0, 0),
        answers=request.translations,
        pool=request.translations[-1].pool if request.translations else None,
    )
    return tuple(_walk(plan, tables, answer))


def answered_to(source: Source) -> Address:
    """The address that answers to a source go to."""
    return ip_network(source)[0]


def _walk(plan: Plan, tables: LabTables, packet: _Packet) -> Iterator[Walk]:
    node = plan.node(packet.crossings[-1].node)
    packet = _translated_back(packet, node.name)
    target = packet.target
    if any(a.ip == target for i in node.interfaces for a in i.addresses):
        yield packet.ends()
        return
    if node.name in packet.nodes[packet.since : -1]:
        yield packet.ends(f"loop at {node.name}")
        return
    if not _admitted(packet, node):
        yield packet.ends(f"{node.name} admits no packets from {packet.source}: not among the registered prefixes")
        return
    if node.role is Role.HOST and len(packet.crossings) > 1:
        yield packet.ends(f"{node.name} is a host and forwards nothing")
        return
    entry = _lookup(node, tables, target)
    if entry is None:
        yield packet.ends(f"{node.name} has no route to {target}")
    elif not entry.next_hops:
        yield packet.ends(f"{node.name} discards packets to {target} (blackhole route {entry.prefix})")
    for next_hop in entry.next_hops if entry is not None else ():
        yield from _sent_to(plan, tables, packet, next_hop)


def _sent_to(plan: Plan, tables: LabTables, packet: _Packet, next_hop: Address) -> Iterator[Walk]:
    """The walks of a packet that the node at which it is sends to a next hop."""
    node = plan.node(packet.crossings[-1].node)
    owner = plan.owner(next_hop, node.name)
    if owner is None:
        yield packet.ends(f"nobody answers for {next_hop} at {node.name}")
        return
    leaves_by = _leaves_by(node, next_hop)
    rule = _marking_rule(packet, node, leaves_by)
    too_large = _too_large(packet, node, leaves_by)
    if rule is not None and rule.dscp is None:
        yield packet.ends(f"{node.name} drops packets marked {dscp_text(packet.dscp)} ({rule.source})")
    elif too_large:
        yield packet.ends(too_large)
    else:
        marked = replace(packet, dscp=packet.dscp if rule is None or rule.dscp is None else rule.dscp)
        arriving = _passed_on(plan, marked, leaves_by, (next_hop, plan.node(owner)))
        lost = _lost_between(plan, arriving)
        if lost:
            yield replace(arriving, crossings=arriving.crossings[:-1]).ends(lost)
        else:
            yield from _walk(plan, tables, arriving)


def _marking_rule(packet: _Packet, node: NodePlan, leaves_by: list[str]) -> MarkingRule | None:
    """The rule that decides over the mark of a packet that a node forwards, before it translates the source."""
    entered, header = packet.crossings[-1].entered, packet.header()
    if entered is None or header is None or not leaves_by:
        return None
    return first_match(node.marking, header, enters_by=entered.interface, leaves_by=leaves_by[0])


def _too_large(packet: _Packet, node: NodePlan, leaves_by: list[str]) -> str:
    """Why a router does not forward a packet because of its size."""
    if len(packet.crossings) == 1 or not leaves_by:
        return ""
    return stopped_by_size(node, leaves_by[0], packet.packet_bytes, packet.protocol)


def _lost_between(plan: Plan, packet: _Packet) -> str:
    """Why a packet of a size does not enter the node that it was sent to: a wire does not carry its frame."""
    sender, receiver = packet.crossings[-2:]
    if not packet.packet_bytes or sender.left is None:
        return ""
    left_by = Endpoint(node=sender.node, interface=sender.left.interface)
    return lost_on_wires(wires_crossed(plan, left_by, receiver.node), packet.packet_bytes)


def _passed_on(plan: Plan, packet: _Packet, leaves_by: list[str], to: tuple[Address, NodePlan]) -> _Packet:
    """A packet as it enters the node that another one sent it to, at an address of it."""
    next_hop, receiver = to
    sent = _translated(packet, plan.node(packet.crossings[-1].node), leaves_by)
    *before, at = sent.crossings
    left = replace(at, left=sent.seen(leaves_by[0]) if leaves_by else None)
    enters_by = _interface_of(receiver, next_hop)
    lines = lines_between(plan, (at.node, leaves_by[0]), (receiver.name, enters_by)) if leaves_by else ()
    for line in lines:
        sent = replace(sent, dscp=line.remark.of(sent.dscp) if line.remark is not None else sent.dscp)
    entered = Crossing(node=receiver.name, entered=sent.seen(enters_by))
    return replace(sent, crossings=(*before, left, entered))


def _leaves_by(node: NodePlan, next_hop: Address) -> list[str]:
    """The interfaces that a next hop is on the wire of."""
    return [i.name for i in node.interfaces for a in i.addresses if next_hop in a.network]


def _interface_of(node: NodePlan, address: Address) -> str:
    """The interface that has an address of a node."""
    return next(i.name for i in node.interfaces for a in i.addresses if a.ip == address)


def _admitted(packet: _Packet, node: NodePlan) -> bool:
    """Whether the node that a packet entered takes its source; the node that sent it has asked nobody."""
    entered = packet.crossings[-1].entered
    filters = (one for one in node.source_filters if entered is not None and one.interface == entered.interface)
    return all(one.admits(packet.source) for one in filters if packet.source is not None)


def _translated(packet: _Packet, node: NodePlan, leaves_by: list[str]) -> _Packet:
    """A request as a router forwards it: with another source where the router translates at that interface."""
    if packet.answers is not None or packet.source is None or len(packet.crossings) == 1:
        return packet
    nat = next((one for one in node.nat if one.interface in leaves_by and one.translates(packet.source)), None)
    if nat is None:
        return packet
    translation = Translation(router=node.name, source=packet.source, pool=nat.pool)
    return replace(packet, source=nat.pool, translations=(*packet.translations, translation))


def _translated_back(packet: _Packet, router: str) -> _Packet:
    """An answer as it enters a router, which gives it back the address that the router itself translated."""
    for one in packet.answers or ():
        if one.router == router and packet.target in one.pool:
            pool = None if isinstance(one.source, Address) else one.source
            return replace(packet, target=answered_to(one.source), pool=pool, since=len(packet.crossings) - 1)
    return packet


def _lookup(node: NodePlan, tables: LabTables, target: Address) -> FibEntry | None:
    """The longest match: a connected network leads to the target itself, an entry without next hops nowhere."""
    found = [*_configured(node, target)]
    if node.bgp is not None:
        found += tables.of(node.name).fib
    return longest_match(found, target)


def _configured(node: NodePlan, target: Address) -> Iterator[FibEntry]:
    """The routes that a node has without BGP, as they lead to an address: the connected ones first."""
    for interface in node.interfaces:
        for address in interface.addresses:
            yield FibEntry(prefix=address.network, next_hops=(target,))
    for (prefix, _), next_hops in sorted(node.static_next_hops().items(), key=lambda one: one[0][1]):
        yield FibEntry(prefix=prefix, next_hops=tuple(next_hops))


def gateway(node: NodePlan, next_hop: Address) -> Address | None:
    """Where packets by way of a BGP next hop go first: to itself on an own wire, else as a static route says."""
    entry = longest_match(_configured(node, next_hop), next_hop)
    return entry.next_hops[0] if entry is not None else None


def longest_match(fib: Iterable[FibEntry], target: Address) -> FibEntry | None:
    """The entry that packets to an address follow (RFC 1812 §5.2.4.3), the first where several are as long."""
    return max((e for e in fib if target in e.prefix), key=lambda e: e.prefix.prefixlen, default=None)


def predict_flow(plan: Plan, tables: LabTables, flow: Flow) -> FlowResult:
    """What must become of a flow, given the tables. Where load is shared, one way that fails makes the flow fail."""
    source, target = plan.node(flow.source), plan.node(flow.destination)
    source_address, target_address = source.address(flow.family), target.address(flow.family)
    if source_address is None or target_address is None:
        name = flow.source if source_address is None else flow.destination
        says = f"{name} has no {flow.family.value} address"
        return FlowResult(flow=flow, sent=False, arrived=False, answered=False, stopped=says)
    refused = refused_by_sender(source, flow.packet_bytes)
    if refused:
        return FlowResult(flow=flow, sent=False, arrived=False, answered=False, stopped=refused)
    forward, backward = _first_that_fails(plan, tables, flow, source_address, target_address)
    arrived = not forward.stopped
    return FlowResult(
        flow=flow,
        sent=True,
        arrived=arrived,
        answered=arrived and not backward.stopped,
        there=forward.crossings,
        back=backward.crossings,
        stopped=forward.stopped or _why_not_answered(forward, backward),
    )


def _first_that_fails(plan: Plan, tables: LabTables, flow: Flow, source: Address, target: Address) -> tuple[Walk, Walk]:
    """A way there that fails; else one there and back that does; else the first."""
    there = walks(plan, tables, flow.source, target, flow)
    lost = next((walk for walk in there if walk.stopped), None)
    if lost is not None:
        return lost, Walk()
    both = [(walk, back) for walk in there for back in answer_walks(plan, tables, walk, source, target, flow=flow)]
    return next((ways for ways in both if ways[1].stopped), both[0])


def _why_not_answered(forward: Walk, backward: Walk) -> str:
    if not backward.stopped:
        return ""
    to = f" to {forward.translations[-1].pool}" if forward.translations else ""
    return f"the answer{to}: {backward.stopped}"
