"""The first thing that went wrong, in causal order, and not the symptom that was asked about."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from ipaddress import ip_address

import pytest

from builders import with_rules
from contoso import (
    ACCEPT_AZURE,
    CE1,
    CE2,
    HQ,
    HUB,
    OWN_NETWORKS,
    REJECT_ALL,
    SAMPLE,
    Contoso,
    at_router,
    at_session,
    contoso,
    with_fib,
    with_flow,
    with_session_plans,
    without,
    without_fib,
    without_network,
)
from lab.bgp import AsPath, Family, Prefix, Route, parse_prefix
from lab.causes import Cause, Stage, first_cause, verdicts
from lab.checks import describe
from lab.expectations import (
    Expectation,
    ReachabilityExpectation,
    RouteExpectation,
    SessionExpectation,
    SessionState,
    Table,
)
from lab.forwarding import Flow
from lab.policy import SessionRules
from lab.tables import FibEntry, LabTables, RouterTables, SessionTables

WHERE = "contoso.yaml:30"
UP = SessionExpectation(where=WHERE, routers=("ce1", "msee1"))
ROUTE = RouteExpectation(where=WHERE, at="ce1", prefix=HUB, attributes=(("local_pref", "200"),))
BACK = RouteExpectation(where=WHERE, at="gw", prefix=HQ, table=Table.FIB, attributes=(("next_hop", "msee1"),))
DEFAULT = parse_prefix("0.0.0.0/0")
NO_DEFAULT = RouteExpectation(where=WHERE, at="msee1", prefix=DEFAULT, present=False)
REACHES = ReachabilityExpectation(where=WHERE, source="hq", destination="hub", family=Family.IPV4)
VIA = replace(REACHES, via=("ce1", "msee1"))
FLOW = Flow(source="hq", destination="hub", family=Family.IPV4)

OTHER_KEY = contoso(ce1_key="Contoso124")
"""The circuit whose primary session is down: all of its tables are what that causes."""
KEYS_DIFFER = "the MD5 keys of the two ends differ (RFC 2385)"


def cause(expectation: Expectation, *, lab: Contoso = SAMPLE, seen: LabTables | None = None) -> str:
    """Why an expectation fails where `lab` is what was predicted and `seen` what was observed."""
    predicted, observed = lab.evidence(expectation), lab.evidence(expectation, tables=seen)
    return str(first_cause(expectation, lab.prediction, predicted, observed))


def packet_cause(expectation: ReachabilityExpectation, result: dict[str, object], seen: LabTables | None = None) -> str:
    """Why an expectation fails where the packets of its flow did something else than the tables say."""
    predicted, observed = SAMPLE.evidence(expectation), SAMPLE.evidence(expectation, tables=seen)
    observed = with_flow(observed, replace(FLOW, dscp=expectation.dscp or 0), **result)
    return str(first_cause(expectation, SAMPLE.prediction, predicted, observed))


def test_stages_are_in_causal_order() -> None:
    """A session comes before every route, and a packet after all."""
    assert [stage.value for stage in sorted(Stage, key=lambda one: one.place)] == [
        "session",
        "Adj-RIB-In",
        "Loc-RIB",
        "Adj-RIB-Out",
        "FIB",
        "packet",
    ]
    assert str(Cause(stage=Stage.LOC_RIB, text="so")) == "Loc-RIB: so"


# the lab left the way that the model predicted


SESSION_DOWN = f"session: ce1 - msee1 is down (ipv4): {KEYS_DIFFER}"


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        pytest.param(UP, f"session: ce1 - msee1 is down (ipv4 and ipv6): {KEYS_DIFFER}", id="asked about itself"),
        pytest.param(ROUTE, f"{SESSION_DOWN}; so {HUB} never reached ce1", id="asked about a route over it"),
        pytest.param(BACK, f"{SESSION_DOWN}; so {HQ} never reached msee1", id="asked about a FIB two routers away"),
        pytest.param(VIA, f"{SESSION_DOWN}; so {HUB} never reached ce1", id="asked about packets"),
        pytest.param(
            NO_DEFAULT,
            f"session: msee1 - ce1 is down (ipv4): {KEYS_DIFFER}; so the absence of 0.0.0.0/0 proves nothing",
            id="asked about an absence",
        ),
    ],
)
def test_a_session_that_is_down_is_the_cause_of_all_that_follows(expectation: Expectation, expected: str) -> None:
    """Whatever was asked about, the session that is down is named, and with it why."""
    assert cause(expectation, seen=OTHER_KEY.tables) == expected


def test_what_the_model_knows_of_both_ends_comes_before_what_one_end_saw() -> None:
    """Where the model can tell why a session cannot come up, its reason stands before the live one."""
    seen = OTHER_KEY.tables
    for router, session in (("ce1", "msee1/ipv4"), ("msee1", "ce1/ipv4")):
        seen = at_session(seen, router, session, lambda one: replace(one, why_down="no TCP connection"))

    says = cause(replace(UP, family=Family.IPV4), lab=OTHER_KEY, seen=seen)

    assert says == f"session: ce1 - msee1 is down (ipv4): {KEYS_DIFFER}; no TCP connection"


def gone(prefix: Prefix, *, out: bool = True, incoming: bool = True) -> LabTables:
    """The tables where a prefix got lost between msee1 and ce1."""
    tables = SAMPLE.tables
    if out:
        tables = at_session(
            tables, "msee1", "ce1/ipv4", lambda s: replace(s, adj_rib_out=without(s.adj_rib_out, prefix))
        )
    if incoming:
        tables = at_session(tables, "ce1", "msee1/ipv4", lambda s: replace(s, adj_rib_in=without(s.adj_rib_in, prefix)))
    tables = at_router(tables, "ce1", lambda one: replace(one, loc_rib=without(one.loc_rib, prefix)))
    return without_fib(tables, "ce1", prefix)


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        pytest.param(
            gone(HUB),
            "Adj-RIB-Out: msee1 does not send 10.100.0.0/16 to ce1, though its Loc-RIB has it",
            id="not sent",
        ),
        pytest.param(
            gone(HUB, out=False),
            "Adj-RIB-In: ce1 never received 10.100.0.0/16 from msee1, though msee1 sent it",
            id="sent and not received",
        ),
        pytest.param(
            gone(HUB, out=False, incoming=False),
            "Loc-RIB: ce1 has no route to 10.100.0.0/16, though all that it is made from is there",
            id="received and not chosen",
        ),
        pytest.param(
            without_fib(SAMPLE.tables, "ce1", HUB),
            "FIB: the kernel of ce1 has no route to 10.100.0.0/16, though its Loc-RIB has it",
            id="chosen and not in the kernel",
        ),
        pytest.param(
            with_fib(SAMPLE.tables, "ce1", HUB, FibEntry(prefix=HUB, next_hops=(ip_address("10.10.0.2"),))),
            "FIB: the kernel of ce1 sends 10.100.0.0/16 to ce2, where msee1 was predicted",
            id="in the kernel by another way",
        ),
    ],
)
@pytest.mark.parametrize(
    "expectation", [replace(ROUTE, table=Table.FIB, attributes=(("next_hop", "msee1"),)), VIA], ids=["route", "packets"]
)
def test_the_first_table_that_differs_is_named(expectation: Expectation, seen: LabTables, expected: str) -> None:
    """The cause is the most upstream table that is not as predicted, and not those that follow from it."""
    assert cause(expectation, seen=seen) == expected


def test_the_way_back_is_looked_at_too() -> None:
    """Where the answer is lost, the router without a way back is named."""
    says = cause(REACHES, seen=without_fib(SAMPLE.tables, "gw", HQ))

    assert says == "FIB: the kernel of gw has no route to 10.10.0.0/16, though its Loc-RIB has it"


def changed(route: Route, prefix: Prefix, **attributes: object) -> Route:
    """A route, with other attributes where it is to the prefix."""
    return replace(route, **attributes) if route.prefix == prefix else route  # type: ignore[arg-type]  # no **kwargs


def test_an_attribute_that_differs_is_named_with_both_values() -> None:
    """Where a route is there with another attribute, the cause says what was seen and what was predicted."""
    seen = at_router(
        SAMPLE.tables,
        "ce1",
        lambda one: replace(one, loc_rib=tuple(changed(r, HUB, local_pref=100) for r in one.loc_rib)),
    )

    says = cause(ROUTE, seen=seen)

    assert says == "Loc-RIB: ce1 has a route to 10.100.0.0/16 with local_pref 100 where 200 was predicted"


@pytest.mark.parametrize(
    ("table", "neighbor", "expected"),
    [
        (
            Table.ADJ_RIB_IN,
            "msee1",
            "Adj-RIB-Out: msee1 sends 10.100.0.0/16 to ce1 with as_path 12076 12076 where 12076 was predicted",
        ),
        (
            Table.ADJ_RIB_OUT,
            "ce2",
            "Adj-RIB-Out: msee1 sends 10.100.0.0/16 to ce1 with as_path 12076 12076 where 12076 was predicted",
        ),
    ],
)
def test_a_wrong_attribute_is_followed_to_where_it_arose(table: Table, neighbor: str, expected: str) -> None:
    """An attribute that came over two sessions is blamed on the router that first sent it."""
    longer = AsPath.of(12076, 12076)

    def all_changed(routes: tuple[Route, ...]) -> tuple[Route, ...]:
        return tuple(changed(route, HUB, as_path=longer) for route in routes)

    seen = at_session(SAMPLE.tables, "msee1", "ce1/ipv4", lambda s: replace(s, adj_rib_out=all_changed(s.adj_rib_out)))
    seen = at_session(seen, "ce1", "msee1/ipv4", lambda s: replace(s, adj_rib_in=all_changed(s.adj_rib_in)))
    seen = at_router(seen, "ce1", lambda one: replace(one, loc_rib=all_changed(one.loc_rib)))
    seen = at_session(seen, "ce1", "ce2/ipv4", lambda s: replace(s, adj_rib_out=all_changed(s.adj_rib_out)))
    expectation = replace(ROUTE, table=table, neighbor=neighbor, attributes=(("as_path", "12076"),))

    assert cause(expectation, seen=seen) == expected


def test_a_route_that_should_not_exist_is_followed_to_who_sent_it() -> None:
    """A route that the model does not have is blamed on the router where it appears first."""
    leaked = Route(prefix=DEFAULT, next_hop=ip_address("172.16.0.1"), as_path=AsPath.of(65010))
    seen = at_session(SAMPLE.tables, "ce1", "msee1/ipv4", lambda s: replace(s, adj_rib_out=(*s.adj_rib_out, leaked)))
    seen = at_session(seen, "msee1", "ce1/ipv4", lambda s: replace(s, adj_rib_in=(*s.adj_rib_in, leaked)))
    seen = at_router(seen, "msee1", lambda one: replace(one, loc_rib=(*one.loc_rib, leaked)))

    assert cause(NO_DEFAULT, seen=seen) == (
        "Adj-RIB-Out: ce1 sends 0.0.0.0/0 to msee1, which the model does not predict"
    )


def test_one_of_several_next_hops_that_is_lost_is_followed_to_its_session() -> None:
    """Where load should be shared and one way is gone, the cause is found though the best path is the same."""
    both = SessionRules(import_policies=(ACCEPT_AZURE,), export_policies=(OWN_NETWORKS,))
    lab = contoso(ce1=both, ce2=both)
    seen = at_session(
        lab.tables,
        "gw",
        "msee2/ipv4",
        lambda s: replace(s, established=False, why_down="hold time expired", adj_rib_in=(), adj_rib_out=()),
    )
    seen = with_fib(seen, "gw", HQ, FibEntry(prefix=HQ, next_hops=(ip_address("100.127.255.1"),)))
    expectation = replace(BACK, attributes=(("next_hop", "msee1 msee2"),))

    assert cause(expectation, lab=lab, seen=seen) == (
        f"session: gw - msee2 is down (ipv4): hold time expired; so {HQ} never reached gw"
    )


def test_shared_load_is_the_cause_where_an_expected_way_is_only_one_of_several() -> None:
    """A way that packets may take is not the way that they take, and the cause says so."""
    both = SessionRules(import_policies=(ACCEPT_AZURE,), export_policies=(OWN_NETWORKS,))
    expectation = replace(REACHES, source="hub", destination="hq", via=("msee1", "ce1"))

    assert cause(expectation, lab=contoso(ce1=both, ce2=both)) == (
        "FIB: load is shared on the way from hub to hq: packets may cross other edges too"
    )


def test_a_session_that_is_up_against_the_model_is_named() -> None:
    """Where the model has a session down and the lab has it up, that is the first difference."""
    expectation = replace(ROUTE, at="ce2", attributes=(("next_hop", "msee2"),))

    assert cause(expectation, lab=OTHER_KEY, seen=SAMPLE.tables) == (
        "session: ce1 - msee1 is established (ipv4), though the model predicted it down; so 10.100.0.0/16 reached ce1"
    )


def test_a_session_is_named_for_what_could_not_be_sent_over_it() -> None:
    """Where a route was not sent because the session is down, the session is the cause."""
    expectation = replace(ROUTE, prefix=HQ, table=Table.ADJ_RIB_OUT, neighbor="msee1", attributes=())

    assert cause(expectation, seen=OTHER_KEY.tables) == SESSION_DOWN


def test_a_route_that_nobody_sent_is_blamed_on_who_received_it() -> None:
    """A route that is received, but in no Adj-RIB-Out, arose in between."""
    leaked = Route(prefix=DEFAULT, next_hop=ip_address("172.16.0.1"), as_path=AsPath.of(65010))
    seen = at_session(SAMPLE.tables, "msee1", "ce1/ipv4", lambda s: replace(s, adj_rib_in=(*s.adj_rib_in, leaked)))
    expectation = replace(NO_DEFAULT, table=Table.ADJ_RIB_IN)

    assert cause(expectation, seen=seen) == (
        "Adj-RIB-In: msee1 received 0.0.0.0/0 from ce1, which the model does not predict"
    )


def test_a_kernel_route_that_nobody_asked_for_is_named() -> None:
    """A route that only the kernel has is the FIB's own fault."""
    entry = FibEntry(prefix=DEFAULT, next_hops=(ip_address("172.16.0.1"),))

    says = cause(replace(NO_DEFAULT, table=Table.FIB), seen=with_fib(SAMPLE.tables, "msee1", DEFAULT, entry))

    assert says == "FIB: the kernel of msee1 has a route to 0.0.0.0/0 by ce1, which the model does not predict"


