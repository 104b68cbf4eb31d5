"""A plan as text, by node, and what changed between two plans. Keys are never shown, only that there are any."""

from __future__ import annotations

from collections.abc import Iterator

from lab.expressroute.dscp import dscp_text
from lab.plan import BfdPlan, BgpPlan, CrossConnect, NodePlan, Plan, SessionPlan, Tagged
from lab.plan.packet_limits import PacketLimit
from lab.policy import Policy, SessionRules
from lab.report.layout import counted, hanging, unheaded
from lab.report.plan_changes import PlanChange, changes
from lab.shaping import UNIMPAIRED, QueueClass, rate_text


def plan(planned: Plan) -> str:
    """Every node with its interfaces, networks, routes and sessions, and the wires, VLANs and tunnels between them."""
    lines = [f"{planned.name}: {counted(len(planned.nodes), 'node')}, {counted(len(planned.wires), 'wire')}"]
    for node in planned.nodes:
        lines += ["", *_node(node)]
    lines += ["", "policies"]
    for policy in policies_of(planned):
        lines += hanging(f"  {policy.name}: ", f"{counted(len(policy.terms), 'term')}, {policy.source or 'no source'}")
    lines += ["", "wires"]
    lines += _wires(planned)
    if planned.cross_connects:
        rows = [(one.name, *map(_tagged, one.ends), _remark(one)) for one in planned.cross_connects]
        lines += ["", "cross connects", *unheaded(rows, indent="  ")]
    for overlay in planned.overlays:
        lines += ["", f"overlay {overlay.name}, label {overlay.label}"]
        lines += unheaded(
            [(str(end.vrf), f"from {end.core_address} of {end.core}") for end in overlay.ends], indent="  "
        )
    lines += ["", f"containers: each {planned.limits}"] if planned.limits else []
    lines += [""] if planned.fidelity else []
    for sentence in planned.fidelity:
        lines += hanging("fidelity: ", sentence)
    return "\n".join(lines)


USUAL_MTU_BYTES = 1500
_BEST_PATH = ("always_compare_med", "missing_med_as_worst", "multipath_relax")


def _node(node: NodePlan) -> Iterator[str]:
    says = node.role.value
    if node.bgp is not None:
        paths = counted(node.bgp.best_path.maximum_paths, "path")
        says += f", AS {node.bgp.asn}, router id {node.bgp.router_id}, up to {paths}"
    yield f"{node.name}: {says}"
    if node.speaker is not None:
        config = node.speaker.config
        yield f"  runs {node.speaker.kind.value}, configured {f'by {config.file}' if config else 'from this plan'}"
    yield "  interfaces"
    yield from _interfaces(node)
    for route in node.static_routes:
        yield f"  static route {route.prefix} via {route.next_hop}{f' metric {route.metric}' if route.metric else ''}"
    yield from _forwarding(node)
    if node.bgp is not None:
        yield from _bgp(node.bgp)


def _bgp(bgp: BgpPlan) -> Iterator[str]:
    if bgp.vrf is not None:
        vrf = bgp.vrf
        imported, exported = (", ".join(targets) or "nothing" for targets in (vrf.import_targets, vrf.export_targets))
        yield from hanging("  VRF ", f"{vrf.rd}, label {vrf.label}, imports {imported}, exports {exported}")
    yield from hanging("  networks ", ", ".join(map(str, bgp.networks)) or "none")
    for leaked in bgp.leaked_networks:
        yield f"  network {leaked.prefix} of VRF {leaked.vrf}"
    for aggregate in bgp.aggregates:
        flags = [name for name in ("summary_only", "as_set") if getattr(aggregate, name)]
        yield " ".join(["  aggregate", str(aggregate.prefix), *flags])
    chosen = [name for name in _BEST_PATH if getattr(bgp.best_path, name)]
    if chosen:
        yield f"  best path {' '.join(chosen)}"
    yield "  sessions"
    yield from _sessions(bgp.sessions)


def _forwarding(node: NodePlan) -> Iterator[str]:
    """What happens to what it forwards."""
    for nat in node.nat:
        but = f", but not of {', '.join(map(str, nat.exempt))}" if nat.exempt else ""
        yield from hanging("  translates ", f"sources at {nat.interface} to {nat.pool}{but}")
    for one in node.source_filters:
        yield from hanging("  admits ", f"sources at {one.interface} in {', '.join(map(str, one.admitted))} alone")
    for rule in node.marking:
        yield from hanging("  marking ", f"{rule} ({rule.source})" if rule.source else str(rule))
    if node.packet_limit is not None:
        yield from hanging("  forwards ", _limit(node.packet_limit))
    for queues in node.queues:
        yield f"  queues at {queues.interface}: {rate_text(queues.rate_bps)}"
        yield from unheaded([_class(one) for one in queues.classes], indent="    ")


def _class(one: QueueClass) -> tuple[str, str, str, str]:
    """A class of packets: its name, its marks, its rates, and what waits."""
    marks = " ".join(map(dscp_text, one.dscps)) or "all other marks"
    rate = rate_text(one.rate_bps)
    shares = f"strict, {rate} at most" if one.strict else f"{rate}, up to {rate_text(one.ceil_bps)}"
    return one.name, marks, shares, f"{one.limit_bytes} bytes wait"


def _limit(limit: PacketLimit) -> str:
    protocols = f" of IP protocols {' and '.join(map(str, limit.protocols))}" if limit.protocols else ""
    but = "" if limit.forwards_fragments else ", and no fragments"
    return f"packets{protocols} of at most {limit.most_bytes} bytes{but}; larger ones are {limit.too_large.value}"


