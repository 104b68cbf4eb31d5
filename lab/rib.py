"""The decision process: which of the paths to one prefix is best, and why each other path lost (RFC 4271 §9.1.2).

Paths are eliminated step by step, all that lose a step together, so the choice does not depend on the order in which
they arrived.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address

from lab.bgp import (
    DEFAULT_LOCAL_PREF,
    RFC_4271_BEST_PATH,
    Address,
    BestPathRules,
    Route,
    RouteDistinguisher,
    RouteSource,
    route_distinguisher_octets,
)

WORST_MULTI_EXIT_DISC = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """One way to a prefix: a route after the import policy, and who it was learned from.

    `neighbor` is None for a route of the router itself. `interface` and `gateway` are where packets to the next hop go,
    at a cost of `igp_cost`; both are None where it cannot be reached. `discard` is for a path whose packets are dropped
    (RFC 7999), `client` for one from a client of this route reflector (RFC 4456). `within_router` is for one from a VRF
    of this router, `rd` the distinguisher that a VRF imported it with.
    """

    route: Route
    neighbor: str | None
    peer_address: Address | None
    peer_router_id: int
    ebgp: bool
    interface: str | None
    gateway: Address | None = None
    igp_cost: int = 0
    discard: bool = False
    client: bool = False
    within_router: bool = False
    rd: RouteDistinguisher | None = None


class Because(Enum):
    """The step of the decision that a path lost at, or won by."""

    NO_PATH = "no path"
    ONLY_PATH = "the only path"
    NEXT_HOP_UNREACHABLE = "next hop unreachable (RFC 4271 §9.1.2.1)"
    LOWER_WEIGHT = "lower weight (vendor convention, before RFC 4271 §9.1.2.2)"
    LOWER_LOCAL_PREF = "lower local preference (RFC 4271 §9.1.1)"
    NOT_OWN_ROUTE = "learned or aggregated, while another path is a network of the router's own (vendor convention)"
    LONGER_AS_PATH = "longer AS path (RFC 4271 §9.1.2.2 a)"
    HIGHER_ORIGIN = "higher origin (RFC 4271 §9.1.2.2 b)"
    HIGHER_MULTI_EXIT_DISC = "higher MED from the same neighbour AS (RFC 4271 §9.1.2.2 c)"
    HIGHER_MULTI_EXIT_DISC_OF_ALL = "higher MED (RFC 4271 §9.1.2.2 c, compared whatever the neighbour AS)"
    IBGP = "iBGP, while another path is eBGP (RFC 4271 §9.1.2.2 d)"
    HIGHER_IGP_COST = "higher cost to the next hop (RFC 4271 §9.1.2.2 e)"
    HIGHER_ROUTER_ID = "higher router id of the peer or originator (RFC 4271 §9.1.2.2 f, RFC 4456 §9)"
    LONGER_CLUSTER_LIST = "longer cluster list (RFC 4456 §9)"
    HIGHER_PEER_ADDRESS = "higher address of the peer (RFC 4271 §9.1.2.2 g)"
    HIGHER_DISTINGUISHER = "higher route distinguisher, of two that were imported (this lab's last tie-break)"
    NOT_CHOSEN = "the choice of the router's own daemon, another vendor's"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A path that is not best, the step that removed it and the values compared there."""

    path: Path
    because: Because
    values: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The answer for one prefix.

    `multipath` holds the paths that forwarding uses, `best` first; the others of them lost only to a tie-break. `lost`
    is in the order of elimination. `because` is the last step that removed a rival.
    """

    best: Path | None
    multipath: tuple[Path, ...]
    lost: tuple[Lost, ...]
    because: Because


def _local_pref(path: Path) -> int:
    return DEFAULT_LOCAL_PREF if path.route.local_pref is None else path.route.local_pref


def _multi_exit_disc(path: Path) -> int:
    return path.route.multi_exit_disc or 0  # RFC 4271 §9.1.2.2 c: the lowest possible value where it is absent


def _multi_exit_disc_or_worst(path: Path) -> int:
    return WORST_MULTI_EXIT_DISC if path.route.multi_exit_disc is None else path.route.multi_exit_disc


def _learned(path: Path) -> bool:
    return path.neighbor is not None


def _ownership(path: Path) -> int:
    """An own network is better than an own aggregate of the same prefix, and that than what others say."""
    return 2 if _learned(path) else int(path.route.source is RouteSource.AGGREGATE)


def _router_id(path: Path) -> int:
    """RFC 4456 §9: that of the router which brought the route into the AS, where a reflector tells it."""
    originator = path.route.originator_id
    return path.peer_router_id if originator is None else int(originator)


def _peer_address(path: Path) -> int:
    return 0 if path.peer_address is None else int(path.peer_address)


def _distinguisher(path: Path) -> int:
    """That of a route imported from a VPN; where the provider's edges put their addresses into it, theirs decides."""
    return 0 if path.rd is None else int.from_bytes(route_distinguisher_octets(path.rd))


def _is_internal(path: Path) -> bool:
    """Whether another router of the AS told of it."""
    return not (path.ebgp or path.within_router)


