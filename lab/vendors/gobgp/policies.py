"""Our policies as statements of GoBGP's, which does not know policies of a session, calls, or terms of several steps.

GoBGP runs one list of statements on all routes, from one to the next, until one accepts or rejects. So every statement
asks for the neighbour of its session. Where a term is more than one statement can say, the route is marked: it carries
a large community of AS 4294967295, which is nobody's (RFC 7300), from statement to statement, and loses it before it
is accepted. So may a route that comes with such a community.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from lab.policy import Asked, CommunitySet, Fate, Policy, Term
from lab.vendors.gobgp.changes import Step, removed_of, steps_of
from lab.vendors.gobgp.conditions import Direction, Test, tests_of
from lab.vendors.gobgp.patterns import NotSaidError, either
from lab.vendors.gobgp.statements import Asks, Does, Kind, Option, Statement, set_communities

_MARKS = "4294967295:0"
_EVERY_MARK = f"^{_MARKS}:[0-9]+$"


class UnsaidTermError(ValueError):
    """A term of a policy that GoBGP cannot be told."""

    def __init__(self, policy: Policy, number: int, problem: NotSaidError) -> None:
        super().__init__(str(problem))
        self.policy, self.number, self.meant = policy, number, problem.meant


def statements_of(policies: tuple[Policy, ...], where: Direction) -> tuple[Statement, ...]:
    """What GoBGP does with a route on a session instead of a chain of policies. Raises UnsaidTermError."""
    chain = _Chain(where)
    for number, policy in enumerate(policies, start=1):
        chain.run(policy, is_last=number == len(policies))
    if not chain.marks:
        return tuple(chain.statements)
    chain.refuse_seen_marks(policies)
    clean = Statement(name="begin", asks=(_marked(_EVERY_MARK),), does=(_unmark(_EVERY_MARK),))
    return (clean, *chain.statements)


def unsaid_of(policies: tuple[Policy, ...], where: Direction) -> Iterator[UnsaidTermError]:
    """Every term that GoBGP cannot be told, those of policies that are called too."""
    found = False
    for problem in _unsaid_terms(policies, where):
        found = True
        yield problem
    if not found:
        try:
            statements_of(policies, where)
        except UnsaidTermError as problem:
            yield problem


def _unsaid_terms(policies: Iterable[Policy], where: Direction) -> Iterator[UnsaidTermError]:
    for policy in policies:
        for number, term in enumerate(policy.terms, start=1):
            try:
                if tests_of(term.match, where) is None:
                    continue
                if term.fate is not Fate.REJECT:
                    steps_of(term.change, where, ())
            except NotSaidError as problem:
                yield UnsaidTermError(policy, number, problem)
            if term.call is not None and term.fate is not Fate.REJECT:
                yield from _unsaid_terms((term.call,), where)


def _marked(*marks: str) -> Asks:
    return Asks(kind=Kind.LARGE_COMMUNITY, name="step", members=marks)


def _mark(mark: str) -> Does:
    return set_communities(Kind.LARGE_COMMUNITY, "add", (mark,))


def _unmark(*marks: str) -> Does:
    return set_communities(Kind.LARGE_COMMUNITY, "remove", marks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A term at work: its policy runs while a route has the mark `within`, empty where it runs on every route.

    `called` is for a policy that another one called, and `is_last` for the last one of the chain.
    """

    policy: Policy
    within: str
    called: bool
    is_last: bool
    name: str


