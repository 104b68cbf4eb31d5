"""The model: routers run in memory until nothing changes, or a proof that they never settle."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Interface
from itertools import combinations

import pytest

from builders import P1, A, mirror, set_to, with_rules
from builders import node as router_plan
from contoso import HQ, HQ6, HUB, HUB6, SAMPLE, contoso
from lab import predict as module
from lab.bgp import Asn, Family, MaxPrefix, Prefix, parse_prefix
from lab.errors import LabBroken
from lab.plan import BgpPlan, InterfacePlan, NodePlan, Plan, Role, SessionPlan
from lab.policy import Asked, AsPathEntry, AsPathSet, Change, Fate, Match, Policy, SessionRules, Term
from lab.predict import predict
from lab.secret import Secret
from lab.speakers import ForeignSpeaker, OwnConfig, SpeakerKind
from lab.tables import ClosedSession, RouterTables, SessionTables
from networks import ACCEPT as EVERYTHING
from networks import Net, importing, policies


def loc_rib(tables: RouterTables) -> dict[Prefix, tuple[str, int | None]]:
    """The best routes' AS paths and local preferences."""
    return {route.prefix: (str(route.as_path), route.local_pref) for route in tables.loc_rib}


def session(tables: RouterTables, name: str) -> SessionTables:
    """One session of a router."""
    return next(one for one in tables.sessions if one.session == name)


@pytest.mark.parametrize(
    ("router", "expected"),
    [
        ("ce1", {HQ: ("", None), HQ6: ("", None), HUB: ("12076", 200), HUB6: ("12076", 200)}),
        ("ce2", {HQ: ("", None), HQ6: ("", None), HUB: ("12076", 200), HUB6: ("12076", 200)}),
        ("msee1", {HQ: ("65010", None), HQ6: ("65010", None), HUB: ("65515", None), HUB6: ("65515", None)}),
        (
            "msee2",
            {
                HQ: ("65010 65010 65010 65010", None),
                HQ6: ("65010 65010 65010 65010", None),
                HUB: ("65515", None),
                HUB6: ("65515", None),
            },
        ),
        ("gw", {HQ: ("12076 65010", None), HQ6: ("12076 65010", None), HUB: ("", None), HUB6: ("", None)}),
    ],
)
def test_the_sample_settles_where_its_policies_say(router: str, expected: dict[Prefix, tuple[str, int | None]]) -> None:
    """At the fixpoint every router has the paths that the two edges' policies make best."""
    assert loc_rib(SAMPLE.tables.of(router)) == expected


def test_at_the_fixpoint_what_one_end_sent_is_what_the_other_received() -> None:
    """Every Adj-RIB-In equals the Adj-RIB-Out at the session's other end."""
    for (router, name), (far_router, far_session) in SAMPLE.plan.far_ends().items():
        sent = session(SAMPLE.tables.of(far_router), far_session.name).adj_rib_out
        received = session(SAMPLE.tables.of(router), name).adj_rib_in
        assert received == sent, (router, name)


def test_prediction_is_deterministic() -> None:
    """The same plan gives the same tables."""
    assert predict(SAMPLE.plan).tables == SAMPLE.tables


def test_keys_that_differ_keep_a_session_down() -> None:
    """Where the two ends' MD5 keys differ, both say so, nothing crosses, and the other link carries everything."""
    lab = contoso(ce1_key="Contoso124")

    for router, name in (("ce1", "msee1/ipv4"), ("msee1", "ce1/ipv4")):
        one = session(lab.tables.of(router), name)
        assert (one.established, one.why_down) == (False, "the MD5 keys of the two ends differ (RFC 2385)")
        assert (one.adj_rib_in, one.adj_rib_out) == ((), ())
    assert session(lab.tables.of("ce2"), "msee2/ipv4").established
    assert loc_rib(lab.tables.of("ce1"))[HUB] == ("12076", 100)


# sessions that an end closes


FAR = (parse_prefix("10.8.0.0/16"), parse_prefix("10.9.0.0/16"))


