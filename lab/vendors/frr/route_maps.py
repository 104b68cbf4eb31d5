"""Policies as FRR's route maps (FRR 8.4 user guide, "Route Maps" and "BGP"), as far as both mean the same.

A chain of policies becomes one route map for one direction of one session, so that what a policy asks of the session
itself, its neighbour and its family, is answered here. `tests/oracles/test_policy_oracle.py` holds both beside each
other; what FRR cannot say, or means otherwise, is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.bgp import Address, Community, Family, LargeCommunity, Origin, family_of
from lab.policy import (
    Asked,
    AsPathSet,
    Change,
    CommunityChange,
    CommunitySet,
    Fate,
    Match,
    NextHopRule,
    NumberChange,
    NumberRange,
    Operation,
    PatternKind,
    Policy,
    PrefixList,
    PrefixRange,
    Quantifier,
    Term,
)
from lab.vendors import Cannot

_SIGNS = {Operation.SET: "", Operation.PLUS: "+", Operation.MINUS: "-"}
_EXTENDED_KINDS = {"target": "rt", "origin": "soo"}
_IP = {Family.IPV4: "ip", Family.IPV6: "ipv6"}
_NOT_IN_A_MATCH = {
    "as_path_length": "the length of AS paths",
    "weight": "weights",
    "source": "how a router came by its own routes",
    "vrf": "VRFs that routes are leaked from",
}
_LAST_ENTRY = 65000
_STEP = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """The session that a route map is for, and its direction."""

    neighbor: str
    peer_address: Address | None
    family: Family
    importing: bool
    internal: bool = False


class _Refused(Exception):  # noqa: N818  # it is no error: it becomes a `Cannot`
    """FRR's language has no words for something."""