def _interfaces(node: NodePlan) -> Iterator[str]:
    interfaces = [(i.name, ", ".join(map(str, i.addresses)), i.description) for i in node.interfaces]
    for line, one in zip(unheaded(interfaces, indent="    "), node.interfaces, strict=True):
        yield line
        if one.vlan is not None:
            port = one.vlan.port
            yield f"      {_tags(one.vlan)} of {port.interface if port.node == node.name else port}"
        if one.mtu_bytes != USUAL_MTU_BYTES:
            yield f"      MTU {one.mtu_bytes}"


def _remark(one: CrossConnect) -> str:
    return f"rewrites {one.remark}" if one.remark else ""


def _wires(planned: Plan) -> Iterator[str]:
    rows = unheaded([(w.name, str(w.ends[0]), str(w.ends[1])) for w in planned.wires], indent="  ")
    for line, wire in zip(rows, planned.wires, strict=True):
        yield line
        both = len(set(wire.impairments)) == 1
        for sender, one in zip(wire.ends, wire.impairments, strict=True) if wire.impaired else ():
            if one != UNIMPAIRED:
                yield f"    {'both ways' if both else f'from {sender.node}'}: {one}"
            if both:
                break


def _tagged(place: Tagged) -> str:
    return f"{place.port} {_tags(place)}"


def _tags(place: Tagged) -> str:
    """The tags as they are written, the outer one first."""
    return f"VLAN {'.'.join(map(str, place.tags))}" if place.tags else "untagged"


def _sessions(sessions: tuple[SessionPlan, ...]) -> Iterator[str]:
    rows = [
        (
            one.name,
            f"AS {one.peer_asn}",
            f"{one.local_address} -> {one.peer_address}",
            "listens" if one.passive else "connects",
            f"hold {one.hold_time_s} s",
            "md5: set" if one.md5 else "",
            _bfd(one.bfd) or ("within the router" if one.within_router else ""),
        )
        for one in sessions
    ]
    for line, one in zip(unheaded(rows, indent="    "), sessions, strict=True):
        yield line
        chains = (one.rules.import_policies, one.rules.export_policies)
        imported, exported = (", then ".join(p.name for p in chain) or _no_policy(one) for chain in chains)
        says = [f"import {imported}", f"export {exported}", *_rules(one.rules)]
        yield from hanging("      ", ", ".join(says))


def _bfd(bfd: BfdPlan | None) -> str:
    if bfd is None:
        return ""
    intervals = dict.fromkeys((bfd.transmit_interval_ms, bfd.receive_interval_ms))
    return f"bfd {'/'.join(map(str, intervals))} ms x {bfd.multiplier}"


def _rules(rules: SessionRules) -> Iterator[str]:
    """The rules of a session that are not as they are by default."""
    if rules.shutdown:
        yield f"shut down: {rules.shutdown}"
    if rules.site_of_origin:
        yield f"site of origin {rules.site_of_origin}"
    if rules.next_hop_self:
        yield "next hop self"
    if rules.remove_private_asns is not None:
        yield f"removes private ASes: {rules.remove_private_asns.value}"
    limit = rules.max_prefix
    if limit is not None:
        past = "warns" if limit.warning_only else "closes"
        yield f"at most {counted(limit.limit, 'prefix')} {limit.counted.value}, else {past}"
    if rules.allowas_in:
        yield f"own AS allowed in {counted(rules.allowas_in, 'place')}"
    flags = {
        "overrides the neighbour's AS": rules.as_override,
        "originates a default route": rules.default_originate,
        "accepts BLACKHOLE": rules.accept_blackhole,
        "client of this route reflector": rules.route_reflector_client,
    }
    yield from (name for name, holds in flags.items() if holds)


def _no_policy(session: SessionPlan) -> str:
    return "nothing (no policy: RFC 8212)" if session.ebgp else "everything (no policy)"


def policies_of(planned: Plan) -> tuple[Policy, ...]:
    """Every policy that a session of the plan has or that another one calls, in the order in which they are met."""
    sessions = (session for node in planned.routers if node.bgp for session in node.bgp.sessions)
    policies = (p for one in sessions for p in (*one.rules.import_policies, *one.rules.export_policies))
    return tuple(dict.fromkeys(one for policy in dict.fromkeys(policies) for one in _with_called(policy)))


def _with_called(policy: Policy) -> Iterator[Policy]:
    yield policy
    for term in policy.terms:
        if term.call is not None:
            yield from _with_called(term.call)


def plan_difference(old: Plan, new: Plan) -> str:
    """What was added (+), removed (-) and changed (~) from one plan to another."""
    found = changes(old, new)
    if not found:
        return "the plans are equal"
    return "\n".join([*(_change(change) for change in found), counted(len(found), "change")])


def _change(change: PlanChange) -> str:
    if change.secret:
        return f"~ {change.what} key {_secret_change(change)}"
    if not change.before:
        return f"+ {change.what}{_after(change.after)}"
    if not change.after:
        return f"- {change.what}{_after(change.before)}"
    return f"~ {change.what}: {change.before} -> {change.after}"


def _secret_change(change: PlanChange) -> str:
    if change.before and change.after:
        return "changed"
    return "added" if change.after else "removed"


def _after(text: str) -> str:
    return "" if text == PlanChange.PRESENT else f": {text}"
