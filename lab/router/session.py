"""One session of a router: its Adj-RIBs, and what stands between them and the Loc-RIB.

Routes are taken in and sent on in two ways with one answer: quickly, with compiled policies, and with a trace of
everything that was done to them, for `explain`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import lru_cache, reduce
from hashlib import blake2b
from ipaddress import IPv4Address
from operator import xor

from lab.bfd import negotiated
from lab.bgp import (
    BLACKHOLE,
    DEFAULT_LOCAL_PREF,
    GRACEFUL_SHUTDOWN,
    GRACEFUL_SHUTDOWN_LOCAL_PREF,
    NO_ADVERTISE,
    NO_EXPORT,
    NO_EXPORT_SUBCONFED,
    ON_THE_WIRE,
    AsPath,
    Counted,
    ExtendedCommunity,
    Family,
    MaxPrefix,
    Nlri,
    Prefix,
    Route,
    RouteSource,
    VpnPrefix,
    changes_between,
    extended_community_octets,
    is_route_target,
    parse_prefix,
    prefix_of,
    text_of,
)
from lab.explanation import AppliedRule
from lab.plan import SessionPlan, Vrf
from lab.policy import Compiled, Context, Outcome, Policy, compiled, evaluate
from lab.rib import Decision, Path
from lab.router.speaker import Speaker

DEFAULT_ROUTE = {Family.IPV4: parse_prefix("0.0.0.0/0"), Family.IPV6: parse_prefix("::/0")}
_WITHHOLDING = {
    "NO_ADVERTISE": NO_ADVERTISE,
    "NO_EXPORT": NO_EXPORT,
    "NO_EXPORT_SUBCONFED": NO_EXPORT_SUBCONFED,
}
NOT_YET_CONNECTED = "not yet connected"
_NON_TRANSITIVE = 0x40  # RFC 4360 §2


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What became of a received route: a path, or why there is none. `outcome` is None where no policy was traced."""

    path: Path | None = None
    refused: str = ""
    outcome: Outcome | None = None
    applied: tuple[AppliedRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What became of a best path on its way out: a route, or why there is none."""

    route: Route | None = None
    refused: str = ""
    outcome: Outcome | None = None
    applied: tuple[AppliedRule, ...] = ()


@dataclass(slots=True)
class _Journey:
    """A route that is changed step by step; what changed it is remembered where that is asked for."""

    route: Route
    traced: bool
    applied: list[AppliedRule] = field(default_factory=list)
    outcome: Outcome | None = None
    next_hop_set: bool = False

    def apply(self, rule: str, *, chosen: bool = False, **changes: object) -> None:
        """Change attributes by a rule, which is BGP's own or was `chosen` by somebody."""
        before = self.route
        if all(getattr(before, name) == value for name, value in changes.items()):
            return
        self.route = replace(before, **changes)  # type: ignore[arg-type]  # the callers name attributes of Route
        if self.traced and self.route != before:
            told = changes_between(before, self.route)
            self.applied.append(AppliedRule(rule=rule, changes=told, chosen=chosen))

    def run(self, fast: Compiled, policies: tuple[Policy, ...], context: Context) -> str:
        """Run a chain of policies; returns why it did not accept the route, empty where it did."""
        if not self.traced:
            accepted, self.next_hop_set = fast(self.route, context)
            if accepted is None:
                return "policy"
            self.route = accepted
            return ""
        self.outcome = evaluate(policies, self.route, context)
        if self.outcome.route is None:
            return f"{self.outcome.policy}: {self.outcome.because}"
        self.route, self.next_hop_set = self.outcome.route, self.outcome.next_hop_set
        return ""


class AdjRib(dict[Nlri, Route]):
    """The routes that crossed a session in one direction, by what they lead to."""

    def __init__(self) -> None:
        super().__init__()
        self._fingerprint = 0
        self._came_or_went: list[Route] = []

    def __setitem__(self, nlri: Nlri, route: Route) -> None:
        if nlri in self:
            self._came_or_went.append(self[nlri])
        self._came_or_went.append(route)
        super().__setitem__(nlri, route)

    def __delitem__(self, nlri: Nlri) -> None:
        self._came_or_went.append(self[nlri])
        super().__delitem__(nlri)

    def clear(self) -> None:
        """Forget all."""
        self._fingerprint = 0
        self._came_or_went.clear()
        super().clear()

    @property
    def fingerprint(self) -> int:
        """The exclusive or of the fingerprints of its routes: what came or went since the last time is added."""
        self._fingerprint = reduce(xor, map(fingerprint, self._came_or_went), self._fingerprint)
        self._came_or_went.clear()
        return self._fingerprint


@lru_cache(maxsize=65536)
def fingerprint(route: Route) -> int:
    """64 bits of everything that crosses the wire; the exclusive or of a table's is the table's fingerprint."""
    text = "|".join([str(route.prefix), *(text_of(route, name) for name in ON_THE_WIRE)])
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


class Session:
    """One session of a router.

    Each table has its routes by what they lead to: the Adj-RIB-Out as its own router knows it, the others as it was
    received. Where the session brings a VRF the routes of its VPN, the two differ by the route distinguisher.
    """

    def __init__(self, plan: SessionPlan, vrf: Vrf | None = None) -> None:
        self.established = False
        self.bfd = None if plan.bfd is None else negotiated(plan.bfd, None)
        self.refreshes = 0
        self.peer_router_id = 0
        self.adj_rib_in = AdjRib()
        self.adj_rib_out = AdjRib()
        self.paths: dict[Nlri, Path] = {}
        self.faults: dict[Nlri, str] = {}
        self._imported: dict[Prefix, dict[Nlri, Path]] = {}
        self.configure(plan, vrf)

    def configure(self, plan: SessionPlan, vrf: Vrf | None) -> None:
        """Take the policies and rules of a plan, and of the VRF that the router is."""
        self.plan = plan
        if not self.established:
            self.why_down = self.why_shut or NOT_YET_CONNECTED
        self._vrf = vrf
        self._imports = vrf is not None and plan.vpn
        self._passes_vpns = vrf is None and plan.vpn
        self._version = 4 if plan.family is Family.IPV4 else 6
        self._import = compiled(plan.rules.import_policies)
        self._export = compiled(plan.rules.export_policies)
        self._context = Context(
            neighbor=plan.neighbor,
            peer_address=plan.peer_address,
            own_asn=plan.local_asn,
            own_address=plan.local_address,
        )

    @property
    def why_shut(self) -> str:
        """Why this end keeps the session closed; empty where it does not."""
        return f"shut down: {self.plan.rules.shutdown}" if self.plan.rules.shutdown else ""

    def flush(self, reason: str) -> list[Nlri]:
        """Forget all that crossed the session; the answer is what lost a path."""
        self.established, self.why_down = False, reason
        lost = list(dict.fromkeys(map(self.destination, self.paths)))
        for table in (self.adj_rib_in, self.adj_rib_out):
            table.clear()
        for kept in (self.paths, self.faults, self._imported):
            kept.clear()
        return lost

    def carries(self, nlri: Nlri) -> bool:
        """Whether routes of the router to it can be sent here."""
        if isinstance(nlri, VpnPrefix):
            return self._passes_vpns and nlri.prefix.version == self._version
        return not self._passes_vpns and nlri.version == self._version

    def destination(self, received: Nlri) -> Nlri:
        """What the router knows it by, when it has come over this session."""
        return prefix_of(received) if self._imports else received

    def paths_to(self, nlri: Nlri) -> Iterable[Path]:
        """The paths that the session brought; several where a VRF imported routes with several distinguishers."""
        if self._imports:
            return self._imported.get(prefix_of(nlri), {}).values()
        path = self.paths.get(nlri)
        return () if path is None else (path,)

    def forget(self, received: Nlri) -> bool:
        """Take a received route out of the paths; whether it was one."""
        if self.paths.pop(received, None) is None:
            return False
        if self._imports:
            self._imported[prefix_of(received)].pop(received)
        return True

    # prefix limit

    def over_limit(self) -> tuple[MaxPrefix, str] | None:
        """The prefix limit that ends the session, and the words for it; None where it holds or only warns."""
        limit = self.plan.rules.max_prefix
        if limit is None or limit.warning_only or self._counted(limit) <= limit.limit:
            return None
        prefixes = "1 prefix was" if limit.limit == 1 else f"{limit.limit} prefixes were"
        return limit, f"more than {prefixes} {limit.counted.value} (RFC 4486 §4, subcode 1)"

    @property
    def warning(self) -> str:
        """What there is to say of a count of prefixes near or above its limit; else empty."""
        limit = self.plan.rules.max_prefix
        if limit is None or not self.established or self._counted(limit) < limit.warning_at:
            return ""
        return f"{self._counted(limit)} prefixes {limit.counted.value}, of at most {limit.limit}"

    def _counted(self, limit: MaxPrefix) -> int:
        return len(self.adj_rib_in if limit.counted is Counted.RECEIVED else self.paths)

    # import: Adj-RIB-In to paths

    def accept(self, route: Route, speaker: Speaker) -> None:
        """Make a received route a path, or none."""
        path = self.take_in(route, speaker, traced=False).path
        nlri = route.nlri
        if path is None:
            self.forget(nlri)
        else:
            self.paths[nlri] = path
            if self._imports:
                self._imported.setdefault(route.prefix, {})[nlri] = path

    def take_in(self, route: Route, speaker: Speaker, *, traced: bool) -> Imported:
        """What the import side does with a received route."""
        plan, rules = self.plan, self.plan.rules
        refused = self._loop(route, speaker) or self._not_imported(route)
        if refused:
            return Imported(refused=refused)
        journey = _Journey(route, traced)
        if self._imports:
            journey.apply("imported into the VRF (RFC 4364 §4.3.1)", rd=None, label=None)
        if plan.ebgp:
            journey.apply(
                "an external peer has no say in it (RFC 4271 §5.1.5, RFC 4456 §8)",
                local_pref=None,
                originator_id=None,
                cluster_list=(),
            )
        if rules.import_policies:
            refused = journey.run(self._import, rules.import_policies, self._context)
            if refused:
                return Imported(refused=f"import policy {refused}", outcome=journey.outcome)
        elif plan.ebgp:
            return Imported(refused="no import policy on an eBGP session (RFC 8212)")
        refused = _points_here(journey.route, speaker)
        if refused:
            return Imported(refused=refused, outcome=journey.outcome)
        discard = rules.accept_blackhole and BLACKHOLE in journey.route.communities
        self._mark(journey, speaker, discard=discard)
        way = speaker.way_to(journey.route.next_hop)
        path = Path(
            route=journey.route,
            neighbor=plan.neighbor,
            peer_address=plan.peer_address,
            peer_router_id=self.peer_router_id,
            ebgp=plan.ebgp,
            interface=way.interface if way else None,
            gateway=way.gateway if way else None,
            igp_cost=way.cost if way else 0,
            discard=discard,
            client=rules.route_reflector_client,
            within_router=plan.within_router and not self._imports,
            rd=route.rd if self._imports else None,
        )
        return Imported(path=path, outcome=journey.outcome, applied=tuple(journey.applied))

    def _mark(self, journey: _Journey, speaker: Speaker, *, discard: bool) -> None:
        """Change what communities and the site ask for."""
        if discard:
            kept = (*journey.route.communities, NO_EXPORT)
            journey.apply("BLACKHOLE keeps it in this AS (RFC 7999 §3.2)", chosen=True, communities=kept)
        gracefully = self.plan.ebgp and speaker.habits.shuts_down_gracefully
        if gracefully and GRACEFUL_SHUTDOWN in journey.route.communities:
            journey.apply("GRACEFUL_SHUTDOWN (RFC 8326 §4.1)", chosen=True, local_pref=GRACEFUL_SHUTDOWN_LOCAL_PREF)
        site = self.plan.rules.site_of_origin
        if site is not None:
            marked = (*journey.route.extended_communities, site)
            journey.apply("site_of_origin (RFC 4364 §7)", chosen=True, extended_communities=marked)

    def _not_imported(self, route: Route) -> str:
        """Why the VRF does not take a VPN's route; empty where it does, or the session brings no such."""
        return why_not_imported(route, self._vrf) if self._imports and self._vrf is not None else ""

    def _loop(self, route: Route, speaker: Speaker) -> str:
        """Why a route comes from this router itself; empty where it does not."""
        own = self.plan.local_asn
        times = route.as_path.asns.count(own)
        if times > self.plan.rules.allowas_in:
            allowed = f", allowed is {self.plan.rules.allowas_in}" if self.plan.rules.allowas_in else ""
            often = f" {times} times{allowed}" if times > 1 or allowed else ""
            return f"AS loop: the path '{route.as_path}' holds {own}{often} (RFC 4271 §9.1.2)"
        if not self.plan.ebgp:
            if route.originator_id == speaker.bgp.router_id:
                return f"ORIGINATOR_ID {route.originator_id} is this router (RFC 4456 §8)"
            if speaker.cluster_id in route.cluster_list:
                return f"CLUSTER_LIST holds this router's cluster {speaker.cluster_id} (RFC 4456 §8)"
        return _points_here(route, speaker)

    # export: Loc-RIB to Adj-RIB-Out

    def send_out(
        self, prefix: Nlri, decision: Decision | None, speaker: Speaker, *, suppressed_by: Prefix | None, traced: bool
    ) -> Exported:
        """What the session is sent for a prefix. `suppressed_by` is the aggregate that stands for it."""
        plan, rules = self.plan, self.plan.rules
        if rules.default_originate and prefix == DEFAULT_ROUTE[plan.family]:
            return self._default(DEFAULT_ROUTE[plan.family], speaker)
        if decision is None or decision.best is None:
            return Exported(refused=f"{prefix} has no best path here")
        best = decision.best
        withheld = self._withheld(best)
        if not withheld and suppressed_by is not None:
            withheld = f"the aggregate {suppressed_by} stands for it (summary_only)"
        if withheld or (withheld := self._spared(best, speaker)):
            return Exported(refused=withheld)
        journey = _Journey(best.route, traced)
        if plan.ebgp and best.neighbor is not None:
            journey.apply("a MED stays in the AS that received it (RFC 4271 §5.1.4)", multi_exit_disc=None)
        if rules.export_policies:
            refused = journey.run(self._export, rules.export_policies, self._context)
            if refused:
                return Exported(refused=f"export policy {refused}", outcome=journey.outcome)
        elif plan.ebgp:
            return Exported(refused="no export policy on an eBGP session (RFC 8212)")
        self._choose_next_hop(journey, best)
        if plan.ebgp:
            self._leave_the_as(journey)
        else:
            self._stay_in_the_as(journey, best, speaker)
        return Exported(route=journey.route, outcome=journey.outcome, applied=tuple(journey.applied))

    def _spared(self, best: Path, speaker: Speaker) -> str:
        """Why a router that thinks of its neighbour's loops does not send a path; empty where it does."""
        plan = self.plan
        known = plan.ebgp and not plan.rules.as_override and plan.peer_asn in best.route.as_path.asns
        return f"AS {plan.peer_asn} is in the path already" if known and speaker.habits.spares_known_ases else ""

    def _default(self, prefix: Prefix, speaker: Speaker) -> Exported:
        plan = self.plan
        route = Route(
            prefix=prefix,
            next_hop=plan.local_address,
            as_path=AsPath.of(plan.local_asn) if plan.ebgp else AsPath(),
            local_pref=None if plan.ebgp else DEFAULT_LOCAL_PREF,
        )
        made = AppliedRule(rule="default_originate makes it", changes=(), chosen=True)
        return Exported(route=speaker.originated(route), applied=(made,))

    def _withheld(self, best: Path) -> str:
        """Why the session never sees this path, whatever its policy; empty where the policy has the say."""
        plan = self.plan
        if best.neighbor == plan.neighbor:
            return "learned from this neighbour"
        if best.within_router and plan.within_router:
            return "it is of another VRF of this router, and the lab passes nothing between these"
        if plan.rules.site_of_origin in best.route.extended_communities:
            return f"it came from this site ({plan.rules.site_of_origin}, RFC 4364 §7)"
        reflected = best.client or plan.rules.route_reflector_client
        if self._passes_inside(best) and not reflected and not plan.within_router:
            return "learned by iBGP, and not passed on by iBGP (RFC 4271 §9.2)"
        for name, community in _WITHHOLDING.items():
            if community in best.route.communities and (plan.ebgp or community == NO_ADVERTISE):
                return f"it carries {name} (RFC 1997)"
        return ""

    def _passes_inside(self, best: Path) -> bool:
        """Whether the path came from another router of the AS and goes to another one."""
        return best.neighbor is not None and not best.ebgp and not best.within_router and not self.plan.ebgp

    def _choose_next_hop(self, journey: _Journey, best: Path) -> None:
        """The own address on eBGP and for own routes, unless a policy set another; else the one that it has."""
        if journey.route.next_hop.is_unspecified:
            journey.apply("the router's own route (RFC 4271 §5.1.3)", next_hop=self.plan.local_address)
        elif journey.next_hop_set:
            return
        elif self.plan.ebgp:
            journey.apply("eBGP (RFC 4271 §5.1.3)", next_hop=self.plan.local_address)
        elif self._imports or best.within_router:
            journey.apply("a route of a VRF here (RFC 4364 §4.3.2)", next_hop=self.plan.local_address)
        elif self.plan.rules.next_hop_self and best.ebgp:
            journey.apply("next_hop_self", chosen=True, next_hop=self.plan.local_address)

    def _leave_the_as(self, journey: _Journey) -> None:
        plan, rules = self.plan, self.plan.rules
        if rules.remove_private_asns is not None:
            path = journey.route.as_path.without_private(rules.remove_private_asns, plan.local_asn)
            journey.apply(f"remove_private_asns {rules.remove_private_asns.value}", chosen=True, as_path=path)
        if rules.as_override:
            path = journey.route.as_path.replaced({plan.peer_asn: plan.local_asn})
            journey.apply("as_override", chosen=True, as_path=path)
        journey.apply(
            "eBGP (RFC 4271 §5.1.2)",
            as_path=journey.route.as_path.without_confederation().prepend(plan.local_asn),
        )
        journey.apply(
            "they stay in the AS (RFC 4271 §5.1.5, RFC 4456 §8, RFC 4360 §6)",
            local_pref=None,
            originator_id=None,
            cluster_list=(),
            extended_communities=tuple(one for one in journey.route.extended_communities if _is_transitive(one)),
        )
        if self._vrf is not None:
            others = tuple(one for one in journey.route.extended_communities if not is_route_target(one))
            journey.apply("route targets are the provider's own", extended_communities=others)
        self._drop_local(journey)

    def _stay_in_the_as(self, journey: _Journey, best: Path, speaker: Speaker) -> None:
        if journey.route.local_pref is None:
            journey.apply("iBGP (RFC 4271 §5.1.5)", local_pref=DEFAULT_LOCAL_PREF)
        if self._passes_inside(best) and not self.plan.within_router:
            journey.apply(
                "reflected (RFC 4456 §8)",
                originator_id=journey.route.originator_id or IPv4Address(best.peer_router_id),
                cluster_list=(speaker.cluster_id, *journey.route.cluster_list),
            )
        if self._imports and self._vrf is not None:
            others = (one for one in journey.route.extended_communities if not is_route_target(one))
            journey.apply(
                "exported by the VRF (RFC 4364 §4.3.1)",
                rd=self._vrf.rd,
                label=self._vrf.label,
                extended_communities=(*others, *self._vrf.export_targets),
            )
        self._drop_local(journey)

    @staticmethod
    def _drop_local(journey: _Journey) -> None:
        """What is local to a router is no attribute on the wire, and no change to tell of."""
        route = journey.route
        if route.weight or route.source is not RouteSource.BGP or route.vrf:
            journey.route = replace(route, weight=0, source=RouteSource.BGP, vrf="")


def why_not_imported(route: Route, vrf: Vrf) -> str:
    """Why a VRF does not take a VPN's route; empty where it does."""
    targets = [one for one in route.extended_communities if is_route_target(one)]
    if set(targets) & set(vrf.import_targets):
        return ""
    wanted = " ".join(vrf.import_targets) or "none"
    return f"its route targets are {' '.join(targets) or 'none'}, imported are {wanted} (RFC 4364 §4.3.1)"


def _points_here(route: Route, speaker: Speaker) -> str:
    """Why a route leads to this router itself; empty where it does not."""
    if route.next_hop in speaker.own_addresses:
        return f"the next hop {route.next_hop} is this router's own address (RFC 4271 §5.1.3)"
    return ""


def _is_transitive(community: ExtendedCommunity) -> bool:
    return not extended_community_octets(community)[0] & _NON_TRANSITIVE
