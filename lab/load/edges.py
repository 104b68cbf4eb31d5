"""What a topology file says of single customer edges: the checks, and the rules that come out when all hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from lab.bgp import Aggregate, BestPathRules, LeakedNetwork, MaxPrefix
from lab.errors import Mistake
from lab.load.customer_documents import BestPathDocument, EdgeBgpDocument, IbgpDocument
from lab.load.names import LINKS, Names, names_of, unknown
from lab.load.peering_documents import EdgePoliciesDocument, MaxPrefixDocument
from lab.load.places import (
    Path,
    SitePlace,
    TopologyReading,
    facing_routers,
    other_site_places,
    peering_places,
    site_places,
)
from lab.plan.addressing import CUSTOMER_HOST, MICROSOFT_HOST, host
from lab.plan.microsoft_edge import EDGE_MAXIMUM_PATHS
from lab.policy import Fate, Policy, SessionRules
from lab.texts import as_address, did_you_mean
from lab.topology import EdgeBgp

Value = TypeVar("Value")


def check_edges(reading: TopologyReading, names: Names, policies: Collection[str] | None) -> Iterator[Mistake]:
    """What is said of single routers names routers and policies that exist, each once."""
    for circuit, _, path in peering_places(reading):
        facing = facing_routers(reading, circuit)
        what = "customer edge" if facing and set(facing) <= set(names.customer_edges or facing) else "provider's router"
        for key in ("policies", "customer_md5"):
            yield from _named(reading, (*path, key), facing and tuple(dict.fromkeys(facing)), what)
    for site in _sites(reading):
        edges = reading.part(*site.path, "routers")
        for key in ("bgp", "access", "qos", "speakers"):
            yield from _named(reading, (*site.path, key), edges, "customer edge")
        for name in reading.keys(*site.path, "bgp") or ():
            bgp = (*site.path, "bgp", name)
            yield from _announced(reading, bgp)
            if edges and set(edges) == {name} and reading.part(*bgp, "ibgp") is not None:
                what = f"ibgp: {name} is the only customer edge"
                yield reading.source.mistake((*bgp, "ibgp"), what, "leave it out, or name two routers", at_key=True)
    for path in _chains(reading):
        for index in range(reading.count(*path)):
            policy = reading.part(*path, index)
            wrong = unknown(policy, policies, "policy", plural="policies") if policy is not None else None
            if wrong:
                yield reading.source.mistake((*path, index), *wrong)


def _sites(reading: TopologyReading) -> list[SitePlace]:
    return [*site_places(reading), *other_site_places(reading)]


def _named(reading: TopologyReading, where: Path, known: Collection[str] | None, what: str) -> Iterator[Mistake]:
    """The keys of a mapping are routers."""
    for name in reading.keys(*where) or ():
        wrong = unknown(name, known, what)
        if wrong:
            yield reading.source.mistake((*where, name), *wrong, at_key=True)


def _chains(reading: TopologyReading) -> Iterator[Path]:
    """The places where policies are named."""
    holders = [
        (*path, "policies", name)
        for _, _, path in peering_places(reading)
        for name in _keys(reading, (*path, "policies"))
    ]
    for site in _sites(reading):
        holders += [(*site.path, "bgp", name, "ibgp") for name in _keys(reading, (*site.path, "bgp"))]
        for name in _keys(reading, (*site.path, "access")):
            holders += [(*site.path, "access", name, end) for end in ("policies", "provider_policies")]
    for holder in holders:
        yield (*holder, "import")
        yield (*holder, "export")


def _keys(reading: TopologyReading, path: Path) -> tuple[str, ...]:
    return reading.keys(*path) or ()


def _announced(reading: TopologyReading, path: Path) -> Iterator[Mistake]:
    """An edge announces no prefix twice."""
    vrfs = reading.keys(*path, "leaked_networks") or ()
    for places in (
        [((*path, "networks"), ()), *(((*path, "leaked_networks", vrf), ()) for vrf in vrfs)],
        [((*path, "aggregates"), ("prefix",))],
    ):
        seen = set()
        for place, inner in places:
            for index in range(reading.count(*place)):
                at = (*place, index, *inner)
                prefix = reading.part(*at)
                if prefix in seen:
                    yield reading.source.mistake(at, f"{prefix} is here twice", "write it once")
                elif prefix is not None:
                    seen.add(prefix)


def check_chains(reading: TopologyReading, policies: Mapping[str, Policy]) -> Iterator[Mistake]:
    """Every policy of a chain is reached and leads somewhere, and asks only for routers and VRFs that there are."""
    known = _Known.of(reading, names_of(reading))
    for path in _chains(reading):
        chain = [reading.part(*path, index) for index in range(reading.count(*path))]
        for index, name in enumerate(chain):
            for what, meant in _asks_for_nobody(policies[name], known) if name in policies else ():
                yield reading.source.mistake((*path, index), what, meant)
        if chain and chain[-1] in policies and _leads_nowhere(policies[chain[-1]]):
            what = f"policy {chain[-1]!r} accepts nothing: it goes on to a next policy, and is the last"
            yield reading.source.mistake((*path, len(chain) - 1), what, "name the policy that has the say behind it")
        for index, name in enumerate(chain[:-1]):
            if {name, chain[index + 1]} <= policies.keys() and not _goes_on(policies[name]):
                what = f"policy {chain[index + 1]!r} is never reached"
                meant = f"{name} decides every route: give it `default: next_policy`, or a term that says so"
                yield reading.source.mistake((*path, index + 1), what, meant)
                break


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What policies of customer edges can ask for: their neighbours, and the VRFs that they leak from.

    A policy may run on several edges, so what any of them has is known. None where that cannot be told.
    """

    neighbors: Collection[str] | None
    addresses: Collection[str] | None
    vrfs: Collection[str]

    @staticmethod
    def of(reading: TopologyReading, names: Names) -> _Known:
        edges, providers = names.customer_edges, names.provider_edges
        known = None if edges is None or providers is None else (*edges, *providers)
        bgp = [(*site.path, "bgp") for site in _sites(reading)]
        return _Known(
            neighbors=None if known is None else dict.fromkeys(n for edge in known for n in names.neighbors_of(edge)),
            addresses=None if known is None else _peer_addresses(reading),
            vrfs=dict.fromkeys(
                vrf
                for path in bgp
                for edge in _keys(reading, path)
                for vrf in _keys(reading, (*path, edge, "leaked_networks"))
            ),
        )


