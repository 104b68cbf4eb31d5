"""What the items of conditions stand for: the name of a set of the file, or a literal that is a set of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_network
from typing import Generic, TypeVar

from lab.load import policy_values
from lab.load.policy_documents import AskedDocument, PolicyFileDocument
from lab.load.scalars import NAME
from lab.load.values import prefix_range
from lab.policy import Asked, AsPathSet, CommunityPattern, CommunitySet, PrefixList, PrefixRange
from lab.texts import Wrong, as_address, did_you_mean

Set = TypeVar("Set", PrefixList, AsPathSet, CommunitySet)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKind(Generic[Set]):
    """A kind of sets: the key of a file that holds them, what they are called, and how a literal is read.

    `read` raises ValueError where a text is no literal of the kind.
    """

    key: str
    what: str
    read: Callable[[str], Set]

    def literal(self, item: str, known: Collection[str]) -> Set | None:
        """The set that a literal stands for; None where `item` is the name of one. Raises ValueError."""
        if item in known:
            return None
        try:
            return self.read(item)
        except ValueError as problem:
            if not NAME.fullmatch(item):
                raise
            nearest = did_you_mean(item, known, f"{self.what}s")
            meant = problem.meant if isinstance(problem, Wrong) else ""
            hint = meant if meant.startswith("did you mean") and not nearest.startswith("did you mean") else nearest
            raise Wrong(f"unknown {self.what} {item!r}", hint) from None

    def is_literal(self, name: str) -> bool:
        """Whether the name of a set could be taken for a literal."""
        try:
            self.read(name)
        except ValueError:
            return False
        return True


def _prefix_list(item: str) -> PrefixList:
    return PrefixList(name=item, ranges=(prefix_range(item),))


ORLONGER = "write the prefix alone, or with orlonger behind it"
"""How the addresses of a prefix are asked for."""


def _next_hops(item: str) -> PrefixList:
    address = as_address(item)
    if address is None and "/" in item:
        asked = prefix_range(item)
        if asked.at_least == asked.at_most == asked.prefix.prefixlen:  # alone it means every address in it
            asked = replace(asked, at_most=asked.prefix.max_prefixlen)
        if asked.at_most < asked.prefix.max_prefixlen:
            raise Wrong(f"{item!r} holds no address, which is as long as a /{asked.prefix.max_prefixlen}", ORLONGER)
        return PrefixList(name=item, ranges=(asked,))
    if address is None or "%" in item:
        raise Wrong(f"{item!r} is no address and no prefix range", "write 172.16.0.2 or 172.16.0.0/30")
    host = ip_network(address)
    return PrefixList(name=item, ranges=(PrefixRange(prefix=host, at_least=host.prefixlen, at_most=host.prefixlen),))


def _as_path_set(item: str) -> AsPathSet:
    if NAME.fullmatch(item):
        raise Wrong(f"{item!r} is the name of no set")
    return AsPathSet(name=item, entries=(policy_values.as_path_entry(item),))


def _community_set(read: Callable[[str], CommunityPattern]) -> Callable[[str], CommunitySet]:
    return lambda item: CommunitySet(name=item, patterns=(read(item),))


PREFIX_LISTS = SetKind(key="prefix_lists", what="prefix list", read=_prefix_list)
NEXT_HOPS = SetKind(key="prefix_lists", what="prefix list", read=_next_hops)
AS_PATH_SETS = SetKind(key="as_path_sets", what="AS-path set", read=_as_path_set)
COMMUNITY_SETS = SetKind(
    key="community_sets", what="community set", read=_community_set(policy_values.standard_pattern)
)
LARGE_SETS = SetKind(
    key="large_community_sets", what="large community set", read=_community_set(policy_values.large_pattern)
)
EXTENDED_SETS = SetKind(
    key="extended_community_sets", what="extended community set", read=_community_set(policy_values.extended_pattern)
)
ROUTE_TARGETS = SetKind(
    key="extended_community_sets",
    what="extended community set",
    read=_community_set(policy_values.route_target_pattern),
)

AnyKind = SetKind[PrefixList] | SetKind[AsPathSet] | SetKind[CommunitySet]

CONDITIONS: Mapping[str, AnyKind] = {
    "prefix_list": PREFIX_LISTS,
    "as_path": AS_PATH_SETS,
    "community": COMMUNITY_SETS,
    "large_community": LARGE_SETS,
    "extended_community": EXTENDED_SETS,
    "route_target": ROUTE_TARGETS,
    "next_hop": NEXT_HOPS,
}
"""The kind of what each condition asks about."""

REMOVALS: Mapping[str, SetKind[CommunitySet]] = {
    "remove_communities": COMMUNITY_SETS,
    "remove_large_communities": LARGE_SETS,
    "remove_extended_communities": EXTENDED_SETS,
}
"""The kind of what each change removes."""


class Sets:
    """The sets of a file without mistakes, and what an item stands for among them."""

    def __init__(self, document: PolicyFileDocument) -> None:
        self._prefix_lists = {
            name: PrefixList(name=name, ranges=tuple(ranges)) for name, ranges in document.prefix_lists.items()
        }
        self._as_path_sets = {
            name: AsPathSet(name=name, entries=tuple(entries)) for name, entries in document.as_path_sets.items()
        }
        self._communities = {
            kind.key: {name: CommunitySet(name=name, patterns=tuple(patterns)) for name, patterns in written.items()}
            for kind, written in (
                (COMMUNITY_SETS, document.community_sets),
                (LARGE_SETS, document.large_community_sets),
                (EXTENDED_SETS, document.extended_community_sets),
            )
        }

    def prefix_lists(self, asked: AskedDocument | None, kind: SetKind[PrefixList]) -> Asked[PrefixList] | None:
        """The prefix lists that a condition asks about."""
        return _asked(asked, kind, self._prefix_lists)

    def as_paths(self, asked: AskedDocument | None) -> Asked[AsPathSet] | None:
        """The sets of AS paths that a condition asks about."""
        return _asked(asked, AS_PATH_SETS, self._as_path_sets)

    def communities(self, asked: AskedDocument | None, kind: SetKind[CommunitySet]) -> Asked[CommunitySet] | None:
        """The sets of communities that a condition asks about."""
        return _asked(asked, kind, self._communities[kind.key])

    def community_sets(self, items: Iterable[str], kind: SetKind[CommunitySet]) -> tuple[CommunitySet, ...]:
        """The sets of communities that a change names."""
        return _resolved(items, kind, self._communities[kind.key])


def _asked(asked: AskedDocument | None, kind: SetKind[Set], known: Mapping[str, Set]) -> Asked[Set] | None:
    return None if asked is None else Asked(sets=_resolved(asked.items, kind, known), quantifier=asked.quantifier)


def _resolved(items: Iterable[str], kind: SetKind[Set], known: Mapping[str, Set]) -> tuple[Set, ...]:
    return tuple(kind.literal(item, known) or known[item] for item in items)
