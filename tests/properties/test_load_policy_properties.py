"""Policy files of drawn values: right ones become policies that decide any route, wrong ones mistakes."""

from __future__ import annotations

import json
from copy import deepcopy
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lab.bgp import Asn, AsPath, Community, ExtendedCommunity, LargeCommunity, Route, parse_prefix
from lab.errors import InputError
from lab.load import load_policies
from lab.policy import Context, compiled, evaluate

Values = dict[str, st.SearchStrategy[Any]]
Drawn = st.SearchStrategy[dict[str, Any]]


def one_of(words: str) -> st.SearchStrategy[str]:
    """One of some words."""
    return st.sampled_from(words.split())


def asked(items: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    """What a condition asks, in each of its forms."""
    several = st.lists(items, min_size=1, max_size=3)
    return items | several | st.dictionaries(one_of("any all none"), several, min_size=1, max_size=1)


def listed(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """One or several."""
    return items | st.lists(items, min_size=1, max_size=3)


SETS = {
    "prefix_lists": {"p": ["10.0.0.0/8 orlonger", "2001:db8::/32 le 64"]},
    "as_path_sets": {"a": ["_65001_", "length >= 3"]},
    "community_sets": {"c": ["65010:*", "westeurope.private"]},
    "large_community_sets": {"l": ["65010:*:1"]},
    "extended_community_sets": {"x": ["target:*:1", "/^origin/"]},
}
STANDARD, LARGE, EXTENDED = (
    one_of("65010:1 no-export eastus.sql"),
    one_of("65010:1:2 1:2:3"),
    one_of("rt:1:1 soo:1.2.3.4:5"),
)
SOME_STANDARD = STANDARD | one_of("c 65010:* /^65010:/ *:*")
SOME_LARGE = LARGE | one_of("l 65010:*:2 /:1$/")
SOME_EXTENDED = EXTENDED | one_of("x target:*:1 /^target/ *:1:*")
HOPS = st.just("10.0.0.0/8 ge 24") | one_of("p 10.0.0.0/8")
RANGES = st.integers(0, 300) | st.sampled_from([">= 3", "<= 200", "2-4"])
CHANGES = st.integers(0, 300) | st.sampled_from(["+50", "-50", -5])
ASNS = st.integers(1, 4) | st.just("1.1")
MATCH: Values = {
    "prefix_list": asked(HOPS | st.just("10.0.0.0/8 le 24")),
    "as_path": asked(one_of("a ^$ _65001_ 65010")),
    "as_path_length": RANGES,
    "community": asked(SOME_STANDARD),
    "large_community": asked(SOME_LARGE),
    "extended_community": asked(SOME_EXTENDED),
    "route_target": asked(one_of("x 65010:1 1.2.3.4:5 65010:* /./ rt:*:*")),
    "next_hop": asked(one_of("p 10.0.0.0/8 172.16.0.2 2001:db8::1")),
    "origin": listed(one_of("igp egp")),
    "local_pref": RANGES,
    "med": RANGES | st.just("absent"),
    "weight": RANGES,
    "neighbor": listed(one_of("msee1 gw 172.16.0.2")),
    "family": one_of("ipv4 ipv6"),
    "source": listed(one_of("bgp static")),
    "vrf": listed(one_of("branch 7")),
}
SET: Values = {
    "local_pref": CHANGES,
    "med": CHANGES | st.just("none"),
    "weight": CHANGES,
    "origin": one_of("igp egp incomplete"),
    "next_hop": one_of("self unchanged 172.16.0.9 2001:db8::9"),
    "as_path": st.sampled_from(["", "65010 65020", "65010 {1,2}"]),
    "replace_asns": st.dictionaries(one_of("65001 65010 1.1"), ASNS, min_size=1),
    "remove_private_asns": one_of("leading all replace"),
    "prepend": listed(ASNS) | st.fixed_dictionaries({"asn": ASNS}, optional={"times": st.integers(1, 25)}),
    "communities": st.lists(STANDARD, max_size=2),
    "add_communities": listed(STANDARD),
    "remove_communities": listed(SOME_STANDARD),
    "large_communities": st.lists(LARGE, max_size=2),
    "add_large_communities": listed(LARGE),
    "remove_large_communities": listed(SOME_LARGE),
    "extended_communities": st.lists(EXTENDED, max_size=2),
    "add_extended_communities": listed(EXTENDED),
    "remove_extended_communities": listed(SOME_EXTENDED),
    "route_targets": st.lists(one_of("65010:1 rt:1.2.3.4:5"), max_size=2),
}


def some(values: Values) -> Drawn:
    """One to three of the keys, each with a value of its own."""
    keys = st.lists(st.sampled_from(sorted(values)), min_size=1, max_size=3, unique=True)
    return keys.flatmap(lambda chosen: st.fixed_dictionaries({key: values[key] for key in chosen}))


def policy(callee: str) -> st.SearchStrategy[Any]:
    """A policy of right terms, which may call another one."""
    changes = {"set": some(SET), "call": st.just(callee)} if callee else {"set": some(SET)}
    takes = st.fixed_dictionaries(
        {"match": some(MATCH), "then": one_of("accept next_term next_policy")}, optional=changes
    )
    rejects = st.fixed_dictionaries({"match": some(MATCH), "then": st.just("reject")})
    terms = st.lists(takes | rejects, min_size=1, max_size=3)
    return terms | st.fixed_dictionaries({"terms": terms}, optional={"default": one_of("accept reject next_policy")})


FILES: Drawn = st.fixed_dictionaries({"a": policy("b"), "b": policy("c"), "c": policy("")}).map(
    lambda policies: {**SETS, "policies": policies}
)
ROUTES = st.builds(
    Route,
    prefix=st.sampled_from(["10.0.0.0/16", "0.0.0.0/0", "2001:db8::/48"]).map(parse_prefix),
    next_hop=st.sampled_from([ip_address("172.16.0.2"), ip_address("2001:db8::1")]),
    as_path=st.sampled_from([AsPath(), AsPath.of(65001, 65010), AsPath.parse("12076 {1,2}")]),
    communities=st.sampled_from([(), (Community("65010:1"), Community("12076:50002"))]),
    large_communities=st.sampled_from([(), (LargeCommunity("65010:1:2"),)]),
    extended_communities=st.sampled_from([(), (ExtendedCommunity("target:65010:1"),)]),
)
SESSION = Context(
    neighbor="msee1",
    peer_address=ip_address("172.16.0.2"),
    own_asn=Asn(65010),
    own_address=ip_address("172.16.0.1"),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that each example is written into anew. JSON is YAML too."""
    return tmp_path_factory.mktemp("load") / "policies.yaml"


@settings(max_examples=100)
@given(written=FILES, route=ROUTES)
def test_right_values_are_policies_that_decide_any_route(file: Path, written: dict[str, Any], route: Route) -> None:
    """A file of right values is read, and what it says decides any route, with and without a trace alike."""
    file.write_text(json.dumps(written), encoding="utf-8")
    chain = load_policies(file)
    assert [one.name for one in chain] == list(written["policies"])
    assert compiled(chain)(route, SESSION)[0] == evaluate(chain, route, SESSION).route


WRONG = (
    st.sampled_from([-1, 0, 65536, 4294967296, "", "-", "*", "10.0.0.1/8", "length", "9-1", "unknown", "\u00e9"])
    | one_of("/ // /(/ ( *:*:* 1:2:3:4 target:1 ::1 none next_term")
    | st.sampled_from([[], {}, [[]], {"any": []}, {"any": "c", "all": "c"}, {"asn": 0}, {"1": "1", "0.1": 2}])
)


@st.composite
def spoilt(draw: st.DrawFn) -> dict[str, Any]:
    """A right file in which some values, at any depth, are other ones."""
    written = json.loads(json.dumps(draw(FILES)))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(written))
        holder, key = draw(st.sampled_from(places))
        holder[key] = deepcopy(draw(WRONG))  # a later spoiling may reach into it
    return dict(written)


def _places(value: Any) -> list[tuple[Any, Any]]:  # noqa: ANN401  # any part of a file
    """Every place of a file that holds a value."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [place for key in keys for place in ((value, key), *_places(value[key]))]


@settings(max_examples=100)  # hangs are the fuzzer's: a busy machine is no mistake
@given(written=spoilt())
def test_wrong_values_are_mistakes_with_a_place_and_nothing_else(file: Path, written: dict[str, Any]) -> None:
    """Whatever value stands wherever: the file is read, or refused with an InputError that says what is wrong."""
    file.write_text(json.dumps(written), encoding="utf-8")
    error = refusal(file)
    if error is not None:
        assert error.mistakes
        assert all(mistake.what and mistake.line >= 1 for mistake in error.mistakes)
        for words in ("Input should", "Value error", "pydantic"):
            assert words not in str(error)


def refusal(file: Path) -> InputError | None:
    """The error that a file is refused with, None where it is read."""
    try:
        load_policies(file)
    except InputError as error:
        return error
    return None
