"""Every condition and every change of the policy language, asked of routes that crossed live sessions.

One lab for all: `a` dresses its routes with attributes, `r` imports them through a policy with one term for each
condition, each of which leaves a mark, and exports them to `b` and `i` through a policy with one term for each change.
That the lab is what the model predicts, attribute by attribute, is asserted where it is run (`networks.live`); here
stands what has to come out.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import pytest

from lab.bgp import Aggregate, Family, LeakedNetwork, Route, parse_prefix, text_of
from lab.policy import SessionRules
from networks import OPEN, Net, Seen, exporting, importing, live, policies

DRESSED = {
    "10.0.0.0/16": "",
    "10.1.0.0/16": "communities: [65001:1, 65001:100, no-export-subconfed]",
    "10.2.0.0/24": "communities: [65001:2, westeurope.microsoft, exchange-online]",
    "10.3.0.0/24": "large_communities: [65001:1:1, 65001:2:7]",
    "10.4.0.0/24": "extended_communities: [target:65001:100, origin:192.0.2.1:5], origin: incomplete",
    "10.5.0.0/24": "extended_communities: [target:4200000000:9], origin: egp",
    "10.6.0.0/24": "med: 50, prepend: [65099, 64512]",
    "10.7.0.0/24": "med: 0, prepend: {asn: 65001, times: 3}",
    "2001:db8:6::/48": "communities: [65001:6]",
}
"""The prefixes that `a` originates, and what it sets on each."""

SETS = """
prefix_lists:
  tens: [10.0.0.0/8 ge 24 le 24]
  small: [10.2.0.0/24, 10.3.0.0/16 orlonger]
as_path_sets:
  through-65099: [_65099_]
  long: [length >= 3]
community_sets:
  ones: ["65001:1", "65001:1000"]
  wild: ["65001:*"]
  pattern: ["/^65001:1[0-9]+$/"]
large_community_sets:
  big: ["65001:*:7"]
extended_community_sets:
  vpn: ["target:65001:*"]
