"""The causes that lie in rules beside the policies: aggregates, defaults, next hops, communities with a meaning."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from builders import accept, only, set_to
from contoso import (
    ACCEPT_AZURE,
    CE1,
    CE2,
    HQ,
    HUB,
    SAMPLE,
    Contoso,
    of_plan,
    topology,
    with_bgp,
    with_fib,
    with_session_plans,
)
from lab.bgp import (
    BLACKHOLE,
    GRACEFUL_SHUTDOWN,
    Aggregate,
    Asn,
    BestPathRules,
    Community,
    Family,
    LeakedNetwork,
    RemovePrivate,
    parse_prefix,
)
from lab.causes import first_cause
from lab.expectations import Expectation, ReachabilityExpectation, RouteExpectation, Table
from lab.plan.of_topology import plan
from lab.policy import Change, CommunityChange, Fate, NextHopRule, Policy, SessionRules, Term
from lab.tables import FibEntry, LabTables
from lab.topology import EdgeBgp

WHERE = "contoso.yaml:30"
DEFAULT = parse_prefix("0.0.0.0/0")
WIDE, EMPTY, BRANCH = (parse_prefix(text) for text in ("10.0.0.0/8", "192.168.0.0/16", "10.30.0.0/16"))
AT_CE1 = RouteExpectation(where=WHERE, at="ce1", prefix=HUB)
AT_CE2 = RouteExpectation(where=WHERE, at="ce2", prefix=HUB)
AT_MSEE1 = RouteExpectation(where=WHERE, at="msee1", prefix=HQ)
REACHES = ReachabilityExpectation(where=WHERE, source="hq", destination="hub", family=Family.IPV4)
IBGP = SessionRules(next_hop_self=True)
AGGREGATE_OF_ALL = EdgeBgp(aggregates=(Aggregate(prefix=WIDE),))


def lab(ce1: SessionRules = CE1, ce2: SessionRules = CE2, bgp: EdgeBgp | None = None) -> Contoso:
    """The circuit, with BGP of ce1 as it is configured."""
    made = topology(ce1, ce2)
    return of_plan(plan(with_bgp(made, ("ce1", replace(bgp, ibgp=IBGP))) if bgp else made))


def cause(expectation: Expectation, where: Contoso, seen: LabTables | None = None) -> str:
    """Why the expectation fails where `seen`, or what the model says, was observed."""
    predicted, observed = where.evidence(expectation), where.evidence(expectation, tables=seen)
    return str(first_cause(expectation, where.prediction, predicted, observed))


def tagged(community: Community) -> SessionRules:
    """The rules of ce1 where its import policy puts a community on everything."""
    tags = accept(Change(communities=CommunityChange(add=(community,))))
    return replace(CE1, import_policies=(tags,), accept_blackhole=True)


def importing(*terms: Term, name: str = "chosen") -> SessionRules:
    """The rules of ce1 with an import policy of these terms."""
    return replace(CE1, import_policies=(Policy(name=name, terms=terms),))


AGGREGATES = lab(bgp=EdgeBgp(aggregates=(Aggregate(prefix=WIDE), Aggregate(prefix=EMPTY))))
SENDS_ALL = replace(CE1, export_policies=(ACCEPT_AZURE,))
SENDS_WIDE = lab(SENDS_ALL, bgp=EdgeBgp(aggregates=(Aggregate(prefix=WIDE, summary_only=True),)))
DEFAULTS = lab(replace(CE1, default_originate=True))
NO_NEIGHBOR_LEFT = with_session_plans(DEFAULTS.plan, "ce1", lambda one: None if one.neighbor == "msee1" else one)
LEAKS = lab(SENDS_ALL, bgp=EdgeBgp(leaked_networks=(LeakedNetwork(prefix=BRANCH, vrf="branch"),)))
PREPENDS = accept(Change(prepend=(Asn(65001),)))
KEPT = Term(fate=Fate.ACCEPT)
PREFERS = Change(local_pref=set_to(300))


@pytest.mark.parametrize(
    ("where", "expectation", "expected"),
    [
        pytest.param(
            AGGREGATES,
            replace(AT_CE1, prefix=EMPTY),
            "Loc-RIB: ce1 has no route inside of 192.168.0.0/16 that its aggregate could stand for",
            id="an aggregate of nothing, asked about where it would be made",
        ),
        pytest.param(
            AGGREGATES,
            replace(AT_CE1, at="gw", prefix=EMPTY),
            "Loc-RIB: ce1 has no route inside of 192.168.0.0/16 that its aggregate could stand for",
            id="an aggregate of nothing, asked about two routers away",
        ),
        pytest.param(
            AGGREGATES,
            replace(AT_MSEE1, prefix=WIDE),
            "Adj-RIB-Out: ce1 does not send 10.0.0.0/8 to msee1: export policy own-networks: "
            "no term decided: the default is reject",
            id="an aggregate that the policy keeps",
        ),
        pytest.param(
            SENDS_WIDE,
            AT_MSEE1,
            "Adj-RIB-Out: ce1 does not send 10.10.0.0/16 to msee1: "
            "the aggregate 10.0.0.0/8 stands for it (summary_only)",
            id="a network that an aggregate stands for",
        ),
        pytest.param(
            LEAKS,
            replace(AT_CE1, at="gw", prefix=parse_prefix("10.30.0.0/24")),
            "Loc-RIB: no router originates 10.30.0.0/24; of its family the lab has 10.30.0.0/16",
            id="leaked networks are networks that the lab has",
        ),
        pytest.param(
            SENDS_WIDE,
            replace(AT_CE1, prefix=parse_prefix("10.31.0.0/24")),
            "Loc-RIB: no router originates 10.31.0.0/24; of its family the lab has 10.0.0.0/8",
            id="and so are aggregates",
        ),
        pytest.param(
            DEFAULTS,
            replace(AT_CE1, prefix=DEFAULT),
            "Loc-RIB: ce1 sends 0.0.0.0/0 by default_originate, and has no route to it itself",
            id="who sends a default has none",
        ),
        pytest.param(
            DEFAULTS,
            replace(AT_CE2, prefix=DEFAULT),
            "Adj-RIB-Out: msee1 does not send 0.0.0.0/0 to ce1: learned from this neighbour",
            id="a default comes to those behind the neighbour",
        ),
        pytest.param(
            of_plan(plan(topology(replace(CE1, default_originate=True), CE2, "Contoso124"))),
            replace(AT_CE1, prefix=DEFAULT, table=Table.ADJ_RIB_OUT, neighbor="msee1"),
            "session: ce1 - msee1 is down (ipv4): the MD5 keys of the two ends differ (RFC 2385); "
            "so 0.0.0.0/0 never reaches msee1",
            id="a default is not sent on a session that is down",
        ),
        pytest.param(
            NO_NEIGHBOR_LEFT,
            replace(AT_MSEE1, prefix=DEFAULT),
            "Loc-RIB: no router originates 0.0.0.0/0; of its family the lab has 10.10.0.0/16, 10.100.0.0/16",
            id="a default for a neighbour that is gone is nobody's",
        ),
    ],
)
def test_what_a_rule_originates_is_explained(where: Contoso, expectation: RouteExpectation, expected: str) -> None:
    """Aggregates, leaked networks and default routes have an origin too, and what keeps them away is named."""
    assert cause(expectation, where) == expected


@pytest.mark.parametrize(
    ("where", "expectation", "expected"),
    [
        pytest.param(
            lab(tagged(GRACEFUL_SHUTDOWN)),
            replace(AT_CE1, attributes=(("next_hop", "msee1"),)),
            "Loc-RIB: at ce1 the path to 10.100.0.0/16 from msee1 lost to the one from ce2: "
            "lower local preference (RFC 4271 §9.1.1), 0 against 100; "
            "GRACEFUL_SHUTDOWN (RFC 8326 §4.1) at ce1 set local_pref 0",
            id="a community",
        ),
        pytest.param(
            SAMPLE,
            replace(AT_CE2, attributes=(("next_hop", "172.16.0.2"),)),
            "Adj-RIB-Out: next_hop of 10.100.0.0/16 at ce2 is ce1, not 172.16.0.2: "
            "next_hop_self at ce1 set next_hop 10.10.0.1",
            id="an option of a session",
        ),
        pytest.param(
            lab(replace(SENDS_ALL, import_policies=(), as_override=True)),
            replace(
                AT_MSEE1, prefix=HUB, table=Table.ADJ_RIB_IN, neighbor="ce1", attributes=(("as_path", "65010 12076"),)
            ),
            "Adj-RIB-Out: as_path of 10.100.0.0/16 at msee1 is 65010 65010, not 65010 12076: "
            "as_override at ce1 set as_path 65010",
            id="an option that changes the path",
        ),
        pytest.param(
            lab(replace(CE1, export_policies=(PREPENDS,), remove_private_asns=RemovePrivate.LEADING)),
            replace(AT_MSEE1, attributes=(("as_path", "65010 65001"),)),
            "Adj-RIB-Out: as_path of 10.10.0.0/16 at msee1 is 65010, not 65010 65001: "
            "remove_private_asns leading at ce1 set as_path none",
            id="an option that takes away what a policy set",
        ),
        pytest.param(
            lab(tagged(BLACKHOLE)),
            replace(AT_CE1, attributes=(("communities", BLACKHOLE),)),
            "Loc-RIB: communities of 10.100.0.0/16 at ce1 is 65535:666 65535:65281, not 65535:666: "
            "BLACKHOLE keeps it in this AS (RFC 7999 §3.2) at ce1 set communities 65535:666 65535:65281",
            id="a community that brings another one",
        ),
        pytest.param(
            DEFAULTS,
            replace(AT_MSEE1, at="gw", prefix=DEFAULT, attributes=(("as_path", "12076"),)),
            "Adj-RIB-Out: as_path of 0.0.0.0/0 at gw is 12076 65010, not 12076: "
            "default_originate at ce1 makes the route",
            id="a route that a rule makes",
        ),
        pytest.param(
            lab(tagged(GRACEFUL_SHUTDOWN)),
            replace(AT_CE1, attributes=(("local_pref", "50"),)),
            "Adj-RIB-Out: local_pref of 10.100.0.0/16 at ce1 is 100, not 50: "
            "no policy on its way sets it; at ce2 local_pref none -> 100: iBGP (RFC 4271 §5.1.5)",
            id="a rule of BGP itself, where nobody chose",
        ),
        pytest.param(
            lab(
                importing(Term(fate=Fate.ACCEPT, change=Change(multi_exit_disc=set_to(50)))),
                replace(CE2, import_policies=(accept(Change(multi_exit_disc=set_to(10))),)),
                EdgeBgp(best_path=BestPathRules(always_compare_med=True)),
            ),
            replace(AT_CE1, attributes=(("next_hop", "msee1"),)),
            "Loc-RIB: at ce1 the path to 10.100.0.0/16 from msee1 lost to the one from ce2: "
            "higher MED (RFC 4271 §9.1.2.2 c, compared whatever the neighbour AS), 50 against 10; "
            "the import policy one-term (term 1) of ce2 set med 10; "
            "the import policy chosen (term 1) of ce1 set med 50",
            id="MEDs of different ASes",
        ),
        pytest.param(
            lab(importing(Term(fate=Fate.NEXT_POLICY, change=PREFERS))),
            replace(AT_CE1, attributes=(("next_hop", "msee1"),)),
            "Loc-RIB: ce1 refuses 10.100.0.0/16 from msee1: import policy chosen: "
            "term 1 goes on to the next policy, and no policy is left: the default is reject",
            id="a chain that ends",
        ),
        pytest.param(
            lab(importing(Term(fate=Fate.ACCEPT, call=Policy(name="inner", terms=(replace(KEPT, change=PREFERS),))))),
            replace(AT_CE1, attributes=(("local_pref", "200"),)),
            "Loc-RIB: local_pref of 10.100.0.0/16 at ce1 is 300, not 200: "
            "the import policy inner (term 1) of ce1 set local_pref 300",
            id="a policy that is called",
        ),
    ],
)
def test_the_rule_that_decides_is_named(where: Contoso, expectation: RouteExpectation, expected: str) -> None:
    """Where a rule or a called policy gave an attribute its value, that is named; BGP's own only where nobody chose."""
    assert cause(expectation, where) == expected


