"""What conditions ask about, in a word each: a range, a pattern, some communities."""

from __future__ import annotations

from lab.bgp import parse_prefix
from lab.policy import (
    Asked,
    AsPathEntry,
    AsPathSet,
    CommunityPattern,
    CommunitySet,
    PatternKind,
    PrefixList,
    PrefixRange,
    Quantifier,
)


def in_list(text: str, at_least: int, at_most: int) -> Asked[PrefixList]:
    """A prefix list of one range."""
    one = PrefixRange(prefix=parse_prefix(text), at_least=at_least, at_most=at_most)
    return Asked(sets=(PrefixList(name=text, ranges=(one,)),))


def in_set(*texts: str, quantifier: Quantifier = Quantifier.ANY) -> Asked[CommunitySet]:
    """A set for each of some communities."""
    patterns = (CommunityPattern(kind=PatternKind.EXACT, text=text) for text in texts)
    return Asked(sets=tuple(CommunitySet(name=one.text, patterns=(one,)) for one in patterns), quantifier=quantifier)


def in_paths(pattern: str) -> Asked[AsPathSet]:
    """A set of the AS paths that a pattern matches."""
    return Asked(sets=(AsPathSet(name=pattern, entries=(AsPathEntry(pattern=pattern),)),))
