"""Why the model itself contradicts an expectation: the session, policy or tie-break that decides against it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from lab.bgp import Address, Family, Prefix, Route, family_of, text_of, title_of
from lab.causes.setters import NEVER_LEAVE, NEVER_LEAVE_BY_EBGP, Crossing
from lab.causes.stages import STAGE_OF, Cause, Stage
from lab.checks import mismatches, named, routes_in
from lab.expectations import RouteExpectation, Table
from lab.explanation import Candidate, Explanation, Export
from lab.plan import BgpPlan, Plan, SessionPlan
from lab.policy import Outcome
from lab.predict import Prediction
from lab.rib import Because, Decision, Lost

_DECISIVE = {
    Because.LOWER_WEIGHT: "weight",
    Because.LOWER_LOCAL_PREF: "local_pref",
    Because.LONGER_AS_PATH: "as_path",
    Because.HIGHER_ORIGIN: "origin",
    Because.HIGHER_MULTI_EXIT_DISC: "multi_exit_disc",
    Because.HIGHER_MULTI_EXIT_DISC_OF_ALL: "multi_exit_disc",
    Because.HIGHER_IGP_COST: "next_hop",
}
"""The attribute that a step of the decision compares, where a policy can set it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A plan and its routers at their fixpoint."""

    plan: Plan
    prediction: Prediction

    def explain(self, router: str, prefix: Prefix) -> Explanation:
        """All that a router did with a prefix."""
        return self.prediction.routers[router].explain(prefix)

    def has(self, router: str, prefix: Prefix) -> bool:
        """Whether a router has a best path to a prefix."""
        decision = self.explain(router, prefix).decision
        return decision is not None and decision.best is not None

    # routes that are missing

    def why_no_route(self, expectation: RouteExpectation) -> Cause:
        """Why a route that must be in a table is not."""
        at, prefix, table = expectation.at, expectation.prefix, expectation.table
        if expectation.neighbor is not None and self._session(at, expectation.neighbor, prefix) is None:
            known = ", ".join(dict.fromkeys(s.neighbor for s in self._sessions(at, family_of(prefix)))) or "none"
            family = family_of(prefix).value
            says = f"{at} has no {family} session with {expectation.neighbor}: it has them with {known}"
            return Cause(stage=Stage.SESSION, text=says)
        if table is Table.ADJ_RIB_IN:
            return self._why_not_received(at, prefix, expectation.neighbor)
        if table is Table.ADJ_RIB_OUT and self._sends_default(at, expectation.neighbor, prefix):
            return self._why_not_sent(at, prefix, expectation.neighbor)
        missing = self.why_absent(at, prefix)
        if missing is not None:
            return missing
        if table is Table.ADJ_RIB_OUT:
            return self._why_not_sent(at, prefix, expectation.neighbor)
        best = self._best(at, prefix)
        if best is not None and best.session is None:
            says = f"{prefix} is a network of {at} itself: BGP adds no route to the kernel's own"
        else:
            says = f"{at} is connected to {prefix}: the kernel's own route stands before one of BGP"
        return Cause(stage=STAGE_OF[table], text=says)

    def why_absent(self, router: str, prefix: Prefix) -> Cause | None:
        """The first thing that keeps a prefix out of a router's Loc-RIB; None where it is there."""
        if self.has(router, prefix):
            return None
        way = self._way(router, prefix)
        if isinstance(way, Cause):
            return way
        if not self.has(way[0], prefix) and not (way[1:] and self._sends_default(way[0], way[1], prefix)):
            return self._why_not_originated(way[0], prefix)
        for sender, receiver in pairwise(way):
            if not self.has(receiver, prefix):
                return self._why_not_passed(sender, receiver, prefix) or self._why_unusable(sender, receiver, prefix)
        return None

    def _why_not_received(self, router: str, prefix: Prefix, neighbor: str | None) -> Cause:
        way = self._way(router, prefix)
        if neighbor is None and isinstance(way, Cause):
            return way
        sender = neighbor or (way[-2] if isinstance(way, list) and len(way) > 1 else None)
        if sender is None:
            says = f"{router} originates {prefix} itself, and no neighbour sends it"
            return Cause(stage=Stage.ADJ_RIB_IN, text=says)
        cause = self.why_absent(sender, prefix) or self._why_not_passed(sender, router, prefix)
        return cause or Cause(stage=Stage.ADJ_RIB_IN, text=f"{router} did not receive {prefix} from {sender}")

    def _why_not_sent(self, router: str, prefix: Prefix, neighbor: str | None) -> Cause:
        receivers = [neighbor] if neighbor else [s.neighbor for s in self._sessions(router, family_of(prefix))]
        causes = [self._why_not_passed(router, receiver, prefix) for receiver in receivers]
        found = sorted((cause for cause in causes if cause is not None), key=lambda one: one.stage.place)
        return Cause(
            stage=found[0].stage if found else Stage.ADJ_RIB_OUT,
            text="; ".join(cause.text for cause in found) or f"{router} sends {prefix} to nobody",
        )

    def _why_not_passed(self, sender: str, receiver: str, prefix: Prefix) -> Cause | None:
        """What stops a prefix between the sender's Loc-RIB and the receiver's Adj-RIB-In."""
        down = self._why_down(sender, receiver, prefix)
        if down:
            return Cause(stage=Stage.SESSION, text=f"{down}; so {prefix} never reaches {receiver}")
        export = self._export(sender, receiver, prefix)
        if export is not None and export.route is None:
            says = f"{sender} does not send {prefix} to {receiver}: {export.refused}"
            decision = self.explain(sender, prefix).decision
            if decision is not None and decision.best is not None and decision.best.neighbor == receiver:
                says = "; ".join([says, *(self._lost(sender, prefix, lost).text for lost in decision.lost)])
            return Cause(stage=Stage.ADJ_RIB_OUT, text=says)
        return None

    def _why_unusable(self, sender: str, receiver: str, prefix: Prefix) -> Cause:
        explained = self.explain(receiver, prefix)
        for candidate in explained.candidates:
            if _neighbor(candidate) == sender and candidate.refused:
                says = f"{receiver} refuses {prefix} from {sender}: {candidate.refused}"
                return Cause(stage=Stage.LOC_RIB, text=says)
        lost = explained.decision.lost if explained.decision else ()
        says = "; ".join(f"{one.because.value}, {one.values}" for one in lost) or "it has no path"
        return Cause(stage=Stage.LOC_RIB, text=f"{receiver} cannot use any path to {prefix}: {says}")

    def _way(self, router: str, prefix: Prefix) -> list[str] | Cause:
        """The shortest chain of sessions from a router that originates a prefix to one that should have it."""
        origins = [node.name for node in self.plan.routers if node.bgp and prefix in _originated(node.bgp)]
        senders = [node.name for node in self.plan.routers if self._sends_default(node.name, None, prefix)]
        if not origins and not senders:
            originated = dict.fromkeys(p for n in self.plan.routers if n.bgp for p in _originated(n.bgp))
            alike = [p for p in originated if p.version == prefix.version]
            near = [p for p in alike if p.overlaps(prefix)] or alike
            known = ", ".join(map(str, near[:6])) or "nothing"
            says = f"no router originates {prefix}; of its family the lab has {known}"
            return Cause(stage=Stage.LOC_RIB, text=says)
        if router in senders and not origins:
            says = f"{router} sends {prefix} by default_originate, and has no route to it itself"
            return Cause(stage=Stage.LOC_RIB, text=says)
        ways: deque[list[str]] = deque([[router]])
        seen = {router}
        while ways:
            way = ways.popleft()
            if way[0] in origins or (way[1:] and self._sends_default(way[0], way[1], prefix)):
                return way
            for session in self._sessions(way[0], family_of(prefix)):
                if session.neighbor not in seen or self._sends_default(session.neighbor, way[0], prefix):
                    seen.add(session.neighbor)
                    ways.append([session.neighbor, *way])
        joined = " or ".join(dict.fromkeys([*origins, *senders]))
        says = f"no chain of {family_of(prefix).value} sessions joins {joined} and {router}"
        return Cause(stage=Stage.SESSION, text=says)

    def _why_not_originated(self, router: str, prefix: Prefix) -> Cause:
        """Why a router has no route to what it should originate: of what it is told to, only aggregates can lack."""
        says = f"{router} has no route inside of {prefix} that its aggregate could stand for"
        return Cause(stage=Stage.LOC_RIB, text=says)

    def _sends_default(self, router: str, neighbor: str | None, prefix: Prefix) -> bool:
        """Whether a router is configured to send this default route to a neighbour, or to any where it is None."""
        return prefix.prefixlen == 0 and any(
            session.rules.default_originate and neighbor in (None, session.neighbor)
            for session in self._sessions(router, family_of(prefix))
        )

    # routes that are there

    def why_route(self, expectation: RouteExpectation) -> Cause:
        """How a route that must not be in a table came there."""
        at, prefix, table = expectation.at, expectation.prefix, expectation.table
        if table is Table.ADJ_RIB_IN:
            holders = [s.neighbor for s in self.prediction.tables.of(at).sessions if _holds(s.adj_rib_in, prefix)]
            sender = expectation.neighbor or holders[0]
            way = [*self._travelled(sender, prefix), at]
            passed = list(self._passed(way, prefix))[:-1]
        elif table is Table.ADJ_RIB_OUT:
            holders = [s.neighbor for s in self.prediction.tables.of(at).sessions if _holds(s.adj_rib_out, prefix)]
            way = [*self._travelled(at, prefix), expectation.neighbor or holders[0]]
            passed = list(self._passed(way, prefix))[:-1]
        else:
            way = self._travelled(at, prefix)
            passed = list(self._passed(way, prefix))
        says = f"{way[0]} originates {prefix}, and nothing keeps it from {at}"
        return Cause(stage=STAGE_OF[table], text=f"{says}: {'; '.join(passed)}" if passed else says)

    def _travelled(self, router: str, prefix: Prefix) -> list[str]:
        """The routers that the best path of a router came over, from its originator on."""
        way = [router]
        while True:
            best = self._best(way[0], prefix)
            before = _neighbor(best) if best is not None else None
            if before is None or before in way:
                return way
            way.insert(0, before)

    def _passed(self, way: list[str], prefix: Prefix) -> Iterator[str]:
        for sender, receiver in pairwise(way):
            export = self._export(sender, receiver, prefix)
            yield f"{sender} {_says('export', export.outcome if export else None)}"
            found = (c for c in self.explain(receiver, prefix).candidates if _neighbor(c) == sender)
            candidate = next(found, None)
            yield f"{receiver} {_says('import', candidate.outcome if candidate else None)}"

    # routes that are different

    def why_different(self, expectation: RouteExpectation) -> Cause:
        """Why a route that is there does not have the attributes that it must have."""
        at, prefix, table = expectation.at, expectation.prefix, expectation.table
        if table in (Table.LOC_RIB, Table.FIB):
            lost = self._why_better_lost(expectation)
            if lost is not None:
                return lost
        down = self._session_down(at, prefix)
        if down is not None:
            return down
        route = routes_in(expectation, self.prediction.tables.of(at))[0]
        name = mismatches(route, expectation, self.plan)[0]
        wanted = dict(expectation.attributes)[name] or "none"
        found = route.get(name) or "none"
        found = named(found, self.plan, at) if name == "next_hop" else found
        says = f"{title_of(name)} of {prefix} at {at} is {found}, not {wanted}"
        setter = self._setter(expectation, name, dict(expectation.attributes)[name])
        if setter is None:
            return Cause(stage=STAGE_OF[table], text=f"{says}: no policy on its way sets it")
        return Cause(stage=setter.stage, text=f"{says}: {setter.text}")

    def _session_down(self, router: str, prefix: Prefix) -> Cause | None:
        """The first session that is down on the shortest way of a prefix, where it came by another one."""
        way = self._way(router, prefix)
        for sender, receiver in pairwise(way if isinstance(way, list) else ()):
            down = self._why_down(sender, receiver, prefix)
            if down:
                says = f"{down}; so {prefix} reaches {router} by {' '.join(self._travelled(router, prefix))}"
                return Cause(stage=Stage.SESSION, text=says)
        return None

    def _why_down(self, sender: str, receiver: str, prefix: Prefix) -> str:
        """What there is to say of a session that is down; empty where it is up."""
        family = family_of(prefix).value
        for session in self.prediction.tables.of(sender).sessions:
            if session.session == f"{receiver}/{family}" and not session.established:
                return f"{sender} - {receiver} is down ({family}): {session.why_down}"
        return ""

    def _setter(self, expectation: RouteExpectation, attribute: str, wanted: str) -> Cause | None:
        """What set an attribute, or would have set what is wanted of it, on the way of a route; None where nothing."""
        way = [*self._way_of(expectation, attribute)]
        for found in (
            (one.setter(attribute) for one in way),
            (one.would_set(attribute, wanted) for one in way),
            (one.rule(attribute) for one in way),
        ):
            cause = next((one for one in found if one is not None), None)
            if cause is not None:
                return cause
        return None

    def _way_of(self, expectation: RouteExpectation, attribute: str) -> Iterator[Crossing]:
        at, prefix = expectation.at, expectation.prefix
        if expectation.table in (Table.LOC_RIB, Table.FIB):
            return self._crossings(attribute, at, prefix)
        incoming = expectation.table is Table.ADJ_RIB_IN
        for session in self.prediction.tables.of(at).sessions:
            routes = session.adj_rib_in if incoming else session.adj_rib_out
            if expectation.neighbor in (None, session.neighbor) and _holds(routes, prefix):
                ends = (session.neighbor, at) if incoming else (at, session.neighbor)
                return self._crossings(attribute, ends[0], prefix, sent_to=ends[1])
        return iter(())

    def _why_better_lost(self, expectation: RouteExpectation) -> Cause | None:
        """Why the path that has all that is wanted, or else the wanted next hop, is not best; None without one."""
        at, prefix = expectation.at, expectation.prefix
        explained = self.explain(at, prefix)
        decision = explained.decision
        if decision is None or decision.best is None:
            return None
        by_hop = tuple(one for one in expectation.attributes if one[0] == "next_hop")
        for attributes in (expectation.attributes, by_hop) if by_hop else (expectation.attributes,):
            asked = replace(expectation, attributes=attributes)
            cause = next((c for one in explained.candidates if (c := self._why_not_best(one, asked, decision))), None)
            if cause is not None:
                return cause
        wanted = dict(expectation.attributes).get("next_hop", "").split()
        neighbors = [s.neighbor for s in self._sessions(at, family_of(prefix))]
        heard = [_neighbor(candidate) for candidate in explained.candidates]
        for neighbor in wanted:
            if neighbor in neighbors and neighbor not in heard:
                return self._why_not_received(at, prefix, neighbor)
        return None

    def _why_not_best(self, candidate: Candidate, asked: RouteExpectation, decision: Decision) -> Cause | None:
        """The step that a path lost at, or why it was refused; None where it is another one than is asked for."""
        used = asked.table is Table.FIB and candidate.path in decision.multipath
        if used or not self._wanted(candidate, asked):
            return None
        for lost in decision.lost:
            if lost.path == candidate.path:
                return self._lost(asked.at, asked.prefix, lost)
        if not candidate.refused:
            return None
        says = f"{asked.at} refuses {asked.prefix} from {_neighbor(candidate)}: {candidate.refused}"
        return Cause(stage=Stage.LOC_RIB, text=says)

    def _wanted(self, candidate: Candidate, expectation: RouteExpectation) -> bool:
        route = candidate.path.route if candidate.path is not None else candidate.received
        return route is not None and all(
            bool({str(route.next_hop), self.plan.owner(route.next_hop, expectation.at)} & set(value.split()))
            if name == "next_hop"
            else text_of(route, name) == value
            for name, value in expectation.attributes
        )

    def why_lost(self, router: str, prefix: Prefix, neighbor: str) -> Cause:
        """Why a router does not use the path from one of its neighbours."""
        explained = self.explain(router, prefix)
        for lost in explained.decision.lost if explained.decision else ():
            if lost.path.neighbor == neighbor:
                return self._lost(router, prefix, lost)
        for candidate in explained.candidates:
            if _neighbor(candidate) == neighbor and candidate.refused:
                says = f"{router} refuses {prefix} from {neighbor}: {candidate.refused}"
                return Cause(stage=Stage.LOC_RIB, text=says)
        return self._why_not_received(router, prefix, neighbor)

    def _lost(self, router: str, prefix: Prefix, lost: Lost) -> Cause:
        decision = self.explain(router, prefix).decision
        winner = decision.best.neighbor if decision and decision.best else None
        rival = f"the one from {winner}" if winner else "its own"
        loser = f"the path to {prefix} from {lost.path.neighbor}" if lost.path.neighbor else f"its own path to {prefix}"
        says = f"at {router} {loser} lost to {rival}"
        says = f"{says}: {lost.because.value}, {lost.values}"
        attribute = _DECISIVE.get(lost.because)
        if attribute is None:
            return Cause(stage=Stage.LOC_RIB, text=says)
        neighbor = lost.path.neighbor
        setters = [self.who_set(attribute, router, prefix, one) for one in (winner, neighbor) if one is not None]
        found = "; ".join(setter.text for setter in setters if setter is not None)
        return Cause(stage=Stage.LOC_RIB, text=f"{says}; {found}" if found else says)

    def who_set(self, attribute: str, router: str, prefix: Prefix, neighbor: str | None = None) -> Cause | None:
        """The last policy or rule that set an attribute of a router's best path; None where none did.

        With `neighbor` it is asked of the path that the router has from there.
        """
        way = self._crossings(attribute, router, prefix, neighbor=neighbor)
        return next((cause for one in way if (cause := one.setter(attribute)) is not None), None)

    def _crossings(
        self, attribute: str, router: str, prefix: Prefix, *, sent_to: str | None = None, neighbor: str | None = None
    ) -> Iterator[Crossing]:
        """The ends of sessions that a route crossed, the last first, as far back as an attribute can come from.

        With `sent_to` it is what the router sends there, with `neighbor` the path that it has from there; else its
        best one.
        """
        seen: set[tuple[str, str | None]] = set()
        while (router, sent_to) not in seen:
            seen.add((router, sent_to))
            if sent_to is not None:
                session, export = self._session(router, sent_to, prefix), self._export(router, sent_to, prefix)
                if session is None or export is None:
                    return
                yield self._sent(router, prefix, session, export)
                if attribute in (NEVER_LEAVE_BY_EBGP if session.ebgp else NEVER_LEAVE):
                    return
            candidate = self._from(router, prefix, neighbor) if neighbor else self._best(router, prefix)
            neighbor = None
            if candidate is None or candidate.session is None:
                return
            sender = candidate.session.rpartition("/")[0]
            session = self._session(router, sender, prefix)
            yield Crossing(
                stage=Stage.LOC_RIB,
                direction="import",
                router=router,
                before=candidate.received,
                policies=session.rules.import_policies if session else (),
                outcome=candidate.outcome,
                applied=candidate.applied,
            )
            router, sent_to = sender, router

    def _sent(self, router: str, prefix: Prefix, session: SessionPlan, export: Export) -> Crossing:
        best = self._best(router, prefix)
        return Crossing(
            stage=Stage.ADJ_RIB_OUT,
            direction="export",
            router=router,
            before=best.path.route if best is not None and best.path is not None else None,
            policies=session.rules.export_policies,
            outcome=export.outcome,
            applied=export.applied,
        )

    def why_discarded(self, router: str, prefix: Prefix) -> Cause | None:
        """Why a router discards packets to a prefix that it has a route to; None where it forwards them."""
        best = self._best(router, prefix)
        if best is None or best.path is None or not best.path.discard:
            return None
        says = f"{router} has {prefix} from {best.path.neighbor} with BLACKHOLE (RFC 7999)"
        return Cause(stage=Stage.LOC_RIB, text=says)

    # reading the model

    def _sessions(self, router: str, family: Family) -> list[SessionPlan]:
        bgp = self.plan.node(router).bgp
        return [session for session in bgp.sessions if session.family is family] if bgp else []

    def _session(self, router: str, neighbor: str, prefix: Prefix) -> SessionPlan | None:
        return next((s for s in self._sessions(router, family_of(prefix)) if s.neighbor == neighbor), None)

    def _export(self, router: str, receiver: str, prefix: Prefix) -> Export | None:
        name = f"{receiver}/{family_of(prefix).value}"
        return next((one for one in self.explain(router, prefix).exports if one.session == name), None)

    def _best(self, router: str, prefix: Prefix) -> Candidate | None:
        explained = self.explain(router, prefix)
        best = explained.decision.best if explained.decision else None
        return next((one for one in explained.candidates if best is not None and one.path == best), None)

    def _from(self, router: str, prefix: Prefix, neighbor: str) -> Candidate | None:
        return next((one for one in self.explain(router, prefix).candidates if _neighbor(one) == neighbor), None)

    def prefix_of(self, address: Address) -> Prefix | None:
        """The longest network of the lab that holds an address."""
        networks = {p for n in self.plan.routers if n.bgp for p in _networks(n.bgp) if address in p}
        return max(networks, key=lambda prefix: prefix.prefixlen, default=None)


def _networks(bgp: BgpPlan) -> Iterator[Prefix]:
    """The networks of a router that packets can be for."""
    yield from bgp.networks
    yield from (one.prefix for one in bgp.leaked_networks)


def _originated(bgp: BgpPlan) -> list[Prefix]:
    """Every prefix that a router is to originate, its aggregates among them."""
    return [*_networks(bgp), *(one.prefix for one in bgp.aggregates)]


def _holds(routes: Iterable[Route], prefix: Prefix) -> bool:
    return any(route.prefix == prefix for route in routes)


def _neighbor(candidate: Candidate) -> str | None:
    return candidate.session.rpartition("/")[0] if candidate.session else None


def _says(direction: str, outcome: Outcome | None) -> str:
    return f"{direction} policy {outcome.policy}: {outcome.because}" if outcome else f"has no {direction} policy for it"