def test_the_path_by_the_wanted_next_hop_is_explained_first() -> None:
    """Where another path is best and none has all that is wanted, the one by the wanted next hop says why it lost."""
    worse = importing(Term(fate=Fate.ACCEPT, change=Change(local_pref=set_to(50))))
    wanted = (("next_hop", "msee1"), ("local_pref", "200"))

    assert cause(replace(AT_CE1, attributes=wanted), lab(worse)) == (
        "Loc-RIB: at ce1 the path to 10.100.0.0/16 from msee1 lost to the one from ce2: "
        "lower local preference (RFC 4271 §9.1.1), 50 against 100; "
        "the import policy chosen (term 1) of ce1 set local_pref 50"
    )


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        pytest.param(
            (Term(fate=Fate.ACCEPT, name="own", match=only(HQ), change=PREFERS), KEPT),
            "the import policy chosen (term 1, own) of ce1 would set local_pref 300, and does not match: "
            "prefix_list exactly does not hold, 10.100.0.0/16 is in none of its ranges",
            id="a condition does not hold",
        ),
        pytest.param(
            (Term(fate=Fate.ACCEPT, match=only(HUB)), Term(fate=Fate.ACCEPT, change=PREFERS)),
            "the import policy chosen (term 2) of ce1 would set local_pref 300, and is not reached: term 1 accepts",
            id="an earlier term decides",
        ),
        pytest.param(
            (Term(fate=Fate.ACCEPT, match=only(HQ), change=Change(local_pref=set_to(200))), KEPT),
            "no policy on its way sets it",
            id="another value would be as wrong",
        ),
        pytest.param(
            (Term(fate=Fate.ACCEPT, match=only(HQ), change=Change(next_hop_rule=NextHopRule.SELF)), KEPT),
            "no policy on its way sets it",
            id="another attribute, by a change that hangs on the session",
        ),
    ],
)
def test_a_term_that_would_have_set_it_is_named(terms: tuple[Term, ...], expected: str) -> None:
    """Where no policy set what is wanted, the term that would have says why it did not."""
    expectation = replace(AT_CE1, attributes=(("local_pref", "300"),))

    assert cause(expectation, lab(importing(*terms))) == (
        f"Loc-RIB: local_pref of 10.100.0.0/16 at ce1 is none, not 300: {expected}"
    )