@pytest.mark.parametrize(("edge", "customer"), [("msee1", "ce1"), ("msee2", "ce2")])
def test_of_two_causes_the_earlier_stage_is_named(edge: str, customer: str) -> None:
    """Where one edge's session is down and the other's Loc-RIB lacks the route, the session is named."""
    seen = SAMPLE.tables
    for one in ("msee1", "msee2"):
        seen = at_router(seen, one, lambda tables: replace(tables, loc_rib=without(tables.loc_rib, HQ)))
        seen = at_session(seen, one, "gw/ipv4", lambda s: replace(s, adj_rib_out=without(s.adj_rib_out, HQ)))
        seen = at_session(seen, "gw", f"{one}/ipv4", lambda s: replace(s, adj_rib_in=without(s.adj_rib_in, HQ)))
    for router, far in ((edge, customer), (customer, edge)):
        seen = at_session(
            seen,
            router,
            f"{far}/ipv4",
            lambda s: replace(s, established=False, adj_rib_in=(), adj_rib_out=(), why_down="hold time expired"),
        )
    seen = at_router(seen, "gw", lambda tables: replace(tables, loc_rib=without(tables.loc_rib, HQ)))

    assert cause(replace(BACK, table=Table.LOC_RIB), seen=seen) == (
        f"session: {customer} - {edge} is down (ipv4): hold time expired; so {HQ} never reached {edge}"
    )


