"""What holds for any policies, routes and files when they are compared, evaluated or read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lab.bgp import Route
from lab.errors import InputError
from lab.json_objects import WrongPlace
from lab.load.json_source import parse_json
from lab.load.routes import read_routes, route_of
from lab.policy import Policy, compiled, evaluate
from lab.policy.boundary import MOST_ROUTES, boundary
from lab.policy.boundary_values import paths_like
from lab.policy.difference import Version, compare
from lab.policy.examples import examples
from lab.policy.meaning import say_the_same
from lab.report.json_parts import document, route_object
from strategies import policies, routes

FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(policies)
def test_a_policy_never_differs_from_itself(policy: Policy) -> None:
    """Whatever a policy is, it equals itself on all its boundary routes."""
    (found,) = compare([Version(name="p", old=policy, new=policy)])

    assert not found.differences
    assert 0 < found.boundary_routes <= MOST_ROUTES


@FEW
@given(policies, policies)
def test_every_difference_is_one(old: Policy, new: Policy) -> None:
    """Each route that is called different is: the traced answers of both versions are not the same."""
    (found,) = compare([Version(name="p", old=old, new=new)])

    for one in found.differences[:50]:
        before, after = one.before, one.after
        assert (before.route, before.next_hop_set, before.goes_on) != (after.route, after.next_hop_set, after.goes_on)
    assert found.boundary_routes == len(boundary((old, new)).samples)


@FEW
@given(policies, policies)
def test_what_says_the_same_does_the_same(old: Policy, new: Policy) -> None:
    """Where no route differs and the report does not say that policies are written differently, they say the same."""
    (found,) = compare([Version(name="p", old=old, new=new)])

    assert found.differs or found.is_open or say_the_same(old, new)
    assert not (found.differences and say_the_same(old, new))


@FEW
@given(policies)
def test_on_boundary_routes_the_traced_and_the_fast_form_agree(policy: Policy) -> None:
    """The routes at which conditions turn are where the two forms would part."""
    fast = compiled((policy,))
    for one in boundary((policy,)).samples[:300]:
        outcome = evaluate(policy, one.route, one.context)
        assert fast(one.route, one.context) == (outcome.route, outcome.next_hop_set)


@FEW
@given(st.lists(routes, max_size=4))
def test_routes_survive_their_json(tmp_path: Path, given_routes: list[Route]) -> None:
    """What a table prints as JSON is read back to the same routes, each once."""
    file = tmp_path / "x.json"
    file.write_text(document("routes", routes=[route_object(one) for one in given_routes]), encoding="utf-8")

    assert [one.route for one in read_routes(str(file)).routes] == list(dict.fromkeys(given_routes))


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "10.0.0.0/8", "12076", "IGP", "erlab/routes/1"]),
    lambda inside: (
        st.lists(inside, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["routes", "paths", "prefix", "path", "nexthops", "ip", "schema", "community", "10.0.0.0/8"]
            ),
            inside,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def refusal(read: Callable[[], object]) -> InputError | None:
    """The error with which reading ends; None where it does not. Any other error is a fault of ours."""
    try:
        read()
    except InputError as problem:
        return problem
    return None


@settings(FEW, max_examples=80)
@given(json_values)
def test_any_json_is_read_or_refused_with_a_place(tmp_path: Path, value: object) -> None:
    """Whatever a JSON file holds, its routes come out or one InputError with a place."""
    file = tmp_path / "x.json"
    file.write_text(json.dumps(value, indent=1), encoding="utf-8")
    refused = refusal(lambda: list(read_routes(str(file)).routes))

    assert refused is None or refused.mistakes


@settings(FEW, max_examples=80)
@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(tmp_path: Path, octets: bytes) -> None:
    """Whatever a file holds, reading it ends with routes or with an InputError."""
    file = tmp_path / "x"
    file.write_bytes(octets)
    refused = refusal(lambda: list(read_routes(str(file)).routes))

    assert refused is None or str(refused).startswith(str(file))


@settings(FEW, max_examples=80)
@given(st.text(max_size=60) | st.text("prefix=10./8 'as_path,", max_size=60))
def test_any_words_are_read_or_refused_with_a_place(words: str) -> None:
    """Whatever a call's route says, it is one or an InputError with a place."""
    refused = refusal(lambda: route_of(words))

    assert refused is None or refused.mistakes


@settings(FEW, max_examples=80)
@given(json_values, st.lists(st.sampled_from(["routes", "prefix", "10.0.0.0/8", 0, 1]), max_size=4))
def test_every_path_has_a_place(value: object, path: list[str | int]) -> None:
    """A path that is in a document or not has a line and column inside of it."""
    text = json.dumps(value, indent=1)
    (mistake,) = parse_json(text, "x").refusal(WrongPlace(tuple(path), "wrong")).mistakes
    lines = text.split("\n")

    assert 1 <= mistake.line <= len(lines)
    assert 1 <= mistake.column <= len(lines[mistake.line - 1]) + 1


@settings(FEW, max_examples=100)
@given(st.text("0123456789[]()|^$_.*+?{},\\- d", max_size=40))
def test_examples_of_any_text_are_few_and_come_soon(pattern: str) -> None:
    """Making examples of an expression never hangs and never fails, whatever the text is."""
    assert len(examples(pattern)) <= 12
    assert len(paths_like(pattern)) <= 12
