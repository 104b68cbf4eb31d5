"""Where a lab first left the way that the model predicted, for one prefix, or for one route of a VPN.

Every table is made from earlier ones: a FIB from a Loc-RIB, that from the Adj-RIBs-In, those from the Adj-RIBs-Out at
the other ends of the sessions. From a place where prediction and lab differ, the walk goes to what it was made from, as
long as that differs too. Where nothing earlier differs, the lab left the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lab.bgp import Address, Nlri, Prefix, Route, changes_between, prefix_of, title_of
from lab.causes.stages import Cause, Stage
from lab.forwarding import gateway
from lab.plan import Plan
from lab.tables import LabTables, SessionTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One table of one router, for one prefix or route of a VPN; `session` is empty for its Loc-RIB and its FIB.

    A session is one place for both its ends, whatever crosses it: that of the lesser router name, without `nlri`.
    """

    stage: Stage
    router: str
    session: str = ""
    nlri: Nlri | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Divergence:
    """The predicted and the observed tables."""

    plan: Plan
    predicted: LabTables
    observed: LabTables

    def places(self, stage: Stage, router: str, prefix: Prefix, sessions: Iterable[str] = ()) -> list[Place]:
        """All places of a router that are about a prefix, of some sessions where it is about their tables."""
        if stage is Stage.FIB:
            return [Place(stage=stage, router=router, nlri=prefix)]
        return [
            Place(stage=stage, router=router, session=session, nlri=nlri)
            for session in ([""] if stage is Stage.LOC_RIB else sessions)
            for nlri in self._present(stage, router, session, prefix)
        ]

    def _present(self, stage: Stage, router: str, session: str, prefix: Prefix) -> list[Nlri]:
        """What the routes to a prefix lead to that were predicted or observed in a table of RIBs."""
        tables = (self._routes(Place(stage=stage, router=router, session=session), t) for t in self._both)
        return list(dict.fromkeys(route.nlri for routes in tables for route in routes if route.prefix == prefix))

    @property
    def _both(self) -> tuple[LabTables, LabTables]:
        return self.predicted, self.observed

    def first(self, starts: Iterable[Place]) -> Cause | None:
        """The first cause of the differences at `starts`; None where there are none."""
        seen: dict[Place, Place | None] = {}
        roots: list[Place] = []
        for start in starts:
            self._search(start, None, seen, roots)
        if not roots:
            roots = list(seen)[:1]  # the differences cause one another: only the place that was asked about is sure
        if not roots:
            return None
        root = min(roots, key=lambda place: place.stage.place)
        return Cause(stage=root.stage, text=self._text(root, seen[root]))

    def _search(self, place: Place, led_by: Place | None, seen: dict[Place, Place | None], roots: list[Place]) -> None:
        if place in seen or not self._differs(place):
            return
        seen[place] = led_by
        earlier = [one for one in self._made_from(place) if self._differs(one)]
        if not earlier:
            roots.append(place)
        for one in earlier:
            self._search(one, place, seen, roots)

    def _made_from(self, place: Place) -> Iterator[Place]:
        match place.stage:
            case Stage.FIB:
                loc_rib = Place(stage=Stage.LOC_RIB, router=place.router, nlri=place.nlri)
                yield loc_rib
                if self._differs(loc_rib) or self._hops(place, self.observed):
                    yield from self._of_hops(place)
            case Stage.LOC_RIB:
                yield from self._adj_ribs_in(place)
            case Stage.ADJ_RIB_OUT:
                yield self.session(place.router, place.session)
                bgp, nlri = self.plan.node(place.router).bgp, place.nlri
                if nlri is not None and bgp is not None and bgp.vrf is not None:
                    nlri = prefix_of(nlri)
                yield Place(stage=Stage.LOC_RIB, router=place.router, nlri=nlri)
            case Stage.ADJ_RIB_IN:
                yield self.session(place.router, place.session)
                far_router, far_session = self._far_end(place.router, place.session)
                yield Place(stage=Stage.ADJ_RIB_OUT, router=far_router, session=far_session, nlri=place.nlri)

    def _adj_ribs_in(self, made: Place) -> Iterator[Place]:
        """The Adj-RIBs-In that a Loc-RIB or a FIB is made from; a VRF's are of any distinguisher."""
        sessions = [session.session for session in self.predicted.of(made.router).sessions]
        prefix = prefix_of(made.nlri) if made.nlri is not None else None
        for place in self.places(Stage.ADJ_RIB_IN, made.router, prefix, sessions) if prefix is not None else ():
            if made.nlri in (place.nlri, prefix):
                yield place

    def _of_hops(self, fib: Place) -> Iterator[Place]:
        """The Adj-RIBs-In of the next hops that came or went: one of several may be lost while the best path stays."""
        changed = set(self._hops(fib, self.predicted) or ()) ^ set(self._hops(fib, self.observed) or ())
        node = self.plan.node(fib.router)
        for place in self._adj_ribs_in(fib):
            routes = (self._route(place, tables) for tables in self._both)
            if any(route is not None and gateway(node, route.next_hop) in changed for route in routes):
                yield place

    def session(self, router: str, session: str) -> Place:
        """The place of a session, the same from both its ends."""
        name, name_there = min((router, session), self._far_end(router, session))
        return Place(stage=Stage.SESSION, router=name, session=name_there)

    def _far_end(self, router: str, session: str) -> tuple[str, str]:
        far_router, far_session = self.plan.far_ends()[router, session]
        return far_router, far_session.name

    # what a place holds

    def _differs(self, place: Place) -> bool:
        if place.stage is Stage.SESSION:
            return self._established(place, self.predicted) != self._established(place, self.observed)
        if place.stage is Stage.FIB:
            return self._hops(place, self.predicted) != self._hops(place, self.observed)
        return self._route(place, self.predicted) != self._route(place, self.observed)

    def _established(self, place: Place, tables: LabTables) -> bool:
        return all(end.established for end in self._ends(place, tables))

    def _ends(self, place: Place, tables: LabTables) -> list[SessionTables]:
        ends = ((place.router, place.session), self._far_end(place.router, place.session))
        return [s for router, name in ends for s in tables.of(router).sessions if s.session == name]

    def _hops(self, place: Place, tables: LabTables) -> tuple[Address, ...] | None:
        """Where a kernel sends packets: to nobody, where it discards them; None where it has no route."""
        return next((e.next_hops for e in tables.of(place.router).fib if e.prefix == place.nlri), None)

    def _routes(self, place: Place, tables: LabTables) -> tuple[Route, ...]:
        router = tables.of(place.router)
        if place.stage is Stage.LOC_RIB:
            return router.loc_rib
        session = next(s for s in router.sessions if s.session == place.session)
        return session.adj_rib_in if place.stage is Stage.ADJ_RIB_IN else session.adj_rib_out

    def _route(self, place: Place, tables: LabTables) -> Route | None:
        return next((route for route in self._routes(place, tables) if route.nlri == place.nlri), None)

    # words

    def _text(self, place: Place, led_by: Place | None) -> str:
        if place.stage is Stage.SESSION:
            return self._session_text(place, led_by)
        if place.stage is Stage.FIB:
            return self._fib_text(place)
        predicted, observed = (self._route(place, tables) for tables in self._both)
        if predicted is None:
            return f"{self._has(place)}, which the model does not predict"
        if observed is None:
            return self._lacks(place)
        differing = "; ".join(
            f"{title_of(change.attribute)} {change.after or 'none'} where {change.before or 'none'} was predicted"
            for change in changes_between(predicted, observed)
        )
        return f"{self._has(place)} with {differing}"

    def _has(self, place: Place) -> str:
        neighbor = self._neighbor(place)
        match place.stage:
            case Stage.ADJ_RIB_IN:
                return f"{place.router} received {place.nlri} from {neighbor}"
            case Stage.ADJ_RIB_OUT:
                return f"{place.router} sends {place.nlri} to {neighbor}"
            case _:
                return f"{place.router} has a route to {place.nlri}"

    def _lacks(self, place: Place) -> str:
        neighbor = self._neighbor(place)
        match place.stage:
            case Stage.ADJ_RIB_IN:
                return f"{place.router} never received {place.nlri} from {neighbor}, though {neighbor} sent it"
            case Stage.ADJ_RIB_OUT:
                return f"{place.router} does not send {place.nlri} to {neighbor}, though its Loc-RIB has it"
            case _:
                return f"{place.router} has no route to {place.nlri}, though all that it is made from is there"

    def _neighbor(self, place: Place) -> str:
        return place.session.rpartition("/")[0]

    def _session_text(self, place: Place, led_by: Place | None) -> str:
        ends = self._ends(place, self.observed)
        names = f"{place.router} - {self._neighbor(place)}"
        family = place.session.rpartition("/")[2]
        if not self._established(place, self.observed):
            reasons = "; ".join(dict.fromkeys(end.why_down for end in ends if end.why_down)) or "no reason was given"
            text = f"{names} is down ({family}): {reasons}"
        else:
            text = f"{names} is established ({family}), though the model predicted it down"
        if led_by is None or led_by.stage is not Stage.ADJ_RIB_IN:
            return text
        reached = "never reached" if self._route(led_by, self.observed) is None else "reached"
        return f"{text}; so {led_by.nlri} {reached} {led_by.router}"

    def _fib_text(self, place: Place) -> str:
        predicted, observed = (self._hops(place, tables) for tables in self._both)
        kernel = f"the kernel of {place.router}"
        if observed is None:
            return f"{kernel} has no route to {place.nlri}, though its Loc-RIB has it"
        if predicted is None:
            way = f"by {self._named(observed, place)}" if observed else "that discards packets"
            return f"{kernel} has a route to {place.nlri} {way}, which the model does not predict"
        does = (
            f"sends {place.nlri} to {self._named(observed, place)}" if observed else f"discards packets to {place.nlri}"
        )
        meant = f"{self._named(predicted, place)} was predicted" if predicted else "the model predicted to discard it"
        return f"{kernel} {does}, where {meant}"

    def _named(self, hops: tuple[Address, ...], place: Place) -> str:
        return " ".join(self.plan.owner(hop, place.router) or str(hop) for hop in hops)
