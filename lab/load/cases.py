"""Files of cases: read together with the policy files that they name, into cases that can be run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lab.bgp import Address, Aggregator, Asn, AsPath, Route, family_of, parse_asn
from lab.errors import Mistake
from lab.load.case_documents import CaseDocument, CasesDocument, ContextDocument, GivenRouteDocument
from lab.load.library import Library
from lab.load.names import unknown
from lab.load.reading import MOST_MISTAKES, Reading, refusal
from lab.load.source import SourceFile, Step, read
from lab.policy import DECIDED, NOWHERE, Context, ContextMissingError, Fate, NextHopRule, Policy, evaluate
from lab.policy.boundary_values import ordinary_next_hop
from lab.policy.cases import DEFAULT, Case, Expected
from lab.policy.conditions import EVERY_ROUTE
from lab.policy.coverage import DEFAULT as DEFAULT_TERM
from lab.policy.coverage import WrittenTerm, lets_through
from lab.texts import as_address, did_you_mean, router_id


@dataclass(frozen=True, slots=True, kw_only=True)
class CasesFile:
    """The cases of a file, and every term of the policies that they are about."""

    name: str
    cases: tuple[Case, ...]
    terms: tuple[WrittenTerm, ...]


def load_cases(path: str) -> CasesFile:
    """The cases of a file. Raises InputError with every mistake in it and in the policy files that it names."""
    return cases_of(read(Path(path), path))


def cases_of(source: SourceFile) -> CasesFile:
    """The cases of a file that was read. Raises InputError as `load_cases` does."""
    if _is_policy_file(source):
        meant = "give a file of cases, which names it: policies: edge.yaml"
        raise refusal(source, [source.mistake((), "this is a policy file, not a file of cases", meant)])
    reading = Reading(source, CasesDocument)
    library = Library(reading)
    found = [*reading.mistakes, *library.mistakes]
    found += islice(_check(reading, None if library.mistakes else library.policies), MOST_MISTAKES)
    if found or reading.whole is None:
        raise refusal(source, found)
    cases = tuple(_cases(reading.whole, source, library.policies))
    if found := list(islice(_too_little_context(cases, source), MOST_MISTAKES)):
        raise refusal(source, found)
    terms = tuple(term for file, policies in library.files for policy in policies for term in _terms(policy, file))
    return CasesFile(name=source.name, cases=cases, terms=terms)


def _is_policy_file(source: SourceFile) -> bool:
    keys = set(source.data) if isinstance(source.data, dict) else set()
    return "cases" not in keys and (isinstance(source.data, dict) and isinstance(source.data.get("policies"), dict))


def _terms(policy: Policy, source: SourceFile) -> Iterator[WrittenTerm]:
    """The terms of a policy, and its default where that lets a route through."""
    path = ("policies", policy.name)
    for number, term in enumerate(policy.terms, start=1):
        where = source.where((*path, "terms", number - 1))
        yield WrittenTerm(policy=policy.name, term=number, name=term.name, where=where)
    if lets_through(policy):
        yield WrittenTerm(policy=policy.name, term=DEFAULT_TERM, where=source.where(path))


# checks


def _check(reading: Reading[CasesDocument], policies: Mapping[str, Policy] | None) -> Iterator[Mistake]:
    first: dict[str, int] = {}
    for index in range(reading.count("cases")):
        path = ("cases", index)
        case: CaseDocument | None = reading.part(*path)
        name: str | None = reading.part(*path, "name")
        if name is not None and first.setdefault(name, index) < index:
            place = reading.source.where(("cases", first[name]))
            yield reading.source.mistake((*path, "name"), f"the case {name!r} is here twice", f"it is at {place} too")
        wrong = list(_chain(reading, path, policies))
        yield from wrong
        if case is not None and policies is not None and not wrong:
            yield from _decider(reading.source, path, case, policies)
        if case is not None:
            yield from _families(reading.source, path, case)


def _chain(
    reading: Reading[CasesDocument], path: tuple[Step, ...], policies: Mapping[str, Policy] | None
) -> Iterator[Mistake]:
    for index, name in enumerate(reading.part(*path, "policy") or ()):
        wrong = unknown(name, policies, "policy", plural="policies")
        if wrong:
            yield reading.source.mistake((*path, "policy", index), *wrong)


def _decider(
    source: SourceFile, path: tuple[Step, ...], case: CaseDocument, policies: Mapping[str, Policy]
) -> Iterator[Mistake]:
    """The term that is expected to decide is there, and is one alone."""
    if case.expect.by is None:
        return
    at = (*path, "expect", "by")
    named, _, by = case.expect.by.rpartition("/")
    if named and named not in case.policy:
        meant = did_you_mean(named, case.policy, "policies of the chain")
        yield source.mistake(at, f"by: {named!r} is no policy of the chain", meant)
        return
    asked = [policies[name] for name in dict.fromkeys([named] if named else case.policy)]
    chain = " or ".join(one.name for one in asked)
    having = [one.name for one in asked if _has(one, by, is_last=one.name == case.policy[-1])]
    if len(having) > 1:
        what = f"by: {' and '.join(having)} have {_called(by)}"
        yield source.mistake(at, what, f"say of which policy: {' or '.join(f'{name}/{by}' for name in having)}")
    elif not having and by.isdecimal():
        most = max(len(one.terms) for one in asked)
        yield source.mistake(at, f"by: there is no term {by} in {chain}", f"the last one is {most}")
    elif not having and by == DEFAULT:
        yield source.mistake(at, f"by: the default of {chain} never decides", "another policy or a term does")
    elif not having:
        names = [term.name for one in asked for term in one.terms if term.name]
        meant = did_you_mean(by, [*names, DEFAULT], "terms")
        yield source.mistake(at, f"by: there is no term {by!r} in {chain}", meant)


def _called(by: str) -> str:
    return "a default" if by == DEFAULT else f"a term {by}"


def _has(policy: Policy, by: str, *, is_last: bool) -> bool:
    """Whether a policy of a chain has a term of a number or name, or a default that can decide."""
    if by == DEFAULT:
        decided = any(term.match == EVERY_ROUTE and term.fate in DECIDED for term in policy.terms)
        return not decided and (is_last or policy.default is not Fate.NEXT_POLICY)
    return int(by) <= len(policy.terms) if by.isdecimal() else any(term.name == by for term in policy.terms)


def _families(source: SourceFile, path: tuple[Step, ...], case: CaseDocument) -> Iterator[Mistake]:
    """Next hops are of the prefix's family, and so is the own address that becomes one."""
    family = family_of(case.route.prefix)
    own = None if case.context is None else case.context.address
    for at, address in (((*path, "route", "next_hop"), case.route.next_hop), ((*path, "context", "address"), own)):
        if address is not None and family_of(address) is not family:
            what = f"{at[-1]}: {address} is not of the prefix's family"
            yield source.mistake(at, what, f"write an {family.value} address")
    if case.expect.next_hop_rule is NextHopRule.SELF and own is None:
        what, meant = "next_hop: self is an address that the case does not say", _SAY["own_address"]
        yield source.mistake((*path, "expect", "next_hop"), what, meant)