# packets that are discarded


def test_packets_that_a_blackhole_route_discards_are_explained() -> None:
    """Where a router accepts BLACKHOLE and drops what is for the prefix, the cause is who sent the route."""
    assert cause(REACHES, lab(tagged(BLACKHOLE))) == (
        "Loc-RIB: ce1 has 10.100.0.0/16 from msee1 with BLACKHOLE (RFC 7999); "
        "so ce1 discards packets to 10.100.0.4 (blackhole route 10.100.0.0/16)"
    )


def test_packets_that_an_aggregate_discards_are_explained() -> None:
    """Where only an aggregate holds the destination, the cause is what keeps the more specific route away."""
    where = lab(importing(Term(fate=Fate.REJECT)), replace(CE2, import_policies=()), AGGREGATE_OF_ALL)

    assert cause(REACHES, where) == (
        "Loc-RIB: ce1 refuses 10.100.0.0/16 from msee1: import policy chosen: term 1 rejects; "
        "so ce1 discards packets to 10.100.0.4 (blackhole route 10.0.0.0/8)"
    )


@pytest.mark.parametrize(
    ("where", "entries", "expected"),
    [
        pytest.param(
            SAMPLE,
            (FibEntry(prefix=HUB, next_hops=()),),
            "FIB: the kernel of ce1 discards packets to 10.100.0.0/16, where msee1 was predicted",
            id="against the model",
        ),
        pytest.param(
            lab(tagged(BLACKHOLE)),
            (FibEntry(prefix=HUB, next_hops=(ip_address("172.16.0.2"),)),),
            "FIB: the kernel of ce1 sends 10.100.0.0/16 to msee1, where the model predicted to discard it",
            id="not, against the model",
        ),
        pytest.param(
            lab(tagged(BLACKHOLE)),
            (),
            "FIB: the kernel of ce1 has no route to 10.100.0.0/16, though its Loc-RIB has it",
            id="no route is not a route that discards",
        ),
    ],
)
def test_a_kernel_that_discards_is_told_from_one_that_has_no_route(
    where: Contoso, entries: tuple[FibEntry, ...], expected: str
) -> None:
    """A route that discards is a route: the cause says which of the two the kernel and the model have."""
    (predicted,) = (" ".join(map(str, one.next_hops)) for one in where.tables.of("ce1").fib if one.prefix == HUB)
    expectation = replace(AT_CE1, table=Table.FIB, attributes=(("next_hop", predicted),))

    assert cause(expectation, where, with_fib(where.tables, "ce1", HUB, *entries)) == expected
