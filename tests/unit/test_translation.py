"""Source address translation in the model: walks, answers, routes, checks, causes and what is told of them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, ip_address

import pytest

from lab.bgp import Address, Prefix, parse_prefix, within
from lab.causes import first_cause
from lab.checks import Evidence, Finding, describe, find, flows_of
from lab.codec import plain, typed
from lab.errors import LabBroken
from lab.expectations import NatExpectation, ReachabilityExpectation
from lab.forwarding import Crossing, FlowResult, Source, Translation, Walk, answer_walks, predict_flow, walks
from lab.node import nat
from lab.packets import Protocol
from lab.plan import Plan
from lab.plan.sources import SourceNat
from lab.predict import predict
from lab.report import as_text, probes_text
from lab.tables import FibEntry
from translating import (
    FLOW,
    FROM_POOL,
    HQ,
    HQ_HOST,
    POOL,
    POOL_2,
    SVC,
    SVC_HOST,
    common_pool,
    pool_per_link,
    two_edges,
    untranslated,
)

PREFIX = parse_prefix(POOL)
HOST, SERVICE = IPv4Address(HQ_HOST), IPv4Address(SVC_HOST)
THERE = ("hq", "ce1", "msee1", "ms", "svc")


def flow(plan: Plan) -> FlowResult:
    """What the model says of a packet from the customer to the service."""
    return predict_flow(plan, predict(plan).tables, FLOW)


def evidence(plan: Plan, result: FlowResult | None = None) -> Evidence:
    """What the model says, or the same with another fate of the packet."""
    return Evidence(plan=plan, tables=predict(plan).tables, flows={FLOW: result or flow(plan)})


def cause(plan: Plan, expectation: ReachabilityExpectation = FROM_POOL, seen: FlowResult | None = None) -> str:
    """The first cause why an expectation does not hold."""
    return str(first_cause(expectation, predict(plan), evidence(plan), evidence(plan, seen)))


def with_sources(result: FlowResult, sources: list[Source]) -> FlowResult:
    """The fate of the packet where it has other sources on entering the nodes behind the sender."""
    first, *others = result.there
    seen = (
        replace(one, entered=replace(one.entered, source=source))
        for one, source in zip(others, sources, strict=True)
        if one.entered
    )
    return replace(result, there=(first, *seen))


# the plan


@pytest.mark.parametrize(
    ("source", "translated"),
    [
        pytest.param(ip_address("10.1.0.2"), True, id="private"),
        pytest.param(ip_address("203.0.113.7"), False, id="in the pool"),
        pytest.param(ip_address("192.0.2.1"), False, id="exempt"),
        pytest.param(ip_address("2001:db8::1"), False, id="ipv6"),
        pytest.param(parse_prefix(POOL_2), True, id="another pool"),
        pytest.param(parse_prefix("192.0.2.0/25"), False, id="a pool inside of an exempt prefix"),
        pytest.param(parse_prefix("192.0.0.0/16"), True, id="a pool that is partly exempt"),
    ],
)
def test_what_a_translation_is_for(source: Address | Prefix, *, translated: bool) -> None:
    """IPv4 sources that are neither in the pool nor exempt are translated."""
    rule = SourceNat(interface="x", pool=PREFIX, exempt=(parse_prefix("192.0.2.0/24"), parse_prefix("2001:db8::/32")))
    assert rule.translates(source) is translated


@pytest.mark.parametrize(
    ("one", "prefix", "expected"),
    [
        ("10.0.0.1", "10.0.0.0/30", True),
        ("10.0.0.4", "10.0.0.0/30", False),
        ("10.0.0.0/31", "10.0.0.0/30", True),
        ("10.0.0.0/29", "10.0.0.0/30", False),
        ("::1", "0.0.0.0/0", False),
    ],
)
def test_within(one: str, prefix: str, *, expected: bool) -> None:
    """An address or a prefix is within a prefix of its family that holds all of it."""
    value = parse_prefix(one) if "/" in one else ip_address(one)
    assert within(value, parse_prefix(prefix)) is expected


# walks


def test_a_request_gets_a_source_of_the_pool_and_its_answer_loses_it() -> None:
    """The source changes behind the edge, and the answer is for the pool until that edge."""
    result = flow(common_pool())
    assert (result.arrived, result.answered) == (True, True)
    assert (result.forward, result.backward) == (THERE, THERE[::-1])
    assert result.sources == (("ce1", HOST), ("msee1", PREFIX), ("ms", PREFIX), ("svc", PREFIX))
    assert result.source_seen == PREFIX


def test_a_walk_names_its_translation() -> None:
    """A walk tells which router translated which source to which pool."""
    (walk,) = walks(common_pool(), predict(common_pool()).tables, "hq", SERVICE)
    assert (walk.nodes, walk.translations) == (THERE, (Translation(router="ce1", source=HOST, pool=PREFIX),))


def test_each_interface_has_its_pool() -> None:
    """Packets by the second link get a source of the second link's pool, and are answered there."""
    plan = without_first_link(pool_per_link())
    result = flow(plan)
    assert result.forward == ("hq", "ce1", "msee2", "ms", "svc")
    assert (result.answered, result.source_seen) == (True, parse_prefix(POOL_2))