class _Chain:
    """The statements of one direction of a session, as far as they were written."""

    def __init__(self, where: Direction) -> None:
        self.where = where
        self.statements: list[Statement] = []
        self.marks = 0
        self._held: list[str] = []
        self._names: set[str] = set()

    def run(self, policy: Policy, *, is_last: bool) -> None:
        """A policy of the chain."""
        leaving = [number for number, term in enumerate(policy.terms, start=1) if term.fate is Fate.NEXT_POLICY]
        at_its_end = leaving == [len(policy.terms)] and policy.default is Fate.NEXT_POLICY
        within = ""
        if leaving and not at_its_end and not is_last:
            within = self._new_mark()
            self._add(f"{policy.name} begins", (), (_mark(within),))
        self._policy(_Place(policy=policy, within=within, called=False, is_last=is_last, name=policy.name))

    def refuse_seen_marks(self, policies: Iterable[Policy]) -> None:
        """Refuse a policy that would take a mark for a community of the route. Raises UnsaidTermError."""
        for policy in policies:
            for number, term in enumerate(policy.terms, start=1):
                asked: Asked[CommunitySet] | None = term.match.large_community
                sets = (*(asked.sets if asked is not None else ()), *removed_of(term.change))
                for one in sets:
                    if any(one.contains(f"{_MARKS}:{mark}") for mark in range(1, self.marks + 1)):
                        what = f"{one.name}: the steps of this policy need large communities of AS 4294967295"
                        problem = NotSaidError(what, "name the AS of the large communities that are meant")
                        raise UnsaidTermError(policy, number, problem)
                if term.call is not None:
                    self.refuse_seen_marks((term.call,))

    def _new_mark(self) -> str:
        self.marks += 1
        return f"{_MARKS}:{self.marks}"

    def _policy(self, place: _Place) -> None:
        if place.within:
            self._held.append(place.within)
        for number, term in enumerate(place.policy.terms, start=1):
            named = replace(place, name=f"{place.name} {term.name or number}")
            try:
                self._term(term, named)
            except NotSaidError as problem:
                raise UnsaidTermError(place.policy, number, problem) from None
        if place.within:
            self._held.remove(place.within)
        asks = (_marked(place.within),) if place.within else ()
        does, disposition = self._fate(place.policy.default, place)
        if does or disposition:
            self._add(f"{place.name} default", asks, does, disposition)

    def _fate(self, fate: Fate, place: _Place) -> tuple[Step, str]:
        """What becomes of a route: the marks that it loses, and what GoBGP calls its fate."""
        leaves = (_unmark(place.within),) if place.within else ()
        if fate is Fate.NEXT_TERM:
            return (), ""
        if fate is Fate.REJECT or (fate is Fate.NEXT_POLICY and (place.called or place.is_last)):
            return (), "reject-route"
        if fate is Fate.NEXT_POLICY or place.called:
            return leaves, ""
        return ((_unmark(_EVERY_MARK),) if place.within else ()), "accept-route"

    def _term(self, term: Term, place: _Place) -> None:
        tests = tests_of(term.match, self.where)
        if tests is None:
            return
        steps = () if term.fate is Fate.REJECT else steps_of(term.change, self.where, tuple(self._held))
        lost, disposition = self._fate(term.fate, place)
        called = term.call if term.fate is not Fate.REJECT else None
        whole = _with(steps, lost)
        if called is None and _is_plain(tests, whole, place.within):
            self._plainly(tests, whole, disposition, place)
        else:
            self._by_marks(term, tests, called, place)

    def _plainly(self, tests: tuple[Test, ...], steps: tuple[Step, ...], disposition: str, place: _Place) -> None:
        """Every step as a statement of its own, with all conditions."""
        for asks in _combinations(tests):
            whole = _together(asks, place.within)
            for step in steps[:-1]:
                self._add(place.name, whole, step)
            if steps or disposition:
                self._add(place.name, whole, steps[-1] if steps else (), disposition)

    def _by_marks(self, term: Term, tests: tuple[Test, ...], called: Policy | None, place: _Place) -> None:
        first = self.marks + 1
        mark = self._conditions(tests, place)
        self._held.append(mark)
        for step in steps_of(term.change, self.where, tuple(self._held)) if term.fate is not Fate.REJECT else ():
            self._add(place.name, (_marked(mark),), step)
        if called is not None:
            within = self._new_mark()
            self._add(f"{place.name} call", (_marked(mark),), (_mark(within),))
            inner = f"{place.name} {called.name}"
            self._policy(_Place(policy=called, within=within, called=True, is_last=False, name=inner))
        self._held.remove(mark)
        lost, disposition = self._fate(term.fate, place)
        if disposition == "accept-route":
            lost = (_unmark(_EVERY_MARK),)
        if lost or disposition:
            self._add(place.name, (_marked(mark),), lost, disposition)
        own = tuple(f"{_MARKS}:{number}" for number in range(first, self.marks + 1))
        if not disposition or len(own) > 1:
            self._add(f"{place.name} end", (_marked(*own),), (_unmark(*own),))

    def _conditions(self, tests: tuple[Test, ...], place: _Place) -> str:
        """The mark of the routes that meet all conditions; the marks of some others may be on those that do not."""
        together, apart = _grouped(tests)
        mark = self._new_mark()
        self._add(place.name, _together(tuple(one.ways[0] for one in together), place.within), (_mark(mark),))
        for test in apart:
            if test.wanted:
                before, mark = mark, self._new_mark()
                for asks in test.ways:
                    self._add(place.name, _together((asks,), before), (_mark(mark),))
            else:
                for asks in test.ways:
                    self._add(place.name, _together((asks,), mark), (_unmark(mark),))
        return mark

    def _add(self, name: str, asks: tuple[Asks, ...], does: Step, disposition: str = "") -> None:
        numbers = (f"{name} ({number})" for number in range(2, len(self._names) + 3))
        unique = next(one for one in (name, *numbers) if one not in self._names)
        self._names.add(unique)
        self.statements.append(Statement(name=unique, asks=asks, does=does, disposition=disposition))


