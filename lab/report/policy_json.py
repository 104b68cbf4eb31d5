"""What policies do with routes as JSON: cases, differences of two versions, single routes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from lab.bgp import Route
from lab.policy import Outcome
from lab.policy.cases import CaseReport, CaseResult
from lab.policy.coverage import WrittenTerm
from lab.policy.difference import Comparison, Difference, DifferenceReport
from lab.report.json_parts import Object, document, outcome_object, route_object


def cases(report: CaseReport) -> str:
    """What became of each case, and the terms that none of them reaches."""
    passed = sum(result.passed for result in report.results)
    return document(
        "policy-test",
        exit_code=report.exit_code,
        summary={"passed": passed, "failed": len(report.results) - passed},
        cases=[_case(one) for one in report.results],
        coverage={
            "terms": len(report.coverage.terms),
            "reached": report.coverage.reached,
            "required": report.coverage_required,
            "missed": [_term(one) for one in report.coverage.missed],
        },
        files_without_cases=list(report.empty),
    )


def _case(result: CaseResult) -> Object:
    case = result.case
    return {
        "name": case.name,
        "where": case.where,
        "policies": [policy.name for policy in case.policies],
        "passed": result.passed,
        "mismatches": [{"what": m.what, "expected": m.expected, "got": m.got} for m in result.mismatches],
        "route": route_object(case.route),
        "result": _result(result.outcome),
        "outcome": outcome_object(result.outcome),
    }


def _term(term: WrittenTerm) -> Object:
    return {"policy": term.policy, "term": term.term, "name": term.name or None, "where": term.where or None}


def _result(outcome: Outcome) -> Object | None:
    """The route that came out."""
    return None if outcome.route is None else route_object(outcome.route)


def difference(report: DifferenceReport) -> str:
    """Every route of which the new version makes something else than the old one."""
    return document(
        "policy-diff",
        exit_code=report.exit_code,
        old=report.old,
        new=report.new,
        given_routes=report.given_routes,
        policies=[_comparison(one) for one in report.comparisons],
        notes=list(report.notes),
    )


def _comparison(comparison: Comparison) -> Object:
    return {
        "policy": comparison.version.name,
        "presence": comparison.version.presence.value,
        "boundary_routes": comparison.boundary_routes,
        "boundary_routes_complete": comparison.complete,
        "terms_not_reached": [_term(one) for one in comparison.unreached],
        "differences": [_difference(one) for one in comparison.differences],
    }


def _difference(difference: Difference) -> Object:
    context = difference.sample.context
    neighbor = context.neighbor or (str(context.peer_address) if context.peer_address else None)
    return {
        "route": route_object(difference.sample.route),
        "neighbor": neighbor,
        "given": difference.given,
        "before": _side(difference.before),
        "after": _side(difference.after),
    }


def _side(outcome: Outcome) -> Object:
    return {
        "accepted": outcome.accepted,
        "policy": outcome.policy or None,
        "because": outcome.because,
        "next_hop_set": outcome.next_hop_set,
        "result": _result(outcome),
    }


def evaluation(
    policies: Iterable[str], outcomes: Iterable[tuple[Route, Outcome]], fates: Sequence[bool], notes: Iterable[str]
) -> Iterator[str]:
    """What a chain of policies does with each route, line by line: a route is one, for there may be very many.

    `fates` says which are accepted, before the first of `outcomes` is asked for.
    """
    head = document(
        "policy-eval",
        policies=list(policies),
        summary={"accepted": sum(fates), "rejected": len(fates) - sum(fates)},
        notes=list(notes),
    )
    yield head.removesuffix("\n}") + ',\n  "routes": ['
    last = len(fates)
    for number, (route, outcome) in enumerate(outcomes, start=1):
        one = {"route": route_object(route), "result": _result(outcome), "outcome": outcome_object(outcome)}
        yield f"    {json.dumps(one)}{',' if number < last else ''}"
    yield "  ]\n}"
