"""Aggregates: routes that stand for more specific ones (RFC 4271 §9.2.2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lab.bgp import Aggregate, Aggregator, Asn, Nlri, Origin, Route, RouteSource, VpnPrefix, aggregated
from lab.plan import BgpPlan
from lab.rib import Decision, Path
from lab.router.speaker import covers, own_path, unspecified


def contributors(aggregate: Aggregate, decisions: Mapping[Nlri, Decision]) -> list[Route]:
    """The best routes that an aggregate stands for; other aggregates are not among them."""
    best = (
        d.best
        for prefix, d in decisions.items()
        if not isinstance(prefix, VpnPrefix) and covers(aggregate.prefix, prefix)
    )
    return [path.route for path in best if path is not None and path.route.source is not RouteSource.AGGREGATE]


def path_of(aggregate: Aggregate, routes: Iterable[Route], bgp: BgpPlan) -> Path | None:
    """The aggregate's path, given the routes that it stands for; None where there are none."""
    found = list(routes)
    if not found:
        return None
    origins = (route.origin for route in found)
    of_all = found if aggregate.as_set else ()
    as_path = aggregated(route.as_path for route in found) if aggregate.as_set else aggregated(())
    return own_path(
        Route(
            prefix=aggregate.prefix,
            next_hop=unspecified(aggregate.prefix),
            origin=max(origins, key=lambda origin: origin.preference, default=Origin.IGP),
            as_path=as_path,
            communities=tuple(one for route in of_all for one in route.communities),  # RFC 1997, "Aggregation"
            large_communities=tuple(one for route in of_all for one in route.large_communities),  # RFC 8092 §4
            extended_communities=tuple(one for route in of_all for one in route.extended_communities),  # RFC 4360 §6
            atomic_aggregate=any(  # RFC 4271 §5.1.6, §9.2.2.2
                route.atomic_aggregate or (route.as_path.segments and not aggregate.as_set) for route in found
            ),
            aggregator=Aggregator(Asn(bgp.asn), bgp.router_id),
            source=RouteSource.AGGREGATE,
        )
    )