class RouteMap:
    """The route map of a chain of policies, those that it calls, and the lists that they name.

    `cannot` is what has no words in FRR's language; where there is any, the lines do not count. `named` are the lists
    that the router has by now: two sets of one name, from two files, become two lists.
    """

    def __init__(
        self, name: str, chain: tuple[Policy, ...], where: Where, named: dict[str, tuple[str, ...]] | None = None
    ) -> None:
        self.name = name
        self.lists: list[str] = []
        self.maps: list[str] = []
        self.cannot: list[Cannot] = []
        self._where = where
        self._named = {} if named is None else named
        self._called: set[str] = set()
        self._render(name, chain)

    @property
    def text(self) -> str:
        """Everything, lists first."""
        return "\n".join([*self.lists, *self.maps])

    def _render(self, name: str, chain: tuple[Policy, ...]) -> None:
        """A chain as one route map: each policy goes on where the one before it hands on."""
        number, blocks = 0, []
        starts = []
        for policy in chain:
            starts.append(number + _STEP)
            entries = []
            for term in policy.terms:
                for entry in self._entries(policy, term):
                    number += _STEP
                    entries.append((number, entry))
            number += _STEP
            blocks.append((policy, entries, number))
        if number > _LAST_ENTRY:
            self._refuse(chain[0], f"more than {_LAST_ENTRY // _STEP} terms in a chain of policies", "write fewer")
        for index, (policy, entries, end) in enumerate(blocks):
            following = starts[index + 1] if index + 1 < len(blocks) else None
            for at, entry in entries:
                self.maps += [f"route-map {name} {entry.permit(following)} {at}", *entry.lines(following), "exit"]
            if policy.default is not Fate.NEXT_POLICY or following is None:
                permit = "permit" if policy.default is Fate.ACCEPT else "deny"
                self.maps += [
                    f"route-map {name} {permit} {end}",
                    *(self._always() if permit == "permit" else ()),
                    "exit",
                ]

    def _always(self) -> list[str]:
        """What each entry does that lets routes pass.

        Of two next hops in IPv6 (RFC 2545 §3), which FRR sends on a shared link, the lab's routers use the global one.
        It is asked for in iBGP only: FRR 8.4 would keep a next hop of eBGP for which it was in what it sends on.
        """
        where = self._where
        internal = where.importing and where.internal and where.family is Family.IPV6
        return [" set ipv6 next-hop prefer-global"] if internal else []

    def _refuse(self, policy: Policy, what: str, meant: str) -> None:
        self.cannot.append(Cannot(what=f"policy {policy.name!r}: {what}", meant=meant, where=policy.source))

    # terms

    def _entries(self, policy: Policy, term: Term) -> Iterator[_Entry]:
        """The entries of a term: none where its conditions never hold here, several where any of some may hold."""
        try:
            matches = self._matches(term.match)
            if matches is None:
                return
            changes = [] if term.fate is Fate.REJECT else [f" set {words}" for words in self._changes(term.change)]
        except _Refused as refused:
            number = policy.terms.index(term) + 1
            self._refuse(policy, f"term {number}{f' ({term.name})' if term.name else ''}: {refused}", _MEANT)
            return
        calls = []
        if term.call is not None and term.fate is not Fate.REJECT:
            called = f"{self.name}-{term.call.name}"
            if called not in self._called:
                self._called.add(called)
                self._render(called, (term.call,))
            calls = [f" call {called}"]
        origins = term.match.origin if len(term.match.origin) < len(Origin) else ()
        always = [] if term.fate is Fate.REJECT else self._always()
        for origin in [[f" match origin {one.value}"] for one in origins] or [[]]:
            yield _Entry(term.fate, (*matches, *origin, *changes, *always, *calls))

    def _list(self, words: str, asked: str, *entries: str) -> str:
        """The name of a list of these entries; `words` is its kind, `asked` what the policy calls it."""
        name, number = asked, 1
        while self._named.setdefault(f"{words} {name}", entries) != entries:
            number += 1
            name = f"{asked}-{number}"
        lines = [f"{words} {name} {entry}" for entry in entries]
        self.lists += [line for line in lines if line not in self.lists]
        return name

    # conditions

    def _holds_here(self, match: Match) -> bool:
        """Whether what is asked of the session itself is so."""
        here = {self._where.neighbor, str(self._where.peer_address)}
        return match.family in (None, self._where.family) and (not match.neighbor or bool(here & set(match.neighbor)))

    def _matches(self, match: Match) -> list[str] | None:
        """The lines of the conditions; None where they do not hold for any route of this session."""
        for key, words in _NOT_IN_A_MATCH.items():
            if getattr(match, key) not in (None, ()):
                raise _Refused(f"FRR's route maps do not ask for {words} ({key})")
        if not self._holds_here(match):
            return None
        lines: list[str] = []
        for words, asked in (("address", match.prefix_list), ("next-hop", match.next_hop)):
            name = "" if asked is None else self._prefixes(asked)
            if name is None:
                return None
            lines += [f" match {_IP[self._where.family]} {words} prefix-list {name}"] if name else []
        if match.as_path is not None:
            lines.append(f" match as-path {self._paths(match.as_path)}")
        lines += self._asked_communities("community", "community", match.community)
        lines += self._asked_communities("large-community", "large-community", match.large_community)
        if match.extended_community is not None and match.route_target is not None:
            raise _Refused("FRR's route maps ask once for extended communities")
        lines += self._asked_communities("extcommunity", "extcommunity", match.extended_community or match.route_target)
        for words, number in (("metric", match.multi_exit_disc), ("local-preference", match.local_pref)):
            lines += [] if number is None else [f" match {words} {_single(number, words)}"]
        return lines

    def _prefixes(self, asked: Asked[PrefixList]) -> str | None:
        """A prefix list; empty where the condition always holds, None where it never does."""
        wanted = [
            one for members in asked.sets for one in members.ranges if family_of(one.prefix) is self._where.family
        ]
        if asked.quantifier is Quantifier.ALL and len(asked.sets) > 1:
            raise _Refused("FRR's route maps ask for one prefix list, and not for all of several")
        denies = asked.quantifier is Quantifier.NONE
        if not wanted:
            return "" if denies else None
        everything = "0.0.0.0/0 le 32" if self._where.family is Family.IPV4 else "::/0 le 128"
        entries = [f"{'deny' if denies else 'permit'} {_range(one)}" for one in wanted]
        entries += [f"permit {everything}"] if denies else []
        numbered = (f"seq {5 * number} {entry}" for number, entry in enumerate(entries, start=1))
        return self._list(f"{_IP[self._where.family]} prefix-list", _name(asked), *numbered)

    def _paths(self, asked: Asked[AsPathSet]) -> str:
        entries = [entry for one in asked.sets for entry in one.entries]
        if any(entry.length is not None for entry in entries):
            raise _Refused("FRR's lists of AS paths do not ask for lengths")
        if asked.quantifier is Quantifier.ALL and len(asked.sets) > 1:
            raise _Refused("FRR's route maps ask for one list of AS paths, and not for all of several")
        denies = asked.quantifier is Quantifier.NONE
        lines = [f"{'deny' if denies else 'permit'} {entry.pattern}" for entry in entries]
        return self._list("bgp as-path access-list", _name(asked), *lines, *(["permit .*"] if denies else []))

    def _asked_communities(self, kind: str, list_kind: str, asked: Asked[CommunitySet] | None) -> list[str]:
        if asked is None:
            return []
        patterns = [one for members in asked.sets for one in members.patterns]
        words = f"bgp {list_kind}-list"
        if any(one.kind is PatternKind.REGULAR_EXPRESSION for one in patterns):
            raise _Refused("FRR's regular expressions are for all communities of a route as one text")
        if asked.quantifier is Quantifier.NONE:
            raise _Refused(f"FRR's lists of {kind} do not ask for none")
        exact = all(one.kind is PatternKind.EXACT for one in patterns)
        if asked.quantifier is Quantifier.ALL and len(asked.sets) > 1:
            if not exact or any(len(members.patterns) > 1 for members in asked.sets):
                raise _Refused("FRR's lists ask for all of several communities only where each is one")
            entry = f"permit {' '.join(_community(one.text) for one in patterns)}"
            return [f" match {kind} {self._list(f'{words} standard', _name(asked), entry)}"]
        if exact:
            entries = [f"permit {_community(one.text)}" for one in patterns]
            return [f" match {kind} {self._list(f'{words} standard', _name(asked), *entries)}"]
        if list_kind == "extcommunity":
            raise _Refused("FRR's lists of extended communities have no wildcards")
        entries = [f"permit {_expanded(one.text, whole=False)}" for one in patterns]
        return [f" match {kind} {self._list(f'{words} expanded', _name(asked), *entries)}"]

    # changes

    def _changes(self, change: Change) -> Iterator[str]:
        for words, number in (
            ("local-preference", change.local_pref),
            ("metric", change.multi_exit_disc),
            ("weight", change.weight),
        ):
            if number is not None:
                yield f"{words} {_number(number, words)}"
        if change.origin is not None:
            yield f"origin {change.origin.value}"
        yield from self._next_hop(change)
        yield from _as_path_changes(change)
        yield from self._community_changes("community", "comm-list", change.communities)
        yield from self._community_changes("large-community", "large-comm-list", change.large_communities)
        yield from _extended_changes(change)

    def _next_hop(self, change: Change) -> Iterator[str]:
        where = self._where
        if change.next_hop is not None and family_of(change.next_hop) is where.family:
            yield f"{_IP[where.family]} next-hop {'global ' if where.family is Family.IPV6 else ''}{change.next_hop}"
        if change.next_hop_rule is NextHopRule.UNCHANGED:
            raise _Refused("this lab does not render next_hop unchanged for FRR")
        if change.next_hop_rule is NextHopRule.SELF:
            if where.importing:
                raise _Refused("FRR's route maps set the own address as next hop only in what is sent")
            yield f"{_IP[where.family]} next-hop peer-address"

    def _community_changes(
        self, kind: str, list_kind: str, change: CommunityChange[Community] | CommunityChange[LargeCommunity] | None
    ) -> Iterator[str]:
        if change is None:
            return
        if change.replace is not None:  # what comes out is known here
            kept = [one for one in change.replace if not any(gone.contains(one) for gone in change.remove)]
            yield f"{kind} {' '.join(dict.fromkeys([*kept, *change.add])) or 'none'}"
            return
        if change.remove:
            patterns = [pattern for one in change.remove for pattern in one.patterns]
            if any(one.kind is PatternKind.REGULAR_EXPRESSION for one in patterns):
                raise _Refused("FRR's regular expressions are for all communities of a route as one text")
            name = "not-" + "-or-".join(one.name for one in change.remove)
            if all(one.kind is PatternKind.EXACT for one in patterns):
                gone = self._list(f"bgp {kind}-list standard", name, *(f"permit {one.text}" for one in patterns))
            else:
                entries = (f"permit {_expanded(one.text, whole=True)}" for one in patterns)
                gone = self._list(f"bgp {kind}-list expanded", name, *entries)
            yield f"{list_kind} {gone} delete"
        if change.add:
            yield f"{kind} {' '.join(change.add)} additive"