def _all_alike(_: Path) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """One step: within each group only the paths with the lowest key stay. `text` writes what was compared."""

    because: Because
    key: Callable[[Path], int]
    text: Callable[[Path], str]
    group: Callable[[Path], int | None] = _all_alike

    def stay(self, paths: list[Path], lost: list[Lost]) -> list[Path]:
        """The paths that remain; the others are appended to `lost`."""
        if len(paths) == 1:
            return paths
        winners: dict[int | None, Path] = {}
        for path in paths:
            group = self.group(path)
            if group not in winners or self.key(path) < self.key(winners[group]):
                winners[group] = path
        left = []
        for path in paths:
            winner = winners[self.group(path)]
            if self.key(path) == self.key(winner):
                left.append(path)
            else:
                values = f"{self.text(path)} against {self.text(winner)}"
                lost.append(Lost(path=path, because=self.because, values=values))
        return left


_OWNERSHIPS = ("own", "aggregated", "learned")
_FIRST_STEPS = (
    _Step(because=Because.LOWER_WEIGHT, key=lambda p: -p.route.weight, text=lambda p: str(p.route.weight)),
    _Step(because=Because.LOWER_LOCAL_PREF, key=lambda p: -_local_pref(p), text=lambda p: str(_local_pref(p))),
    _Step(because=Because.NOT_OWN_ROUTE, key=_ownership, text=lambda p: _OWNERSHIPS[_ownership(p)]),
    _Step(
        because=Because.LONGER_AS_PATH,
        key=lambda p: p.route.as_path.length,
        text=lambda p: str(p.route.as_path.length),
    ),
    _Step(
        because=Because.HIGHER_ORIGIN,
        key=lambda p: p.route.origin.preference,
        text=lambda p: p.route.origin.value,
    ),
)
_LAST_STEPS = (
    _Step(because=Because.IBGP, key=_is_internal, text=lambda p: "iBGP" if _is_internal(p) else "eBGP"),
    _Step(because=Because.HIGHER_IGP_COST, key=lambda p: p.igp_cost, text=lambda p: str(p.igp_cost)),
)
_TIE_BREAKS = (
    _Step(because=Because.HIGHER_ROUTER_ID, key=_router_id, text=lambda p: str(IPv4Address(_router_id(p)))),
    _Step(
        because=Because.LONGER_CLUSTER_LIST,
        key=lambda p: len(p.route.cluster_list),
        text=lambda p: str(len(p.route.cluster_list)),
    ),
    _Step(because=Because.HIGHER_PEER_ADDRESS, key=_peer_address, text=lambda p: str(p.peer_address)),
    _Step(because=Because.HIGHER_DISTINGUISHER, key=_distinguisher, text=lambda p: str(p.rd)),
)


def _med_step(rules: BestPathRules) -> _Step:
    key = _multi_exit_disc_or_worst if rules.missing_med_as_worst else _multi_exit_disc
    if rules.always_compare_med:
        return _Step(because=Because.HIGHER_MULTI_EXIT_DISC_OF_ALL, key=key, text=lambda p: str(key(p)))
    return _Step(
        because=Because.HIGHER_MULTI_EXIT_DISC,
        key=key,
        text=lambda p: str(key(p)),
        group=lambda p: p.route.as_path.neighbor_asn,
    )


def decide(paths: Iterable[Path], rules: BestPathRules = RFC_4271_BEST_PATH) -> Decision:
    """Choose among the paths to one prefix.

    Up to `rules.maximum_paths` are used for forwarding where they are equal down to the cost of the next hop, so all
    eBGP or all iBGP, and have the same AS path, or, with `multipath_relax`, one of the same length. Each has a next hop
    of its own.
    """
    lost: list[Lost] = []
    left: list[Path] = []
    for path in sorted(paths, key=lambda p: (_router_id(p), _peer_address(p), _distinguisher(p), _ownership(p))):
        if _learned(path) and path.interface is None and not path.discard:
            says = f"there is no way to {path.route.next_hop} but by BGP, or none at all"
            lost.append(Lost(path=path, because=Because.NEXT_HOP_UNREACHABLE, values=says))
        else:
            left.append(path)
    if not left:
        because = Because.NEXT_HOP_UNREACHABLE if lost else Because.NO_PATH
        return Decision(best=None, multipath=(), lost=tuple(lost), because=because)
    for step in (*_FIRST_STEPS, _med_step(rules), *_LAST_STEPS):
        left = step.stay(left, lost)
    equal = left
    for step in _TIE_BREAKS:
        left = step.stay(left, lost)
    best = left[0]
    because = lost[-1].because if lost else Because.ONLY_PATH
    return Decision(best=best, multipath=_multipath(best, equal, rules), lost=tuple(lost), because=because)


def _multipath(best: Path, equal: Iterable[Path], rules: BestPathRules) -> tuple[Path, ...]:
    """The paths that forwarding uses, the best one first."""
    if not _learned(best) or best.discard:
        return (best,)
    used = {best.route.next_hop: best}
    for path in equal:
        if not path.discard and (rules.multipath_relax or path.route.as_path == best.route.as_path):
            used.setdefault(path.route.next_hop, path)  # two ways to one next hop are one
    return tuple(used.values())[: rules.maximum_paths]
