"""The ways that routes took in the model, and those that they should have taken.

Between the edges of a provider a route is known by its prefix behind a route distinguisher, and everywhere else by the
prefix alone (RFC 4364 §4.3): a way names what each router on it knows the route by.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.bgp import Address, Nlri, Prefix, RouteDistinguisher, VpnPrefix, family_of, nlri_order, prefix_of
from lab.causes.stages import Cause, Stage
from lab.explanation import Candidate, Explanation, Export
from lab.plan import BgpPlan, Plan, SessionPlan
from lab.predict import Prediction
from lab.rib import Path


@dataclass(frozen=True, slots=True)
class Holder:
    """A router, and what it knows a route by."""

    router: str
    nlri: Nlri

    @property
    def prefix(self) -> Prefix:
        """The route's prefix."""
        return prefix_of(self.nlri)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """A plan and its routers at their fixpoint."""

    plan: Plan
    prediction: Prediction

    def explain(self, at: Holder) -> Explanation:
        """All that a router did with a route."""
        return self.prediction.routers[at.router].explain(at.nlri)

    def has(self, at: Holder) -> bool:
        """Whether a router has a best path."""
        return self.best_path(at) is not None

    def best_path(self, at: Holder) -> Path | None:
        """A router's best path."""
        decision = self.explain(at).decision
        return decision.best if decision is not None else None

    def best(self, at: Holder) -> Candidate | None:
        """What a router was offered its best path as."""
        best = self.best_path(at)
        return next((one for one in self.explain(at).candidates if best is not None and one.path == best), None)

    def candidate(self, at: Holder, sender: Holder) -> Candidate | None:
        """What a router made of a sender's route."""
        session = self.session(sender, at.router)
        told = self.told(sender, session) if session is not None else None
        for one in self.explain(at).candidates:
            if neighbor_of(one) == sender.router and (one.received is None or one.received.nlri == told):
                return one
        return None

    def export(self, at: Holder, neighbor: str) -> Export | None:
        """What a router sends a neighbour."""
        session = self.session(at, neighbor)
        return next((one for one in self.explain(at).exports if session and one.session == session.name), None)

    # sessions, and what a route is called on them

    def bgp(self, router: str) -> BgpPlan | None:
        """The plan of a router's BGP."""
        return self.plan.node(router).bgp

    def sessions(self, at: Holder) -> list[SessionPlan]:
        """A router's sessions that could carry the route."""
        bgp = self.bgp(at.router)
        return [session for session in bgp.sessions if session.family is family_of(at.prefix)] if bgp else []

    def session(self, at: Holder, neighbor: str) -> SessionPlan | None:
        """The session with a neighbour that could carry the route."""
        return next((one for one in self.sessions(at) if one.neighbor == neighbor), None)

    def holders(self, router: str, prefix: Prefix) -> tuple[Holder, ...]:
        """All that a router can know routes to a prefix by; between edges, that is one for each distinguisher."""
        if not self.is_core(router):
            return (Holder(router, prefix),)
        known = [VpnPrefix(rd, prefix) for rd in self._vrfs()]
        return tuple(Holder(router, nlri) for nlri in sorted(known, key=nlri_order))

    def is_core(self, router: str) -> bool:
        """Whether a router passes on routes of VPNs, and has none of its own."""
        bgp = self.bgp(router)
        return bgp is not None and bgp.vrf is None and any(session.vpn for session in bgp.sessions)

    def told(self, sender: Holder, session: SessionPlan) -> Nlri:
        """What a sender's route is called on a session of it."""
        bgp = self.bgp(sender.router)
        return VpnPrefix(bgp.vrf.rd, sender.prefix) if session.vpn and bgp and bgp.vrf else sender.nlri

    def knows(self, router: str, told: Nlri) -> Holder:
        """What a router at an end of a session knows the route by, which is called so on it."""
        return Holder(router, told if self.is_core(router) else prefix_of(told))

    def receiver(self, sender: Holder, neighbor: str) -> Holder:
        """What a neighbour that is sent a route knows it by."""
        session = self.session(sender, neighbor)
        return self.knows(neighbor, sender.nlri if session is None else self.told(sender, session))

    def senders(self, at: Holder) -> list[Holder]:
        """The neighbours that could send the route, in the order of the sessions.

        To a VRF one neighbour may send many, with distinguishers of their own: those first whose targets it imports.
        """
        return [sender for session in self.sessions(at) for sender in self._senders(at, session)]

    def _senders(self, at: Holder, session: SessionPlan) -> list[Holder]:
        bgp, far = self.bgp(at.router), self.bgp(session.neighbor)
        if not session.vpn or bgp is None:
            return [Holder(session.neighbor, at.nlri)]
        if isinstance(at.nlri, VpnPrefix):
            from_vrf = far is not None and far.vrf is not None
            if from_vrf and self._vrfs().get(at.nlri.rd) != session.neighbor:
                return []
            return [Holder(session.neighbor, at.prefix if from_vrf else at.nlri)]
        others = (rd for rd, name in self._vrfs().items() if name != at.router)
        found = [Holder(session.neighbor, VpnPrefix(rd, at.prefix)) for rd in others]
        return sorted(found, key=lambda sender: not self.imports(at, sender))

    def imports(self, at: Holder, sender: Holder) -> bool:
        """Whether a VRF imports a target that a sender's routes have by the plan; true of all other sessions."""
        own, behind = self.bgp(at.router), self.vrf_behind(sender.nlri)
        if own is None or own.vrf is None or behind is None:
            return True
        far = self.bgp(behind)
        return bool(far and far.vrf and set(own.vrf.import_targets) & set(far.vrf.export_targets))

    def named(self, at: Holder, name: str) -> list[Holder]:
        """The senders that a name stands for: that of a neighbour, or of the VRF whose route it passes on."""
        return [one for one in self.senders(at) if name in (one.router, self.vrf_behind(one.nlri))]

    def vrf_behind(self, nlri: Nlri) -> str | None:
        """The VRF that exports a route of a VPN."""
        return self._vrfs().get(nlri.rd) if isinstance(nlri, VpnPrefix) else None

    def whose(self, path: Path) -> str | None:
        """Who a path is from: the VRF that exported it, or else the neighbour; None for a router's own."""
        return path.neighbor if path.rd is None else self._vrfs().get(path.rd, path.neighbor)

    def _vrfs(self) -> dict[RouteDistinguisher, str]:
        return {node.bgp.vrf.rd: node.name for node in self.plan.routers if node.bgp and node.bgp.vrf}

    # ways

    def way(self, starts: Sequence[Holder]) -> list[Holder] | Cause:
        """The shortest chain of sessions from a router that originates a prefix to one that should have it.

        It leads through VPNs that import from one another, where such a chain is there.
        """
        at = starts[0]
        prefix = at.prefix
        origins = [node.name for node in self.plan.routers if node.bgp and prefix in originated(node.bgp)]
        senders = [node.name for node in self.plan.routers if self.sends_default(Holder(node.name, prefix))]
        if not origins and not senders:
            return self._nobody_originates(prefix)
        if at.router in senders and not origins:
            says = f"{at.router} sends {prefix} by default_originate, and has no route to it itself"
            return Cause(stage=Stage.LOC_RIB, text=says)
        for in_any_vpn in (False, True):
            way = self._shortest(starts, origins, in_any_vpn=in_any_vpn)
            if way is not None:
                return way
        joined = " or ".join(dict.fromkeys([*origins, *senders]))
        says = f"no chain of {family_of(prefix).value} sessions joins {joined} and {at.router}"
        return Cause(stage=Stage.SESSION, text=says)

    def _shortest(self, starts: Sequence[Holder], origins: list[str], *, in_any_vpn: bool) -> list[Holder] | None:
        ways: deque[list[Holder]] = deque([one] for one in starts)
        seen = set(starts)
        while ways:
            way = ways.popleft()
            if way[0].router in origins or (way[1:] and self.sends_default(way[0], way[1].router)):
                return way
            for sender in self.senders(way[0]):
                unseen = sender not in seen or self.sends_default(sender, way[0].router)
                if unseen and (in_any_vpn or self.imports(way[0], sender)):
                    seen.add(sender)
                    ways.append([sender, *way])
        return None

    def _nobody_originates(self, prefix: Prefix) -> Cause:
        known = dict.fromkeys(p for n in self.plan.routers if n.bgp for p in originated(n.bgp))
        alike = [p for p in known if p.version == prefix.version]
        near = [p for p in alike if p.overlaps(prefix)] or alike
        says = f"no router originates {prefix}; of its family the lab has {', '.join(map(str, near[:6])) or 'nothing'}"
        return Cause(stage=Stage.LOC_RIB, text=says)

    def sends_default(self, at: Holder, neighbor: str | None = None) -> bool:
        """Whether a router is configured to send this default route to a neighbour, or to any where it is None."""
        return at.prefix.prefixlen == 0 and any(
            session.rules.default_originate and neighbor in (None, session.neighbor) for session in self.sessions(at)
        )

    def sender_of(self, at: Holder, candidate: Candidate | None) -> Holder | None:
        """Whom a router has a candidate from; None for its own."""
        neighbor = neighbor_of(candidate) if candidate is not None else None
        if candidate is None or neighbor is None:
            return None
        return self.knows(neighbor, at.nlri if candidate.received is None else candidate.received.nlri)

    def travelled(self, at: Holder) -> list[Holder]:
        """The routers that the best path of a router came over, from its originator on."""
        way = [at]
        while True:
            before = self.sender_of(way[0], self.best(way[0]))
            if before is None or before in way:
                return way
            way.insert(0, before)

    def prefix_of(self, address: Address, router: str) -> Prefix | None:
        """The longest network of the lab that holds an address, of those that a router can have routes to."""
        found = {p for n in self.plan.routers if n.bgp for p in _networks(n.bgp) if address in p}
        longest_first = sorted(found, key=lambda prefix: -prefix.prefixlen)
        for prefix in longest_first:
            origins = [node.name for node in self.plan.routers if node.bgp and prefix in _networks(node.bgp)]
            if self._shortest(self.holders(router, prefix), origins, in_any_vpn=False) is not None:
                return prefix
        return next(iter(longest_first), None)


def neighbor_of(candidate: Candidate) -> str | None:
    """The neighbour that a candidate came from; None for a router's own."""
    return candidate.session.rpartition("/")[0] if candidate.session else None


def originated(bgp: BgpPlan) -> list[Prefix]:
    """Every prefix that a router is to originate, its aggregates among them."""
    return [*_networks(bgp), *(one.prefix for one in bgp.aggregates)]


def _networks(bgp: BgpPlan) -> Iterator[Prefix]:
    """The networks of a router that packets can be for."""
    yield from bgp.networks
    yield from (one.prefix for one in bgp.leaked_networks)