def _with(steps: tuple[Step, ...], last: Step) -> tuple[Step, ...]:
    """The steps, and behind them one more, which is part of the last one where that leaves its attribute alone."""
    if not last:
        return steps
    if steps and not {does.kind for does in steps[-1]} & {does.kind for does in last}:
        return (*steps[:-1], (*steps[-1], *last))
    return (*steps, last)


_ABOUT = {Kind.AS_PATH: (Kind.AS_PATH, Kind.AS_PATH_LENGTH)}
"""Which conditions a change of an attribute bears on, where they are not those of its own kind."""


def _is_plain(tests: tuple[Test, ...], steps: tuple[Step, ...], within: str) -> bool:
    """Whether each step can be a statement with all conditions: no step changes what the next one asks."""
    if not all(test.wanted and test.exclusive for test in tests):
        return False
    asked = [test.ways[0].kind for test in tests]
    large = [test.ways[0] for test in tests if test.ways[0].kind is Kind.LARGE_COMMUNITY]
    if len(set(asked)) < len(asked) or (within and any(one.option is Option.INVERT for one in large)):
        return False
    changed = [does.kind for step in steps[:-1] for does in step if does.kind is not None]
    about = {kind for each in changed for kind in _ABOUT.get(each, (each,))}
    return not about & {*asked, *([Kind.LARGE_COMMUNITY] if within else [])}


def _combinations(tests: tuple[Test, ...]) -> Iterable[tuple[Asks, ...]]:
    """The conditions of the statements: one for each way in which a route may pass."""
    found: list[tuple[Asks, ...]] = [()]
    for test in tests:
        found = [(*before, asks) for before in found for asks in test.ways]
    return found


def _grouped(tests: tuple[Test, ...]) -> tuple[list[Test], list[Test]]:
    """The tests that one statement makes at once, and the others."""
    together: list[Test] = []
    apart: list[Test] = []
    for test in tests:
        kinds = {one.ways[0].kind for one in together}
        asks = test.ways[0]
        inverted = asks.kind is Kind.LARGE_COMMUNITY and asks.option is Option.INVERT
        if test.wanted and len(test.ways) == 1 and asks.kind not in kinds and not inverted:
            together.append(test)
        elif inverted:
            plain = replace(asks, option=Option.ANY)
            apart.append(Test(ways=(plain,), wanted=not test.wanted))
        else:
            apart.append(test)
    return together, apart


def _together(asks: tuple[Asks, ...], mark: str) -> tuple[Asks, ...]:
    """Conditions of a route that has a mark; GoBGP asks about large communities once."""
    if not mark:
        return asks
    large = [one for one in asks if one.kind is Kind.LARGE_COMMUNITY]
    others = tuple(one for one in asks if one.kind is not Kind.LARGE_COMMUNITY)
    if not large:
        return (*others, _marked(mark))
    (one,) = large
    members = one.members if one.option is Option.ALL else (either(list(one.members)),)
    return (*others, replace(one, name=f"{one.name}-at-step", members=(mark, *members), option=Option.ALL))