def with_whole(router: RouterTables, whole: SessionTables) -> RouterTables:
    """A router's tables, with one session as it should be."""
    sessions = tuple(whole if one.session == whole.session else one for one in router.sessions)
    return replace(router, sessions=sessions)


def test_differences_that_cause_one_another_are_not_followed_in_a_circle() -> None:
    """Where two routers each differ because of the other, the place that was asked about is named."""
    seen = OTHER_KEY.tables
    for router, far in (("ce1", "msee1"), ("msee1", "ce1")):
        whole = next(s for s in SAMPLE.tables.of(router).sessions if s.session == f"{far}/ipv4")
        seen = at_router(seen, router, partial(with_whole, whole=whole))

    assert cause(ROUTE, seen=seen) == (
        "Loc-RIB: ce1 has a route to 10.100.0.0/16 with next_hop 10.10.0.2 where 172.16.0.2 was predicted; "
        "local_pref 100 where 200 was predicted"
    )


# the tables are right, the packets are not


@pytest.mark.parametrize(
    ("expectation", "result", "expected"),
    [
        pytest.param(
            REACHES,
            {
                "arrived": False,
                "answered": False,
                "forward": ("hq", "ce1"),
                "stopped": "left ce1 by to-msee1 and was seen nowhere behind it",
            },
            "packet: ipv4: left ce1 by to-msee1 and was seen nowhere behind it",
            id="lost on a wire",
        ),
        pytest.param(
            replace(REACHES, dscp=46),
            {"dscp": 0, "marks": (("ce1", 46), ("msee1", 0), ("gw", 0), ("hub", 0))},
            "packet: ipv4: DSCP 46 became 0 between ce1 and msee1",
            id="mark changed on the way",
        ),
        pytest.param(
            replace(REACHES, dscp=46),
            {"dscp": 0, "marks": (("ce1", 0), ("msee1", 0), ("gw", 0), ("hub", 0))},
            "packet: ipv4: DSCP 46 became 0 between hq and ce1",
            id="mark changed at once",
        ),
        pytest.param(
            VIA,
            {"forward": ("hq", "ce1", "ce2", "msee2", "gw", "hub")},
            "packet: ipv4: ce1 sent it to ce2, though its FIB leads to msee1",
            id="another way than the FIB's",
        ),
        pytest.param(
            VIA,
            {"forward": ("hq", "ce1")},
            "packet: ipv4: arrived with DSCP 0 by hq ce1",
            id="not seen at all that must be crossed",
        ),
        pytest.param(
            REACHES,
            {"sent": False, "arrived": False, "answered": False, "stopped": "the packet was not seen leaving"},
            "packet: ipv4: none left hq: the packet was not seen leaving",
            id="never sent",
        ),
    ],
)
def test_where_the_tables_are_right_the_packets_tell(
    expectation: ReachabilityExpectation, result: dict[str, object], expected: str
) -> None:
    """Where every table on the way is as predicted, the packet's own trace names the place."""
    assert packet_cause(expectation, result) == expected


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param(without_fib(SAMPLE.tables, "ce2", HUB), id="beside the way"),
        pytest.param(
            with_fib(SAMPLE.tables, "gw", HQ, FibEntry(prefix=HQ, next_hops=(ip_address("100.127.255.5"),))),
            id="on the way, but leading there as well",
        ),
    ],
)
def test_a_difference_that_does_not_matter_is_not_blamed(seen: LabTables) -> None:
    """A table that differs, but by which the packet would have arrived, is not named where one was lost."""
    says = packet_cause(REACHES, {"arrived": False, "answered": False, "stopped": "entered gw by to-msee1"}, seen)

    assert says == "packet: ipv4: entered gw by to-msee1"


