"""The commands about policies alone: `erlab policy test`, `diff` and `eval`. They need no lab and no privileges."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import TypeVar

from lab.bgp import Address, Asn, Family, family_of
from lab.errors import InputError
from lab.policy import NOWHERE, Context, ContextMissingError, Policy
from lab.policy.boundary import Sample, sample
from lab.policy.coverage import with_called

Value = TypeVar("Value")


def test(arguments: argparse.Namespace) -> int:
    """Run the cases of all files, and say which terms none of them reaches."""
    from lab.load.cases import load_cases
    from lab.policy.cases import CaseReport, check
    from lab.policy.coverage import coverage

    files = [load_cases(file) for file in arguments.files]
    results = [[check(case) for case in file.cases] for file in files]
    report = CaseReport(
        results=tuple(chain.from_iterable(results)),
        coverage=coverage(
            (file.terms, [one.outcome for one in found]) for file, found in zip(files, results, strict=True)
        ),
        empty=tuple(file.name for file in files if not file.cases),
        coverage_required=arguments.require_coverage,
    )
    if arguments.format == "json":
        from lab.report import policy_json

        print(policy_json.cases(report))
    else:
        from lab.report import policy_text

        print(policy_text.cases(report))
    return report.exit_code


def diff(arguments: argparse.Namespace) -> int:
    """Compare two versions of policies on boundary routes, and on those of a file."""
    from lab.load import load_policies
    from lab.policy.difference import DifferenceReport, compare, versions

    old, new = load_policies(arguments.old), load_policies(arguments.new)
    known = [one.name for one in (*new, *old)]
    for name in arguments.policy or ():
        _known(name, known, f"{arguments.old} and {arguments.new}")
    wanted = versions(old, new, arguments.policy or ())
    given = _Given(arguments)
    found = compare(wanted, (given.where.at(one, sample(one.route).context) for one in given))
    report = DifferenceReport(
        old=arguments.old,
        new=arguments.new,
        comparisons=found,
        given_routes=None if arguments.routes is None else given.count,
        notes=given.notes_for(policy for one in wanted for policy in one.policies),
    )
    if arguments.format == "json":
        from lab.report import policy_json

        for line in policy_json.difference(report):
            print(line)
    else:
        from lab.report import policy_text

        print(policy_text.difference(report))
    return report.exit_code


def eval(arguments: argparse.Namespace) -> int:  # noqa: A001  # the verb's name
    """Show what a chain does with each route: 1 where it rejects one, 3 where there is none."""
    from lab.load import load_policies

    by_name = {one.name: one for one in load_policies(arguments.file)}
    policies = tuple(by_name[_known(name, by_name, arguments.file)] for name in arguments.policies)
    if arguments.route is None and arguments.routes is None:
        raise InputError("there is no route to evaluate: give --route 'prefix=10.0.0.0/8 ...' or --routes FILE")
    given = _Given(arguments)
    asked = (given.where.at(one) for one in given)
    try:
        return (_all_traced if arguments.format == "json" else _first_traced)(policies, asked, given)
    except ContextMissingError as problem:
        option = {"own_asn": "--asn", "own_address": "--address, one of the route's family"}[problem.field]
        raise InputError(f"{problem}: give it with {option}") from None


def _all_traced(policies: tuple[Policy, ...], asked: Iterator[Sample], given: _Given) -> int:
    from lab.policy import compiled
    from lab.report import policy_json

    fast = compiled(policies)
    samples = list(asked)
    fates = [fast(one.route, one.context)[0] is not None for one in samples]
    code = _exit_code(given, fates.count(False))
    evaluated = policy_json.Evaluated(
        policies=policies,
        samples=samples,
        accepted=sum(fates),
        context=given.where.context,
        addresses=tuple(given.where.addresses.values()),
        exit_code=code,
        notes=given.notes_for(policies),
    )
    for line in policy_json.evaluation(evaluated):
        print(line)
    return code


def _first_traced(policies: tuple[Policy, ...], asked: Iterator[Sample], given: _Given) -> int:
    from lab.policy import compiled, evaluate
    from lab.report import policy_text

    fast = compiled(policies)
    traced = [(one, evaluate(policies, one.route, one.context)) for one in islice(asked, policy_text.ROUTES_SHOWN)]
    accepted = sum(outcome.accepted for _, outcome in traced)
    for one in asked:
        accepted += fast(one.route, one.context)[0] is not None
    evaluated = policy_text.Evaluated(
        traced=tuple(traced),
        accepted=accepted,
        rejected=given.total - accepted,
        empty=given.empty,
        notes=given.notes_for(policies),
    )
    print(policy_text.evaluation(evaluated))
    return _exit_code(given, given.total - accepted)


def _exit_code(given: _Given, rejected: int) -> int:
    """1 where a route was rejected, 3 where there was none, or none in a file of them."""
    if rejected:
        return 1
    return 3 if given.empty or not given.total else 0


def _known(name: str, names: Iterable[str], where: str) -> str:
    """The name of a policy that is there. Raises InputError."""
    from lab.texts import did_you_mean

    known = list(dict.fromkeys(names))
    if name not in known:
        raise InputError(f"{where}: there is no policy {name!r}\n    {did_you_mean(name, known, 'policies')}")
    return name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Where:
    """Where the policies run, as a call says it: `addresses` are the own ones, of which there is one per family."""

    context: Context = NOWHERE
    addresses: dict[Family, Address] = field(default_factory=dict)

    def at(self, asked: Sample, otherwise: Context = NOWHERE) -> Sample:
        """A route with all that is known of where policies run; the call's neighbour goes before the route's own."""
        said = self.context
        from_ = said if said.neighbor or said.peer_address else asked.context
        context = Context(
            neighbor=from_.neighbor,
            peer_address=from_.peer_address,
            own_asn=said.own_asn or otherwise.own_asn,
            own_address=self.addresses.get(family_of(asked.route.prefix), otherwise.own_address),
        )
        return replace(asked, context=context)


class _Given:
    """The routes of a call and of a file, counted while they are gone through once. Raises InputError."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        from lab.load.routes import read_routes, route_of

        called: Sequence[str] = getattr(arguments, "route", None) or ()
        self._called = [Sample(route=route_of(words), context=NOWHERE) for words in called]
        self._read = None if arguments.routes is None else read_routes(arguments.routes)
        self._nameless = 0
        self._file: str = arguments.routes or ""
        self.where = _where(arguments)
        self.count = 0

    def __iter__(self) -> Iterator[Sample]:
        for one in self._called:
            self._nameless += one.context == NOWHERE
            yield one
        for one in self._read.routes if self._read else ():
            self.count += 1
            self._nameless += one.context == NOWHERE
            yield one

    @property
    def total(self) -> int:
        """Routes of the call and of the file."""
        return len(self._called) + self.count

    @property
    def empty(self) -> str:
        """The file of routes that holds none."""
        return self._file if self._read and not self.count else ""

    def notes_for(self, policies: Iterable[Policy]) -> tuple[str, ...]:
        """What to know about the routes where these policies are asked; whole once all were read."""
        notes = list(self._read.notes) if self._read else []
        said = self.where.context
        asks = any(term.match.neighbor for one in with_called(policies) for term in one.terms)
        if asks and self._nameless and not (said.neighbor or said.peer_address):
            notes.append(
                f"of {self._nameless} of the {self.total} routes given it is not known from which neighbour they are, "
                "so match neighbor holds for none of these: give --neighbor or --peer-address"
            )
        return tuple(notes)


