"""Expectations become findings: each kind holds, does not hold, or cannot be told of; what cannot tell never passes."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from contoso import (
    HQ,
    HUB,
    OWN_NETWORKS,
    PREFER_THIS_LINK,
    SAMPLE,
    at_router,
    at_session,
    contoso,
    crossings,
    with_fib,
    with_flow,
    without,
    without_fib,
)
from lab.bgp import Aggregator, Asn, AsPath, Community, ExtendedCommunity, Family, parse_prefix
from lab.checks import Finding, describe, find, flows_of
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
from lab.tables import FibEntry, LabTables, SessionTables

WHERE = "contoso.yaml:30"
UP = SessionExpectation(where=WHERE, routers=("ce1", "msee1"))
ROUTE = RouteExpectation(where=WHERE, at="ce1", prefix=HUB)
NO_ROUTE = RouteExpectation(where=WHERE, at="msee1", prefix=parse_prefix("0.0.0.0/0"), present=False)
REACHES = ReachabilityExpectation(where=WHERE, source="hq", destination="hub")
FLOW = Flow(source="hq", destination="hub", family=Family.IPV4)


def down(session: SessionTables) -> SessionTables:
    """A session that never came up."""
    return replace(session, established=False, adj_rib_in=(), adj_rib_out=(), why_down="no TCP connection")


ONE_END_DOWN = at_session(SAMPLE.tables, "ce1", "msee1/ipv4", down)


# sessions


@pytest.mark.parametrize(
    ("expectation", "tables", "expected"),
    [
        pytest.param(UP, SAMPLE.tables, Finding(holds=True, text="established"), id="up, and must be"),
        pytest.param(
            UP,
            ONE_END_DOWN,
            Finding(holds=False, text="down (ipv4): no TCP connection"),
            id="down in one family at one end, and must be up",
        ),
        pytest.param(
            replace(UP, family=Family.IPV6), ONE_END_DOWN, Finding(holds=True, text="established"), id="of one family"
        ),
        pytest.param(
            replace(UP, state=SessionState.DOWN),
            SAMPLE.tables,
            Finding(holds=False, text="established"),
            id="up, and must be down",
        ),
        pytest.param(
            replace(UP, state=SessionState.DOWN),
            ONE_END_DOWN,
            Finding(holds=False, text="down (ipv4): no TCP connection"),
            id="down at one end only, and must be down",
        ),
        pytest.param(
            replace(UP, state=SessionState.DOWN, family=Family.IPV4),
            at_session(ONE_END_DOWN, "msee1", "ce1/ipv4", down),
            Finding(holds=True, text="down (ipv4): no TCP connection"),
            id="down at both ends, and must be",
        ),
        pytest.param(
            replace(UP, routers=("ce1", "msee2")),
            SAMPLE.tables,
            Finding(holds=None, text="no such session"),
            id="one that does not exist cannot be told of",
        ),
    ],
)
def test_a_session_is_judged_at_both_its_ends(
    expectation: SessionExpectation, tables: LabTables, expected: Finding
) -> None:
    """A session is up only where both ends and every family say so, and down only where all say so."""
    assert find(expectation, SAMPLE.evidence(tables=tables)) == expected


# routes


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        pytest.param(ROUTE, Finding(holds=True, text="next_hop msee1"), id="present"),
        pytest.param(
            replace(ROUTE, attributes=(("local_pref", "200"), ("as_path", "12076"))),
            Finding(holds=True, text="local_pref 200, as_path 12076"),
            id="with its attributes",
        ),
        pytest.param(
            replace(ROUTE, attributes=(("local_pref", "100"),)),
            Finding(holds=False, text="local_pref 200"),
            id="with another value",
        ),
        pytest.param(
            replace(ROUTE, attributes=(("communities", ""),)),
            Finding(holds=True, text="communities none"),
            id="with an attribute that must be empty",
        ),
        pytest.param(
            replace(ROUTE, attributes=(("next_hop", "msee1"),)),
            Finding(holds=True, text="next_hop msee1"),
            id="by name",
        ),
        pytest.param(
            replace(ROUTE, attributes=(("next_hop", "172.16.0.2"),)),
            Finding(holds=True, text="next_hop msee1"),
            id="by address",
        ),
        pytest.param(
            replace(ROUTE, attributes=(("next_hop", "ce2"),)),
            Finding(holds=False, text="next_hop msee1"),
            id="by another name",
        ),
        pytest.param(
            replace(ROUTE, table=Table.ADJ_RIB_IN, neighbor="msee1", attributes=(("local_pref", ""),)),
            Finding(holds=True, text="local_pref none"),
            id="as received, before the import policy",
        ),
        pytest.param(
            replace(ROUTE, table=Table.ADJ_RIB_IN, neighbor="ce2"),
            Finding(holds=False, text="no such route"),
            id="not from this neighbour",
        ),
        pytest.param(
            replace(ROUTE, table=Table.ADJ_RIB_OUT, neighbor="ce2", attributes=(("local_pref", "200"),)),
            Finding(holds=True, text="local_pref 200"),
            id="as sent",
        ),
        pytest.param(
            replace(ROUTE, table=Table.FIB, attributes=(("next_hop", "msee1"),)),
            Finding(holds=True, text="next_hop msee1"),
            id="in the FIB",
        ),
        pytest.param(
            replace(ROUTE, prefix=parse_prefix("10.101.0.0/16")),
            Finding(holds=False, text="no such route"),
            id="another prefix",
        ),
    ],
)
def test_a_route_must_be_there_with_every_attribute(expectation: RouteExpectation, expected: Finding) -> None:
    """A route expectation holds where one route of the table has every attribute that is asked for."""
    assert find(expectation, SAMPLE.evidence()) == expected


RICH = replace(
    SAMPLE.tables.of("ce1").loc_rib[0],
    prefix=HUB,
    as_path=AsPath.parse("12076 {1,2}"),
    communities=(Community("65010:1"), Community("65010:20")),
    extended_communities=(ExtendedCommunity("target:65010:100"),),
    atomic_aggregate=True,
    aggregator=Aggregator(asn=Asn(65010), router_id=IPv4Address("10.0.0.1")),
    originator_id=IPv4Address("10.0.0.2"),
    cluster_list=(IPv4Address("10.0.0.3"), IPv4Address("10.0.0.4")),
)


@pytest.mark.parametrize(
    ("attribute", "wanted", "other"),
    [
        ("as_path", "12076 {1,2}", "12076 {1 2}"),
        ("communities", "65010:1 65010:20", "65010:1"),
        ("extended_communities", "target:65010:100", ""),
        ("atomic_aggregate", "set", ""),
        ("aggregator", "65010:10.0.0.1", "65010:10.0.0.2"),
        ("originator_id", "10.0.0.2", "10.0.0.3"),
        ("cluster_list", "10.0.0.3 10.0.0.4", "10.0.0.4 10.0.0.3"),
    ],
)
def test_every_attribute_can_be_asked_for(attribute: str, wanted: str, other: str) -> None:
    """An attribute is compared as the text that reports show: an AS set with commas, a flag as `set`."""
    tables = at_router(SAMPLE.tables, "ce1", lambda one: replace(one, loc_rib=(RICH,)))
    evidence = SAMPLE.evidence(tables=tables)

    expected = Finding(holds=True, text=f"{attribute} {wanted}")
    assert find(replace(ROUTE, attributes=((attribute, wanted),)), evidence) == expected
    assert find(replace(ROUTE, attributes=((attribute, other),)), evidence) == replace(expected, holds=False)


def test_a_fib_entry_that_discards_is_told() -> None:
    """Of an entry without next hops the finding says that packets are discarded."""
    tables = with_fib(SAMPLE.tables, "ce1", HUB, FibEntry(prefix=HUB, next_hops=()))
    expectation = replace(ROUTE, table=Table.FIB, attributes=(("next_hop", "msee1"),))

    found = find(expectation, SAMPLE.evidence(tables=tables))

    assert found == Finding(holds=False, text="next_hop none, packets are discarded")


def test_the_kernel_is_asked_for_the_fib() -> None:
    """A route that only the Loc-RIB has is not in the FIB."""
    evidence = SAMPLE.evidence(tables=without_fib(SAMPLE.tables, "ce1", HUB))

    assert find(replace(ROUTE, table=Table.FIB), evidence) == Finding(holds=False, text="no such route")
    assert find(ROUTE, evidence).holds is True


@pytest.mark.parametrize(
    ("expectation", "tables", "expected"),
    [
        pytest.param(NO_ROUTE, SAMPLE.tables, Finding(holds=True, text="no such route"), id="absent"),
        pytest.param(
            replace(NO_ROUTE, prefix=HQ),
            SAMPLE.tables,
            Finding(holds=False, text="present: next_hop ce1"),
            id="present",
        ),
        pytest.param(
            replace(NO_ROUTE, prefix=HQ, attributes=(("as_path", "65010 65010"),)),
            SAMPLE.tables,
            Finding(holds=True, text="no such route"),
            id="present, but not with the attribute that must not be",
        ),
        pytest.param(
            NO_ROUTE,
            at_session(SAMPLE.tables, "msee1", "ce1/ipv4", down),
            Finding(holds=None, text="cannot tell: session ce1/ipv4 is down: no TCP connection"),
            id="absent, but a session that could bring it is down",
        ),
        pytest.param(
            NO_ROUTE,
            at_session(SAMPLE.tables, "msee1", "ce1/ipv6", down),
            Finding(holds=True, text="no such route"),
            id="absent, and only a session of the other family is down",
        ),
        pytest.param(
            replace(NO_ROUTE, prefix=HUB, table=Table.ADJ_RIB_IN, neighbor="ce1"),
            at_session(SAMPLE.tables, "msee1", "gw/ipv4", down),
            Finding(holds=True, text="no such route"),
            id="absent from one neighbour, and only the session with another is down",
        ),
        pytest.param(
            replace(NO_ROUTE, prefix=HQ),
            at_session(SAMPLE.tables, "msee1", "gw/ipv4", down),
            Finding(holds=False, text="present: next_hop ce1"),
            id="present, whatever is down",
        ),
        pytest.param(
            replace(NO_ROUTE, neighbor="ce2", table=Table.ADJ_RIB_IN),
            SAMPLE.tables,
            Finding(holds=None, text="cannot tell: no session to prove it by"),
            id="asked of a neighbour that is none",
        ),
    ],
)
def test_absence_is_proven_only_over_sessions_that_are_up(
    expectation: RouteExpectation, tables: LabTables, expected: Finding
) -> None:
    """That a route is absent proves something only where it could have come."""
    assert find(expectation, SAMPLE.evidence(tables=tables)) == expected


# reachability


@pytest.mark.parametrize(
    ("expectation", "holds", "text"),
    [
        pytest.param(REACHES, True, "arrived via ce1 msee1", id="in both families"),
        pytest.param(replace(REACHES, dscp=46), True, "arrived with DSCP 46 via ce1 msee1", id="with its mark"),
        pytest.param(replace(REACHES, via=("ce1", "msee1")), True, "arrived via ce1 msee1", id="by its way"),
        pytest.param(replace(REACHES, via=("ce1",)), False, "ipv4: via ce1 msee1", id="by a shorter way"),
        pytest.param(replace(REACHES, via=("ce2", "msee2")), False, "ipv4: via ce1 msee1", id="by another way"),
        pytest.param(
            replace(REACHES, reachable=False), False, "ipv4: arrived by hq ce1 msee1 gw hub", id="where it must not"
        ),
    ],
)
def test_packets_must_arrive_as_expected(expectation: ReachabilityExpectation, holds: bool, text: str) -> None:  # noqa: FBT001  # a column of the table
    """Reachability holds where packets of every family arrive, are answered, keep their mark and take the way."""
    assert find(expectation, SAMPLE.evidence(expectation)) == Finding(holds=holds, text=text)


@pytest.mark.parametrize(
    ("expectation", "changes", "expected"),
    [
        pytest.param(
            REACHES,
            {"arrived": False, "answered": False, "stopped": "left ce1 by to-msee1 and was seen nowhere behind it"},
            Finding(holds=False, text="ipv4: not arrived: left ce1 by to-msee1 and was seen nowhere behind it"),
            id="lost",
        ),
        pytest.param(
            REACHES,
            {"answered": False, "stopped": "the answer: gw has no route"},
            Finding(holds=False, text="ipv4: arrived, not answered: the answer: gw has no route"),
            id="not answered",
        ),
        pytest.param(
            replace(REACHES, reachable=False),
            {"answered": False},
            Finding(holds=False, text="ipv4: arrived by hq ce1 msee1 gw hub"),
            id="not answered, where it must not even arrive",
        ),
        pytest.param(
            REACHES,
            {"sent": False, "arrived": False, "answered": False, "stopped": "hq itself has no way"},
            Finding(holds=None, text="ipv4: no packet left hq: hq itself has no way"),
            id="never sent",
        ),
        pytest.param(
            replace(REACHES, reachable=False, family=Family.IPV4),
            {"sent": False, "arrived": False, "answered": False, "stopped": "hq itself has no way"},
            Finding(holds=None, text="ipv4: no packet left hq: hq itself has no way"),
            id="never sent, where it must not arrive",
        ),
        *(
            pytest.param(
                replace(REACHES, reachable=reachable, family=Family.IPV4),
                {"arrived": False},
                Finding(holds=None, text="ipv4: cannot tell: answered, and not seen arriving"),
                id=f"answered without an arrival, where it must{'' if reachable else ' not'} arrive",
            )
            for reachable in (True, False)
        ),
    ],
)
def test_what_packets_show_decides(
    expectation: ReachabilityExpectation, changes: dict[str, object], expected: Finding
) -> None:
    """One family that fails makes the expectation fail, and a packet that never left proves nothing."""
    evidence = with_flow(SAMPLE.evidence(expectation), FLOW, **changes)

    assert find(expectation, evidence) == expected


def test_a_mark_that_was_changed_on_the_way_fails() -> None:
    """A packet that arrives with another DSCP than it was sent with fails the expectation that names one."""
    expectation = replace(REACHES, dscp=46)
    evidence = with_flow(SAMPLE.evidence(expectation), replace(FLOW, dscp=46), there=crossings("hq", "ce1", "hub"))

    assert find(expectation, evidence) == Finding(holds=False, text="ipv4: arrived with DSCP 0")


def test_unreachability_is_told_from_where_packets_ended() -> None:
    """Where packets must not arrive, the finding says what stopped them."""
    expectation = replace(REACHES, reachable=False, family=Family.IPV4)
    evidence = SAMPLE.evidence(expectation, tables=without_fib(SAMPLE.tables, "ce1", HUB))

    assert find(expectation, evidence) == Finding(holds=True, text="ipv4: ce1 has no route to 10.100.0.4")


def test_a_way_that_is_left_to_a_hash_is_none() -> None:
    """An arrival by one of several ways with equal cost proves nothing about `via`, so it fails."""
    expectation = replace(REACHES, via=("ce1", "msee1"), family=Family.IPV4)
    gateways = next(e.next_hops for e in SAMPLE.tables.of("ce1").fib if e.prefix == HUB)
    ce2 = SAMPLE.plan.node("ce2").address(Family.IPV4)
    assert ce2 is not None
    shared = with_fib(SAMPLE.tables, "ce1", HUB, FibEntry(prefix=HUB, next_hops=(*gateways, ce2)))
    shared = with_fib(
        shared, "ce2", HUB, FibEntry(prefix=HUB, next_hops=(parse_prefix("172.16.0.6/32").network_address,))
    )

    found = find(expectation, SAMPLE.evidence(expectation, tables=shared))

    assert found == Finding(holds=False, text="ipv4: load is shared: via ce1 ce2 msee2 too")


def test_a_flow_that_nobody_asked_about_is_inconclusive() -> None:
    """Without the result of a flow there is nothing to judge."""
    assert find(REACHES, SAMPLE.evidence()) == Finding(holds=None, text="ipv4 was not asked")


def test_flows_are_asked_in_every_family_of_both_ends() -> None:
    """A reachability expectation asks in both families, or in the one it names, with its mark."""
    assert flows_of(replace(REACHES, dscp=46), SAMPLE.plan) == tuple(
        Flow(source="hq", destination="hub", family=family, dscp=46) for family in Family
    )
    assert flows_of(replace(REACHES, family=Family.IPV6), SAMPLE.plan) == (replace(FLOW, family=Family.IPV6),)
    assert flows_of(UP, SAMPLE.plan) == ()


# words and tables


@pytest.mark.parametrize(
    ("expectation", "words"),
    [
        (UP, "session ce1 - msee1 established"),
        (replace(UP, family=Family.IPV6, state=SessionState.DOWN), "session ce1 - msee1 ipv6 down"),
        (ROUTE, "route 10.100.0.0/16 at ce1 (loc_rib)"),
        (
            replace(ROUTE, table=Table.ADJ_RIB_IN, neighbor="msee1", attributes=(("communities", ""),)),
            "route 10.100.0.0/16 at ce1 (adj_rib_in from msee1), communities empty",
        ),
        (
            replace(ROUTE, table=Table.ADJ_RIB_OUT, neighbor="ce2", present=False),
            "no route 10.100.0.0/16 at ce1 (adj_rib_out to ce2)",
        ),
        (
            replace(REACHES, dscp=46, via=("ce1", "msee1"), family=Family.IPV4),
            "hq reaches hub ipv4 with DSCP 46 via ce1 msee1",
        ),
        (replace(REACHES, reachable=False), "hq does not reach hub"),
    ],
)
def test_every_expectation_has_its_words(expectation: Expectation, words: str) -> None:
    """What must hold is said in the words of the file."""
    assert describe(expectation) == words


def test_equal_paths_do_not_hide_a_wrong_next_hop() -> None:
    """Where two paths are used, an expectation of one next hop in the FIB does not hold."""
    both = SessionRules(import_policies=(PREFER_THIS_LINK,), export_policies=(OWN_NETWORKS,))
    lab = contoso(ce1=both, ce2=both)
    expectation = RouteExpectation(
        where=WHERE, at="gw", prefix=HQ, table=Table.FIB, attributes=(("next_hop", "msee1"),)
    )

    assert find(expectation, lab.evidence()) == Finding(holds=False, text="next_hop msee1 msee2")
    assert find(replace(expectation, attributes=(("next_hop", "msee1 msee2"),)), lab.evidence()).holds is True


def test_loc_rib_is_read_where_no_table_is_named() -> None:
    """An expectation without a table is about the Loc-RIB, and not about what was received."""
    tables = at_router(SAMPLE.tables, "ce1", lambda one: replace(one, loc_rib=without(one.loc_rib, HUB)))

    assert find(ROUTE, SAMPLE.evidence(tables=tables)) == Finding(holds=False, text="no such route")
