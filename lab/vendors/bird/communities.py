"""Sets of communities in BIRD's words: `[(65010, 1), (65010, *), (65010, 10..19)]`."""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise

from lab.bgp import Community, ExtendedCommunity, LargeCommunity, extended_community_octets
from lab.policy import CommunityPattern, CommunitySet, PatternKind
from lab.policy.patterns import community_matches
from lab.vendors.bird.numbers import Ranges, ranges_of

_MOST_ITEMS = 200
_KINDS = {"target": "rt", "origin": "ro"}
_PLAIN_OUTSIDE = re.compile(r"(?:\\.|\[[^\]]*\]|[^:|\\\[])*")


class NoSetError(ValueError):
    """A pattern that no set says, and why."""


def standard(community: Community) -> str:
    """One standard community."""
    return f"({community.replace(':', ', ')})"


def large(community: LargeCommunity) -> str:
    """One large community."""
    return f"({community.replace(':', ', ')})"


def extended(community: ExtendedCommunity) -> str:
    """One extended community: a route target or origin by name, any other by its octets (RFC 4360)."""
    kind, _, rest = community.partition(":")
    administrator, _, value = rest.partition(":")
    if kind in _KINDS and administrator.isdecimal():
        return f"({_KINDS[kind]}, {administrator}, {value})"
    octets = extended_community_octets(community)
    return f"(generic, 0x{octets[:4].hex()}, 0x{octets[4:].hex()})"


def standard_set(members: CommunitySet) -> str:
    """A set of standard communities. Raises NoSetError."""
    return _set([item for one in members.patterns for item in _standard_items(one)])


def large_set(members: CommunitySet) -> str:
    """A set of large communities. Raises NoSetError."""
    return _set([_large_item(one) for one in members.patterns])


def extended_set(members: CommunitySet) -> str:
    """A set of extended communities. Raises NoSetError."""
    return _set([_extended_item(one) for one in members.patterns])


def _set(items: list[str]) -> str:
    return f"[{', '.join(dict.fromkeys(items))}]"


def _standard_items(pattern: CommunityPattern) -> list[str]:
    if pattern.kind is PatternKind.EXACT:
        return [standard(Community(pattern.text))]
    if pattern.kind is PatternKind.WILDCARD:
        high, low = pattern.text.split(":")
        return [f"({'0..65535' if high == '*' and low != '*' else high}, {low})"]
    high, low = _halves(pattern.text)
    highs, lows = _numbers(f"{high}$"), _numbers(f"^{low}")
    if len(highs) * len(lows) > _MOST_ITEMS:
        raise NoSetError(f"BIRD has no expressions for communities, and /{pattern.text}/ means too many of them")
    return [f"({_range(a)}, {_range(b)})" for a in highs for b in lows]


def _halves(expression: str) -> tuple[str, str]:
    """What an expression says of the two numbers: it has to have the colon between them in plain sight."""
    found = _PLAIN_OUTSIDE.match(expression)
    high = found[0] if found else ""
    low = expression[len(high) + 1 :]
    plain = _PLAIN_OUTSIDE.fullmatch(low) is not None and "(" not in high + low
    if expression[len(high) : len(high) + 1] != ":" or not plain or high.endswith("$") or low.startswith("^"):
        raise NoSetError(
            f"BIRD has no expressions for communities, and /{expression}/ is not one for each of their two numbers"
        )
    return high, low


@cache
def _numbers(expression: str) -> Ranges:
    """The numbers of two octets in which an expression is found."""
    return ranges_of(one for one in range(1 << 16) if community_matches(expression, str(one)))


def _range(one: tuple[int, int]) -> str:
    if one == (0, 0xFFFF):
        return "0..65535"
    return str(one[0]) if one[0] == one[1] else f"{one[0]}..{one[1]}"


def _large_item(pattern: CommunityPattern) -> str:
    parts = pattern.text.split(":")
    behind_wildcard = [later for one, later in pairwise(parts) if one == "*" and later != "*"]
    if pattern.kind is PatternKind.REGULAR_EXPRESSION or behind_wildcard:
        raise NoSetError(f"BIRD's sets of large communities have wildcards at their end only: not {pattern}")
    return f"({', '.join(parts)})"


def _extended_item(pattern: CommunityPattern) -> str:
    kind, _, rest = pattern.text.partition(":")
    administrator, _, value = rest.rpartition(":")
    if pattern.kind is PatternKind.EXACT:
        return extended(ExtendedCommunity(pattern.text))
    if pattern.kind is PatternKind.WILDCARD and kind in _KINDS and value == "*" and administrator.isdecimal():
        return f"({_KINDS[kind]}, {administrator}, *)"
    raise NoSetError(
        f"BIRD's sets of extended communities have a wildcard behind the AS number and no other: not {pattern}"
    )