def without_first_link(plan: Plan) -> Plan:
    """The plan where the edge has no session by its first link."""
    edge = plan.node("ce1")
    assert edge.bgp is not None
    left = tuple(session for session in edge.bgp.sessions if session.neighbor != "msee1")
    changed = replace(edge, bgp=replace(edge.bgp, sessions=left))
    return replace(plan, nodes=tuple(changed if node.name == "ce1" else node for node in plan.nodes))


def test_two_translations_are_undone_one_after_the_other() -> None:
    """Where a second router translates what a first one did, the answer passes both, the last one first."""
    outer = SourceNat(interface="to-svc", pool=parse_prefix("192.0.2.0/30"))
    plan = common_pool()
    plan = replace(plan, nodes=tuple(replace(n, nat=(outer,)) if n.name == "ms" else n for n in plan.nodes))
    result = flow(plan)
    assert result.sources[-2:] == (("ms", PREFIX), ("svc", outer.pool))
    assert (result.answered, result.backward) == (True, THERE[::-1])


def test_what_a_router_sends_itself_is_not_translated() -> None:
    """A router's own packets keep their source."""
    (walk,) = walks(common_pool(), predict(common_pool()).tables, "ce1", SERVICE)
    assert (walk.nodes, walk.translations) == (("ce1", "msee1", "ms", "svc"), ())


def test_an_answer_is_not_translated_anew() -> None:
    """An answer to somebody whom nobody translated leaves the edge with the source that it has."""
    plan = common_pool()
    request = Walk(crossings=tuple(Crossing(node=name) for name in ("svc", "ms", "msee1", "ce1", "hq")))
    (walk,) = answer_walks(plan, predict(plan).tables, request, SERVICE, HOST)
    assert (walk.stopped, walk.translations) == ("", ())


def test_an_answer_at_another_edge_is_discarded() -> None:
    """The second edge has the pool too, but not the flow: its route for the pool discards the answer."""
    result = flow(two_edges(returns_by="msee2"))
    assert (result.arrived, result.answered) == (True, False)
    assert result.backward == ("svc", "ms", "msee2", "ce2")
    says = f"ce2 discards packets to {PREFIX[0]} (blackhole route {POOL})"
    assert result.stopped == f"the answer to {POOL}: {says}"


def test_a_pool_that_nobody_announces_has_no_way_back() -> None:
    """The answer ends where there is no route to the pool."""
    result = flow(common_pool(announced="nothing"))
    assert (result.arrived, result.answered, result.backward) == (True, False, ("svc", "ms"))
    assert result.stopped == f"the answer to {POOL}: ms has no route to {PREFIX[0]}"


# routes


def test_a_router_discards_what_is_for_its_pools() -> None:
    """The FIB of a router that translates has a discard route for each pool, once; others have none."""
    tables = predict(pool_per_link()).tables
    discarded = [entry.prefix for entry in tables.of("ce1").fib if not entry.next_hops]
    assert discarded == [PREFIX, parse_prefix(POOL_2)]
    assert all(entry.next_hops for entry in predict(untranslated()).tables.of("ce1").fib)