def pair(near: SessionPlan) -> Plan:
    """The router `r` and its neighbour, which originates two networks; `r` originates one."""
    far = mirror(near)
    if far.bgp is None:
        raise ValueError(far.name)
    nodes = (router_plan(near, networks=(P1,)), replace(far, bgp=replace(far.bgp, networks=FAR)))
    return Plan(name="pair", nodes=nodes, wires=())


def test_a_session_past_its_limit_is_down_at_both_ends() -> None:
    """The end whose limit was passed says so, the other that it was closed, and no route crosses (RFC 4486 §4)."""
    reason = "more than 1 prefix was received (RFC 4486 §4, subcode 1)"

    prediction = predict(pair(with_rules(A, max_prefix=MaxPrefix(limit=1))))

    near, far = session(prediction.tables.of("r"), "a/ipv4"), session(prediction.tables.of("a"), "r/ipv4")
    assert (near.established, near.why_down, near.adj_rib_in, near.adj_rib_out) == (False, reason, (), ())
    assert (far.established, far.why_down, far.adj_rib_in, far.adj_rib_out) == (False, f"r closed it: {reason}", (), ())
    assert prediction.closed == (ClosedSession(router="r", session="a/ipv4", reason=reason),)
    assert [route.prefix for route in prediction.tables.of("r").loc_rib] == [P1]


def test_no_session_is_awaited_to_close_by_a_file_that_the_model_does_not_read() -> None:
    """Whether the daemon of that file sends more than the limit is for the lab to show."""
    modelled = pair(with_rules(A, max_prefix=MaxPrefix(limit=1)))
    near, far = modelled.nodes
    daemon = ForeignSpeaker(kind=SpeakerKind.FRR)
    own = replace(daemon, config=OwnConfig(file="a.conf", text=Secret("router bgp 65010")))

    rendered, unread = (replace(modelled, nodes=(near, replace(far, speaker=one))) for one in (daemon, own))

    assert len(predict(rendered).closed) == 1
    assert predict(unread).closed == ()


def passes_for_a_moment(restart_s: int | None, *, for_ever: bool) -> Plan:
    """`r` lets in one prefix of `a`, who has one of its own and hears of another: first from `c`, then from `d`.

    The route over `d` is better and comes later, and it is not passed on, unless `for_ever`.
    """
    found = policies(
        "policies: {better: [{set: {local_pref: 200, add_communities: [no-export]}, then: accept}],"
        " worse: [{set: {local_pref: 50}, then: accept}]}"
    )
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, ["10.1.0.0/16"])
    net.router("c", 65003, ["10.9.0.0/16"])
    net.router("d", 65004)
    net.router("e", 65005, ["10.9.0.0/16"])
    net.session("r", "a", r=importing(EVERYTHING, max_prefix=MaxPrefix(limit=1, restart_s=restart_s)))
    net.session("a", "c")
    net.session("a", "d", a=importing(found["worse" if for_ever else "better"]))
    net.session("d", "e")
    return net.plan()


@pytest.mark.parametrize("restart_s", [1, None])
@pytest.mark.parametrize("for_ever", [False, True])
def test_a_limit_that_is_passed_for_a_moment_closes_nothing(restart_s: int | None, *, for_ever: bool) -> None:
    """What counts is whether the limit is passed once all has settled, and not in which order the UPDATEs came."""
    prediction = predict(passes_for_a_moment(restart_s, for_ever=for_ever))

    assert session(prediction.tables.of("r"), "a/ipv4").established is not for_ever
    assert len(prediction.closed) == for_ever


