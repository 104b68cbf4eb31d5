"""Where packets go: flows between hosts, what became of them, and the walk that predicts it from tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.bgp import Address, Family
from lab.plan import NodePlan, Plan, Role
from lab.tables import FibEntry, LabTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A question asked with packets: ICMP echo from one host to another, marked with `dscp` (0 to 63)."""

    source: str
    destination: str
    family: Family
    dscp: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowResult:
    """What became of a flow's packets.

    `forward` and `backward` name the nodes that a request and its answer were seen at, sender first; switches are not
    among them. `sent` False means that no packet left the source, so nothing was proven. `stopped` says where and why
    the packets ended when they did not arrive or were not answered. `dscp` is the mark on arrival, and `marks` holds
    the one that a request had on entering each node behind the sender.
    """

    flow: Flow
    sent: bool
    arrived: bool
    answered: bool
    forward: tuple[str, ...] = ()
    backward: tuple[str, ...] = ()
    dscp: int | None = None
    marks: tuple[tuple[str, int], ...] = ()
    stopped: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """One way that a packet can take: the nodes, and why it ended where the last one is not the destination."""

    nodes: tuple[str, ...]
    stopped: str = ""


def walks(plan: Plan, tables: LabTables, source: str, target: Address) -> tuple[Walk, ...]:
    """Every way that packets from a node to an address can take; several where load is shared."""
    return tuple(_walk(plan, tables, (source,), target))


def _walk(plan: Plan, tables: LabTables, so_far: tuple[str, ...], target: Address) -> Iterator[Walk]:
    node = plan.node(so_far[-1])
    if any(a.ip == target for i in node.interfaces for a in i.addresses):
        yield Walk(nodes=so_far)
        return
    if node.name in so_far[:-1]:
        yield Walk(nodes=so_far, stopped=f"loop at {node.name}")
        return
    if node.role is Role.HOST and len(so_far) > 1:
        yield Walk(nodes=so_far, stopped=f"{node.name} is a host and forwards nothing")
        return
    entry = _lookup(node, tables, target)
    if entry is None:
        yield Walk(nodes=so_far, stopped=f"{node.name} has no route to {target}")
    elif not entry.next_hops:
        yield Walk(nodes=so_far, stopped=f"{node.name} discards packets to {target} (blackhole route {entry.prefix})")
    for next_hop in entry.next_hops if entry is not None else ():
        owner = plan.owner(next_hop, node.name)
        if owner is None:
            yield Walk(nodes=so_far, stopped=f"nobody answers for {next_hop} at {node.name}")
        else:
            yield from _walk(plan, tables, (*so_far, owner), target)


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
    there = walks(plan, tables, flow.source, target_address)
    back = walks(plan, tables, flow.destination, source_address)
    forward = next((walk for walk in there if walk.stopped), there[0])
    backward = next((walk for walk in back if walk.stopped), back[0])
    arrived = not forward.stopped
    answered = arrived and not backward.stopped
    return FlowResult(
        flow=flow,
        sent=True,
        arrived=arrived,
        answered=answered,
        forward=forward.nodes,
        backward=backward.nodes if arrived else (),
        dscp=flow.dscp if arrived else None,
        marks=tuple((node, flow.dscp) for node in forward.nodes[1:]),
        stopped=forward.stopped or (f"the answer: {backward.stopped}" if backward.stopped else ""),
    )
