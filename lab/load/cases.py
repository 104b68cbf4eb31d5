"""Files of cases: read together with the policy files that they name, into cases that can be run."""

from __future__ import annotations

import os.path
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from lab.bgp import Address, Aggregator, Asn, AsPath, Route, family_of, parse_asn
from lab.errors import InputError, Mistake
from lab.load.case_documents import CaseDocument, CasesDocument, ContextDocument, GivenRouteDocument
from lab.load.names import unknown
from lab.load.policies import check_policies, to_policies
from lab.load.policy_documents import PolicyFileDocument
from lab.load.reading import MOST_MISTAKES, Reading
from lab.load.scalars import did_you_mean
from lab.load.source import SourceFile, Step, read
from lab.load.values import as_address, router_id
from lab.policy import NOWHERE, Context, ContextMissingError, Policy, compiled
from lab.policy.boundary_values import ordinary_next_hop
from lab.policy.cases import DEFAULT, Case, Expected
from lab.policy.coverage import WrittenTerm


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
    reading = Reading(source, CasesDocument)
    library = _Library(reading)
    found = [*reading.mistakes, *library.mistakes]
    found += islice(_check(reading, None if library.mistakes else library.policies), MOST_MISTAKES)
    if found or reading.whole is None:
        raise _refusal(source, found)
    cases = tuple(_cases(reading.whole, source, library.policies))
    if found := list(islice(_too_little_context(cases, source), MOST_MISTAKES)):
        raise _refusal(source, found)
    return CasesFile(name=source.name, cases=cases, terms=tuple(library.terms))


def _refusal(source: SourceFile, mistakes: list[Mistake]) -> InputError:
    return InputError(f"{source.name}: {len(mistakes)} mistake{'s' if len(mistakes) != 1 else ''}", tuple(mistakes))


class _Library:
    """The policies of the files that a file of cases names, and the places of their terms."""

    def __init__(self, reading: Reading[CasesDocument]) -> None:
        self.policies: dict[str, Policy] = {}
        self.terms: list[WrittenTerm] = []
        self.mistakes: list[Mistake] = []
        directory = Path(reading.source.name).parent
        for index in range(reading.count("policies")):
            written = reading.part("policies", index)
            if written is not None:
                at = reading.source.mistake(("policies", index), "")
                self._read(directory / written, at)

    def _read(self, path: Path, at: Mistake) -> None:
        try:
            policies = Reading(read(path, os.path.normpath(path)), PolicyFileDocument)
        except InputError as problem:
            here = Mistake(file=at.file, line=at.line, column=at.column, what=str(problem))
            self.mistakes += problem.mistakes or [here]
            return
        self.mistakes += [*policies.mistakes, *islice(check_policies(policies), MOST_MISTAKES)]
        if policies.whole is None or self.mistakes:
            return
        for policy in to_policies(policies.whole, policies.source):
            if policy.name in self.policies:
                where = ("policies", policy.name)
                what = f"policy {policy.name!r} has the name of another one"
                meant = f"it is in {self.policies[policy.name].source} too"
                self.mistakes.append(policies.source.mistake(where, what, meant, at_key=True))
            self.policies[policy.name] = policy
            self.terms += _terms(policy, policies.source)


def _terms(policy: Policy, source: SourceFile) -> Iterator[WrittenTerm]:
    for number, term in enumerate(policy.terms, start=1):
        where = source.where(("policies", policy.name, "terms", number - 1))
        yield WrittenTerm(policy=policy.name, term=number, name=term.name, where=where)


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
    """The term that is expected to decide is there."""
    by = case.expect.by
    terms = [term for name in case.policy for term in policies[name].terms]
    if by is None or by == DEFAULT:
        return
    chain = " or ".join(case.policy)
    most = max(len(policies[name].terms) for name in case.policy)
    if by.isdecimal() and int(by) > most:
        yield source.mistake(
            (*path, "expect", "by"), f"by: there is no term {by} in {chain}", f"the last one is {most}"
        )
    elif not by.isdecimal():
        names = [term.name for term in terms if term.name]
        if by not in names:
            meant = did_you_mean(by, [*names, DEFAULT], "terms")
            yield source.mistake((*path, "expect", "by"), f"by: there is no term {by!r} in {chain}", meant)


def _families(source: SourceFile, path: tuple[Step, ...], case: CaseDocument) -> Iterator[Mistake]:
    family = family_of(case.route.prefix)
    if case.route.next_hop is not None and family_of(case.route.next_hop) is not family:
        what = f"next_hop: {case.route.next_hop} is not of the prefix's family"
        yield source.mistake((*path, "route", "next_hop"), what, f"write an {family.value} address")


def _too_little_context(cases: tuple[Case, ...], source: SourceFile) -> Iterator[Mistake]:
    """Changes that hang on what a case's context does not say."""
    for index, case in enumerate(cases):
        try:
            compiled(case.policies)(case.route, case.context)
        except ContextMissingError as problem:
            meant = "say it in the case: context: {asn: 65010, address: 172.16.0.1}"
            yield source.mistake(("cases", index, "name"), str(problem), meant)


# conversion


def _cases(document: CasesDocument, source: SourceFile, policies: Mapping[str, Policy]) -> Iterator[Case]:
    for index, case in enumerate(document.cases):
        yield Case(
            name=case.name,
            where=source.where(("cases", index)),
            policies=tuple(policies[name] for name in case.policy),
            route=to_route(case.route),
            expected=Expected(fate=case.expect.fate, by=case.expect.by or "", attributes=case.expect.attributes),
            context=NOWHERE if case.context is None else _context(case.context),
        )


def _context(written: ContextDocument) -> Context:
    return context(written.neighbor or "", written.asn, written.address)


def context(neighbor: str, asn: Asn | None, address: Address | None) -> Context:
    """Where policies run; a neighbour is a router's name or its address."""
    peer = as_address(neighbor)
    return Context(neighbor="" if peer else neighbor, peer_address=peer, own_asn=asn, own_address=address)


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
