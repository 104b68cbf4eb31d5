"""What routes are compared with: sets of prefixes, AS paths, communities and numbers.

Conditions ask about one or several sets at once: `Asked` says whether any, all or none of them must hold the route.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Generic, TypeVar

from lab.bgp import AsPath, Prefix
from lab.policy.patterns import as_path_matches, check_as_path_pattern, check_community_pattern, community_matches

NUMBER_MAX = 0xFFFFFFFF


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixRange:
    """The prefixes inside `prefix` whose length is from `at_least` to `at_most` bits."""

    prefix: Prefix
    at_least: int
    at_most: int

    def __post_init__(self) -> None:
        if not self.prefix.prefixlen <= self.at_least <= self.at_most <= self.prefix.max_prefixlen:
            raise ValueError(
                f"{self}: lengths must satisfy {self.prefix.prefixlen} <= ge <= le <= {self.prefix.max_prefixlen}"
            )

    def contains(self, prefix: Prefix) -> bool:
        """Whether `prefix` is one of them."""
        if not self.at_least <= prefix.prefixlen <= self.at_most or prefix.version != self.prefix.version:
            return False
        differ = int(prefix.network_address) ^ int(self.prefix.network_address)
        return differ >> (self.prefix.max_prefixlen - self.prefix.prefixlen) == 0

    def __str__(self) -> str:
        low = f" ge {self.at_least}" if self.at_least != self.prefix.prefixlen else ""
        high = f" le {self.at_most}" if self.at_most != self.at_least or low else ""
        return f"{self.prefix}{low}{high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefixList:
    """A named set of prefixes: the union of its ranges.

    A list may have thousands of them, so they are found by what they begin with: `_lengths` holds the lengths of the
    ranges' prefixes, `_beginnings` the numbers of the ranges by version, length and leading bits.
    """

    name: str
    ranges: tuple[PrefixRange, ...]
    _lengths: tuple[tuple[int, int], ...] = field(init=False, repr=False, compare=False, default=())
    _beginnings: dict[tuple[int, int, int], list[int]] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        for number, one in enumerate(self.ranges):
            self._beginnings.setdefault(_beginning(one.prefix, one.prefix.prefixlen), []).append(number)
        object.__setattr__(self, "_lengths", tuple(dict.fromkeys(key[:2] for key in self._beginnings)))

    def find(self, prefix: Prefix) -> PrefixRange | None:
        """The first range that contains `prefix`."""
        numbers = [
            number
            for version, length in self._lengths
            if version == prefix.version and length <= prefix.prefixlen
            for number in self._beginnings.get(_beginning(prefix, length), ())
            if self.ranges[number].at_least <= prefix.prefixlen <= self.ranges[number].at_most
        ]
        return self.ranges[min(numbers)] if numbers else None


def _beginning(prefix: Prefix, length: int) -> tuple[int, int, int]:
    """The version, a length, and as many leading bits of a prefix."""
    return prefix.version, length, int(prefix.network_address) >> (prefix.max_prefixlen - length)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberRange:
    """The numbers from `low` to `high`, or, where `absent`, the absence of any number."""

    low: int = 0
    high: int = NUMBER_MAX
    absent: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high <= NUMBER_MAX:
            raise ValueError(f"{self.low}-{self.high} is no range of numbers from 0 to {NUMBER_MAX}")

    def contains(self, number: int | None) -> bool:
        """Whether a number, or None for none, is meant."""
        if number is None:
            return self.absent
        return not self.absent and self.low <= number <= self.high

    def __str__(self) -> str:
        if self.absent:
            return "absent"
        if self.low == self.high:
            return str(self.low)
        if self.high == NUMBER_MAX:
            return f">= {self.low}"
        return f"<= {self.high}" if self.low == 0 else f"{self.low}-{self.high}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AsPathEntry:
    """One member of an AS-path set: the paths in whose text a Cisco-style `pattern` is found, or those of a length."""

    pattern: str = ""
    length: NumberRange | None = None

    def __post_init__(self) -> None:
        if bool(self.pattern) is (self.length is not None):
            raise ValueError("an entry of an AS-path set is a pattern or a length")
        if self.pattern:
            check_as_path_pattern(self.pattern)

    def contains(self, path: AsPath) -> bool:
        """Whether a path is one of them."""
        if self.length is not None:
            return self.length.contains(path.length)
        return as_path_matches(self.pattern, str(path))

    def __str__(self) -> str:
        return self.pattern or f"length {self.length}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AsPathSet:
    """A named set of AS paths: the union of its entries."""

    name: str
    entries: tuple[AsPathEntry, ...]

    def find(self, path: AsPath) -> AsPathEntry | None:
        """The first entry that contains `path`."""
        return next((one for one in self.entries if one.contains(path)), None)


class PatternKind(Enum):
    """How the text of a community pattern is meant."""

    EXACT = "exact"
    WILDCARD = "wildcard"
    """`*` stands for a whole number between colons."""
    REGULAR_EXPRESSION = "regular_expression"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunityPattern:
    """One member of a community set, of any of the three kinds of communities."""

    kind: PatternKind
    text: str

    def __post_init__(self) -> None:
        if self.kind is PatternKind.REGULAR_EXPRESSION:
            check_community_pattern(self.text)

    def matches(self, community: str) -> bool:
        """Whether a community is one of those that are meant."""
        if self.kind is PatternKind.EXACT:
            return self.text == community
        if self.kind is PatternKind.REGULAR_EXPRESSION:
            return community_matches(self.text, community)
        parts, wanted = community.split(":"), self.text.split(":")
        return len(parts) == len(wanted) and all(w in ("*", p) for w, p in zip(wanted, parts, strict=True))

    def __str__(self) -> str:
        return f"/{self.text}/" if self.kind is PatternKind.REGULAR_EXPRESSION else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class CommunitySet:
    """A named set of communities of one kind: the union of its patterns."""

    name: str
    patterns: tuple[CommunityPattern, ...]

    def contains(self, community: str) -> bool:
        """Whether a community is in the set."""
        return any(one.matches(community) for one in self.patterns)

    def find(self, communities: Iterable[str]) -> str | None:
        """The first of some communities that is in the set."""
        return next((one for one in communities if self.contains(one)), None)


class Quantifier(Enum):
    """How many of the sets that a condition names must hold the route."""

    ANY = "any"
    ALL = "all"
    NONE = "none"


Set = TypeVar("Set", PrefixList, AsPathSet, CommunitySet)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Generic[Set]):
    """Some sets, and how many of them must hold the route."""

    sets: tuple[Set, ...]
    quantifier: Quantifier = Quantifier.ANY

    def holds(self, is_in: Callable[[Set], bool]) -> bool:
        """The answer, given whether the route is in a set."""
        if self.quantifier is Quantifier.ANY:
            return any(map(is_in, self.sets))
        if self.quantifier is Quantifier.ALL:
            return all(map(is_in, self.sets))
        return not any(map(is_in, self.sets))

    def __str__(self) -> str:
        names = [one.name for one in self.sets]
        if self.quantifier is Quantifier.ANY:
            return " or ".join(names)
        joined = ", ".join(names)
        return (
            f"{self.quantifier.value} of {joined}"
            if len(names) > 1 or self.quantifier is not Quantifier.ALL
            else joined
        )
