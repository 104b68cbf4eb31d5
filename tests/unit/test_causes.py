"""The first thing that went wrong, in causal order, and not the symptom that was asked about: in the lab's tables."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from ipaddress import ip_address

import pytest

from asked_of_contoso import (
    BACK,
    DEFAULT,
    KEYS_DIFFER,
    NO_DEFAULT,
    OTHER_KEY,
    REACHES,
    ROUTE,
    SESSION_DOWN,
    UP,
    VIA,
    cause,
)
from contoso import (
    ACCEPT_AZURE,
    HQ,
    HUB,
    OWN_NETWORKS,
    SAMPLE,
    at_router,
    at_session,
    contoso,
    with_fib,
    without,
    without_fib,
)
from lab.bgp import AsPath, Family, Prefix, Route
from lab.causes import Cause, Stage, verdicts
from lab.checks import describe
from lab.expectations import Expectation, SessionState, Table
from lab.policy import SessionRules
from lab.tables import FibEntry, LabTables, RouterTables, SessionTables


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
