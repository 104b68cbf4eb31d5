"""What gave an attribute its value: a policy that a route crossed, or a rule beside the policies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.bgp import LOCAL, Route, changes_between, text_of, title_of
from lab.causes.stages import Cause, Stage
from lab.explanation import AppliedRule
from lab.policy import ContextMissingError, Outcome, Policy, Term

NEVER_LEAVE = {*LOCAL}
"""What no neighbour sees."""
NEVER_LEAVE_BY_EBGP = {*LOCAL, "local_pref", "multi_exit_disc", "originator_id", "cluster_list", "next_hop"}
"""What no neighbour in another AS sees (RFC 4271 §5.1.3 to §5.1.5, RFC 4456 §8)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One end of a session that a route crossed: the policies there, and what they and the rules did with it."""

    stage: Stage
    direction: str
    router: str
    before: Route | None
    policies: tuple[Policy, ...]
    outcome: Outcome | None
    applied: tuple[AppliedRule, ...]

    def setter(self, attribute: str) -> Cause | None:
        """The last choice that set an attribute here: a rule that somebody chose, or else a term of a policy."""
        for one in reversed(self.applied):
            if one.chosen and not one.changes:
                return self._cause(f"default_originate at {self.router} makes the route")
            if one.chosen:
                for change in one.changes:
                    if change.attribute == attribute:
                        says = f"set {title_of(attribute)} {change.after or 'none'}"
                        return self._cause(f"{one.rule} at {self.router} {says}")
        for step in reversed(self.outcome.steps if self.outcome else ()):
            for change in step.changes:
                if change.attribute == attribute:
                    who = self._term(step.policy, step.term, step.name)
                    return self._cause(f"{who} set {title_of(attribute)} {change.after or 'none'}")
        return None

    def rule(self, attribute: str) -> Cause | None:
        """The rule of BGP itself that changed an attribute here."""
        for one in reversed(self.applied):
            for change in one.changes:
                if change.attribute == attribute:
                    values = f"{title_of(attribute)} {change.before or 'none'} -> {change.after or 'none'}"
                    policies = "" if change.before else "no policy on its way sets it; "
                    return self._cause(f"{policies}at {self.router} {values}: {one.rule}")
        return None

    def would_set(self, attribute: str, wanted: str) -> Cause | None:
        """The first term that would set what is wanted, and why it did not."""
        if self.outcome is None or self.before is None:
            return None
        tried = {(step.policy, step.term): step for step in self.outcome.steps}
        for policy, number, term in _terms(self.policies):
            value = _value(term, attribute, self.before)
            if value is None or (attribute != "as_path" and value != wanted):
                continue
            step = tried.get((policy.name, number))
            says = f"{self._term(policy.name, number, term.name)} would set {title_of(attribute)} {value or 'none'}"
            if step is None:
                return self._cause(f"{says}, and is not reached: {self.outcome.because}")
            if step.fate is None:
                why = next(one for one in step.conditions if not one.holds)
                return self._cause(f"{says}, and does not match: {why.text} does not hold, {why.because}")
        return None

    def _term(self, policy: str, number: int, name: str) -> str:
        term = f"term {number}, {name}" if name else f"term {number}"
        return f"the {self.direction} policy {policy} ({term}) of {self.router}"

    def _cause(self, text: str) -> Cause:
        return Cause(stage=self.stage, text=text)


def _terms(policies: tuple[Policy, ...]) -> Iterator[tuple[Policy, int, Term]]:
    """Every term of some policies and of those that they call."""
    for policy in policies:
        for number, term in enumerate(policy.terms, start=1):
            yield policy, number, term
            if term.call is not None:
                yield from _terms((term.call,))


def _value(term: Term, attribute: str, before: Route) -> str | None:
    """What a term makes of an attribute; None where it leaves it as it is, or where that hangs on the session."""
    try:
        after = term.change.apply(before)
    except ContextMissingError:
        return None
    changed = {change.attribute for change in changes_between(before, after)}
    return text_of(after, attribute) if attribute in changed else None
