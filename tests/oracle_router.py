"""The router that an oracle is asked about, in memory: in AS 65010, with neighbours on one LAN that send it UPDATEs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_interface

from frr import ROUTER, FrrPath
from lab.bgp import RFC_4271_BEST_PATH, Aggregate, Asn, BestPathRules, Family, Prefix
from lab.events import Effect, SessionUp, UpdateReceived
from lab.plan import BgpPlan, InterfacePlan, NodePlan, Role, SessionPlan, StaticRoute
from lab.policy import SessionRules
from lab.rib import Decision
from lab.router import Router
from lab.wire import decode_update

OWN_ASN = Asn(65010)
ROUTER_ID = IPv4Address("10.255.0.1")
_LAN = InterfacePlan(name="lan", addresses=(ip_interface(f"{ROUTER}/24"),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A neighbour of the router."""

    address: str
    asn: int
    router_id: str
    client: bool = False

    @property
    def ebgp(self) -> bool:
        """Whether it is in another AS."""
        return self.asn != OWN_ASN


def bgp_plan(
    peers: Mapping[str, Peer],
    rules: Mapping[str, SessionRules],
    networks: Iterable[Prefix] = (),
    aggregates: Iterable[Aggregate] = (),
    best_path: BestPathRules = RFC_4271_BEST_PATH,
) -> BgpPlan:
    """The plan of the router's BGP; `rules` are by neighbour."""
    return BgpPlan(
        asn=OWN_ASN,
        router_id=ROUTER_ID,
        networks=tuple(networks),
        sessions=tuple(_session(name, peer, rules[name]) for name, peer in peers.items()),
        aggregates=tuple(aggregates),
        best_path=best_path,
    )


def _session(name: str, peer: Peer, rules: SessionRules) -> SessionPlan:
    return SessionPlan(
        neighbor=name,
        family=Family.IPV4,
        interface="lan",
        local_address=IPv4Address(ROUTER),
        peer_address=IPv4Address(peer.address),
        local_asn=OWN_ASN,
        peer_asn=Asn(peer.asn),
        passive=True,
        hold_time_s=180,
        rules=rules,
    )


def lan_node(plan: BgpPlan, static_routes: tuple[StaticRoute, ...] = ()) -> NodePlan:
    """The router, on its LAN."""
    return NodePlan(name="r", role=Role.CUSTOMER_EDGE, interfaces=(_LAN,), bgp=plan, static_routes=static_routes)


def started(
    peers: Mapping[str, Peer], plan: BgpPlan, static_routes: tuple[StaticRoute, ...] = ()
) -> tuple[Router, list[Effect]]:
    """The router with all its sessions up, and what it wanted done until then."""
    router = Router(lan_node(plan, static_routes))
    effects = router.begin()
    for name, peer in peers.items():
        up = SessionUp(session=f"{name}/ipv4", peer_router_id=int(IPv4Address(peer.router_id)))
        effects += router.handle(up)
    return router, effects


def receive(router: Router, name: str, peer: Peer, bodies: Iterable[bytes]) -> list[Effect]:
    """Let the router receive UPDATEs; the answer is what it wants done."""
    effects: list[Effect] = []
    for body in bodies:
        decoded = decode_update(body, ebgp=peer.ebgp, peer_asn=peer.asn if peer.ebgp else None)
        assert decoded.withdrawn == (), decoded.faults
        effects += router.handle(UpdateReceived(session=f"{name}/ipv4", announced=decoded.announced))
    return effects


def neighbor_lines(peers: Mapping[str, Peer]) -> list[str]:
    """FRR's words for the neighbours: they open the sessions, and none need be on a network of FRR's own."""
    lines = []
    for peer in peers.values():
        lines += [f"neighbor {peer.address} remote-as {peer.asn}", f"neighbor {peer.address} passive"]
        if peer.ebgp:
            lines.append(f"neighbor {peer.address} disable-connected-check")
    return lines


@dataclass(frozen=True, slots=True)
class Choice:
    """The neighbours with the best path to a prefix, and with all paths that are used; `own` is the router itself."""

    best: str
    used: frozenset[str]


OWN = "own"


def choice(best: str, *others: str) -> Choice:
    """A best path and those beside it."""
    return Choice(best, frozenset((best, *others)))


NO_CHOICE = Choice("", frozenset())


def our_decision(router: Router, prefix: Prefix) -> Decision:
    """Our router's decision about a prefix that it was told of."""
    decision = router.explain(prefix).decision
    assert decision is not None
    return decision


def our_choice(router: Router, prefix: Prefix) -> Choice:
    """What our router chose."""
    decision = our_decision(router, prefix)
    if decision.best is None:
        return NO_CHOICE
    return Choice(decision.best.neighbor or OWN, frozenset(one.neighbor or OWN for one in decision.multipath))


def frr_choice(paths: Iterable[FrrPath], peers: Mapping[str, Peer]) -> Choice:
    """What FRR chose among the paths to a prefix. It marks those that it uses only where there are several."""
    names = {peer.address: name for name, peer in peers.items()}
    found = list(paths)
    best = [names.get(one.peer, OWN) for one in found if one.best]
    if not best:
        return NO_CHOICE
    (chosen,) = best
    return Choice(chosen, frozenset({chosen, *(names.get(one.peer, OWN) for one in found if one.multipath)}))