"""

MATCHES: dict[str, list[str]] = {
    "prefix_list: tens": [
        "10.2.0.0/24",
        "10.3.0.0/24",
        "10.4.0.0/24",
        "10.5.0.0/24",
        "10.6.0.0/24",
        "10.7.0.0/24",
    ],
    "prefix_list: {all: [tens, small]}": ["10.2.0.0/24", "10.3.0.0/24"],
    "prefix_list: {none: [tens]}": ["10.0.0.0/16", "10.1.0.0/16", "2001:db8:6::/48"],
    'prefix_list: [10.0.0.0/8 le 16, "2001:db8::/32 orlonger"]': ["10.0.0.0/16", "10.1.0.0/16", "2001:db8:6::/48"],
    "as_path: through-65099": ["10.6.0.0/24"],
    "as_path: [long]": ["10.6.0.0/24", "10.7.0.0/24"],
    "as_path: ['^65001 65001_', '64512$']": ["10.6.0.0/24", "10.7.0.0/24"],
    "as_path_length: 4": ["10.7.0.0/24"],
    "as_path_length: '>= 2'": ["10.6.0.0/24", "10.7.0.0/24"],
    "community: ones": ["10.1.0.0/16"],
    "community: {all: ['65001:1', no-export-subconfed]}": ["10.1.0.0/16"],
    "community: wild": ["10.1.0.0/16", "10.2.0.0/24", "2001:db8:6::/48"],
    "community: pattern": ["10.1.0.0/16"],
    "community: {none: [wild]}": [
        "10.0.0.0/16",
        "10.3.0.0/24",
        "10.4.0.0/24",
        "10.5.0.0/24",
        "10.6.0.0/24",
        "10.7.0.0/24",
    ],
    "community: [westeurope.microsoft]": ["10.2.0.0/24"],
    "community: exchange-online": ["10.2.0.0/24"],
    "large_community: big": ["10.3.0.0/24"],
    "large_community: 65001:1:1": ["10.3.0.0/24"],
    "extended_community: vpn": ["10.4.0.0/24"],
    "extended_community: origin:192.0.2.1:5": ["10.4.0.0/24"],
    "route_target: 4200000000:9": ["10.5.0.0/24"],
    "origin: incomplete": ["10.4.0.0/24"],
    "origin: [egp, incomplete]": ["10.4.0.0/24", "10.5.0.0/24"],
    "med: 50": ["10.6.0.0/24"],
    "med: '<= 10'": ["10.7.0.0/24"],
    "med: absent": [prefix for prefix in DRESSED if prefix not in ("10.6.0.0/24", "10.7.0.0/24")],
    "local_pref: 100": [*DRESSED],
    "weight: '>= 1'": [],
    "neighbor: a": [*DRESSED],
    "neighbor: b": [],
    "neighbor: 100.64.0.2": [prefix for prefix in DRESSED if ":" not in prefix],
    "next_hop: 100.64.0.0/30": [prefix for prefix in DRESSED if ":" not in prefix],
    "family: ipv6": ["2001:db8:6::/48"],
    "source: bgp": [*DRESSED],
    "source: [connected, static, aggregate]": [],
    "vrf: branch": [],
}
"""Each condition, and the routes that it has to hold for."""

CHANGES: dict[str, dict[str, str]] = {
    "local_pref: '+50'": {"local_pref": "150"},
    "local_pref: '-200'": {"local_pref": "0"},
    "med: 7": {"multi_exit_disc": "7"},
    "med: '+7'": {"multi_exit_disc": "57"},
    "med: none": {"multi_exit_disc": ""},
    "origin: egp": {"origin": "egp"},
    "as_path: '65030 {1,2}'": {"as_path": "65030 {1,2}"},
    "as_path: ''": {"as_path": ""},
    "replace_asns: {65099: 65098}": {"as_path": "65001 65098 64512"},
    "remove_private_asns: leading": {"as_path": ""},
    "as_path: '64512 174 64513', remove_private_asns: all": {"as_path": "174"},
    "as_path: '64512 174 64513', remove_private_asns: replace": {"as_path": "65010 174 65010"},
    "prepend: [65010, 65030]": {"as_path": "65010 65030 65001 65099 64512"},
    "prepend: {asn: 65010, times: 3}": {"as_path": "65010 65010 65010 65001 65099 64512"},
    "prepend: {last_asn: 2}": {"as_path": "65001 65001 65001 65099 64512"},
    "communities: [65010:1]": {"communities": "65010:1"},
    "communities: []": {"communities": ""},
    "add_communities: [65010:2, uksouth.private]": {
        "communities": "12076:50024 65001:1 65001:2 65010:2",
    },
    "remove_communities: ['/:1$/']": {"communities": "65001:2"},
    "remove_communities: wild": {"communities": ""},
    "large_communities: [1:2:3]": {"large_communities": "1:2:3"},
    "add_large_communities: [1:2:3]": {"large_communities": "1:2:3 65001:1:7"},
    "remove_large_communities: [big]": {"large_communities": ""},
    "extended_communities: [target:1:1]": {"extended_communities": "target:1:1"},
    "add_extended_communities: [origin:1:1]": {"extended_communities": "target:65001:5 origin:1:1 origin:65001:6"},
    "remove_extended_communities: [vpn]": {"extended_communities": "origin:65001:6"},
    "route_targets: [65010:9]": {"extended_communities": "target:65010:9 origin:65001:6"},
    "next_hop: self": {"next_hop": "100.64.0.5"},
    "next_hop: 100.64.0.6": {"next_hop": "100.64.0.6"},
}
"""Each change, made to a route on its way to an internal neighbour, and what it has to look like there."""

RICH = (
    "local_pref: 100, med: 50, prepend: [65099, 64512], communities: ['65001:1', '65001:2'], "
    "large_communities: [65001:1:7], extended_communities: [target:65001:5, origin:65001:6]"
)


def mark(number: int) -> str:
    """The large community that a term leaves: nothing that any condition asks for."""
    return f"65010:{number}:1"


@pytest.fixture(scope="module")
def matched() -> Seen:
    """`r` has marked every route with the conditions that hold for it, and the others were rejected by none."""
    dress = "".join(
        f"    - match: {{prefix_list: '{prefix}'}}\n      set: {{{set_}}}\n      then: accept\n"
        for prefix, set_ in DRESSED.items()
        if set_
    )
    marks = "".join(
        f"    - match: {{{match}}}\n      set: {{add_large_communities: [{mark(number)}]}}\n      then: next_term\n"
        for number, match in enumerate(MATCHES)
    )
    found = policies(f"{SETS}\npolicies:\n  dress:\n{dress}    - then: accept\n  mark:\n{marks}    - then: accept\n")
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, DRESSED)
    net.session("r", "a", Family, a=exporting(found["dress"]), r=importing(found["mark"]))
    return live(net.plan())[0]


@pytest.mark.parametrize("match", MATCHES)
def test_a_condition_holds_for_the_routes_that_it_means(matched: Seen, match: str) -> None:
    """The routes that a term marked are exactly those that its condition has to hold for."""
    number = list(MATCHES).index(match)
    routes = matched.loc_rib("r")
    assert set(routes) == set(DRESSED)
    assert {prefix for prefix, r in routes.items() if mark(number) in r.large_communities} == set(MATCHES[match])


def numbered(number: int) -> str:
    """The prefix that the change of a number is made to."""
    return f"10.9.{number}.0/24"


@pytest.fixture(scope="module")
def changed() -> Seen:
    """`r` has sent `i` one route for each change."""
    terms = "".join(
        f"    - match: {{prefix_list: {numbered(number)}}}\n      set: {{{change}}}\n      then: accept\n"
        for number, change in enumerate(CHANGES)
    )
    text = f"{SETS}\npolicies:\n  rich:\n    - set: {{{RICH}}}\n      then: accept\n  change:\n{terms}"
    found = policies(text)
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, [numbered(number) for number, _ in enumerate(CHANGES)])
    net.router("i", 65010)
    net.session("r", "a", a=exporting(found["rich"]))
    net.session("r", "i", r=exporting(found["change"]))
    return live(net.plan())[0]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_what_the_neighbour_receives(changed: Seen, change: str) -> None:
    """A route arrives with the attributes that its term set, and with every other as it was."""
    route = changed.received("i", "r")[numbered(list(CHANGES).index(change))]
    before = {
        "next_hop": "100.64.0.2",
        "origin": "igp",
        "as_path": "65001 65099 64512",
        "local_pref": "100",
        "multi_exit_disc": "",
        "communities": "65001:1 65001:2",
        "large_communities": "65001:1:7",
        "extended_communities": "target:65001:5 origin:65001:6",
    }
    assert texts(route, before) == {**before, "multi_exit_disc": "50", **CHANGES[change]}


def texts(route: Route, names: Any) -> dict[str, str]:  # noqa: ANN401  # any iterable of names
    """Some attributes as text."""
    return {name: text_of(route, name) for name in names}


def test_own_routes_are_told_by_their_source_and_their_vrf() -> None:
    """Connected, static, aggregated and leaked networks are each matched by where they come from."""
    found = policies(
        """
