"""The conditions of a term in BIRD's filter language.

A session's filter is BIRD's answer for that session alone, so that much is known before: its neighbour, its family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from lab.bgp import DEFAULT_LOCAL_PREF, RouteSource
from lab.plan import SessionPlan
from lab.policy import (
    Asked,
    AsPathEntry,
    AsPathSet,
    CommunitySet,
    Match,
    NumberRange,
    PrefixList,
    PrefixRange,
    Quantifier,
)
from lab.vendors.bird import communities
from lab.vendors.bird.as_paths import NoMaskError, masks
from lab.vendors.bird.unsaid import Unsaid

TRUE, FALSE = "true", "false"
_LARGEST = 0xFFFFFFFF
_SOURCES = {
    RouteSource.BGP: "source = RTS_BGP",
    RouteSource.CONNECTED: "source = RTS_STATIC && dest = RTD_UNICAST",
    RouteSource.STATIC: "source = RTS_STATIC && dest = RTD_UNREACHABLE",
    RouteSource.AGGREGATE: FALSE,
}


class Conditions:
    """Those of one direction of a session."""

    def __init__(self, session: SessionPlan, unsaid: Unsaid) -> None:
        self._session, self._unsaid = session, unsaid
        self._version = session.local_address.version

    def of(self, match: Match) -> list[str]:
        """What must all hold: nothing where every route matches, FALSE alone where none does."""
        found = [one for one in self._all(match) if one != TRUE]
        return [FALSE] if FALSE in found else found

    def _all(self, match: Match) -> Iterator[str]:
        yield from self._of_session(match)
        yield from _numbers(match)
        if match.source:
            yield any_of(f"({_SOURCES[one]})" for one in match.source)
        if match.origin:
            yield f"bgp_origin ~ [{', '.join(f'ORIGIN_{one.name}' for one in match.origin)}]"
        if match.prefix_list is not None:
            yield _asked(match.prefix_list, self._prefixes)
        if match.next_hop is not None:
            yield _asked(match.next_hop, self._next_hops)
        if match.as_path is not None:
            yield _asked(match.as_path, self._paths)
        for attribute, text, members in (
            ("bgp_community", communities.standard_set, match.community),
            ("bgp_large_community", communities.large_set, match.large_community),
            ("bgp_ext_community", communities.extended_set, match.extended_community),
            ("bgp_ext_community", communities.extended_set, match.route_target),
        ):
            if members is not None:
                yield _asked(members, self._holds(attribute, text))

    def _of_session(self, match: Match) -> Iterator[str]:
        """What is known before."""
        session = self._session
        if match.neighbor and {session.neighbor, str(session.peer_address)}.isdisjoint(match.neighbor):
            yield FALSE
        if match.family not in (None, session.family) or (match.vrf and "" not in match.vrf):
            yield FALSE

    def _prefixes(self, one: PrefixList) -> str:
        ranges = [_range(each) for each in one.ranges if each.prefix.version == self._version]
        return f"net ~ [{', '.join(ranges)}]" if ranges else FALSE

    def _next_hops(self, one: PrefixList) -> str:
        longest = 32 if self._version == 4 else 128
        ranges = [each for each in one.ranges if each.prefix.version == self._version and each.at_most == longest]
        if not ranges:
            return FALSE
        return f"(defined(bgp_next_hop) && {any_of(f'bgp_next_hop ~ {each.prefix}' for each in ranges)})"

    def _paths(self, one: AsPathSet) -> str:
        return any_of(self._path(entry) for entry in one.entries)

    def _path(self, entry: AsPathEntry) -> str:
        if entry.length is not None:
            return _in_range("bgp_path.len", entry.length)
        try:
            found = masks(entry.pattern)
        except NoMaskError as problem:
            what = f"BIRD has no mask for AS paths like {entry.pattern!r}: {problem}"
            self._unsaid.add(what, "write whole AS numbers, as in _65001_ or ^12076_[0-9]+$")
            return FALSE
        return TRUE if found is None else any_of(f"bgp_path ~ {mask}" for mask in found)

    def _holds(self, attribute: str, text: Callable[[CommunitySet], str]) -> Callable[[CommunitySet], str]:
        def answer(members: CommunitySet) -> str:
            said = said_or_not(text, members, self._unsaid)
            return f"{attribute} ~ {said}" if said else FALSE

        return answer


def said_or_not(text: Callable[[CommunitySet], str], members: CommunitySet, unsaid: Unsaid) -> str:
    """A set of communities in BIRD's words; empty where there are none, which is remembered."""
    try:
        return text(members)
    except communities.NoSetError as problem:
        unsaid.add(str(problem), "write the communities themselves, or a wildcard at their end as in 65010:*")
        return ""


def any_of(answers: Iterable[str]) -> str:
    """Whether one of them holds."""
    found = [one for one in dict.fromkeys(answers) if one != FALSE]
    if TRUE in found:
        return TRUE
    return FALSE if not found else found[0] if len(found) == 1 else f"({' || '.join(found)})"


def _all_of(answers: Iterable[str]) -> str:
    found = [one for one in dict.fromkeys(answers) if one != TRUE]
    return FALSE if FALSE in found else " && ".join(found) or TRUE


def _asked(asked: Asked, answer: Callable) -> str:  # type: ignore[type-arg]  # of the kind that the answer is for
    answers = [answer(one) for one in asked.sets]
    if asked.quantifier is Quantifier.ALL:
        return _all_of(answers)
    together = any_of(answers)
    return together if asked.quantifier is Quantifier.ANY else _not(together)


def _not(answer: str) -> str:
    return {TRUE: FALSE, FALSE: TRUE}.get(answer, f"!({answer})")


def _range(one: PrefixRange) -> str:
    exact = one.at_least == one.at_most == one.prefix.prefixlen
    return str(one.prefix) if exact else f"{one.prefix}{{{one.at_least},{one.at_most}}}"


def _numbers(match: Match) -> Iterator[str]:
    if match.local_pref is not None:
        yield _number("bgp_local_pref", match.local_pref, DEFAULT_LOCAL_PREF)
    if match.multi_exit_disc is not None:
        yield _number("bgp_med", match.multi_exit_disc, None)
    if match.weight is not None:
        yield _in_range("preference", match.weight)
    if match.as_path_length is not None:
        yield _in_range("bgp_path.len", match.as_path_length)


def _in_range(name: str, asked: NumberRange) -> str:
    """Whether a number that is always there is in a range."""
    if asked.absent:
        return FALSE
    if asked.low == asked.high:
        return f"{name} = {asked.low}"
    ends = [f"{name} >= {asked.low}"] * (asked.low > 0) + [f"{name} <= {asked.high}"] * (asked.high < _LARGEST)
    return _all_of(ends)


def _number(name: str, asked: NumberRange, absent: int | None) -> str:
    """Whether a number that may be absent is in a range; `absent` is what it counts as then."""
    if asked.absent:
        return f"!defined({name})" if absent is None else FALSE
    present = _in_range(name, asked)
    if absent is not None and asked.contains(absent):
        return TRUE if present == TRUE else f"(!defined({name}) || ({present}))"
    return f"defined({name})" if present == TRUE else f"(defined({name}) && {present})"