def test_a_packet_that_arrives_against_the_tables_is_told() -> None:
    """Where packets must not arrive, and do though no table leads them, the cause is the packet."""
    rejecting = contoso(
        ce1=replace(CE1, import_policies=(REJECT_ALL,)), ce2=replace(CE2, import_policies=(REJECT_ALL,))
    )
    expectation = replace(REACHES, reachable=False)
    predicted = rejecting.evidence(expectation)
    observed = with_flow(predicted, FLOW, arrived=True, forward=("hq", "ce1", "hub"))

    says = first_cause(expectation, rejecting.prediction, predicted, observed)

    assert str(says) == "packet: ipv4: arrived by hq ce1 hub, though by the FIBs ce1 has no route to 10.100.0.4"


def test_a_flow_without_a_result_was_not_asked() -> None:
    """A flow that nobody sent is named as such."""
    predicted = SAMPLE.evidence(REACHES)

    says = first_cause(REACHES, SAMPLE.prediction, predicted, replace(predicted, flows={}))

    assert str(says) == "packet: ipv4 was not asked"


@pytest.mark.parametrize(
    ("destination", "family", "expected"),
    [
        pytest.param("lan-hq", None, "packet: no address family in common", id="in no family"),
        pytest.param("lan-hq", Family.IPV4, "packet: lan-hq has no ipv4 address", id="in the one that is named"),
    ],
)
def test_ends_without_addresses_are_told(destination: str, family: Family | None, expected: str) -> None:
    """Where an end has no address to send to, that is the cause."""
    assert cause(replace(REACHES, destination=destination, family=family)) == expected


