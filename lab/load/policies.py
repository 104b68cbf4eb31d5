"""What the terms of a policy file say together: the checks, and the policies that come out when all hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.errors import Mistake
from lab.load.documents import MatchDocument, PolicyFileDocument, SetDocument, TermDocument
from lab.load.names import unknown
from lab.load.reading import Reading
from lab.load.source import SourceFile
from lab.policy import NO_CHANGE, Change, Fate, Match, Policy, PrefixList, Term


def check_policies(reading: Reading[PolicyFileDocument]) -> Iterator[Mistake]:
    """Every mistake that no single value shows."""
    lists = dict.fromkeys(reading.keys("prefix_lists") or ())
    for name in reading.keys("policies") or ():
        decided = 0
        for index in range(reading.count("policies", name)):
            path = ("policies", name, index)
            if decided:
                what = f"term {index + 1} of {name} is never reached"
                yield reading.source.mistake(path, what, f"term {decided} decides every route; remove one of them")
                break
            term: TermDocument | None = reading.part(*path)
            asked = reading.part(*path, "match", "prefix_list")
            wrong = unknown(asked, lists, "prefix list") if asked is not None else None
            if wrong:
                yield reading.source.mistake((*path, "match", "prefix_list"), *wrong)
            if term is None:
                continue
            if term.then is Fate.REJECT and term.set is not None:
                what = f"term {index + 1} of {name} changes what it rejects"
                yield reading.source.mistake((*path, "set"), what, "remove set, or accept", at_key=True)
            if term.match is None and term.then is not Fate.NEXT_TERM:
                decided = index + 1


def to_policies(document: PolicyFileDocument, source: SourceFile) -> tuple[Policy, ...]:
    """The policies of a document without mistakes."""
    lists = {name: PrefixList(name=name, ranges=tuple(ranges)) for name, ranges in document.prefix_lists.items()}
    return tuple(
        Policy(
            name=name,
            terms=tuple(_term(term, lists) for term in terms),
            source=source.where(("policies", name)),
        )
        for name, terms in document.policies.items()
    )


def _term(term: TermDocument, lists: Mapping[str, PrefixList]) -> Term:
    return Term(
        fate=term.then,
        match=Match() if term.match is None else _match(term.match, lists),
        change=NO_CHANGE if term.set is None else _change(term.set),
    )


def _match(match: MatchDocument, lists: Mapping[str, PrefixList]) -> Match:
    return Match(
        prefix_list=None if match.prefix_list is None else lists[match.prefix_list],
        any_community=tuple(match.community or ()),
        any_large_community=tuple(match.large_community or ()),
        as_path_contains=match.as_path_contains,
        family=match.family,
    )


def _change(change: SetDocument) -> Change:
    return Change(
        local_pref=change.local_pref,
        multi_exit_disc=change.med,
        weight=change.weight,
        origin=change.origin,
        prepend=tuple(change.prepend or ()),
        communities=None if change.communities is None else tuple(change.communities),
        add_communities=tuple(change.add_communities or ()),
        remove_communities=tuple(change.remove_communities or ()),
        large_communities=None if change.large_communities is None else tuple(change.large_communities),
        add_large_communities=tuple(change.add_large_communities or ()),
        remove_large_communities=tuple(change.remove_large_communities or ()),
    )
