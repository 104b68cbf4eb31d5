"""What policies do with routes as text: cases, differences of two versions, single routes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from lab.bgp import (
    ATTRIBUTES,
    AttributeChange,
    Origin,
    Route,
    RouteSource,
    changes_between,
    family_of,
    text_of,
    title_of,
)
from lab.policy import Outcome
from lab.policy.boundary import Sample
from lab.policy.boundary_values import ordinary_next_hop
from lab.policy.cases import CaseReport, CaseResult
from lab.policy.coverage import DEFAULT, WrittenTerm
from lab.policy.difference import Comparison, Difference, DifferenceReport, Presence
from lab.report.explanation_text import policy_step
from lab.report.layout import counted, hanging

ROUTES_SHOWN = 20
"""Of those that a chain was asked about, with their whole traces."""
_ALIKE_SHOWN = 3
_TRACED = 2000
"""Differences that are put together by their reasons; the rest is counted."""
_INDENT = "      "


# routes


def route_text(route: Route) -> str:
    """A prefix and its attributes, without those that are as they are where nobody says anything of them."""
    texts = {name: text_of(route, name) for name in ATTRIBUTES}
    usual = {
        "next_hop": str(ordinary_next_hop(family_of(route.prefix))),
        "origin": Origin.IGP.value,
        "weight": "0",
        "source": RouteSource.BGP.value,
    }
    told = [f"{title_of(name)} {text}" for name, text in texts.items() if text and text != usual.get(name)]
    return ", ".join([str(route.prefix), *told])


def sample_text(asked: Sample) -> str:
    """A route, and the neighbour that it is from."""
    neighbor = asked.context.neighbor or asked.context.peer_address or ""
    return route_text(asked.route) + (f", neighbor {neighbor}" if neighbor else "")


def _fate(outcome: Outcome) -> str:
    if outcome.goes_on:
        return "goes on to the next policy"
    return "accepted" if outcome.accepted else "rejected"


def _trace(outcome: Outcome, indent: str) -> Iterator[str]:
    several = any(step.policy != outcome.policy for step in outcome.steps)
    for step in outcome.steps:
        yield from policy_step(step, indent=indent + "  " * step.depth, with_policy=several)


def _changed(changes: Iterable[AttributeChange]) -> str:
    return ", ".join(f"{title_of(one.attribute)}: {one.before or 'none'} -> {one.after or 'none'}" for one in changes)


# cases


def cases(report: CaseReport) -> str:
    """Each case, those that failed with their whole trace, then the terms that no case reaches."""
    lines = [line for result in report.results for line in _case(result)]
    lines += [""] if lines else []
    lines += _missed(report)
    passed = sum(result.passed for result in report.results)
    failed = len(report.results) - passed
    lines += [f"{passed} passed, {failed} failed"]
    lines += [f"nothing was tested: {file} has no cases, so this proves nothing" for file in report.empty]
    return "\n".join(lines)


def _case(result: CaseResult) -> Iterator[str]:
    case, outcome = result.case, result.outcome
    if result.passed:
        yield f"PASS  {case.name}"
        return
    yield f"FAIL  {case.name}"
    yield _INDENT + case.where
    for one in result.mismatches:
        says = f"expected {one.expected or 'none'}, got {one.got or 'none'}"
        yield from hanging(f"{title_of(one.what)}: ", says, indent=_INDENT)
    yield from hanging("route: ", route_text(case.route), indent=_INDENT)
    yield f"{_INDENT}{outcome.policy}: {outcome.because}"
    yield from _trace(outcome, _INDENT + "  ")


def _missed(report: CaseReport) -> Iterator[str]:
    coverage = report.coverage
    if coverage.missed:
        yield "no case reaches"
        yield from (f"  {one.where}: {_term(one)}" for one in coverage.missed)
    count, defaults = len(coverage.terms), sum(one.term == DEFAULT for one in coverage.terms)
    also = " and defaults" if defaults else ""
    says = f"{coverage.reached} of {counted(count, 'term')}{also} reached"
    yield says


def _term(term: WrittenTerm) -> str:
    if term.term == DEFAULT:
        return f"the default of {term.policy}"
    return f"{term.policy} term {term.term}{f' ({term.name})' if term.name else ''}"


# differences


def difference(report: DifferenceReport) -> str:
    """The routes whose fate or attributes change, put together by what decided, and what was compared."""
    lines: list[str] = []
    for one in report.comparisons:
        lines += _comparison(one, report.given_routes or 0)
    lines += [""] if lines else []
    for note in report.notes:
        lines += hanging("note: ", note)
    return "\n".join([*lines, *_compared(report)])


@dataclass(slots=True)
class _Alike:
    """Routes that change in the same way for the same reason."""

    before: Outcome
    after: Outcome
    changes: dict[str, None] = field(default_factory=dict)
    routes: list[str] = field(default_factory=list)
    count: int = 0


def _comparison(comparison: Comparison, given: int) -> Iterator[str]:
    version, differences = comparison.version, comparison.differences
    compared = counted(comparison.boundary_routes + given, "route")
    says = f"{len(differences)} of {compared} differ" if differences else f"no difference in {compared}"
    if comparison.is_open:
        says = f"written differently; no route was found that shows it, of {compared}"
    if given and differences:
        says += f", {sum(one.given for one in differences)} of those given"
    absent = {Presence.ADDED: "added, ", Presence.REMOVED: "removed, "}.get(version.presence, "")
    yield f"{version.name}: {absent}{says}"
    for alike in _alike(differences):
        yield from _group(alike)
    if len(differences) > _TRACED:
        yield f"  and {len(differences) - _TRACED} routes more (--format json shows all)"
    for term in comparison.unreached:
        yield f"  no boundary route was found that reaches {_term(term)}"
    if comparison.untried:
        yield f"  for {counted(comparison.untried, 'term')} no route was looked for that no earlier term decides"
    if not comparison.complete:
        yield f"  only the first {comparison.boundary_routes} boundary routes were made"


def _alike(differences: Sequence[Difference]) -> Iterable[_Alike]:
    groups: dict[tuple[object, ...], _Alike] = {}
    for one in differences[:_TRACED]:
        before, after = one.before, one.after
        changes = _changes(one, before, after)
        changed = tuple(change.attribute for change in changes)
        key = (before.policy, before.because, after.policy, after.because, changed)
        group = groups.setdefault(key, _Alike(before, after))
        group.changes[_changed(changes)] = None
        group.count += 1
        if len(group.routes) < _ALIKE_SHOWN:
            group.routes.append(sample_text(one.sample))
    return groups.values()


def _changes(difference: Difference, before: Outcome, after: Outcome) -> tuple[AttributeChange, ...]:
    """How what comes out differs: from the old version's, or where one rejects the route, from what came in."""
    if before.route is None or after.route is None:
        through = before.route or after.route
        return () if through is None else changes_between(difference.sample.route, through)
    changes = changes_between(before.route, after.route)
    if before.next_hop_set is after.next_hop_set:
        return changes
    old, new = ("the policy's choice" if one.next_hop_set else "the session's choice" for one in (before, after))
    return (*changes, AttributeChange(attribute="next_hop", before=old, after=new))