# the model contradicts the expectation


NO_IMPORT = contoso(
    ce1=SessionRules(export_policies=(OWN_NETWORKS,)), ce2=SessionRules(export_policies=(OWN_NETWORKS,))
)
NO_WAY_IN = contoso(ce1=replace(CE1, import_policies=(REJECT_ALL,)))
"""The circuit where ce1 refuses everything from msee1, and has all by ce2."""
PASSING_ON = contoso(ce2=replace(CE2, export_policies=(ACCEPT_AZURE,)))
"""The circuit where ce2 sends back to Azure what it learned."""
ONE_LINK = with_session_plans(SAMPLE.plan, "ce2", lambda one: None if one.neighbor == "msee2" else one)
FAR_NEXT_HOP = with_session_plans(ONE_LINK.plan, "ce1", lambda one: with_rules(one, next_hop_self=False))
"""The circuit where ce2 has Azure's prefixes only from ce1, which does not put itself as next hop."""
NO_FABRIC = with_session_plans(SAMPLE.plan, "gw", lambda _: None)
"""The circuit whose gateway has no sessions."""
NO_HQ_AT_CE1 = without_network(SAMPLE.plan, "ce1", HQ)
NO_EXPORT = contoso(ce1=replace(CE1, export_policies=(REJECT_ALL,)), ce2=replace(CE2, export_policies=()))


@pytest.mark.parametrize(
    ("lab", "expectation", "expected"),
    [
        pytest.param(
            NO_EXPORT,
            replace(BACK, at="msee1", table=Table.LOC_RIB, attributes=()),
            "Adj-RIB-Out: ce1 does not send 10.10.0.0/16 to msee1: export policy reject-all: term 1 rejects",
            id="an export policy rejects",
        ),
        pytest.param(
            NO_EXPORT,
            replace(BACK, at="msee2", table=Table.ADJ_RIB_IN, neighbor="ce2", attributes=()),
            "Adj-RIB-Out: ce2 does not send 10.10.0.0/16 to msee2: no export policy on an eBGP session (RFC 8212)",
            id="there is no export policy",
        ),
        pytest.param(
            NO_EXPORT,
            replace(BACK, at="ce1", table=Table.ADJ_RIB_OUT, neighbor="msee1", attributes=()),
            "Adj-RIB-Out: ce1 does not send 10.10.0.0/16 to msee1: export policy reject-all: term 1 rejects",
            id="asked about what is sent",
        ),
        pytest.param(
            NO_IMPORT,
            ROUTE,
            "Loc-RIB: ce1 refuses 10.100.0.0/16 from msee1: no import policy on an eBGP session (RFC 8212)",
            id="there is no import policy",
        ),
        pytest.param(
            OTHER_KEY,
            replace(BACK, at="msee1", attributes=()),
            f"{SESSION_DOWN}; so {HQ} never reaches msee1",
            id="a session cannot come up",
        ),
        pytest.param(
            SAMPLE,
            replace(ROUTE, prefix=parse_prefix("10.100.0.0/24")),
            "Loc-RIB: no router originates 10.100.0.0/24; of its family the lab has 10.100.0.0/16",
            id="nobody originates it, but one that holds it",
        ),
        pytest.param(
            SAMPLE,
            replace(ROUTE, prefix=parse_prefix("192.0.2.0/24"), table=Table.ADJ_RIB_IN),
            "Loc-RIB: no router originates 192.0.2.0/24; of its family the lab has 10.10.0.0/16, 10.100.0.0/16",
            id="nobody originates anything near",
        ),
        pytest.param(
            SAMPLE,
            replace(ROUTE, table=Table.ADJ_RIB_IN, neighbor="gw"),
            "session: ce1 has no ipv4 session with gw: it has them with msee1, ce2",
            id="the neighbour is none",
        ),
        pytest.param(
            SAMPLE,
            replace(ROUTE, prefix=HQ, table=Table.FIB),
            "FIB: 10.10.0.0/16 is a network of ce1 itself: BGP adds no route to the kernel's own",
            id="the kernel has its own",
        ),
        pytest.param(
            NO_HQ_AT_CE1,
            replace(ROUTE, prefix=HQ, table=Table.FIB),
            "FIB: ce1 is connected to 10.10.0.0/16: the kernel's own route stands before one of BGP",
            id="the kernel is connected to it",
        ),
        pytest.param(
            SAMPLE,
            replace(ROUTE, at="gw", table=Table.ADJ_RIB_IN),
            "Adj-RIB-In: gw originates 10.100.0.0/16 itself, and no neighbour sends it",
            id="it is the router's own",
        ),
        pytest.param(
            FAR_NEXT_HOP,
            replace(ROUTE, at="ce2"),
            "Loc-RIB: ce2 cannot use any path to 10.100.0.0/16: next hop unreachable (RFC 4271 §9.1.2.1), "
            "there is no way to 172.16.0.2 but by BGP, or none at all",
            id="its next hop is unreachable",
        ),
        pytest.param(
            NO_FABRIC,
            ROUTE,
            "session: no chain of ipv4 sessions joins gw and ce1",
            id="no sessions lead there",
        ),
        pytest.param(
            NO_FABRIC,
            replace(ROUTE, at="gw", table=Table.ADJ_RIB_OUT),
            "Adj-RIB-Out: gw sends 10.100.0.0/16 to nobody",
            id="it has nobody to send to",
        ),
        pytest.param(
            SAMPLE,
            replace(ROUTE, prefix=HQ, table=Table.ADJ_RIB_IN, neighbor="msee1"),
            "Adj-RIB-Out: msee1 does not send 10.10.0.0/16 to ce1: learned from this neighbour",
            id="it would go back to where it came from",
        ),
    ],
)
def test_a_route_that_the_model_does_not_have_is_explained(
    lab: Contoso, expectation: RouteExpectation, expected: str
) -> None:
    """Where the policies themselves keep a route away, the cause is the first that does, on the way from its origin."""
    assert cause(expectation, lab=lab) == expected


