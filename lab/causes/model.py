"""Why the model itself contradicts an expectation: the session, policy or tie-break that decides against it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lab.bgp import Prefix, Route, VpnPrefix, family_of, text_of, title_of
from lab.causes.setters import NEVER_LEAVE, NEVER_LEAVE_BY_EBGP, Crossing
from lab.causes.stages import STAGE_OF, Cause, Stage
from lab.causes.ways import Holder, Ways
from lab.checks.routes import mismatches, named, routes_in
from lab.expectations import RouteExpectation, Table
from lab.explanation import Candidate, Export
from lab.plan import SessionPlan
from lab.policy import Outcome
from lab.rib import Because, Decision, Lost, Path
from lab.router.session import why_not_imported
from lab.tables import SessionTables

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
class Model(Ways):
    """A plan and its routers at their fixpoint, asked for reasons."""

    # routes that are missing

    def why_no_route(self, expectation: RouteExpectation) -> Cause:
        """Why a route that must be in a table is not."""
        at, prefix, table = expectation.at, expectation.prefix, expectation.table
        holders = self.holders(at, prefix)
        if expectation.neighbor is not None and self.session(holders[0], expectation.neighbor) is None:
            known = ", ".join(dict.fromkeys(s.neighbor for s in self.sessions(holders[0]))) or "none"
            family = family_of(prefix).value
            says = f"{at} has no {family} session with {expectation.neighbor}: it has them with {known}"
            return Cause(stage=Stage.SESSION, text=says)
        if table is Table.ADJ_RIB_IN:
            return self._why_not_received(holders, expectation.neighbor)
        if table is Table.ADJ_RIB_OUT and self.sends_default(holders[0], expectation.neighbor):
            return self._why_not_sent(holders[0], expectation.neighbor)
        missing = self.why_absent(holders)
        if missing is not None:
            return missing
        held = self._held(holders)
        if table is Table.ADJ_RIB_OUT:
            return self._why_not_sent(held, expectation.neighbor)
        best = self.best(held)
        if self.is_core(at):
            says = f"{at} has {held.nlri} in its core instance, which forwards no packets of VPNs"
        elif best is not None and best.session is None:
            says = f"{prefix} is a network of {at} itself: BGP adds no route to the kernel's own"
        else:
            says = f"{at} is connected to {prefix}: the kernel's own route stands before one of BGP"
        return Cause(stage=STAGE_OF[table], text=says)

    def why_absent(self, holders: Sequence[Holder]) -> Cause | None:
        """The first thing that keeps a prefix out of a router's Loc-RIB; None where it is there.

        `holders` is all that the router can know it by.
        """
        if any(map(self.has, holders)):
            return None
        way = self.way(holders)
        if isinstance(way, Cause):
            return way
        if not self.has(way[0]) and not (way[1:] and self.sends_default(way[0], way[1].router)):
            return self._why_not_originated(way[0])
        for sender, receiver in pairwise(way):
            if not self.has(receiver):
                return self._why_not_passed(sender, receiver) or self._why_unusable(sender, receiver)
        return None

    def _held(self, holders: Sequence[Holder]) -> Holder:
        """The first that the router has a best path to, else the first."""
        return next((one for one in holders if self.has(one)), holders[0])

    def _why_not_received(self, holders: Sequence[Holder], name: str | None) -> Cause:
        """Why a router has not received a route from a neighbour, or from a VRF by one, or from anybody."""
        router, prefix = holders[0].router, holders[0].prefix
        if name is None:
            way = self.way(holders)
            if isinstance(way, Cause):
                return way
            if not way[1:]:
                says = f"{router} originates {prefix} itself, and no neighbour sends it"
                return Cause(stage=Stage.ADJ_RIB_IN, text=says)
            senders = [way[-2]]
        else:
            named = [(one, sender) for one in holders for sender in self.named(one, name)]
            senders = [sender for one, sender in named if self.imports(one, sender)] or [sender for _, sender in named]
        cause = self.why_absent(senders) if senders else None
        for sender in senders if cause is None else ():
            if self.has(sender):
                cause = cause or self._why_not_passed(sender, self.receiver(sender, router))
        return cause or Cause(stage=Stage.ADJ_RIB_IN, text=f"{router} did not receive {prefix} from {name}")

    def _why_not_sent(self, at: Holder, neighbor: str | None) -> Cause:
        receivers = [neighbor] if neighbor else [s.neighbor for s in self.sessions(at)]
        causes = [self._why_not_passed(at, self.receiver(at, receiver)) for receiver in receivers]
        found = sorted((cause for cause in causes if cause is not None), key=lambda one: one.stage.place)
        return Cause(
            stage=found[0].stage if found else Stage.ADJ_RIB_OUT,
            text="; ".join(cause.text for cause in found) or f"{at.router} sends {at.nlri} to nobody",
        )

    def _why_not_passed(self, sender: Holder, receiver: Holder) -> Cause | None:
        """What stops a route between the sender's Loc-RIB and the receiver's Adj-RIB-In."""
        down = self._why_down(sender, receiver)
        if down:
            return Cause(stage=Stage.SESSION, text=f"{down}; so {receiver.prefix} never reaches {receiver.router}")
        export = self.export(sender, receiver.router)
        if export is None or export.route is not None:
            return None
        best = self.best_path(sender)
        not_imported = self._why_not_imported(best, receiver) if best is not None and best.within_router else None
        if not_imported is not None:
            return not_imported
        says = f"{sender.router} does not send {sender.nlri} to {receiver.router}: {export.refused}"
        decision = self.explain(sender).decision
        if decision is not None and best is not None and best.neighbor == receiver.router:
            others = [self._lost(sender, lost).text for lost in decision.lost]
            if not others and self.whose(best) != receiver.router:
                others = [f"the only path that it has is from {self.whose(best)}"]
            says = "; ".join([says, *others])
        return Cause(stage=Stage.ADJ_RIB_OUT, text=says)

    def _why_not_imported(self, path: Path, receiver: Holder) -> Cause | None:
        """Why a VRF would not import a path that it is not even offered; None where it would, or is none."""
        bgp = self.bgp(receiver.router)
        refused = why_not_imported(path.route, bgp.vrf) if bgp is not None and bgp.vrf is not None else ""
        if not refused:
            return None
        says = f"{receiver.router} does not import {path.route.nlri}: {refused}"
        return Cause(stage=Stage.LOC_RIB, text=says)

    def _why_unusable(self, sender: Holder, receiver: Holder) -> Cause:
        refused = self._refused(sender, receiver)
        if refused is not None:
            return refused
        decision = self.explain(receiver).decision
        says = "; ".join(f"{one.because.value}, {one.values}" for one in decision.lost) if decision else ""
        says = f"{receiver.router} cannot use any path to {receiver.nlri}: {says or 'it has no path'}"
        return Cause(stage=Stage.LOC_RIB, text=says)

    def _refused(self, sender: Holder, receiver: Holder) -> Cause | None:
        """Why the import side dropped what a neighbour sent; None where it did not."""
        candidate = self.candidate(receiver, sender)
        if candidate is None or not candidate.refused:
            return None
        behind = self.vrf_behind(sender.nlri)
        by = f"{behind} by {sender.router}" if behind and receiver.nlri != sender.nlri else sender.router
        says = f"{receiver.router} refuses {receiver.nlri} from {by}: {candidate.refused}"
        return Cause(stage=Stage.LOC_RIB, text=says)

    @staticmethod
    def _why_not_originated(at: Holder) -> Cause:
        """Why a router has no route to what it should originate: of what it is told to, only aggregates can lack."""
        says = f"{at.router} has no route inside of {at.nlri} that its aggregate could stand for"
        return Cause(stage=Stage.LOC_RIB, text=says)

    # routes that are there

    def why_route(self, expectation: RouteExpectation) -> Cause:
        """How a route that must not be in a table came there."""
        at, prefix, table = expectation.at, expectation.prefix, expectation.table
        if table in (Table.ADJ_RIB_IN, Table.ADJ_RIB_OUT):
            session, route = next(self._crossed(expectation))
            here = self.knows(at, route.nlri)
            if table is Table.ADJ_RIB_IN:
                way = [*self.travelled(self.knows(session.neighbor, route.nlri)), here]
            else:
                way = [*self.travelled(here), self.knows(session.neighbor, route.nlri)]
            passed = list(self._passed(way))[:-1]
        else:
            way = self.travelled(self._held(self.holders(at, prefix)))
            passed = list(self._passed(way))
        says = f"{way[0].router} originates {prefix}, and nothing keeps it from {at}"
        return Cause(stage=STAGE_OF[table], text=f"{says}: {'; '.join(passed)}" if passed else says)

    def _crossed(self, expectation: RouteExpectation) -> Iterator[tuple[SessionTables, Route]]:
        """The routes to a prefix in the Adj-RIBs that an expectation asks about."""
        node = self.plan.node(expectation.at)
        for session in self.prediction.tables.of(expectation.at).sessions:
            if expectation.neighbor in (None, session.neighbor):
                incoming = expectation.table is Table.ADJ_RIB_IN
                for route in session.adj_rib_in if incoming else session.adj_rib_out:
                    if expectation.prefix == (node.destination(route) if incoming else route.prefix):
                        yield session, route

    def _passed(self, way: list[Holder]) -> Iterator[str]:
        """What was said of a route at each end of its sessions; of those inside of a provider, only what decides."""
        for sender, receiver in pairwise(way):
            session, back = self.session(sender, receiver.router), self.session(receiver, sender.router)
            inside = session is not None and session.vpn
            if not inside or (session and session.rules.export_policies):
                export = self.export(sender, receiver.router)
                yield f"{sender.router} {_says('export', export.outcome if export else None)}"
            candidate = self.candidate(receiver, sender)
            if not inside or (back and back.rules.import_policies):
                yield f"{receiver.router} {_says('import', candidate.outcome if candidate else None)}"
            elif isinstance(sender.nlri, VpnPrefix) and not isinstance(receiver.nlri, VpnPrefix):
                yield f"{receiver.router} imports what {self.vrf_behind(sender.nlri)} exports"

    # routes that are different

    def why_different(self, expectation: RouteExpectation) -> Cause:
        """Why a route that is there does not have the attributes that it must have."""
        at, prefix, table = expectation.at, expectation.prefix, expectation.table
        holders = self.holders(at, prefix)
        if table in (Table.LOC_RIB, Table.FIB):
            lost = self._why_better_lost(expectation)
            if lost is not None:
                return lost
        down = self._session_down(holders)
        if down is not None:
            return down
        route = routes_in(expectation, self.plan, self.prediction.tables.of(at))[0]
        name = mismatches(route, expectation, self.plan)[0]
        wanted = dict(expectation.attributes)[name] or "none"
        found = route.get(name) or "none"
        found = named(found, self.plan, at) if name == "next_hop" else found
        says = f"{title_of(name)} of {prefix} at {at} is {found}, not {wanted}"
        setter = self._setter(expectation, name, dict(expectation.attributes)[name])
        if setter is None:
            return Cause(stage=STAGE_OF[table], text=f"{says}: no policy on its way sets it")
        return Cause(stage=setter.stage, text=f"{says}: {setter.text}")

    def _session_down(self, holders: Sequence[Holder]) -> Cause | None:
        """The first session that is down on the shortest way of a prefix, where it came by another one."""
        way = self.way(holders)
        for sender, receiver in pairwise(way if isinstance(way, list) else ()):
            down = self._why_down(sender, receiver)
            if down:
                at = self._held(holders)
                by = " ".join(one.router for one in self.travelled(at))
                return Cause(stage=Stage.SESSION, text=f"{down}; so {at.prefix} reaches {at.router} by {by}")
        return None

    def _why_down(self, sender: Holder, receiver: Holder) -> str:
        """What there is to say of a session that is down; empty where it is up."""
        plan = self.session(sender, receiver.router)
        for session in self.prediction.tables.of(sender.router).sessions if plan is not None else ():
            if plan is not None and session.session == plan.name and not session.established:
                return f"{sender.router} - {receiver.router} is down ({plan.carries}): {session.why_down}"
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
            return self._crossings(attribute, self._held(self.holders(at, prefix)))
        for session, route in self._crossed(expectation):
            names = (session.neighbor, at) if expectation.table is Table.ADJ_RIB_IN else (at, session.neighbor)
            return self._crossings(attribute, self.knows(names[0], route.nlri), sent_to=names[1])
        return iter(())

    def _why_better_lost(self, expectation: RouteExpectation) -> Cause | None:
        """Why the path that has all that is wanted, or else the wanted next hop, is not best; None without one."""
        at = self._held(self.holders(expectation.at, expectation.prefix))
        explained = self.explain(at)
        decision = explained.decision
        if decision is None or decision.best is None:
            return None
        by_hop = tuple(one for one in expectation.attributes if one[0] == "next_hop")
        for attributes in (expectation.attributes, by_hop) if by_hop else (expectation.attributes,):
            asked = replace(expectation, attributes=attributes)
            for candidate in explained.candidates:
                cause = self._why_not_best(at, candidate, asked, decision)
                if cause is not None:
                    return cause
        wanted = dict(expectation.attributes).get("next_hop", "").split()
        heard = [self.sender_of(at, candidate) for candidate in explained.candidates]
        for name in wanted:
            senders = self.named(at, name)
            if senders and not set(senders) & set(heard):
                return self._why_not_received([at], name)
        return None

    def _why_not_best(
        self, at: Holder, candidate: Candidate, asked: RouteExpectation, decision: Decision
    ) -> Cause | None:
        """The step that a path lost at, or why it was refused; None where it is another one than is asked for."""
        used = asked.table is Table.FIB and candidate.path in decision.multipath
        if used or not self._wanted(candidate, asked):
            return None
        for lost in decision.lost:
            if lost.path == candidate.path:
                return self._lost(at, lost)
        sender = self.sender_of(at, candidate)
        return None if sender is None else self._refused(sender, at)

    def _wanted(self, candidate: Candidate, expectation: RouteExpectation) -> bool:
        route = candidate.path.route if candidate.path is not None else candidate.received
        if route is None:
            return False
        received = candidate.received or route
        owner = self.vrf_behind(received.nlri) or self.plan.owner(route.next_hop, expectation.at)
        return all(
            bool({str(route.next_hop), owner} & set(value.split()))
            if name == "next_hop"
            else text_of(route, name) == value
            for name, value in expectation.attributes
        )

    def why_lost(self, router: str, prefix: Prefix, name: str) -> Cause:
        """Why a router does not use the path from one of its neighbours, or from a VRF by one."""
        at = self._held(self.holders(router, prefix))
        decision = self.explain(at).decision
        for lost in decision.lost if decision else ():
            if name in (lost.path.neighbor, self.whose(lost.path)):
                return self._lost(at, lost)
        refused = (self._refused(sender, at) for sender in self.named(at, name))
        return next((one for one in refused if one is not None), None) or self._why_not_received([at], name)

    def _lost(self, at: Holder, lost: Lost) -> Cause:
        best = self.best_path(at)
        winner = self.whose(best) if best is not None else None
        loser = self.whose(lost.path)
        says = f"the path to {at.nlri} from {loser}" if loser else f"its own path to {at.nlri}"
        says = f"at {at.router} {says} lost to {f'the one from {winner}' if winner else 'its own'}"
        says = f"{says}: {lost.because.value}, {lost.values}"
        attribute = _DECISIVE.get(lost.because)
        if attribute is None:
            return Cause(stage=Stage.LOC_RIB, text=says)
        rivals = [path for path in (best, lost.path) if path is not None and path.neighbor is not None]
        setters = [self._who_set(attribute, at, path) for path in rivals]
        found = "; ".join(setter.text for setter in setters if setter is not None)
        return Cause(stage=Stage.LOC_RIB, text=f"{says}; {found}" if found else says)

    def _who_set(self, attribute: str, at: Holder, path: Path) -> Cause | None:
        """The last policy or rule that set an attribute of a router's path; None where none did."""
        way = self._crossings(attribute, at, path=path)
        return next((cause for one in way if (cause := one.setter(attribute)) is not None), None)

    def _crossings(
        self, attribute: str, at: Holder, *, sent_to: str | None = None, path: Path | None = None
    ) -> Iterator[Crossing]:
        """The ends of sessions that a route crossed, the last first, as far back as an attribute can come from.

        With `sent_to` it is what the router sends there, with `path` that of its paths; else its best one.
        """
        seen: set[tuple[Holder, str | None]] = set()
        while (at, sent_to) not in seen:
            seen.add((at, sent_to))
            if sent_to is not None:
                session, export = self.session(at, sent_to), self.export(at, sent_to)
                if session is None or export is None:
                    return
                yield self._sent(at, session, export)
                if attribute in (NEVER_LEAVE_BY_EBGP if session.ebgp else NEVER_LEAVE):
                    return
            candidate = self.best(at) if path is None else self._offered(at, path)
            path = None
            sender = self.sender_of(at, candidate)
            if candidate is None or sender is None:
                return
            session = self.session(at, sender.router)
            yield Crossing(
                stage=Stage.LOC_RIB,
                direction="import",
                router=at.router,
                before=candidate.received,
                policies=session.rules.import_policies if session else (),
                outcome=candidate.outcome,
                applied=candidate.applied,
            )
            at, sent_to = sender, at.router

    def _offered(self, at: Holder, path: Path) -> Candidate | None:
        return next((one for one in self.explain(at).candidates if one.path == path), None)

    def _sent(self, at: Holder, session: SessionPlan, export: Export) -> Crossing:
        best = self.best_path(at)
        return Crossing(
            stage=Stage.ADJ_RIB_OUT,
            direction="export",
            router=at.router,
            before=best.route if best is not None else None,
            policies=session.rules.export_policies,
            outcome=export.outcome,
            applied=export.applied,
        )

    def why_discarded(self, holders: Sequence[Holder]) -> Cause | None:
        """Why a router discards packets to a prefix that it has a route to; None where it forwards them."""
        at = self._held(holders)
        best = self.best_path(at)
        if best is None or not best.discard:
            return None
        says = f"{at.router} has {at.prefix} from {self.whose(best)} with BLACKHOLE (RFC 7999)"
        return Cause(stage=Stage.LOC_RIB, text=says)


def _says(direction: str, outcome: Outcome | None) -> str:
    return f"{direction} policy {outcome.policy}: {outcome.because}" if outcome else f"has no {direction} policy for it"