def test_the_rules_of_a_node() -> None:
    """Each interface has a rule that leaves the router's own addresses, the pool and the exempt sources alone."""
    rules = nat.ruleset(common_pool(exempt=("192.0.2.0/25", "192.0.2.128/25")).node("ce1")).splitlines()
    stay = f"10.1.0.1/32, 100.64.0.9/32, 100.64.0.13/32, 192.0.2.0/24, {POOL}"
    to = f"ip saddr != {{ {stay} }} snat to 203.0.113.0-203.0.113.7 persistent"
    assert [line.strip() for line in rules if "snat" in line] == [
        f'oifname "to-msee1" {to}',
        f'oifname "to-msee2" {to}',
    ]


def test_only_a_node_that_translates_needs_nft(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the program, a plan with a translation is refused by the node's name, and others are not."""
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    nat.check_program(untranslated().nodes)
    with pytest.raises(LabBroken, match=r"^ce1 translates addresses, .* install the package nftables$"):
        nat.check_program(common_pool().nodes)


# checks and causes


def test_the_source_that_is_seen_is_checked() -> None:
    """A source in the wanted prefix holds, and one outside of it does not."""
    plan = common_pool()
    assert find(FROM_POOL, evidence(plan)).text == f"arrived from {POOL} via ce1 msee1 ms"
    other = replace(FROM_POOL, source_in=parse_prefix(POOL_2))
    assert find(other, evidence(plan)) == Finding(holds=False, text=f"ipv4: arrived from {POOL}")


def test_a_wrong_source_stands_before_a_lost_answer() -> None:
    """Where the source is wrong and there is no answer, the source is told of: it is the reason."""
    assert find(FROM_POOL, evidence(untranslated())).text == f"ipv4: arrived from {HQ_HOST}"


def test_an_expectation_about_a_source_is_of_its_family() -> None:
    """The source's prefix says which family is asked."""
    plan = common_pool()
    assert flows_of(FROM_POOL, plan) == (FLOW,)
    assert flows_of(replace(FROM_POOL, source_in=parse_prefix("2001:db8::/32")), plan) == ()
    assert describe(FROM_POOL) == f"hq reaches svc with a source in {POOL}"


def test_where_load_is_shared_every_source_counts() -> None:
    """An arrival from the wanted pool proves nothing where packets may go by a link with another one."""
    plan = pool_per_link()
    tables = predict(plan).tables
    shared = FibEntry(prefix=parse_prefix(SVC), next_hops=(peer(plan, "msee1"), peer(plan, "msee2")))
    evenly = tuple(replace(one, fib=(shared,)) if one.router == "ce1" else one for one in tables.routers)
    shared_evidence = replace(evidence(plan), tables=replace(tables, routers=evenly))
    assert find(FROM_POOL, shared_evidence).text == f"ipv4: load is shared: from {POOL_2} too"


def peer(plan: Plan, neighbor: str, at: str = "ce1") -> Address:
    """The address of a router's neighbour."""
    bgp = plan.node(at).bgp
    return next(session.peer_address for session in (bgp.sessions if bgp else ()) if session.neighbor == neighbor)


@pytest.mark.parametrize(
    ("plan", "wanted", "says"),
    [
        pytest.param(
            untranslated(), POOL, f"no router on the way translates the source {HQ_HOST}: {' '.join(THERE)}", id="none"
        ),
        pytest.param(
            common_pool(exempt=(HQ,)),
            POOL,
            f"ce1 translates to {POOL} at to-msee1, to {POOL} at to-msee2, but not the source {HQ_HOST} "
            f"on the way {' '.join(THERE)}",
            id="exempt",
        ),
        pytest.param(
            common_pool(), POOL_2, f"ce1 translates {HQ_HOST} to {POOL}, which is not in {POOL_2}", id="another pool"
        ),
    ],
)
def test_a_wrong_source_names_the_router(plan: Plan, wanted: str, says: str) -> None:
    """The cause is the router that translates otherwise, or that there is none."""
    assert cause(plan, replace(FROM_POOL, source_in=parse_prefix(wanted))) == f"packet: {says}"


def test_a_lost_answer_is_explained_by_the_route_to_the_pool() -> None:
    """The cause of an answer that is lost is what keeps the pool, and not the private network, from being known."""
    found = cause(common_pool(announced="nothing"))
    assert found.startswith(f"Adj-RIB-Out: ce1 does not send {POOL} to msee1: export policy nothing: term 1 rejects;")


def test_an_answer_at_another_edge_is_explained() -> None:
    """The cause names the edge that translated, and the one that did not know of it."""
    assert cause(two_edges(returns_by="msee2")).endswith("; ce1 translated the request, and ce2 knows nothing of that")


@pytest.mark.parametrize(
    ("sources", "says"),
    [
        pytest.param(
            [HOST, HOST, HOST, HOST],
            f"ce1 sent it on with the source {HQ_HOST}, though its translation makes {POOL} of that",
            id="not at all",
        ),
        pytest.param(
            [HOST, PREFIX[1], PREFIX[1], IPv4Address("192.0.2.1")],
            f"ms sent it on with the source 192.0.2.1, though its translation makes {POOL} of that",
            id="behind it",
        ),
    ],
)
def test_a_router_that_does_not_translate_as_its_plan_says_is_named(sources: list[Source], says: str) -> None:
    """The first router behind which the source is not the predicted one is the cause."""
    plan = common_pool()
    seen = with_sources(flow(plan), sources)
    assert cause(plan, seen=seen) == f"packet: ipv4: {says}"


# expectations about the translation itself

NAT = NatExpectation(where="", source="hq", destination="svc", pool=PREFIX, at=("ce1",))


def nat_cause(plan: Plan, expectation: NatExpectation = NAT) -> str:
    """The first cause why a translation is not as expected."""
    return str(first_cause(expectation, predict(plan), evidence(plan), evidence(plan)))


def test_a_translation_holds_that_is_undone_where_it_was_made() -> None:
    """The source is of the pool, and one router made it so and undid it, whichever link the answer came by."""
    plan = common_pool(returns_by="msee2")
    found = find(NAT, evidence(plan))
    assert found == Finding(holds=True, text=f"arrived from {POOL}, translated by ce1; answered via ms msee2 ce1")
    assert describe(NAT) == f"hq reaches svc translated to {POOL} at ce1"
    assert flows_of(NAT, plan) == (FLOW,)


@pytest.mark.parametrize(
    ("plan", "expectation", "says"),
    [
        pytest.param(
            untranslated(), NAT, f"no router on the way translates the source {HQ_HOST}: {' '.join(THERE)}", id="none"
        ),
        pytest.param(
            common_pool(),
            replace(NAT, pool=parse_prefix(POOL_2)),
            f"ce1 translates {HQ_HOST} to {POOL}, which is not in {POOL_2}",
            id="another pool",
        ),
        pytest.param(common_pool(), replace(NAT, at=("msee1", "ms")), "translated by ce1", id="another router"),
        pytest.param(
            two_edges(returns_by="msee1"),
            NAT,
            f"the same pool on both paths: ce2 translates to {POOL} too, and an answer that comes there is lost, "
            "for it knows nothing of what ce1 translated",
            id="the same pool at another edge",
        ),
    ],
)
def test_a_translation_that_is_not_as_expected(plan: Plan, expectation: NatExpectation, says: str) -> None:
    """The negative controls: each fails, and the cause says what is wrong, though packets may be answered today."""
    assert find(expectation, evidence(plan)).holds is False
    assert nat_cause(plan, expectation) == f"packet: {says}"


def test_every_flow_has_to_be_translated() -> None:
    """Of several flows one that is not translated is enough, and it is named by its port."""
    plan, several = common_pool(), replace(NAT, protocol=Protocol.UDP, port=443, flows=3)
    tables = predict(plan).tables
    flows = {one: predict_flow(plan, tables, one) for one in flows_of(several, plan)}
    assert [one.source_port for one in flows] == [0, 33434, 33435]
    known = Evidence(plan=plan, tables=tables, flows=flows)
    assert find(several, known).text == f"arrived from {POOL}, translated by ce1; answered via ms msee1 ce1"
    assert describe(several) == f"hq reaches svc by udp port 443 translated to {POOL} at ce1"
    last = [*flows][-1]
    bare = predict_flow(untranslated(), predict(untranslated()).tables, last)
    found = find(several, replace(known, flows={**flows, last: replace(bare, answered=True)}))
    assert (found.holds, found.text) == (False, f"from port 33435 arrived from {HQ_HOST}")
    unsent = replace(known, flows={**flows, last: replace(bare, sent=False)})
    assert find(several, unsent) == Finding(holds=None, text="of 3 flows 2 were sent")


def test_an_answer_by_the_other_path_with_the_same_pool_is_lost() -> None:
    """Where answers come by the other edge already, the cause names both edges."""
    plan = two_edges(returns_by="msee2")
    assert find(NAT, evidence(plan)).holds is False
    assert nat_cause(plan).endswith("; ce1 translated the request, and ce2 knows nothing of that")


def test_an_answer_that_may_come_by_another_path_may_be_lost() -> None:
    """Where load is shared on the way back, one that is lost makes it fail, though the packets came by the other."""
    plan = two_edges(returns_by="msee1")
    second = replace(plan.node("ce2"), nat=())
    plan = replace(plan, nodes=tuple(second if node.name == "ce2" else node for node in plan.nodes))
    assert find(NAT, evidence(plan)).holds
    tables = predict(plan).tables
    hops = tuple(peer(plan, name, at="ms") for name in ("msee1", "msee2"))
    shared = FibEntry(prefix=PREFIX, next_hops=hops)
    back = tuple(
        replace(one, fib=(shared,)) if one.router == "ms" else replace(one, fib=()) if one.router == "msee2" else one
        for one in tables.routers
    )
    found = find(NAT, replace(evidence(plan), tables=replace(tables, routers=back)))
    dead = "ipv4: load is shared: another way of the answer stops at msee2"
    assert found.text == f"{dead}: msee2 has no route to {PREFIX[0]}"


@pytest.mark.parametrize(
    ("undone", "says"),
    [((), "translated by ce1, and back by nobody"), (("msee1",), "translated by ce1, and back by msee1")],
)
def test_an_answer_that_another_router_translates_back(undone: tuple[str, ...], says: str) -> None:
    """Each router that undoes what it did not do is named."""
    plan = common_pool()
    result = flow(plan)
    back = tuple(
        replace(one, left=None if one.left is None else replace(one.left, target=HOST))
        if one.node in undone
        else replace(one, entered=None)
        for one in result.back
    )
    found = find(NAT, evidence(plan, replace(result, back=back)))
    assert (found.holds, found.text) == (False, says)


# what is told


def test_a_result_crosses_a_channel() -> None:
    """Sources are the same behind a channel, be they addresses or pools."""
    predicted = flow(common_pool())
    observed = with_sources(predicted, [HOST, *[PREFIX[1]] * 3])
    assert [typed(FlowResult, plain(one)) for one in (predicted, observed)] == [predicted, observed]


def test_a_plan_crosses_a_channel() -> None:
    """A plan with translations is the same behind a channel."""
    assert typed(Plan, plain(common_pool(exempt=(HQ,)))) == common_pool(exempt=(HQ,))


def test_probes_tell_the_source_where_one_was_translated() -> None:
    """The table of probes has a column for the source that was seen, but where nothing was translated."""
    header, row, _ = probes_text.probes([flow(common_pool())]).splitlines()
    assert "source seen" in header
    assert POOL in row
    assert "source seen" not in probes_text.probes([flow(untranslated())])


def test_a_plan_tells_its_translations() -> None:
    """The text of a plan names interface, pool and exempt sources."""
    lines = as_text.plan(common_pool(exempt=(HQ,))).splitlines()
    assert f"  translates sources at to-msee1 to {POOL}, but not of {HQ}" in lines