def _group(alike: _Alike) -> Iterator[str]:
    before, after = alike.before, alike.after
    fate = _fate(before) if _fate(before) == _fate(after) else f"{_fate(before)} -> {_fate(after)}"
    yield f"  {fate}: {counted(alike.count, 'route')}"
    yield from hanging("before: ", before.because, indent="    ")
    yield from hanging("after:  ", after.because, indent="    ")
    changes, *others = alike.changes
    if changes:
        more = f" (and {counted(len(others), 'other value')})" if others else ""
        yield from hanging("set:    ", changes + more, indent="    ")
    for route in alike.routes:
        yield from hanging("", route, indent="      ")
    if alike.count > len(alike.routes):
        yield f"      and {alike.count - len(alike.routes)} more"


def _compared(report: DifferenceReport) -> Iterator[str]:
    if not report.comparisons:
        yield "nothing was compared: there is no policy in either file"
        return
    routes = sum(one.boundary_routes for one in report.comparisons)
    given = "" if report.given_routes is None else f", and {counted(report.given_routes, 'route')} given"
    differing = sum(one.differs for one in report.comparisons)
    compared = f"compared on {counted(routes, 'boundary route')} made from both files{given}"
    yield f"policies that differ: {differing} of {len(report.comparisons)}, {compared}"
    if any(one.is_open for one in report.comparisons):
        yield "policies that agree on these routes may still differ on others: this is no proof that they are equal"
    if report.given_routes == 0:
        yield "the file of routes holds none, so this proves nothing about yours"


# single routes


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluated:
    """What a chain does with routes: the first ones traced, the others counted; `empty` is a file without any."""

    traced: tuple[tuple[Sample, Outcome], ...]
    accepted: int
    rejected: int
    empty: str = ""
    notes: tuple[str, ...] = ()


def evaluation(evaluated: Evaluated) -> str:
    """The fate of each route with its whole trace, and how many there are of each."""
    lines: list[str] = []
    for asked, outcome in evaluated.traced:
        lines += [*hanging("", sample_text(asked)), *_outcome(asked.route, outcome), ""]
    more = evaluated.accepted + evaluated.rejected - len(evaluated.traced)
    if more > 0:
        lines += [f"and {counted(more, 'route')} more (--format json shows all)"]
    for note in evaluated.notes:
        lines += hanging("note: ", note)
    lines.append(f"{evaluated.accepted} accepted, {evaluated.rejected} rejected")
    if evaluated.empty:
        lines.append(f"{evaluated.empty}: 0 routes given, so this proves nothing about them")
    return "\n".join(lines)


def _outcome(route: Route, outcome: Outcome) -> Iterator[str]:
    yield f"  {_fate(outcome)} by {outcome.policy}: {outcome.because}"
    yield from _trace(outcome, "    ")
    if outcome.route is not None and outcome.route != route:
        yield from hanging("comes out as ", route_text(outcome.route), indent="  ")