@pytest.mark.parametrize(
    ("lab", "expectation", "expected"),
    [
        pytest.param(
            SAMPLE,
            replace(ROUTE, at="ce2", attributes=(("next_hop", "msee2"),)),
            "Loc-RIB: at ce2 the path to 10.100.0.0/16 from msee2 lost to the one from ce1: "
            "lower local preference (RFC 4271 §9.1.1), 100 against 200; "
            "the import policy prefer-this-link (term 1) of ce1 set local_pref 200",
            id="the path that is wanted lost to one that a policy preferred",
        ),
        pytest.param(
            SAMPLE,
            replace(BACK, attributes=(("next_hop", "msee2"),)),
            "Loc-RIB: at gw the path to 10.10.0.0/16 from msee2 lost to the one from msee1: "
            "longer AS path (RFC 4271 §9.1.2.2 a), 5 against 2; "
            "the export policy own-networks-prepended (term 1) of ce2 set as_path 65010 65010 65010",
            id="the path that is wanted was prepended",
        ),
        pytest.param(
            SAMPLE,
            replace(ROUTE, attributes=(("local_pref", "150"),)),
            "Loc-RIB: local_pref of 10.100.0.0/16 at ce1 is 200, not 150: "
            "the import policy prefer-this-link (term 1) of ce1 set local_pref 200",
            id="the import policy sets another value",
        ),
        pytest.param(
            SAMPLE,
            replace(ROUTE, at="ce2", table=Table.ADJ_RIB_IN, neighbor="ce1", attributes=(("local_pref", "100"),)),
            "Loc-RIB: local_pref of 10.100.0.0/16 at ce2 is 200, not 100: "
            "the import policy prefer-this-link (term 1) of ce1 set local_pref 200",
            id="another router's import policy sets it",
        ),
        pytest.param(
            SAMPLE,
            replace(BACK, at="msee2", table=Table.LOC_RIB, attributes=(("as_path", "65010"),)),
            "Adj-RIB-Out: as_path of 10.10.0.0/16 at msee2 is 65010 65010 65010 65010, not 65010: "
            "the export policy own-networks-prepended (term 1) of ce2 set as_path 65010 65010 65010",
            id="another router's export policy sets it",
        ),
        pytest.param(
            SAMPLE,
            replace(ROUTE, attributes=(("communities", "12076:51004"),)),
            "Loc-RIB: communities of 10.100.0.0/16 at ce1 is none, not 12076:51004: no policy on its way sets it",
            id="no policy sets it",
        ),
        pytest.param(
            PASSING_ON,
            replace(ROUTE, at="msee2", table=Table.ADJ_RIB_IN, neighbor="ce2"),
            "Adj-RIB-Out: local_pref of 10.100.0.0/16 at msee2 is none, not 200: at ce2 local_pref 200 -> none: "
            "they stay in the AS (RFC 4271 §5.1.5, RFC 4456 §8, RFC 4360 §6)",
            id="RFC 4271 §5.1.5: what another AS set does not cross eBGP",
        ),
        pytest.param(
            NO_WAY_IN,
            replace(ROUTE, attributes=(("next_hop", "msee1"),)),
            "Loc-RIB: ce1 refuses 10.100.0.0/16 from msee1: import policy reject-all: term 1 rejects",
            id="the path that is wanted is refused",
        ),
        pytest.param(
            SAMPLE,
            replace(ROUTE, at="gw", prefix=HQ, attributes=(("next_hop", "ce1"),)),
            "Adj-RIB-Out: next_hop of 10.10.0.0/16 at gw is msee1, not ce1: "
            "at msee1 next_hop 172.16.0.1 -> 100.127.255.1: eBGP (RFC 4271 §5.1.3)",
            id="the path that is wanted does not exist",
        ),
        pytest.param(
            SAMPLE,
            replace(ROUTE, attributes=(("next_hop", "ce2"),)),
            "Adj-RIB-Out: ce2 does not send 10.100.0.0/16 to ce1: learned from this neighbour; "
            "at ce2 the path to 10.100.0.0/16 from msee2 lost to the one from ce1: "
            "lower local preference (RFC 4271 §9.1.1), 100 against 200; "
            "the import policy prefer-this-link (term 1) of ce1 set local_pref 200",
            id="the path that is wanted is not sent",
        ),
        pytest.param(
            OTHER_KEY,
            ROUTE,
            f"session: msee1 - ce1 is down (ipv4): {KEYS_DIFFER}; so {HUB} reaches ce1 by gw msee2 ce2 ce1",
            id="it came another way, for a session is down",
        ),
    ],
)
def test_an_attribute_that_the_model_sets_is_explained(
    lab: Contoso, expectation: RouteExpectation, expected: str
) -> None:
    """Where the model has the route with another attribute, the policy or the tie-break that decided is named."""
    assert cause(expectation, lab=lab) == expected


