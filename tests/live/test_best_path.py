"""Each step of the decision process on live sessions: the route that wins, why its rival lost, and where packets go."""

from __future__ import annotations

import pytest

from lab.bgp import BestPathRules, parse_prefix
from lab.plan import Plan
from lab.policy import SessionRules
from lab.predict import predict
from lab.rib import Because
from networks import Net, Seen, exporting, importing, live, policies

P = "10.1.0.0/16"


def because_of(plan: Plan, router: str = "r") -> Because:
    """The reason for the choice that a router makes, as its own model tells it."""
    decision = predict(plan).routers[router].explain(parse_prefix(P)).decision
    assert decision is not None
    return decision.because


def chosen(plan: Plan, router: str = "r") -> tuple[Seen, Because]:
    """What the lab showed, and the reason for the choice that a router made."""
    (seen,) = live(plan)
    return seen, because_of(plan, router)


def rivals(a: str, b: str, *, same_as: bool = False, rules: BestPathRules | None = None) -> Plan:
    """`r` learns one prefix from `a` and from `b`, each import changed by a `set`."""
    found = policies(f"policies: {{a: [{{set: {{{a}}}, then: accept}}], b: [{{set: {{{b}}}, then: accept}}]}}")
    net = Net()
    net.router("r", 65010, best_path=rules or BestPathRules())
    net.router("a", 65001, [P])
    net.router("b", 65001 if same_as else 65002, [P])
    net.session("r", "a", r=importing(found["a"]))
    net.session("r", "b", r=importing(found["b"]))
    return net.plan()


STEPS = (
    ("weight: 0, local_pref: 900", "weight: 1", Because.LOWER_WEIGHT),
    ("local_pref: 99", "prepend: {last_asn: 5}", Because.LOWER_LOCAL_PREF),
    ("prepend: {last_asn: 1}", "origin: incomplete", Because.LONGER_AS_PATH),
    ("as_path: '65001 7 8'", "as_path: '65002 {7,8,9}'", Because.LONGER_AS_PATH),  # a set counts as one
    ("as_path: '65001 7'", "as_path: '(64600 64601 64602) 65002'", Because.LONGER_AS_PATH),  # a confederation as none
    ("origin: egp", "med: 500", Because.HIGHER_ORIGIN),
    ("origin: incomplete", "origin: egp", Because.HIGHER_ORIGIN),
)


def test_a_step_decides_for_b() -> None:
    """The path of `b`, worse in every later step, is best because of this one; before and after it is that of `a`."""
    equal = rivals("med: none", "med: none")
    first, *others = live(equal, *(plan for a, b, _ in STEPS for plan in (rivals(a, b), equal)))
    assert because_of(equal) is Because.HIGHER_ROUTER_ID
    assert first.fib("r") == {P: ("100.64.0.2",)}
    for (a, b, because), seen, back in zip(STEPS, others[::2], others[1::2], strict=True):
        assert because_of(rivals(a, b)) is because
        assert seen.fib("r") == {P: ("100.64.0.6",)}, (a, b)
        assert back.fib("r") == first.fib("r"), (a, b)


BOTH_HOPS = ("100.64.0.2", "100.64.0.6")
ONE_AS = (
    ("med: 20", "med: 10", BestPathRules(), ("100.64.0.6",)),
    ("med: none", "med: 10", BestPathRules(missing_med_as_worst=False), ("100.64.0.2",)),
    ("med: none", "med: 10", BestPathRules(missing_med_as_worst=True), ("100.64.0.6",)),
    ("med: none", "med: none", BestPathRules(maximum_paths=2), BOTH_HOPS),
    ("med: none", "med: none", BestPathRules(maximum_paths=1, multipath_relax=True), ("100.64.0.2",)),
)
"""What `r` imports from two neighbours of one AS, its rules, and the next hops that its kernel has then."""
TWO_ASES = (
    ("med: 20", "med: 10", BestPathRules(), ("100.64.0.2",)),
    ("med: 20", "med: 10", BestPathRules(always_compare_med=True), ("100.64.0.6",)),
    ("med: none", "med: none", BestPathRules(maximum_paths=2), ("100.64.0.2",)),
    ("med: none", "med: none", BestPathRules(maximum_paths=2, multipath_relax=True), BOTH_HOPS),
)
"""The same where they are of two."""


