"""Aggregates: routes that stand for more specific ones (RFC 4271 §9.2.2.2)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from lab.bgp import Aggregate, Aggregator, Asn, AsPath, Origin, Prefix, Route, RouteSource, aggregated
from lab.bgp.as_path import EMPTY_PATH
from lab.bgp.communities import Community, ExtendedCommunity, LargeCommunity
from lab.rib import Path
from lab.router.speaker import Speaker, own_path, unspecified


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contribution:
    """All of a route that an aggregate has of it; many routes give the same."""

    origin: Origin
    atomic_aggregate: bool
    as_path: AsPath = EMPTY_PATH
    communities: tuple[Community, ...] = ()
    large_communities: tuple[LargeCommunity, ...] = ()
    extended_communities: tuple[ExtendedCommunity, ...] = ()


class Contributors:
    """The best routes that one aggregate stands for; other aggregates are not among them.

    They are counted by what they contribute, so that one route more does not cost a look at all.
    """

    def __init__(self, aggregate: Aggregate) -> None:
        self._aggregate = aggregate
        self._of: dict[Prefix, _Contribution] = {}
        self._counts: Counter[_Contribution] = Counter()

    def take(self, prefix: Prefix, best: Path | None) -> None:
        """Take note of the best path to a prefix that the aggregate covers."""
        before = self._of.pop(prefix, None)
        if before is not None:
            self._counts[before] -= 1
            if not self._counts[before]:
                del self._counts[before]
        if best is not None and best.route.source is not RouteSource.AGGREGATE:
            self._of[prefix] = self._contribution(best.route)
            self._counts[self._of[prefix]] += 1

    def _contribution(self, route: Route) -> _Contribution:
        if not self._aggregate.as_set:
            leaves_out = route.atomic_aggregate or bool(route.as_path.segments)  # RFC 4271 §5.1.6, §9.2.2.2
            return _Contribution(origin=route.origin, atomic_aggregate=leaves_out)
        return _Contribution(
            origin=route.origin,
            atomic_aggregate=route.atomic_aggregate,
            as_path=route.as_path,
            communities=route.communities,
            large_communities=route.large_communities,
            extended_communities=route.extended_communities,
        )

    def path(self, speaker: Speaker) -> Path | None:
        """The aggregate's path; None where there is nothing that it stands for."""
        found = list(self._counts)
        if not found:
            return None
        return own_path(
            Route(
                prefix=self._aggregate.prefix,
                next_hop=unspecified(self._aggregate.prefix),
                origin=max((one.origin for one in found), key=lambda origin: origin.preference),
                as_path=aggregated(one.as_path for one in found),
                communities=tuple(c for one in found for c in one.communities),  # RFC 1997, "Aggregation"
                large_communities=tuple(c for one in found for c in one.large_communities),  # RFC 8092 §4
                extended_communities=tuple(c for one in found for c in one.extended_communities),  # RFC 4360 §6
                atomic_aggregate=any(one.atomic_aggregate for one in found),
                aggregator=Aggregator(Asn(speaker.bgp.asn), speaker.bgp.router_id),
                multi_exit_disc=speaker.habits.own_multi_exit_disc,
                source=RouteSource.AGGREGATE,
            )
        )
