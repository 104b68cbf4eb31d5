"""What policies do with routes as JSON: cases, differences of two versions, single routes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from lab.bgp import Address
from lab.policy import Context, Outcome, Policy, evaluate
from lab.policy.boundary import Sample
from lab.policy.cases import CaseReport, CaseResult, Expected
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
        "context": _context(case.context),
        "route": route_object(case.route),
        "expected": _expected(case.expected),
        **_answer(result.outcome),
    }


def _expected(expected: Expected) -> Object:
    return {
        "fate": expected.fate.value,
        "by": expected.by or None,
        "next_hop": expected.next_hop_rule.value if expected.next_hop_rule else None,
        **{name: text or None for name, text in expected.attributes},
    }


def _term(term: WrittenTerm) -> Object:
    return {"policy": term.policy, "term": term.term, "name": term.name or None, "where": term.where or None}


def _result(outcome: Outcome) -> Object | None:
    """The route that came out."""
    return None if outcome.route is None else route_object(outcome.route)


def difference(report: DifferenceReport) -> Iterator[str]:
    """Every route of which the new version makes something else than the old one, line by line: there may be many."""
    head = document(
        "policy-diff",
        exit_code=report.exit_code,
        old=report.old,
        new=report.new,
        given_routes=report.given_routes,
        notes=list(report.notes),
    )
    yield head.removesuffix("\n}") + ',\n  "policies": ['
    last = len(report.comparisons)
    for number, one in enumerate(report.comparisons, start=1):
        yield "    " + json.dumps(_comparison(one)).removesuffix("}") + ', "differences": ['
        yield from _items(map(_difference, one.differences), "      ")
        yield f"    ]}}{',' if number < last else ''}"
    yield "  ]\n}"


def _items(items: Iterable[Object], indent: str) -> Iterator[str]:
    """The items of a list, each on a line."""
    waiting = ""
    for item in items:
        if waiting:
            yield f"{waiting},"
        waiting = indent + json.dumps(item)
    if waiting:
        yield waiting


def _comparison(comparison: Comparison) -> Object:
    return {
        "policy": comparison.version.name,
        "presence": comparison.version.presence.value,
        "differs": comparison.differs,
        "written_differently": comparison.is_open,
        "boundary_routes": comparison.boundary_routes,
        "boundary_routes_complete": comparison.complete,
        "terms_not_reached": [_term(one) for one in comparison.unreached],
        "terms_not_tried": comparison.untried,
    }


def _difference(difference: Difference) -> Object:
    return {
        "route": route_object(difference.sample.route),
        "neighbor": _neighbor(difference.sample.context),
        "given": difference.given,
        "before": _side(difference.before),
        "after": _side(difference.after),
    }


def _neighbor(context: Context) -> str | None:
    return context.neighbor or (str(context.peer_address) if context.peer_address else None)


def _side(outcome: Outcome) -> Object:
    return {
        "accepted": outcome.accepted,
        "goes_on": outcome.goes_on,
        "policy": outcome.policy or None,
        "because": outcome.because,
        "next_hop_set": outcome.next_hop_set,
        "result": _result(outcome),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What is to be told of a chain that was asked about routes, `accepted` of which it let through."""

    policies: Sequence[Policy]
    samples: Sequence[Sample]
    accepted: int
    context: Context
    addresses: tuple[Address, ...]
    exit_code: int
    notes: tuple[str, ...]


def evaluation(evaluated: Evaluated) -> Iterator[str]:
    """What a chain of policies does with each route, line by line: a route is one, for there may be very many."""
    where = evaluated.context
    head = document(
        "policy-eval",
        exit_code=evaluated.exit_code,
        policies=[one.name for one in evaluated.policies],
        neighbor=where.neighbor or None,
        peer_address=_text(where.peer_address),
        asn=where.own_asn,
        addresses=list(map(str, evaluated.addresses)),
        summary={"accepted": evaluated.accepted, "rejected": len(evaluated.samples) - evaluated.accepted},
        notes=list(evaluated.notes),
    )
    yield head.removesuffix("\n}") + ',\n  "routes": ['
    yield from _items((_evaluated(evaluated.policies, one) for one in evaluated.samples), "    ")
    yield "  ]\n}"


def _evaluated(policies: Sequence[Policy], asked: Sample) -> Object:
    outcome = evaluate(policies, asked.route, asked.context)
    return {
        "route": route_object(asked.route),
        "neighbor": _neighbor(asked.context),
        **_answer(outcome),
    }


def _answer(outcome: Outcome) -> Object:
    """What came out, with the number of the term that decided, 0 for a default, and the whole trace."""
    return {
        "result": _result(outcome),
        "decided_by": {"policy": outcome.policy or None, "term": outcome.term},
        "next_hop_set": outcome.next_hop_set,
        "outcome": outcome_object(outcome),
    }


def _context(context: Context) -> Object:
    return {
        "neighbor": context.neighbor or None,
        "peer_address": _text(context.peer_address),
        "asn": context.own_asn,
        "address": _text(context.own_address),
    }


def _text(address: Address | None) -> str | None:
    return None if address is None else str(address)