@pytest.mark.parametrize("same_as", [True, False])
def test_med_and_multipath_ask_for_one_as_where_no_rule_says_otherwise(*, same_as: bool) -> None:
    """A MED is compared, absent it is 0 (RFC 4271 §9.1.2.2 c), and equal paths share the load, as the rules say."""
    cases = ONE_AS if same_as else TWO_ASES
    for (*case, hops), seen in zip(
        cases, live(*(rivals(a, b, same_as=same_as, rules=rules) for a, b, rules, _ in cases)), strict=True
    ):
        assert seen.fib("r")[P] == hops, case


def test_med_does_not_depend_on_the_order_of_three_paths() -> None:
    """What is eliminated is the worse MED of one neighbour AS, whatever stands between them (deterministic MED)."""
    found = policies("policies: {hi: [{set: {med: 30}, then: accept}], lo: [{set: {med: 10}, then: accept}]}")
    net = Net()
    net.router("r", 65010)
    for name, asn, policy in (("a", 65001, "hi"), ("b", 65002, "lo"), ("c", 65001, "lo")):
        net.router(name, asn, [P])
        net.session("r", name, r=importing(found[policy]))
    seen, because = chosen(net.plan())
    assert seen.fib("r")[P] == ("100.64.0.6",)
    assert because is Because.HIGHER_ROUTER_ID


def test_ebgp_stands_before_ibgp() -> None:
    """A path from outside is preferred to one that an internal neighbour has."""
    net = Net()
    net.router("i", 65010)
    net.router("r", 65010)
    net.router("a", 65001, [P])
    net.router("b", 65002, [P])
    net.session("i", "r", i=SessionRules(next_hop_self=True))
    net.session("i", "a")
    net.session("r", "b")
    seen, because = chosen(net.plan())
    assert because is Because.IBGP
    assert seen.loc_rib("r")[P].as_path.asns == (65002,)


def inside(costs: dict[str, int], rules: BestPathRules | None = None) -> Plan:
    """`r` learns a prefix by iBGP from `i` and `j`, whose next hops outside cost what is given."""
    net = Net()
    net.router("r", 65010, best_path=rules or BestPathRules())
    net.router("i", 65010)
    net.router("j", 65010)
    net.router("a", 65001, [P])
    _, to_i = net.session("r", "i")
    _, to_j = net.session("r", "j")
    net.session("i", "a")
    net.session("j", "a")
    net.static("r", "100.64.0.8/30", to_i, costs["i"])
    net.static("r", "100.64.0.12/30", to_j, costs["j"])
    return net.plan()


@pytest.mark.parametrize(("costs", "via"), [({"i": 20, "j": 10}, "100.64.0.6"), ({"i": 10, "j": 20}, "100.64.0.2")])
def test_the_nearer_next_hop_decides(costs: dict[str, int], via: str) -> None:
    """Of two internal paths the one with the lower IGP cost is used (RFC 4271 §9.1.2.2 e)."""
    seen, because = chosen(inside(costs))
    assert because is Because.HIGHER_IGP_COST
    assert seen.fib("r")[P] == (via,)


def test_internal_paths_share_the_load_where_they_cost_the_same() -> None:
    """Multipath asks for equal IGP costs."""
    rules = BestPathRules(maximum_paths=2)
    equal, _ = chosen(inside({"i": 10, "j": 10}, rules))
    unequal, _ = chosen(inside({"i": 10, "j": 11}, rules))
    assert (len(equal.fib("r")[P]), len(unequal.fib("r")[P])) == (2, 1)


