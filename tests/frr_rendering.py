"""Our policies in FRR's words, as far as both mean the same: for policies that are made at random.

Left out is what only one of the two has, and what `tests/oracles/test_policy_oracle.py` lists as a difference.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.bgp import Community, ExtendedCommunity, LargeCommunity
from lab.policy import (
    Asked,
    AsPathSet,
    Change,
    CommunityChange,
    CommunitySet,
    Fate,
    Match,
    NumberChange,
    NumberRange,
    Operation,
    Policy,
    PrefixList,
    PrefixRange,
    Quantifier,
    Term,
)

_SIGNS = {Operation.SET: "", Operation.PLUS: "+", Operation.MINUS: "-"}
_EXTENDED_KINDS = {"target": "rt", "origin": "soo"}


class Rendering:
    """The lines of a policy: the lists that its route maps name, and the route maps of all policies that it calls."""

    def __init__(self, policy: Policy) -> None:
        self.lists: list[str] = []
        self.maps: list[str] = []
        self._policy(policy)

    @property
    def text(self) -> str:
        """Everything, lists first."""
        return "\n".join([*self.lists, *self.maps])

    def _policy(self, policy: Policy) -> None:
        for number, term in enumerate(policy.terms, start=1):
            if term.call is not None:
                self._policy(term.call)
            permit = "deny" if term.fate is Fate.REJECT else "permit"
            lines = [f"route-map {policy.name} {permit} {10 * number}", *self._matches(term.match)]
            if term.fate is not Fate.REJECT:
                lines += [f" set {words}" for words in self._changes(term.change)]
            self.maps += [*lines, *_flow(term)]
        default = "permit" if policy.default is Fate.ACCEPT else "deny"
        self.maps.append(f"route-map {policy.name} {default} 65000")

    def _list(self, *entries: str) -> str:
        """A new list; each entry has a % in the place of its name."""
        name = f"list{len(self.lists)}"
        self.lists += [one.replace("%", name) for one in entries]
        return name

    def _matches(self, match: Match) -> Iterator[str]:
        if match.prefix_list is not None:
            yield f" match ip address prefix-list {self._prefixes(match.prefix_list)}"
        if match.next_hop is not None:
            yield f" match ip next-hop prefix-list {self._prefixes(match.next_hop)}"
        if match.as_path is not None:
            yield f" match as-path {self._paths(match.as_path)}"
        for kind, words, asked in (
            ("community", "community-list standard % permit", match.community),
            ("large-community", "large-community-list standard % permit", match.large_community),
            ("extcommunity", "extcommunity-list standard % permit", match.extended_community),
        ):
            if asked is not None:
                yield f" match {kind} {self._communities(words, asked)}"
        if match.origin:
            (origin,) = match.origin
            yield f" match origin {origin.value}"
        for words, number in (("metric", match.multi_exit_disc), ("local-preference", match.local_pref)):
            if number is not None:
                yield f" match {words} {_single(number)}"

    def _prefixes(self, asked: Asked[PrefixList]) -> str:
        assert asked.quantifier is Quantifier.ANY
        ranges = [_range(one) for members in asked.sets for one in members.ranges]
        return self._list(*(f"ip prefix-list % permit {one}" for one in ranges))

    def _paths(self, asked: Asked[AsPathSet]) -> str:
        assert asked.quantifier is Quantifier.ANY
        patterns = [entry.pattern for one in asked.sets for entry in one.entries]
        return self._list(*(f"bgp as-path access-list % permit {pattern}" for pattern in patterns))

    def _communities(self, words: str, asked: Asked[CommunitySet]) -> str:
        exact = [_frr_community(one.text) for members in asked.sets for one in members.patterns]
        if asked.quantifier is Quantifier.ALL:
            return self._list(f"bgp {words} {' '.join(exact)}")
        assert asked.quantifier is Quantifier.ANY
        return self._list(*(f"bgp {words} {one}" for one in exact))

    def _changes(self, change: Change) -> Iterator[str]:
        for words, number in (
            ("local-preference", change.local_pref),
            ("metric", change.multi_exit_disc),
            ("weight", change.weight),
        ):
            if number is not None:
                yield f"{words} {_number(number)}"
        if change.origin is not None:
            yield f"origin {change.origin.value}"
        if change.next_hop is not None:
            yield f"ip next-hop {change.next_hop}"
        if change.prepend:
            yield f"as-path prepend {' '.join(map(str, change.prepend))}"
        if change.prepend_last:
            yield f"as-path prepend last-as {change.prepend_last}"
        yield from self._community_changes("community", "comm-list", change.communities)
        yield from self._community_changes("large-community", "large-comm-list", change.large_communities)
        if change.extended_communities is not None:
            for one in change.extended_communities.add:
                yield f"extcommunity {_frr_community(one)}"

    def _community_changes(
        self, kind: str, list_kind: str, change: CommunityChange[Community] | CommunityChange[LargeCommunity] | None
    ) -> Iterator[str]:
        if change is None:
            return
        assert change.replace is None or not change.add, "a route map sets communities once"
        if change.replace is not None:
            yield f"{kind} {' '.join(change.replace) or 'none'}"
        if change.remove:
            gone = [pattern.text for one in change.remove for pattern in one.patterns]
            yield f"{list_kind} {self._list(*(f'bgp {kind}-list standard % permit {one}' for one in gone))} delete"
        if change.add:
            yield f"{kind} {' '.join(change.add)} additive"


def _flow(term: Term) -> Iterator[str]:
    if term.call is not None:
        yield f" call {term.call.name}"
    if term.fate is Fate.NEXT_TERM:
        yield " on-match next"


def _range(one: PrefixRange) -> str:
    length = one.prefix.prefixlen
    low = f" ge {one.at_least}" if one.at_least > length else ""
    high = f" le {one.at_most}" if one.at_most > length else ""
    return f"{one.prefix}{low}{high}"


def _single(number: NumberRange) -> int:
    assert number.low == number.high
    assert not number.absent
    return number.low


def _number(change: NumberChange) -> str:
    return f"{_SIGNS[change.operation]}{change.value}"


def _frr_community(text: str) -> str:
    """A community in FRR's words: those of the extended ones have a kind before them."""
    kind, _, rest = ExtendedCommunity(text).partition(":")
    return f"{_EXTENDED_KINDS[kind]} {rest}" if kind in _EXTENDED_KINDS else text
