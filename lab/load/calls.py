"""Which policies of a file call which: every name is known, and every call comes to an end soon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from lab.errors import Mistake
from lab.load.policy_documents import PolicyFileDocument
from lab.load.reading import MOST_MISTAKES, Reading
from lab.texts import did_you_mean

DEEPEST_CALL = 16
MOST_TERMS = 10_000
"""Of one policy, with the terms of those that it calls in the place of each call."""

MOST_NAMES_OF_A_CIRCLE = 8

Calls = Mapping[str, Sequence[tuple[int, str]]]
"""The policies that each policy calls, with the index of the term."""


def check_calls(reading: Reading[PolicyFileDocument]) -> Iterator[Mistake]:
    """Every mistake that policies make in calling one another."""
    names = reading.keys("policies") or ()
    known = set(names)
    calls: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        calls[name] = []
        for index in range(reading.count("policies", name, "terms")):
            path = ("policies", name, "terms", index, "call")
            callee = reading.part(*path)
            if callee is None:
                continue
            if callee in known:
                calls[name].append((index, callee))
            else:
                what = f"unknown policy {callee!r}"
                yield reading.source.mistake(path, what, did_you_mean(callee, names, "policies of this file"))
    order, circles = _walk(calls)
    for index, circle in circles:
        words = [
            *islice(circle[:-1], MOST_NAMES_OF_A_CIRCLE),
            *(["..."] if len(circle) > MOST_NAMES_OF_A_CIRCLE + 1 else []),
            circle[-1],
        ]
        what = f"{circle[0]} calls itself" + (f" in a circle: {' calls '.join(words)}" if len(circle) > 2 else "")
        path = ("policies", circle[-2], "terms", index, "call")
        yield reading.source.mistake(path, what, "a call must come to an end: remove one of them")
    if not circles:
        yield from _sizes(reading, order, calls)


def called_first(document: PolicyFileDocument) -> list[str]:
    """The policies of a document without mistakes, each behind those that it calls."""
    calls = {
        name: [(index, term.call) for index, term in enumerate(policy.terms) if term.call is not None]
        for name, policy in document.policies.items()
    }
    return _walk(calls)[0]


def _walk(calls: Calls) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The policies, each behind those that it calls, and the circles, each with the index of the term that closes it.

    Not recursive: a file may have thousands of policies that call one another in a row.
    """
    done: dict[str, None] = {}
    circles: list[tuple[int, list[str]]] = []
    for start in calls:
        if start in done:
            continue
        way, left = {start: None}, [iter(calls[start])]
        while left:
            index, callee = next(left[-1], (0, ""))
            if not callee:
                left.pop()
                done[way.popitem()[0]] = None
            elif callee in way:
                if len(circles) < MOST_MISTAKES:
                    names = list(way)
                    circles.append((index, [*names[names.index(callee) :], callee]))
            elif callee not in done:
                way[callee] = None
                left.append(iter(calls[callee]))
    return list(done), circles


def _sizes(reading: Reading[PolicyFileDocument], order: Sequence[str], calls: Calls) -> Iterator[Mistake]:
    depth: dict[str, int] = {}
    size: dict[str, int] = {}
    for name in order:
        callees = [callee for _, callee in calls[name]]
        depth[name] = 1 + max((depth[callee] for callee in callees), default=-1)
        size[name] = reading.count("policies", name, "terms") + sum(size[callee] for callee in callees)
        path = ("policies", name)
        if depth[name] > DEEPEST_CALL:
            depth[name] = 0  # those that call this one are not to be blamed for it too
            what = f"{name}: the calls are more than {DEEPEST_CALL} deep"
            yield reading.source.mistake(path, what, "call fewer policies in a row", at_key=True)
        if callees and size[name] > MOST_TERMS:
            size[name] = 0
            what = f"{name} has more than {MOST_TERMS} terms when its calls are written out"
            yield reading.source.mistake(path, what, "call fewer policies, or shorter ones", at_key=True)
