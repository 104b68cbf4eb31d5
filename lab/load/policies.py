"""What the terms of a policy file say together: the checks, and the policies that come out when all hold."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from lab.bgp import AnyCommunity, Asn
from lab.errors import Mistake
from lab.load.calls import called_first, check_calls
from lab.load.policy_documents import (
    AskedDocument,
    MatchDocument,
    PolicyFileDocument,
    PrependDocument,
    SetDocument,
    TermDocument,
)
from lab.load.reading import Reading
from lab.load.sets import (
    COMMUNITY_SETS,
    CONDITIONS,
    EXTENDED_SETS,
    LARGE_SETS,
    NEXT_HOPS,
    PREFIX_LISTS,
    REMOVALS,
    ROUTE_TARGETS,
    AnyKind,
    SetKind,
    Sets,
)
from lab.load.source import SourceFile, Step
from lab.policy import (
    DECIDED,
    NO_CHANGE,
    Change,
    CommunityChange,
    CommunitySet,
    Fate,
    Match,
    NextHopRule,
    Policy,
    Term,
)
from lab.policy.cases import DEFAULT
from lab.texts import Wrong

PolicyReading = Reading[PolicyFileDocument]
Path = tuple[Step, ...]


def check_policies(reading: PolicyReading) -> Iterator[Mistake]:
    """Every mistake that no single value shows."""
    yield from _set_names(reading)
    known = {kind.key: dict.fromkeys(reading.keys(kind.key) or ()) for kind in CONDITIONS.values()}
    for name in reading.keys("policies") or ():
        yield from _terms(reading, name, known)
    yield from check_calls(reading)


def _set_names(reading: PolicyReading) -> Iterator[Mistake]:
    """No set is called what a literal of its kind is called."""
    for kind in (COMMUNITY_SETS, LARGE_SETS, EXTENDED_SETS):
        for name in reading.keys(kind.key) or ():
            if kind.is_literal(name):
                what = f"the {kind.what} {name!r} has the name of a community"
                yield reading.source.mistake((kind.key, name), what, "give it a name of its own", at_key=True)


def _terms(reading: PolicyReading, name: str, known: Mapping[str, Collection[str]]) -> Iterator[Mistake]:
    decided = 0
    first: dict[str, int] = {}
    for index in range(reading.count("policies", name, "terms")):
        path = ("policies", name, "terms", index)
        if decided and index == decided:  # told once: what follows is not reached either
            what = f"term {index + 1} of {name} is never reached"
            yield reading.source.mistake(path, what, f"term {decided} decides every route; remove one of them")
        yield from _items(reading, path, known)
        term: TermDocument | None = reading.part(*path)
        if term is None:
            continue
        if term.name is not None and first.setdefault(term.name, index + 1) <= index:
            what = f"term {index + 1} of {name} has the name of another one"
            meant = f"term {first[term.name]} is called {term.name} too"
            yield reading.source.mistake((*path, "name"), what, meant)
        if term.name == DEFAULT:
            what = f"term {index + 1} of {name} has the name of the policy's default"
            yield reading.source.mistake((*path, "name"), what, "give it a name of its own")
        if term.then is Fate.REJECT:
            yield from _rejects(reading, term, path)
        if term.match is None and term.then in DECIDED and not decided:
            decided = index + 1


def _rejects(reading: PolicyReading, term: TermDocument, path: Path) -> Iterator[Mistake]:
    where = f"term {path[-1] + 1 if isinstance(path[-1], int) else path[-1]} of {path[1]}"
    if term.set is not None:
        yield reading.source.mistake(
            (*path, "set"), f"{where} changes what it rejects", "remove set, or accept", at_key=True
        )
    if term.call is not None:
        what = f"{where} calls a policy for what it rejects"
        yield reading.source.mistake((*path, "call"), what, "remove call, or accept", at_key=True)


def _items(reading: PolicyReading, path: Path, known: Mapping[str, Collection[str]]) -> Iterator[Mistake]:
    """Each item of a condition and of a removal is the name of a set, or a literal."""
    for key in reading.keys(*path, "match") or ():
        at = (*path, "match", key)
        asked: AskedDocument | None = reading.part(*at) if key in CONDITIONS else None
        if asked is not None:
            yield from _each(reading, (*at, asked.quantifier.value), asked.items, CONDITIONS[key], known)
    for key in reading.keys(*path, "set") or ():
        at = (*path, "set", key)
        if key in REMOVALS:
            yield from _each(reading, at, reading.part(*at) or (), REMOVALS[key], known)
        if key == "replace_asns" and len(reading.part(*at) or reading.keys(*at) or ()) < len(reading.keys(*at) or ()):
            what = "replace_asns: one AS is written in two ways"
            yield reading.source.mistake(at, what, "write each AS once", at_key=True)


def _each(
    reading: PolicyReading, path: Path, items: Iterable[str], kind: AnyKind, known: Mapping[str, Collection[str]]
) -> Iterator[Mistake]:
    for index, item in enumerate(items):
        try:
            if kind.literal(item, known[kind.key]) is None and kind is NEXT_HOPS:
                yield from _without_addresses(reading, (*path, index), item)
        except ValueError as problem:
            what, meant = (problem.what, problem.meant) if isinstance(problem, Wrong) else (str(problem), "")
            what = what if what.startswith("unknown") else f"{reading.source.key_of(path[:6])}: {what}"
            yield reading.source.mistake((*path, index), what, meant)


def _without_addresses(reading: PolicyReading, path: Path, name: str) -> Iterator[Mistake]:
    """A prefix list that next hops are looked up in holds an address: a prefix of full length."""
    ranges = reading.part("prefix_lists", name) or ()
    if ranges and not any(one.at_most == one.prefix.max_prefixlen for one in ranges):
        what = f"next_hop: the prefix list {name!r} holds no address, only shorter prefixes"
        meant = "put orlonger behind its prefixes, or write prefixes here, which mean every address in them"
        yield reading.source.mistake(path, what, meant)


# conversion


def to_policies(document: PolicyFileDocument, source: SourceFile) -> tuple[Policy, ...]:
    """The policies of a document without mistakes, in its order."""
    sets = Sets(document)
    made: dict[str, Policy] = {}
    for name in called_first(document):
        policy = document.policies[name]
        made[name] = Policy(
            name=name,
            terms=tuple(_term(term, sets, made) for term in policy.terms),
            default=policy.default,
            source=source.where(("policies", name)),
        )
    return tuple(made[name] for name in document.policies)


def _term(term: TermDocument, sets: Sets, made: Mapping[str, Policy]) -> Term:
    return Term(
        fate=term.then,
        name=term.name or "",
        match=Match() if term.match is None else _match(term.match, sets),
        change=NO_CHANGE if term.set is None else _change(term.set, sets),
        call=None if term.call is None else made[term.call],
    )


def _match(match: MatchDocument, sets: Sets) -> Match:
    return Match(
        prefix_list=sets.prefix_lists(match.prefix_list, PREFIX_LISTS),
        as_path=sets.as_paths(match.as_path),
        as_path_length=match.as_path_length,
        community=sets.communities(match.community, COMMUNITY_SETS),
        large_community=sets.communities(match.large_community, LARGE_SETS),
        extended_community=sets.communities(match.extended_community, EXTENDED_SETS),
        route_target=sets.communities(match.route_target, ROUTE_TARGETS),
        next_hop=sets.prefix_lists(match.next_hop, NEXT_HOPS),
        origin=tuple(match.origin or ()),
        local_pref=match.local_pref,
        multi_exit_disc=match.med,
        weight=match.weight,
        neighbor=tuple(match.neighbor or ()),
        family=match.family,
        source=tuple(match.source or ()),
        vrf=tuple(match.vrf or ()),
    )


def _change(change: SetDocument, sets: Sets) -> Change:
    asns, last = _prepend(change.prepend)
    return Change(
        local_pref=change.local_pref,
        multi_exit_disc=change.med,
        weight=change.weight,
        origin=change.origin,
        next_hop=None if isinstance(change.next_hop, NextHopRule) else change.next_hop,
        next_hop_rule=change.next_hop if isinstance(change.next_hop, NextHopRule) else None,
        as_path=change.as_path,
        replace_asns=tuple((change.replace_asns or {}).items()),
        remove_private_asns=change.remove_private_asns,
        prepend_last=last,
        prepend=asns,
        communities=_communities(
            change.communities, change.remove_communities, change.add_communities, COMMUNITY_SETS, sets
        ),
        large_communities=_communities(
            change.large_communities, change.remove_large_communities, change.add_large_communities, LARGE_SETS, sets
        ),
        extended_communities=_communities(
            change.extended_communities,
            change.remove_extended_communities,
            change.add_extended_communities,
            EXTENDED_SETS,
            sets,
        ),
        route_targets=None if change.route_targets is None else tuple(change.route_targets),
    )


def _prepend(written: PrependDocument | None) -> tuple[tuple[Asn, ...], int]:
    """The AS numbers to put before the path, and how often its newest one."""
    if written is None:
        return (), 0
    repeated = [] if written.asn is None else [written.asn] * (written.times or 1)
    return tuple(written.asns or repeated), written.last_asn or 0


def _communities(
    exactly: list[AnyCommunity] | None,
    remove: list[str] | None,
    add: list[AnyCommunity] | None,
    kind: SetKind[CommunitySet],
    sets: Sets,
) -> CommunityChange[AnyCommunity] | None:
    if exactly is None and remove is None and add is None:
        return None
    return CommunityChange(
        replace=None if exactly is None else tuple(exactly),
        remove=sets.community_sets(remove or (), kind),
        add=tuple(add or ()),
    )