_SAY = {
    "own_address": "say it in the case: context: {address: 172.16.0.1}",
    "own_asn": "say it in the case: context: {asn: 65010}",
}


def _too_little_context(cases: tuple[Case, ...], source: SourceFile) -> Iterator[Mistake]:
    """Changes that hang on what a case's context does not say."""
    for index, case in enumerate(cases):
        try:
            evaluate(case.policies, case.route, case.context)
        except ContextMissingError as problem:
            yield source.mistake(("cases", index, "name"), str(problem), _SAY[problem.field])


# conversion


def _cases(document: CasesDocument, source: SourceFile, policies: Mapping[str, Policy]) -> Iterator[Case]:
    for index, case in enumerate(document.cases):
        yield Case(
            name=case.name,
            where=source.where(("cases", index)),
            policies=tuple(policies[name] for name in case.policy),
            route=to_route(case.route),
            expected=Expected(
                fate=case.expect.fate,
                by=case.expect.by or "",
                attributes=case.expect.attributes,
                next_hop_rule=case.expect.next_hop_rule,
            ),
            context=_context(case.context),
        )


def _context(written: ContextDocument | None) -> Context:
    if written is None:
        return NOWHERE
    return context(written.neighbor, written.peer_address, written.asn, written.address)


def context(
    neighbor: str | None = None, peer: Address | None = None, asn: Asn | None = None, address: Address | None = None
) -> Context:
    """Where policies run; a neighbour is a router's name or its address, or both where `peer` is its address."""
    as_peer = as_address(neighbor or "")
    return Context(
        neighbor="" if as_peer else neighbor or "", peer_address=peer or as_peer, own_asn=asn, own_address=address
    )


def to_route(written: GivenRouteDocument) -> Route:
    """A route without mistakes; where it says no next hop, an address for documentation is one."""
    asn, _, router = (written.aggregator or "").partition(":")
    return Route(
        prefix=written.prefix,
        next_hop=written.next_hop or ordinary_next_hop(family_of(written.prefix)),
        origin=written.origin,
        as_path=written.as_path or AsPath(),
        local_pref=written.local_pref,
        multi_exit_disc=written.med,
        communities=tuple(written.communities),
        large_communities=tuple(written.large_communities),
        extended_communities=tuple(written.extended_communities),
        atomic_aggregate=bool(written.atomic_aggregate),
        aggregator=Aggregator(parse_asn(asn), router_id(router)) if asn else None,
        originator_id=written.originator_id,
        cluster_list=tuple(written.cluster_list),
        weight=written.weight,
        source=written.source,
        vrf=written.vrf or "",
    )
