"""Everything that a router did with one prefix, as text: each path, the choice, and what was sent to whom."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from lab.bgp import ATTRIBUTES, AttributeChange, Route, RouteSource, text_of, title_of
from lab.explanation import AppliedRule, Candidate, Explanation, Export
from lab.plan import Plan
from lab.policy import Fate, Outcome, Step
from lab.report.layout import counted, hanging
from lab.report.tables_text import named
from lab.rib import Because, Decision, Path


def explanation(plan: Plan, explained: Explanation) -> str:
    """The whole story of one prefix at one router."""
    lines = [_title(explained)]
    if explained.decision is not None:
        lines += _decision(explained.decision)
    for number, candidate in enumerate(explained.candidates, start=1):
        lines += ["", *_candidate(number, candidate, explained, plan)]
    if explained.exports:
        lines += ["", "sent on"]
    for export in explained.exports:
        lines += _export(export, plan, explained.router)
    return "\n".join(lines)


def _title(explained: Explanation) -> str:
    best = explained.decision.best if explained.decision else None
    chosen = f", the best {_origin(best.neighbor)}" if best else ", none of them usable"
    paths = counted(len(explained.candidates), "path")
    return f"{explained.prefix} at {explained.router}: {paths}{chosen if explained.candidates else ''}"


def _decision(decision: Decision) -> Iterator[str]:
    if decision.because is Because.ONLY_PATH:
        yield "chosen: it has no rival"
    elif decision.best is not None:
        yield f"the last rival lost by: {decision.because.value}"
    else:
        yield f"no best path: {decision.because.value}"
    if len(decision.multipath) > 1:
        yield f"forwarding shares the load over {len(decision.multipath)} paths"
    if decision.best is not None and decision.best.discard:
        yield "packets to it are discarded: it came with BLACKHOLE (RFC 7999)"
    if decision.best is not None and decision.best.route.source is RouteSource.AGGREGATE:
        yield "packets to it that no more specific route takes are discarded"


def _origin(neighbor: str | None) -> str:
    return f"from {neighbor}" if neighbor else "its own"


# paths


def _candidate(number: int, candidate: Candidate, explained: Explanation, plan: Plan) -> Iterator[str]:
    source = f"received on {candidate.session}" if candidate.session else "originated here"
    word, why = _fate(candidate, explained.decision)
    yield f"path {number}, {source}: {word}"
    if why:
        yield from hanging("  because   ", why)
    if candidate.fault:
        yield from hanging("  fault     ", candidate.fault)
    if candidate.received is not None:
        yield from hanging("  received  ", _attributes(candidate.received, plan, explained.router))
    if candidate.outcome is not None:
        yield from _policy("import policy", candidate.outcome)
    yield from _rules(candidate.applied)
    if candidate.path is not None and candidate.path.route != candidate.received:
        yield from hanging("  used as   ", _attributes(candidate.path.route, plan, explained.router))


def _fate(candidate: Candidate, decision: Decision | None) -> tuple[str, str]:
    path = candidate.path
    if path is None:
        return "refused", "" if candidate.outcome else candidate.refused
    if decision is not None and path == decision.best:
        return "best", ""
    because = _lost(path, decision)
    if decision is not None and path in decision.multipath:
        return "used beside the best", because
    return "lost", because


def _lost(path: Path, decision: Decision | None) -> str:
    found = (f"{one.because.value}, {one.values}" for one in (decision.lost if decision else ()) if one.path == path)
    return next(found, "")


def _attributes(route: Route, plan: Plan, router: str) -> str:
    texts = {name: text_of(route, name) for name in ATTRIBUTES}
    texts["next_hop"] = named(route.next_hop, plan, router)
    texts["weight"] = "" if route.weight == 0 else texts["weight"]
    texts["source"] = "" if route.source is RouteSource.BGP else texts["source"]
    return ", ".join(f"{title_of(name)} {text}" for name, text in texts.items() if text)


# policies


def _policy(which: str, outcome: Outcome) -> Iterator[str]:
    yield f"  {which} {outcome.policy}: {outcome.because}"
    several = any(step.policy != outcome.policy for step in outcome.steps)
    for step in outcome.steps:
        yield from policy_step(step, indent="    " + "  " * step.depth, with_policy=several)


_FATES = {
    Fate.ACCEPT: "accepts",
    Fate.REJECT: "rejects",
    Fate.NEXT_TERM: "goes on to the next term",
    Fate.NEXT_POLICY: "goes on to the next policy",
}


def policy_step(step: Step, *, indent: str = "", with_policy: bool = False) -> Iterator[str]:
    """One term that was tried: its conditions with their answers, and what it changed."""
    matched = "matches every route and " if not step.conditions else "matches and "
    says = f"{matched}{_FATES[step.fate]}" if step.fate else "does not match"
    policy = f"{step.policy} " if with_policy else ""
    name = f" ({step.name})" if step.name else ""
    yield f"{indent}{policy}term {step.term}{name} {says}"
    for condition in step.conditions:
        holds = "holds" if condition.holds else "does not hold"
        yield from hanging(f"{indent}  {condition.text}: ", f"{holds}, {condition.because}")
    for change in step.changes:
        yield from hanging(f"{indent}  set {title_of(change.attribute)}: ", _changed(change))
    if step.next_hop_set:
        yield f"{indent}  chooses the next hop: the session puts no other one in its place"


def _changed(change: AttributeChange) -> str:
    return " -> ".join(_value(change.attribute, text) for text in (change.before, change.after))


def _value(attribute: str, text: str) -> str:
    if attribute == "next_hop" and ip_address(text).is_unspecified:
        return "own"
    return text or "none"


def _rules(applied: tuple[AppliedRule, ...]) -> Iterator[str]:
    """The rules beside the policies that changed or made the route."""
    for one in applied:
        changes = ", ".join(f"{title_of(change.attribute)} {_changed(change)}" for change in one.changes)
        yield from hanging(f"  {one.rule}: ", changes) if changes else [f"  {one.rule}"]


# exports


def _export(export: Export, plan: Plan, router: str) -> Iterator[str]:
    if export.route is not None:
        says = f"sent: {_attributes(export.route, plan, router)}"
    else:
        says = "not sent" if export.outcome else f"not sent: {export.refused}"
    yield from hanging(f"  {export.session}: ", says)
    if export.outcome is not None:
        yield from (f"  {line}" for line in _policy("export policy", export.outcome))
    yield from (f"  {line}" for line in _rules(export.applied))