def _peer_addresses(reading: TopologyReading) -> Collection[str] | None:
    """The other ends of the sessions of customer and provider edges; None where one could not be read."""
    ends = []
    for path, *numbers in _blocks(reading):
        prefix = reading.part(*path)
        if prefix is None:
            return None
        ends += [str(host(prefix, number).ip) for number in numbers]
    return ends


def _blocks(reading: TopologyReading) -> Iterator[tuple[Path, int] | tuple[Path, int, int]]:
    """Where the blocks of sessions are written, and the numbers of the hosts that are peers in them."""
    for _, _, path in peering_places(reading):
        for link in LINKS:
            for index in range(reading.count(*path, link)):
                yield (*path, link, index, "subnet"), MICROSOFT_HOST
    for site in _sites(reading):
        if len(dict.fromkeys(reading.part(*site.path, "routers") or ())) > 1:
            for name in _keys(reading, (*site.path, "networks")):
                for index in range(reading.count(*site.path, "networks", name)):
                    yield (*site.path, "networks", name, index), 1, 2
        for name in _keys(reading, (*site.path, "access")):
            line = (*site.path, "access", name, "subnet")
            for index in range(reading.count(*line)):
                yield (*line, index), CUSTOMER_HOST, MICROSOFT_HOST


def _asks_for_nobody(policy: Policy, known: _Known) -> Iterator[tuple[str, str]]:
    """The neighbours and VRFs that a policy, or one that it calls, asks for and that no customer edge has."""
    for one in _with_called(policy):
        for term in one.terms:
            for name in term.match.neighbor:
                is_name = as_address(name) is None
                there = known.neighbors if is_name else known.addresses
                if there is not None and name not in there:
                    what = f"policy {one.name!r} asks for the neighbor {name!r}, which no customer edge has"
                    yield what, did_you_mean(name, there, "neighbors" if is_name else "addresses")
            for vrf in term.match.vrf:
                if vrf not in known.vrfs:
                    what = f"policy {one.name!r} asks for the VRF {vrf!r}, which no customer edge leaks from"
                    yield what, did_you_mean(vrf, known.vrfs, "VRFs")


