"""The commands about policies alone: `erlab policy test`, `diff` and `eval`. They need no lab and no privileges."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TypeVar

from lab.bgp import Route
from lab.errors import InputError
from lab.policy import Context, ContextMissingError, Policy

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
    from lab.policy.boundary import sample
    from lab.policy.difference import DifferenceReport, compare, versions

    old, new = load_policies(arguments.old), load_policies(arguments.new)
    known = [one.name for one in (*new, *old)]
    for name in arguments.policy or ():
        _known(name, known, f"{arguments.old} and {arguments.new}")
    given = _Counted()
    notes: list[str] = []
    if arguments.routes is not None:
        from lab.load.routes import read_routes

        read = read_routes(arguments.routes)
        given, notes = _Counted(read.routes), read.notes
    found = compare(versions(old, new, arguments.policy or ()), (sample(route) for route in given))
    report = DifferenceReport(
        old=arguments.old,
        new=arguments.new,
        comparisons=found,
        given_routes=given.count,
        notes=tuple(notes),
    )
    if arguments.format == "json":
        from lab.report import policy_json

        print(policy_json.difference(report))
    else:
        from lab.report import policy_text

        print(policy_text.difference(report))
    return report.exit_code


class _Counted:
    """Routes that are counted while they are gone through."""

    def __init__(self, routes: Iterable[Route] = ()) -> None:
        self._routes = routes
        self.count = 0

    def __iter__(self) -> Iterator[Route]:
        for route in self._routes:
            self.count += 1
            yield route


def eval(arguments: argparse.Namespace) -> int:  # noqa: A001  # the verb's name
    """Show what a chain does with each route: 1 where it rejects one, 3 where there is none."""
    from lab.load import load_policies

    by_name = {one.name: one for one in load_policies(arguments.file)}
    policies = tuple(by_name[_known(name, by_name, arguments.file)] for name in arguments.policies)
    where = _context(arguments)
    routes, notes = _routes(arguments)
    try:
        if arguments.format == "json":
            return _all_traced(policies, list(routes), where, notes)
        return _first_traced(policies, routes, where, notes)
    except ContextMissingError as problem:
        raise InputError(f"{problem}: give it with --asn or --address") from None


def _all_traced(policies: tuple[Policy, ...], routes: list[Route], where: Context, notes: list[str]) -> int:
    from lab.policy import compiled, evaluate
    from lab.report import policy_json

    fast = compiled(policies)
    fates = [fast(route, where)[0] is not None for route in routes]
    outcomes = ((route, evaluate(policies, route, where)) for route in routes)
    for line in policy_json.evaluation((one.name for one in policies), outcomes, fates, notes):
        print(line)
    return _exit_code(len(fates), fates.count(False))


def _first_traced(policies: tuple[Policy, ...], routes: Iterator[Route], where: Context, notes: list[str]) -> int:
    from lab.policy import compiled, evaluate
    from lab.report import policy_text

    fast = compiled(policies)
    traced = [(route, evaluate(policies, route, where)) for route in islice(routes, policy_text.ROUTES_SHOWN)]
    fates = [outcome.accepted for _, outcome in traced]
    accepted, count = sum(fates), len(fates)
    for route in routes:
        count += 1
        accepted += fast(route, where)[0] is not None
    evaluated = policy_text.Evaluated(
        traced=tuple(traced), accepted=accepted, rejected=count - accepted, notes=tuple(notes)
    )
    print(policy_text.evaluation(evaluated))
    return _exit_code(count, count - accepted)


def _exit_code(count: int, rejected: int) -> int:
    return 3 if not count else int(rejected > 0)


def _known(name: str, names: Iterable[str], where: str) -> str:
    """The name of a policy that is there. Raises InputError."""
    from lab.load.scalars import did_you_mean

    known = list(dict.fromkeys(names))
    if name not in known:
        raise InputError(f"{where}: there is no policy {name!r}\n    {did_you_mean(name, known, 'policies')}")
    return name


def _context(arguments: argparse.Namespace) -> Context:
    """Where the policies run, as the call says it. Raises InputError."""
    from lab.bgp import parse_asn
    from lab.load.cases import context
    from lab.load.policy_values import neighbor
    from lab.load.values import address

    name = _said("--neighbor", arguments.neighbor, neighbor)
    return context(name or "", _said("--asn", arguments.asn, parse_asn), _said("--address", arguments.address, address))


def _said(option: str, written: str | None, read: Callable[[str], Value]) -> Value | None:
    """What an option says. Raises InputError."""
    try:
        return None if written is None else read(written)
    except ValueError as problem:
        meant = getattr(problem, "meant", "")
        raise InputError(f"{option}: {problem}{f': {meant}' if meant else ''}") from None


def _routes(arguments: argparse.Namespace) -> tuple[Iterator[Route], list[str]]:
    """The routes of a call and of a file, and what to know about them. Raises InputError."""
    from lab.load.routes import read_routes, route_of

    if arguments.route is None and arguments.routes is None:
        raise InputError("there is no route to evaluate: give --route 'prefix=10.0.0.0/8 ...' or --routes FILE")
    called = [route_of(words) for words in arguments.route or ()]
    if arguments.routes is None:
        return iter(called), []
    read = read_routes(arguments.routes)
    return chain(called, read.routes), read.notes