def test_confederation_segments_stay_inside_the_as() -> None:
    """An internal neighbour receives the segments of RFC 5065 as they are, an external one without them (§4.1)."""
    found = policies("policies: {confed: [{set: {as_path: '(64600 64601) [7,9] 65001'}, then: accept}]}")
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, [P])
    net.router("i", 65010)
    net.router("b", 65002)
    net.session("r", "a", r=importing(found["confed"]))
    net.session("r", "i")
    net.session("r", "b")
    (seen,) = live(net.plan())
    assert str(seen.received("i", "r")[P].as_path) == "(64600 64601) [7,9] 65001"
    assert str(seen.received("b", "r")[P].as_path) == "65010 65001"


# route reflection (RFC 4456)


def reflecting(clients: tuple[str, ...]) -> Plan:
    """`c` originates; the reflector `rr` has `c`, `d` and `n` as internal neighbours."""
    net = Net()
    net.router("rr", 65010)
    net.router("c", 65010, [P])
    net.router("d", 65010)
    net.router("n", 65010)
    for name in ("c", "d", "n"):
        net.session("rr", name, rr=SessionRules(route_reflector_client=name in clients))
    return net.plan()


REFLECTED: dict[tuple[str, ...], set[str]] = {
    (): set(),
    ("c",): {"d", "n"},
    ("d",): {"d"},
    ("c", "d"): {"d", "n"},
    ("n", "d"): {"n", "d"},
}
"""Who hears of the route, by who the reflector's clients are."""


def test_a_reflector_passes_internal_routes_to_and_from_its_clients() -> None:
    """From a client to everyone, from others to clients only, and never back (RFC 4456 §6)."""
    for (clients, receivers), seen in zip(REFLECTED.items(), live(*map(reflecting, REFLECTED)), strict=True):
        assert {name for name in ("c", "d", "n") if seen.received(name, "rr")} == receivers, clients


def test_a_route_that_comes_back_through_two_reflectors_is_refused() -> None:
    """ORIGINATOR_ID keeps a route from its originator, CLUSTER_LIST from a cluster that it crossed (RFC 4456 §8)."""
    net = Net()
    net.router("rr1", 65010)
    net.router("rr2", 65010)
    net.router("c", 65010, [P])
    client = SessionRules(route_reflector_client=True)
    net.session("rr1", "rr2", rr1=client, rr2=client)
    net.session("rr1", "c", rr1=client)
    net.session("rr2", "c", rr2=client)
    plan = net.plan()
    (seen,) = live(plan)
    explained = predict(plan).routers["rr1"].explain(parse_prefix(P))
    refused = [one.refused for one in explained.candidates if one.refused]
    assert refused == [] or all("RFC 4456" in one for one in refused)
    route = seen.received("rr2", "rr1")[P]
    assert (str(route.originator_id), [str(one) for one in route.cluster_list]) == ("10.255.0.3", ["10.255.0.1"])
    assert seen.loc_rib("rr2")[P].cluster_list == ()


def test_the_shorter_cluster_list_decides() -> None:
    """A path that crossed fewer reflectors is better than one with the same originator (RFC 4456 §9)."""
    net = Net()
    net.router("d", 65010)
    net.router("rr1", 65010)
    net.router("rr2", 65010)
    net.router("c", 65010, [P])
    client = SessionRules(route_reflector_client=True)
    net.session("rr1", "c", rr1=client)
    near, _ = net.session("rr2", "d", rr2=client)
    net.session("rr1", "d", rr1=client)
    net.session("rr1", "rr2", rr1=client, rr2=client)
    net.static("rr2", "100.64.0.0/30", "100.64.0.13")
    net.static("d", "100.64.0.0/30", "100.64.0.9")
    seen, because = chosen(net.plan(), "d")
    assert because is Because.LONGER_CLUSTER_LIST
    assert seen.loc_rib("d")[P].cluster_list == seen.received("d", "rr1")[P].cluster_list
    assert str(near) == "100.64.0.5"


def test_nothing_is_exported_by_a_policy_that_rejects_everything() -> None:
    """The negative control of every case above: a lab in which nothing arrives shows nothing."""
    found = policies("policies: {none: [{then: reject}]}")
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, [P])
    net.session("r", "a", a=exporting(found["none"]))
    (seen,) = live(net.plan())
    assert (seen.received("r", "a"), seen.loc_rib("r"), seen.fib("r")) == ({}, {}, {})