_MEANT = "write the policy otherwise, or give the router its own config"


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of a route map: what it says but for its number."""

    fate: Fate
    said: tuple[str, ...]

    def permit(self, following: int | None) -> str:
        """Whether it lets routes pass; behind the last policy of a chain nobody has the say."""
        rejects = self.fate is Fate.REJECT or (self.fate is Fate.NEXT_POLICY and following is None)
        return "deny" if rejects else "permit"

    def lines(self, following: int | None) -> Iterator[str]:
        """Its lines."""
        yield from self.said
        if self.fate is Fate.NEXT_TERM:
            yield " on-match next"
        elif self.fate is Fate.NEXT_POLICY and following is not None:
            yield f" on-match goto {following}"


def _as_path_changes(change: Change) -> Iterator[str]:
    for key, words in (
        ("as_path", "replace an AS path"),
        ("replace_asns", "replace AS numbers in a path"),
        ("remove_private_asns", "remove private AS numbers"),
    ):
        if getattr(change, key) not in (None, ()):
            raise _Refused(f"FRR's route maps do not {words} ({key})")
    if change.prepend and change.prepend_last:
        raise _Refused("FRR's route maps prepend AS numbers or the last AS, and not both in one term")
    if change.prepend:
        yield f"as-path prepend {' '.join(map(str, change.prepend))}"
    if change.prepend_last:
        yield f"as-path prepend last-as {change.prepend_last}"


def _extended_changes(change: Change) -> Iterator[str]:
    if change.route_targets is not None:
        raise _Refused("FRR's route maps replace all extended communities, not route targets alone")
    if change.extended_communities is not None:
        if change.extended_communities.replace is not None or change.extended_communities.remove:
            raise _Refused("FRR's route maps only add extended communities")
        for one in change.extended_communities.add:
            yield f"extcommunity {_community(one)}"


def _name(asked: Asked[PrefixList] | Asked[AsPathSet] | Asked[CommunitySet]) -> str:
    """The name of a list of what several sets hold."""
    joined = {Quantifier.ALL: "-and-", Quantifier.ANY: "-or-", Quantifier.NONE: "-or-"}[asked.quantifier]
    names = joined.join(one.name for one in asked.sets)
    return f"not-{names}" if asked.quantifier is Quantifier.NONE else names


def _range(one: PrefixRange) -> str:
    length = one.prefix.prefixlen
    low = f" ge {one.at_least}" if one.at_least > length else ""
    high = f" le {one.at_most}" if one.at_most > length else ""
    return f"{one.prefix}{low}{high}"


def _single(number: NumberRange, words: str) -> int:
    if number.absent or number.low != number.high:
        raise _Refused(f"FRR's route maps ask for one {words}, and not for a range or for none")
    return number.low


def _number(change: NumberChange, words: str) -> str:
    if change.operation is Operation.REMOVE:
        raise _Refused(f"FRR's route maps do not remove the {words}")
    if words == "weight" and change.operation is not Operation.SET:
        raise _Refused("FRR's route maps set a weight, and do not add to it")
    return f"{_SIGNS[change.operation]}{change.value}"


def _community(text: str) -> str:
    """A community in FRR's words: those of the extended ones have a kind before them."""
    kind, _, rest = text.partition(":")
    if kind.isdigit():
        return text
    if kind not in _EXTENDED_KINDS:
        raise _Refused(f"FRR knows route targets and route origins by name, not {text}")
    return f"{_EXTENDED_KINDS[kind]} {rest}"


def _expanded(text: str, *, whole: bool) -> str:
    """A wildcard as a regular expression: of one community, or of all of a route as one text."""
    pattern = text.replace("*", "[0-9]+")
    return f"^{pattern}$" if whole else f"_{pattern}_"