def test_a_route_that_nothing_keeps_away_is_explained() -> None:
    """Where a route must be absent and the model has it, every policy that let it through is named."""
    assert cause(replace(NO_DEFAULT, at="gw", prefix=HQ)) == (
        "Loc-RIB: ce1 originates 10.10.0.0/16, and nothing keeps it from gw: "
        "ce1 export policy own-networks: term 1 accepts; msee1 import policy microsoft-from-customer: term 1 accepts; "
        "msee1 export policy microsoft-to-gateway: term 2 accepts; "
        "gw import policy gateway-from-circuit: term 1 accepts"
    )


@pytest.mark.parametrize(
    ("table", "at", "neighbor"), [(Table.ADJ_RIB_IN, "msee1", "ce1"), (Table.ADJ_RIB_OUT, "ce1", "msee1")]
)
def test_a_route_that_is_sent_is_explained_by_its_export_policy(table: Table, at: str, neighbor: str) -> None:
    """Of a route that must not cross a session only the policies before that session are named."""
    expectation = replace(NO_DEFAULT, at=at, prefix=HQ, table=table, neighbor=neighbor)

    assert cause(expectation).endswith(f"nothing keeps it from {at}: ce1 export policy own-networks: term 1 accepts")


@pytest.mark.parametrize(
    ("lab", "expectation", "expected"),
    [
        pytest.param(
            NO_EXPORT,
            REACHES,
            "Adj-RIB-Out: ce1 does not send 10.10.0.0/16 to msee1: export policy reject-all: term 1 rejects; "
            "so the answer: gw has no route to 10.10.0.10",
            id="there is no way back",
        ),
        pytest.param(
            NO_IMPORT,
            REACHES,
            "Loc-RIB: ce1 refuses 10.100.0.0/16 from msee1: no import policy on an eBGP session (RFC 8212); "
            "so ce1 has no route to 10.100.0.4",
            id="there is no way there",
        ),
        pytest.param(
            SAMPLE,
            replace(REACHES, via=("ce1", "ce2", "msee2")),
            "Adj-RIB-Out: ce2 does not send 10.100.0.0/16 to ce1: learned from this neighbour; "
            "at ce2 the path to 10.100.0.0/16 from msee2 lost to the one from ce1: "
            "lower local preference (RFC 4271 §9.1.1), 100 against 200; "
            "the import policy prefer-this-link (term 1) of ce1 set local_pref 200",
            id="the way that is wanted is not offered",
        ),
        pytest.param(
            contoso(ce1=replace(CE1, import_policies=(ACCEPT_AZURE,))),
            replace(REACHES, via=("ce1", "ce2", "msee2")),
            "Loc-RIB: at ce1 the path to 10.100.0.0/16 from ce2 lost to the one from msee1: "
            "iBGP, while another path is eBGP (RFC 4271 §9.1.2.2 d), iBGP against eBGP",
            id="the way that is wanted lost",
        ),
        pytest.param(
            NO_WAY_IN,
            VIA,
            "Loc-RIB: ce1 refuses 10.100.0.0/16 from msee1: import policy reject-all: term 1 rejects",
            id="the way that is wanted is refused",
        ),
        pytest.param(
            SAMPLE,
            replace(REACHES, via=("ce2", "msee2")),
            "FIB: hq sends to ce1, its first hop, and not to ce2",
            id="the host's first hop is another",
        ),
        pytest.param(
            SAMPLE,
            replace(REACHES, via=("ce1", "msee2")),
            "session: ce1 sends to msee1, and has no session with msee2",
            id="the way that is wanted does not exist",
        ),
        pytest.param(
            SAMPLE,
            replace(REACHES, via=("ce1",)),
            "FIB: hq crosses ce1 msee1 on the way to hub, not ce1",
            id="the way is longer than is wanted",
        ),
        pytest.param(
            SAMPLE,
            replace(REACHES, reachable=False),
            "FIB: every router from hq to hub has a route: hq ce1 msee1 gw hub; "
            "gw originates 10.100.0.0/16, and nothing keeps it from ce1: "
            "gw export policy microsoft-vnets: term 1 (vnet-hub) accepts; "
            "msee1 import policy microsoft-from-gateway: term 1 accepts; "
            "msee1 export policy microsoft-to-customer: term 2 accepts; "
            "ce1 import policy prefer-this-link: term 1 accepts",
            id="nothing keeps packets away",
        ),
    ],
)
def test_packets_that_the_model_leads_elsewhere_are_explained(
    lab: Contoso, expectation: ReachabilityExpectation, expected: str
) -> None:
    """Where even the model's packets do not do what is expected, the route or policy that decides it is named."""
    assert cause(expectation, lab=lab) == expected


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        pytest.param(
            {"forward": ("hq", "ce1", "ce2", "ce1"), "stopped": "loop at ce1"},
            "FIB: packets loop: hq -> ce1 -> ce2 -> ce1",
            id="loop",
        ),
        pytest.param(
            {"forward": ("hq", "ce1"), "stopped": "nobody answers for 172.16.0.3 at ce1"},
            "FIB: nobody answers for 172.16.0.3 at ce1",
            id="a next hop that is nobody's",
        ),
        pytest.param(
            {"forward": ("hq",), "stopped": "hq has no route to 10.100.0.4"},
            "FIB: hq has no route to 10.100.0.4",
            id="a host without a route",
        ),
    ],
)
def test_a_walk_that_ends_early_in_the_model_is_told(result: dict[str, object], expected: str) -> None:
    """Where the predicted packets end for no lack of a route, the cause is where and why they do."""
    evidence = with_flow(SAMPLE.evidence(REACHES), FLOW, arrived=False, answered=False, **result)

    assert str(first_cause(REACHES, SAMPLE.prediction, evidence, evidence)) == expected


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        (
            replace(UP, routers=("ce1", "msee2")),
            "session: the plan has none between ce1 and msee2; ce1 has them with msee1, ce2",
        ),
        (
            replace(UP, state=SessionState.DOWN),
            "session: ce1 - msee1 is established (ipv4 and ipv6): nothing keeps it down",
        ),
        (
            replace(NO_DEFAULT, table=Table.ADJ_RIB_IN, neighbor="ce2"),
            "session: cannot tell: no session to prove it by",
        ),
    ],
)
def test_a_session_that_is_not_as_expected_is_explained(expectation: Expectation, expected: str) -> None:
    """A session that does not exist, or is up where it must not be, is named as such."""
    assert cause(expectation) == expected