policies:
  by-source:
    - match: {source: connected}
      set: {add_communities: 65010:1}
      then: accept
    - match: {vrf: branch}
      set: {add_communities: 65010:2}
      then: accept
    - match: {source: aggregate}
      set: {add_communities: 65010:3}
      then: accept
    - match: {source: static}
      set: {add_communities: 65010:4}
      then: accept
    - then: reject
"""
    )
    net = Net()
    net.router(
        "r",
        65010,
        ["100.64.0.0/30", "10.4.0.0/16"],
        aggregates=[Aggregate(prefix=parse_prefix("10.0.0.0/8"))],
        leaked=[LeakedNetwork(prefix=parse_prefix("10.2.0.0/16"), vrf="branch")],
    )
    net.router("b", 65002)
    net.session("r", "b", r=exporting(found["by-source"]))
    (seen,) = live(net.plan())
    tags = {prefix: route.communities for prefix, route in seen.received("b", "r").items()}
    assert tags == {
        "100.64.0.0/30": ("65010:1",),
        "10.2.0.0/16": ("65010:2",),
        "10.0.0.0/8": ("65010:3",),
        "10.4.0.0/16": ("65010:4",),
    }


def test_weight_decides_at_its_own_router_and_leaves_it_never() -> None:
    """A weight set on import is above local preference there, and unknown to the neighbours."""
    found = policies(
        """