def test_two_ends_that_close_one_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """A session that each end closes is closed at both, and tried again at both."""
    found = policies("policies: {one: [{match: {prefix_list: 10.1.0.0/16}, then: accept}, {then: accept}]}")
    limit = MaxPrefix(limit=1)
    net = Net()
    net.router("r", 65010, ["10.1.0.0/16", "10.2.0.0/16"])
    net.router("a", 65001, ["10.3.0.0/16", "10.4.0.0/16"])
    net.session("r", "a", r=importing(found["one"], max_prefix=limit), a=importing(found["one"], max_prefix=limit))
    monkeypatch.setattr(module, "MAXIMUM_EVENTS_PER_SESSION", 20)

    prediction = predict(net.plan())

    assert {(one.router, one.session) for one in prediction.closed} == {("r", "a/ipv4"), ("a", "r/ipv4")}


@pytest.mark.parametrize(
    ("limit", "warning"),
    [
        (MaxPrefix(limit=2), "2 prefixes received, of at most 2"),
        (MaxPrefix(limit=1, warning_only=True), "2 prefixes received, of at most 1"),
        (MaxPrefix(limit=3), "2 prefixes received, of at most 3"),
        (MaxPrefix(limit=4), ""),
    ],
)
def test_a_session_within_its_limit_stays_and_may_warn(limit: MaxPrefix, warning: str) -> None:
    """At its limit, or where it only warns, a session is up, and from the level on there is a warning."""
    prediction = predict(pair(with_rules(A, max_prefix=limit)))

    near = session(prediction.tables.of("r"), "a/ipv4")
    assert (near.established, near.warning, prediction.closed) == (True, warning, ())
    assert [route.prefix for route in near.adj_rib_in] == list(FAR)


# three ASes around an origin


ORIGIN = parse_prefix("198.51.100.0/24")
ACCEPT = Policy(name="accept", terms=(Term(fate=Fate.ACCEPT),))
NOTHING = Policy(name="nothing", terms=(Term(fate=Fate.REJECT),))
NUMBERS = (0, 1, 2, 3)


def asn(number: int) -> Asn:
    """The AS of a router of the gadget."""
    return Asn(64500 + number)


def through(one: Asn) -> Asked[AsPathSet]:
    """A condition that a path holds an AS."""
    return Asked(sets=(AsPathSet(name=f"through-{one}", entries=(AsPathEntry(pattern=f"_{one}_"),)),))


def preferred(number: int, local_pref: int) -> Policy:
    """Take the path over the next router around the ring where it is short, at a local preference."""
    two_further = (number + 1) % 3 + 1
    return Policy(
        name="over-the-next",
        terms=(
            Term(fate=Fate.REJECT, match=Match(as_path=through(asn(two_further)))),
            Term(fate=Fate.ACCEPT, change=Change(local_pref=set_to(local_pref))),
        ),
    )


def gadget(local_pref: int) -> Plan:
    """BAD GADGET of Griffin, Shepherd and Wilfong (2002): each router around the origin prefers the way by the next."""
    links = {pair: index for index, pair in enumerate(combinations(NUMBERS, 2))}

    def address(number: int, other: int) -> IPv4Address:
        pair = (min(number, other), max(number, other))
        return IPv4Address(f"192.0.2.{4 * links[pair] + 1 + (number > other)}")

    def one_session(number: int, other: int) -> SessionPlan:
        following = number % 3 + 1
        accepts = ACCEPT if other == 0 else preferred(number, local_pref) if other == following else NOTHING
        return SessionPlan(
            neighbor=f"r{other}",
            family=Family.IPV4,
            interface=f"to-r{other}",
            local_address=address(number, other),
            peer_address=address(other, number),
            local_asn=asn(number),
            peer_asn=asn(other),
            passive=number < other,
            hold_time_s=180,
            rules=SessionRules(import_policies=(accepts if number else NOTHING,), export_policies=(ACCEPT,)),
        )

    def node(number: int) -> NodePlan:
        others = [other for other in NUMBERS if other != number]
        return NodePlan(
            name=f"r{number}",
            role=Role.CUSTOMER_EDGE,
            interfaces=tuple(
                InterfacePlan(name=f"to-r{other}", addresses=(IPv4Interface(f"{address(number, other)}/30"),))
                for other in others
            ),
            bgp=BgpPlan(
                asn=asn(number),
                router_id=IPv4Address(number + 1),
                networks=() if number else (ORIGIN,),
                sessions=tuple(one_session(number, other) for other in others),
            ),
        )

    return Plan(name="bad-gadget", nodes=tuple(map(node, NUMBERS)), wires=())


