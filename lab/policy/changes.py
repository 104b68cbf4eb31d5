"""What a term does to the attributes of a route that matched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import Generic

from lab.bgp import (
    DEFAULT_LOCAL_PREF,
    Address,
    AnyCommunity,
    Asn,
    AsPath,
    Community,
    ExtendedCommunity,
    LargeCommunity,
    Origin,
    RemovePrivate,
    Route,
    in_order,
    is_route_target,
)
from lab.policy.aspects import NOWHERE, Context
from lab.policy.sets import NUMBER_MAX, CommunitySet

WEIGHT_MAX = 0xFFFF


class ContextMissingError(ValueError):
    """A change needs to know where it runs, and does not; `field` of `Context` is what would say it."""

    def __init__(self, what: str, field: str) -> None:
        super().__init__(what)
        self.field = field


class Operation(Enum):
    """How a number is changed."""

    SET = "set"
    PLUS = "plus"
    MINUS = "minus"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberChange:
    """A change of a number from 0 to 4294967295; past its ends it stays at them."""

    operation: Operation
    value: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.value <= NUMBER_MAX:
            raise ValueError(f"{self.value} is no number from 0 to {NUMBER_MAX}")

    def apply(self, number: int | None, default: int = 0) -> int | None:
        """The number afterwards; `default` is what an absent one counts as."""
        before = default if number is None else number
        match self.operation:
            case Operation.SET:
                return self.value
            case Operation.PLUS:
                return min(before + self.value, NUMBER_MAX)
            case Operation.MINUS:
                return max(before - self.value, 0)
            case Operation.REMOVE:
                return None

    def __str__(self) -> str:
        signs = {Operation.SET: "", Operation.PLUS: "+", Operation.MINUS: "-"}
        return "none" if self.operation is Operation.REMOVE else f"{signs[self.operation]}{self.value}"


class NextHopRule(Enum):
    """A next hop that the session decides."""

    SELF = "self"
    """The router's own address on the session."""
    UNCHANGED = "unchanged"
    """The one that the route has, also where the session would put its own (RFC 4271 §5.1.3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityChange(Generic[AnyCommunity]):
    """What happens to the communities of one kind: first replaced, then removed, then added."""

    replace: tuple[AnyCommunity, ...] | None = None
    remove: tuple[CommunitySet, ...] = ()
    add: tuple[AnyCommunity, ...] = ()

    def apply(self, communities: tuple[AnyCommunity, ...]) -> tuple[AnyCommunity, ...]:
        """The communities afterwards."""
        kept = [
            one
            for one in (communities if self.replace is None else self.replace)
            if not any(gone.contains(one) for gone in self.remove)
        ]
        return in_order(kept + list(self.add))


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """The changes of a term. None and empty leave an attribute as it is.

    The AS path is changed in the order of the fields: replaced as a whole, AS by AS, freed of private ones, and then
    prepended: `prepend_last` times its newest AS, and `prepend` before that, newest first. `next_hop` is for routes
    of its own family; those of the other keep theirs.
    """

    local_pref: NumberChange | None = None
    multi_exit_disc: NumberChange | None = None
    weight: NumberChange | None = None
    origin: Origin | None = None
    next_hop: Address | None = None
    next_hop_rule: NextHopRule | None = None
    as_path: AsPath | None = None
    replace_asns: tuple[tuple[Asn, Asn], ...] = ()
    remove_private_asns: RemovePrivate | None = None
    prepend_last: int = 0
    prepend: tuple[Asn, ...] = ()
    communities: CommunityChange[Community] | None = None
    large_communities: CommunityChange[LargeCommunity] | None = None
    extended_communities: CommunityChange[ExtendedCommunity] | None = None
    route_targets: tuple[ExtendedCommunity, ...] | None = None

    def sets_next_hop(self, route: Route) -> bool:
        """Whether a route's next hop is the policy's choice, and no longer the session's."""
        return self.next_hop_rule is not None or self._is_of_family(route)

    def _is_of_family(self, route: Route) -> bool:
        return self.next_hop is not None and self.next_hop.version == route.prefix.version

    def apply(self, route: Route, context: Context = NOWHERE) -> Route:
        """The route after the change. Raises ContextMissingError where it hangs on what the context does not say."""
        weight = route.weight if self.weight is None else min(self.weight.apply(route.weight) or 0, WEIGHT_MAX)
        return replace(
            route,
            local_pref=_number(self.local_pref, route.local_pref, DEFAULT_LOCAL_PREF),
            multi_exit_disc=_number(self.multi_exit_disc, route.multi_exit_disc),
            weight=weight,
            origin=self.origin or route.origin,
            next_hop=self._next_hop(route, context),
            as_path=self._as_path(route.as_path, context),
            communities=_communities(self.communities, route.communities),
            large_communities=_communities(self.large_communities, route.large_communities),
            extended_communities=self._extended(route.extended_communities),
        )

    def _extended(self, communities: tuple[ExtendedCommunity, ...]) -> tuple[ExtendedCommunity, ...]:
        changed = _communities(self.extended_communities, communities)
        if self.route_targets is None:
            return changed
        return in_order((*(one for one in changed if not is_route_target(one)), *self.route_targets))

    def _next_hop(self, route: Route, context: Context) -> Address:
        if self.next_hop is not None and self._is_of_family(route):
            return self.next_hop
        if self.next_hop_rule is not NextHopRule.SELF:
            return route.next_hop
        if context.own_address is None:
            raise ContextMissingError("next_hop self needs the router's own address on the session", "own_address")
        return context.own_address

    def _as_path(self, path: AsPath, context: Context) -> AsPath:
        if self.as_path is not None:
            path = self.as_path
        if self.replace_asns:
            path = path.replaced(dict(self.replace_asns))
        if self.remove_private_asns is not None:
            if self.remove_private_asns is RemovePrivate.REPLACE and context.own_asn is None:
                raise ContextMissingError("remove_private_asns replace needs the router's own AS number", "own_asn")
            path = path.without_private(self.remove_private_asns, context.own_asn)
        if self.prepend_last and path.neighbor_asn is not None:
            path = path.prepend(*[path.neighbor_asn] * self.prepend_last)
        return path.prepend(*self.prepend)


def _number(change: NumberChange | None, number: int | None, default: int = 0) -> int | None:
    return number if change is None else change.apply(number, default)


def _communities(
    change: CommunityChange[AnyCommunity] | None, communities: tuple[AnyCommunity, ...]
) -> tuple[AnyCommunity, ...]:
    return communities if change is None else change.apply(communities)


NO_CHANGE = Change()