def _where(arguments: argparse.Namespace) -> _Where:
    """Where the policies run, as the call says it. Raises InputError."""
    from lab.bgp import parse_asn
    from lab.load.cases import context
    from lab.load.policy_values import neighbor
    from lab.texts import address

    name = _said("--neighbor", arguments.neighbor, neighbor)
    peer = _said("--peer-address", arguments.peer_address, address)
    asn: Asn | None = _said("--asn", arguments.asn, parse_asn)
    if peer is not None and context(name).peer_address is not None:
        raise InputError("--neighbor and --peer-address: two addresses; give the neighbour's name, or one of them")
    addresses: dict[Family, Address] = {}
    for own in [_read("--address", written, address) for written in arguments.address or ()]:
        if addresses.setdefault(family_of(own), own) != own:
            raise InputError(f"--address: two {family_of(own).value} addresses; give one of each family")
    return _Where(context=context(name, peer, asn), addresses=addresses)


def _said(option: str, written: str | None, read: Callable[[str], Value]) -> Value | None:
    """What an option says, where it is given. Raises InputError."""
    return None if written is None else _read(option, written, read)


def _read(option: str, written: str, read: Callable[[str], Value]) -> Value:
    try:
        return read(written)
    except ValueError as problem:
        meant = getattr(problem, "meant", "")
        raise InputError(f"{option}: {problem}{f': {meant}' if meant else ''}") from None