def test_routes_that_never_settle_are_no_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Policies that contradict one another make the model give up, and say why (RFC 3345)."""
    monkeypatch.setattr(module, "MAXIMUM_EVENTS_PER_SESSION", 100)

    with pytest.raises(LabBroken, match=r"the routes never settle: the policies make them oscillate \(RFC 3345\)"):
        predict(gadget(local_pref=200))


def test_the_same_ring_settles_where_the_direct_way_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the preference and not the ring that oscillates: with a low one each router takes the direct way."""
    monkeypatch.setattr(module, "MAXIMUM_EVENTS_PER_SESSION", 100)

    tables = predict(gadget(local_pref=50)).tables

    assert [loc_rib(tables.of(f"r{number}"))[ORIGIN] for number in (1, 2, 3)] == [("64500", None)] * 3


def test_a_state_that_comes_back_is_noticed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Routes that oscillate are told of after a few rounds, however much may be delivered."""
    monkeypatch.setattr(module, "MAXIMUM_EVENTS_PER_SESSION", 1 << 40)

    with pytest.raises(LabBroken, match="oscillate"):
        predict(gadget(local_pref=200))


@pytest.mark.parametrize(("local_pref", "settles"), [(200, False), (100, True), (50, True)])
def test_routes_with_two_states_to_settle_in_are_no_prediction(local_pref: int, *, settles: bool) -> None:
    """Where two routers each prefer the way over the other, the order of UPDATEs decides, which is said (RFC 4264)."""
    found = policies(f"policies: {{liked: [{{set: {{local_pref: {local_pref}}}, then: accept}}]}}")
    net = Net()
    net.router("o", 65000, ["10.1.0.0/16"])
    net.router("a", 65001)
    net.router("b", 65002)
    net.session("o", "a")
    net.session("o", "b")
    net.session("a", "b", a=importing(found["liked"]), b=importing(found["liked"]))

    if settles:
        assert len(predict(net.plan()).tables.of("a").loc_rib) == 1
    else:
        with pytest.raises(LabBroken, match=r"a BGP wedgie \(RFC 4264\)"):
            predict(net.plan())


@pytest.mark.parametrize(
    ("end", "field"),
    [
        pytest.param("r1", "peer_asn", id="expected by the one end"),
        pytest.param("r0", "local_asn", id="had by the other"),
    ],
)
def test_a_session_with_another_as_is_refused(end: str, field: str) -> None:
    """An end whose AS is not the one that the other expects keeps the session down (RFC 4271 §6.2)."""
    plan = gadget(local_pref=50)
    far = {"r1": "r0", "r0": "r1"}[end]

    tables = predict(with_session(plan, end, far, **{field: Asn(64999)})).tables

    expected = {
        "peer_asn": "AS 64500 is there where 64999 is expected (RFC 4271 §6.2)",
        "local_asn": "AS 64999 is there where 64500 is expected (RFC 4271 §6.2)",
    }[field]
    assert session(tables.of("r1"), "r0/ipv4").why_down == expected
    assert session(tables.of("r0"), "r1/ipv4").why_down == expected


def with_session(plan: Plan, router: str, neighbor: str, **changes: object) -> Plan:
    """The plan, with one end of a session changed."""
    nodes = []
    for node in plan.nodes:
        bgp = node.bgp
        if node.name == router and bgp is not None:
            sessions = tuple(
                replace(one, **changes)  # type: ignore[arg-type]  # mypy checks no **kwargs
                if one.neighbor == neighbor
                else one
                for one in bgp.sessions
            )
            nodes.append(replace(node, bgp=replace(bgp, sessions=sessions)))
        else:
            nodes.append(node)
    return replace(plan, nodes=tuple(nodes))
