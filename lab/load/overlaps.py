"""Which prefixes of a topology overlap. Two prefixes that overlap are one inside the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lab.bgp import Prefix, within
from lab.expressroute.rules import Kind, overlap_rule
from lab.load.source import Step


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A prefix that something uses: a link, a VNet or a network, and where the file says so."""

    kind: Kind
    name: str
    prefix: Prefix
    path: tuple[Step, ...]


def overlaps(claims: Sequence[Claim]) -> Iterator[tuple[Claim, str, str]]:
    """Each claim that overlaps an earlier one of the file, with what is wrong and what would be right.

    Of several that a claim lies in, the narrowest is named: the work stays small for however many claims.
    """
    order = {id(claim): index for index, claim in enumerate(claims)}
    around: list[Claim] = []
    for claim in sorted(claims, key=lambda c: (c.prefix.version, int(c.prefix.network_address), c.prefix.prefixlen)):
        while around and not within(claim.prefix, around[-1].prefix):
            around.pop()
        if around:
            first, second = sorted((around[-1], claim), key=lambda c: order[id(c)])
            yield second, *_words(first, second)
        around.append(claim)


def _words(first: Claim, second: Claim) -> tuple[str, str]:
    rule = overlap_rule(first.kind, second.kind)
    what = f"{second.prefix} of {second.kind.value} {second.name} overlaps "
    what += f"{first.prefix} of {first.kind.value} {first.name}"
    if rule is None:
        return what, "give each network a prefix of its own"
    return f"{rule.id}: {what}", f"{rule.title} ({rule.tag.value}: {rule.source})"
