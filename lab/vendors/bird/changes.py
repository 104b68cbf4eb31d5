"""The changes of a term in BIRD's filter language."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from lab.bgp import DEFAULT_LOCAL_PREF, Address, AsPath, RemovePrivate, SegmentKind
from lab.plan import NodePlan, SessionPlan
from lab.policy import Change, CommunityChange, CommunitySet, NextHopRule, NumberChange, Operation
from lab.vendors.bird import communities
from lab.vendors.bird.conditions import said_or_not
from lab.vendors.bird.unsaid import Unsaid

PRIVATE_ASNS = "[64512..65534, 4200000000..4294967294]"
"""RFC 6996."""
NO_AS_EXCHANGE = "BIRD's filters exchange no AS number inside of a path"
_LARGEST = 0xFFFFFFFF
_LARGEST_PREFERENCE = 0xFFFF


class Changes:
    """Those of one direction of a session; `sets_next_hop` as soon as one chooses the next hop."""

    def __init__(self, node: NodePlan, session: SessionPlan, unsaid: Unsaid, *, on_import: bool) -> None:
        self.sets_next_hop = False
        self._node, self._session, self._unsaid, self._on_import = node, session, unsaid, on_import

    def of(self, change: Change) -> Iterator[str]:
        """The statements of a change, in the order in which our own router does it."""
        if change.local_pref is not None:
            yield from _number("bgp_local_pref", DEFAULT_LOCAL_PREF, change.local_pref)
        if change.multi_exit_disc is not None:
            yield from _number("bgp_med", 0, change.multi_exit_disc)
        if change.weight is not None:
            yield _weight(change.weight)
        if change.origin is not None:
            yield f"bgp_origin = ORIGIN_{change.origin.name};"
        yield from self._next_hop(change)
        yield from self._as_path(change)
        for attribute, one, several, what in (
            ("bgp_community", communities.standard, communities.standard_set, change.communities),
            ("bgp_large_community", communities.large, communities.large_set, change.large_communities),
            ("bgp_ext_community", communities.extended, communities.extended_set, change.extended_communities),
        ):
            if what is not None:
                yield from self._communities(attribute, one, several, what)
        if change.route_targets is not None:
            what_not = "route_targets: BIRD's filters cannot take away all route targets, whatever they are"
            self._unsaid.add(what_not, "write extended_communities, or add and remove them one by one")

    def _next_hop(self, change: Change) -> Iterator[str]:
        address: Address | None = change.next_hop
        if change.next_hop_rule is NextHopRule.SELF:
            address = self._session.local_address
        if change.next_hop_rule is NextHopRule.UNCHANGED:
            if not self._on_import:
                self.sets_next_hop = True
                yield "if defined(bgp_next_hop) then bgp_next_hop = bgp_next_hop;  # the one that it has"
        elif address is not None and address.version == self._session.local_address.version:
            if self._on_import and not self._is_on_a_link(address):
                what = f"next_hop {address} on import: BIRD sends packets to a neighbour on a link only"
                self._unsaid.add(what, f"write an address on a link of {self._node.name}")
            self.sets_next_hop = True
            yield f"bgp_next_hop = {address};"
            if self._on_import:
                yield f"gw = {address};"

    def _is_on_a_link(self, address: Address) -> bool:
        own = [one for interface in self._node.interfaces for one in interface.addresses]
        return any(address in one.network for one in own) and all(address != one.ip for one in own)

    def _as_path(self, change: Change) -> Iterator[str]:
        if change.as_path is not None:
            yield from self._whole_path(change.as_path)
        if change.replace_asns:
            self._unsaid.add(f"replace_asns: {NO_AS_EXCHANGE}", "leave it out, or replace the whole path by as_path")
        if change.remove_private_asns is RemovePrivate.ALL:
            yield f"bgp_path.delete({PRIVATE_ASNS});"
        elif change.remove_private_asns is not None:
            what = f"remove_private_asns {change.remove_private_asns.value}: {NO_AS_EXCHANGE}"
            self._unsaid.add(what, "write all, or leave it out")
        if change.prepend_last:
            prepended = " ".join(["bgp_path.prepend(bgp_path.first);"] * change.prepend_last)
            yield f"if bgp_path.first != 0 then {{ {prepended} }}"
        yield from (f"bgp_path.prepend({asn});" for asn in reversed(change.prepend))

    def _whole_path(self, path: AsPath) -> Iterator[str]:
        if any(segment.kind is not SegmentKind.SEQUENCE for segment in path.segments):
            self._unsaid.add(f"as_path {path}: BIRD's filters make sequences only", "leave out the sets")
        yield "bgp_path.empty;"
        yield from (f"bgp_path.prepend({asn});" for asn in reversed(path.asns))

    def _communities(
        self,
        attribute: str,
        one: Callable[..., str],
        several: Callable[[CommunitySet], str],
        change: CommunityChange,  # type: ignore[type-arg]  # of the kind that the two functions are for
    ) -> Iterator[str]:
        if change.replace is not None:
            yield f"{attribute}.empty;"
            yield from (f"{attribute}.add({one(each)});" for each in change.replace)
        for members in change.remove:
            said = said_or_not(several, members, self._unsaid)
            if said:
                yield f"{attribute}.delete({said});"
        yield from (f"{attribute}.add({one(each)});" for each in change.add)


def _number(name: str, default: int, change: NumberChange) -> Iterator[str]:
    """A number of 32 bits, which stays at its ends: BIRD's own sums go round."""
    if change.operation is Operation.SET:
        yield f"{name} = {change.value};"
    elif change.operation is Operation.REMOVE:
        yield f"unset({name});"
    else:
        yield f"if !defined({name}) then {name} = {default};"
        yield _summed(name, change, _LARGEST)


def _weight(change: NumberChange) -> str:
    """What others have the weight for BIRD has its preference for: it stands before all of BGP's own steps."""
    if change.operation is Operation.REMOVE:
        return "preference = 0;"
    value = min(change.value, _LARGEST_PREFERENCE)
    if change.operation is Operation.SET:
        return f"preference = {value};"
    return _summed("preference", replace(change, value=value), _LARGEST_PREFERENCE)


def _summed(name: str, change: NumberChange, largest: int) -> str:
    if change.operation is Operation.PLUS:
        last = largest - change.value
        return f"if {name} > {last} then {name} = {largest}; else {name} = {name} + {change.value};"
    return f"if {name} < {change.value} then {name} = 0; else {name} = {name} - {change.value};"