policies:
  heavy: [{set: {weight: 100}, then: accept}]
  liked: [{set: {local_pref: 900}, then: accept}]
"""
    )
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, ["10.1.0.0/16"])
    net.router("b", 65002, ["10.1.0.0/16"])
    net.router("i", 65010)
    net.session("r", "a", r=importing(found["heavy"]))
    net.session("r", "b", r=importing(found["liked"]))
    net.session("r", "i")
    (seen,) = live(net.plan())
    assert texts(seen.loc_rib("r")["10.1.0.0/16"], ("as_path", "weight")) == {"as_path": "65001", "weight": "100"}
    assert texts(seen.received("i", "r")["10.1.0.0/16"], ("local_pref", "weight")) == {
        "local_pref": "100",
        "weight": "0",
    }


FLOW = """
prefix_lists:
  first: [10.1.0.0/16]
  second: [10.2.0.0/16]
  third: [10.3.0.0/16]
policies:
  gate:
    default: next_policy
    terms:
      - match: {prefix_list: first}
        then: reject
      - match: {prefix_list: second}
        set: {add_communities: 65010:2}
        then: next_policy
  helper:
    - match: {prefix_list: third}
      set: {med: 33}
      then: accept
  rest:
    - match: {prefix_list: [second, third]}
      set: {add_communities: 65010:9}
      then: next_term
    - match: {prefix_list: third}
      call: helper
      then: accept
    - match: {prefix_list: 10.4.0.0/16}
      call: helper
      then: accept
    - match: {prefix_list: second}
      then: accept
"""


def test_chains_calls_and_defaults_lead_where_they_should() -> None:
    """next_policy, next_term, call and the defaults each decide one of five routes."""
    found = policies(FLOW)
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, [f"10.{number}.0.0/16" for number in range(1, 6)])
    net.session("r", "a", r=importing(found["gate"], found["rest"]))
    (seen,) = live(net.plan())
    assert len(seen.received("r", "a")) == 5
    shown = {prefix: texts(r, ("communities", "multi_exit_disc")) for prefix, r in seen.loc_rib("r").items()}
    assert shown == {
        "10.2.0.0/16": {"communities": "65010:2 65010:9", "multi_exit_disc": ""},
        "10.3.0.0/16": {"communities": "65010:9", "multi_exit_disc": "33"},
    }


def test_without_a_policy_nothing_passes_an_ebgp_session() -> None:
    """RFC 8212: a session between ASes that has no policy neither imports nor exports, and one inside passes all."""
    net = Net()
    net.router("r", 65010, ["10.10.0.0/16"])
    net.router("a", 65001, ["10.1.0.0/16"])
    net.router("i", 65010, ["10.11.0.0/16"])
    net.session("r", "a", r=importing(), a=OPEN)
    net.session("r", "i")
    bare = net.plan()
    (node, *others) = bare.nodes
    assert node.bgp is not None
    sessions = tuple(replace(s, rules=SessionRules()) for s in node.bgp.sessions)
    (seen,) = live(replace(bare, nodes=(replace(node, bgp=replace(node.bgp, sessions=sessions)), *others)))
    assert set(seen.received("r", "a")) == {"10.1.0.0/16"}
    assert set(seen.loc_rib("r")) == {"10.10.0.0/16", "10.11.0.0/16"}
    assert seen.received("a", "r") == {}
    assert set(seen.received("i", "r")) == {"10.10.0.0/16"}


def test_an_unchanged_next_hop_crosses_an_ebgp_session() -> None:
    """With next_hop unchanged the neighbour sees the router that the route was learned from (RFC 4271 §5.1.3)."""
    found = policies("policies: {keep: [{set: {next_hop: unchanged}, then: accept}]}")
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, ["10.1.0.0/16"])
    net.router("b", 65002)
    _, a = net.session("r", "a")
    r, _ = net.session("r", "b", r=exporting(found["keep"]))
    net.static("b", "100.64.0.0/30", r)
    (seen,) = live(net.plan())
    assert seen.received("b", "r")["10.1.0.0/16"].next_hop == a == ip_address("100.64.0.2")
    assert seen.fib("b") == {"10.1.0.0/16": ("100.64.0.5",), "100.64.0.0/30": ("100.64.0.5",)}