def _with_called(policy: Policy) -> Collection[Policy]:
    """A policy and those that it calls, each once."""
    found: dict[str, Policy] = {}
    waiting = [policy]
    while waiting:
        one = waiting.pop()
        if one.name not in found:
            found[one.name] = one
            waiting += [term.call for term in reversed(one.terms) if term.call is not None]
    return found.values()


def _leads_nowhere(policy: Policy) -> bool:
    accepts = policy.default is Fate.ACCEPT or any(term.fate is Fate.ACCEPT for term in policy.terms)
    return _goes_on(policy) and not accepts


def _goes_on(policy: Policy) -> bool:
    return policy.default is Fate.NEXT_POLICY or any(term.fate is Fate.NEXT_POLICY for term in policy.terms)


# conversion


def to_session_rules(
    edge: EdgePoliciesDocument, policies: Mapping[str, Policy], otherwise: Policy | None = None
) -> SessionRules:
    """The rules of one end of a session; `otherwise` is the policy of a direction in which none is written."""
    usual = () if otherwise is None else (otherwise,)
    return SessionRules(
        import_policies=_chain(edge.import_, policies) or usual,
        export_policies=_chain(edge.export, policies) or usual,
        max_prefix=None if edge.max_prefix is None else _max_prefix(edge.max_prefix),
        allowas_in=edge.allowas_in or 0,
        as_override=edge.as_override or False,
        remove_private_asns=edge.remove_private_asns,
        default_originate=edge.default_originate or False,
        accept_blackhole=edge.accept_blackhole or False,
    )


def _chain(names: list[str] | None, policies: Mapping[str, Policy]) -> tuple[Policy, ...]:
    return tuple(policies[name] for name in names or ())


def _max_prefix(written: MaxPrefixDocument) -> MaxPrefix:
    usual = MaxPrefix(limit=written.limit)
    return MaxPrefix(
        limit=written.limit,
        counted=written.counted,
        warning_percent=written.warning or usual.warning_percent,
        warning_only=written.warning_only or False,
        restart_s=written.restart if "restart" in written.model_fields_set else usual.restart_s,
    )


def to_edge_bgp(edge: EdgeBgpDocument, policies: Mapping[str, Policy]) -> EdgeBgp:
    """What a customer edge is configured to do beside its sessions with Microsoft."""
    return EdgeBgp(
        networks=tuple(edge.networks or ()),
        leaked_networks=tuple(
            LeakedNetwork(prefix=prefix, vrf=vrf)
            for vrf, prefixes in (edge.leaked_networks or {}).items()
            for prefix in prefixes
        ),
        aggregates=tuple(
            Aggregate(prefix=one.prefix, summary_only=one.summary_only or False, as_set=one.as_set or False)
            for one in edge.aggregates or ()
        ),
        best_path=_best_path(edge.best_path or BestPathDocument.model_validate({})),
        ibgp=_ibgp(edge.ibgp or IbgpDocument.model_validate({}), policies),
    )


def _best_path(written: BestPathDocument) -> BestPathRules:
    return BestPathRules(
        always_compare_med=written.always_compare_med or False,
        missing_med_as_worst=written.missing_med_as_worst or False,
        maximum_paths=written.maximum_paths or EDGE_MAXIMUM_PATHS,
        multipath_relax=written.multipath_relax or False,
    )


def _ibgp(written: IbgpDocument, policies: Mapping[str, Policy]) -> SessionRules:
    return SessionRules(
        import_policies=_chain(written.import_, policies),
        export_policies=_chain(written.export, policies),
        next_hop_self=written.next_hop_self is not False,
    )
