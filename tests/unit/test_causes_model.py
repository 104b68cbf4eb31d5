"""Why the model itself contradicts an expectation."""

from __future__ import annotations

from dataclasses import replace

import pytest

from asked_of_contoso import (
    BACK,
    FLOW,
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
    contoso,
    crossings,
    with_flow,
    with_session_plans,
    without_network,
)
from lab.bgp import parse_prefix
from lab.causes import first_cause
from lab.expectations import Expectation, ReachabilityExpectation, RouteExpectation, SessionState, Table
from lab.policy import SessionRules

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
            {"there": crossings("hq", "ce1", "ce2", "ce1"), "stopped": "loop at ce1"},
            "FIB: packets loop: hq -> ce1 -> ce2 -> ce1",
            id="loop",
        ),
        pytest.param(
            {"there": crossings("hq", "ce1"), "stopped": "nobody answers for 172.16.0.3 at ce1"},
            "FIB: nobody answers for 172.16.0.3 at ce1",
            id="a next hop that is nobody's",
        ),
        pytest.param(
            {"there": crossings("hq"), "stopped": "hq has no route to 10.100.0.4"},
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