# verdicts


def test_only_what_did_not_pass_has_a_cause() -> None:
    """A verdict names a cause exactly where the expectation failed or could not be told of."""
    expectations = (UP, replace(UP, routers=("ce1", "msee2")), replace(UP, state=SessionState.DOWN))
    evidence = SAMPLE.evidence()

    answers = verdicts(expectations, SAMPLE.prediction, evidence, evidence)

    assert [(one.outcome.value, bool(one.cause)) for one in answers] == [
        ("passed", False),
        ("inconclusive", True),
        ("failed", True),
    ]


WRONG = {
    "no way there": without_fib(SAMPLE.tables, "ce1", HUB),
    "no way back": without_fib(SAMPLE.tables, "gw", HQ),
    "a route is lost": gone(HUB),
    "a session is down": OTHER_KEY.tables,
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("expectation", [UP, ROUTE, BACK, NO_DEFAULT, REACHES, VIA], ids=describe)
def test_a_lab_that_is_as_predicted_passes_and_any_cause_is_in_one_line(
    expectation: Expectation, wrong: LabTables
) -> None:
    """With nothing wrong nothing is blamed; and whatever is wrong, a failed expectation gets one line and no error."""
    right, broken = SAMPLE.evidence(expectation), SAMPLE.evidence(expectation, tables=wrong)

    (passed,) = verdicts((expectation,), SAMPLE.prediction, right, right)
    (judged,) = verdicts((expectation,), SAMPLE.prediction, right, broken)

    assert passed.cause == ""
    assert bool(judged.cause) is (judged.outcome.value != "passed")
    assert "\n" not in judged.cause
