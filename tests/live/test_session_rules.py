"""The rules of sessions and of originated routes, each on live sessions, and as the model predicts."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from lab.bgp import (
    BLACKHOLE,
    GRACEFUL_SHUTDOWN,
    NO_ADVERTISE,
    NO_EXPORT,
    NO_EXPORT_SUBCONFED,
    Aggregate,
    AnyCommunity,
    Asn,
    Counted,
    Family,
    MaxPrefix,
    RemovePrivate,
    parse_prefix,
)
from lab.plan import Plan
from lab.policy import SessionRules
from networks import OPEN, Net, Seen, exporting, importing, live, policies

TEN = [f"10.{number}.0.0/16" for number in range(1, 11)]


def limited(limit: MaxPrefix, *, keep: str = "10.0.0.0/8 le 16") -> Net:
    """`a` sends ten prefixes to `r`, whose policy accepts those in `keep`, and who sends all on to `b`."""
    found = policies(f"policies: {{some: [{{match: {{prefix_list: '{keep}'}}, then: accept}}]}}")
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, TEN)
    net.router("b", 65002)
    net.session("r", "a", r=importing(found["some"], max_prefix=limit))
    net.session("r", "b")
    return net


# max-prefix (RFC 4271 §6.7, RFC 4486 §4)


def test_more_prefixes_than_the_limit_close_the_session() -> None:
    """The eleventh of ten allowed prefixes ends the session at both ends, and with it every route."""
    (seen,) = live(limited(MaxPrefix(limit=9)).plan())
    assert not seen.session("r", "a").established
    assert seen.session("r", "a").why_down == "more than 9 prefixes were received (RFC 4486 §4, subcode 1)"
    assert "maximum number of prefixes reached" in seen.session("a", "r").why_down
    assert seen.loc_rib("b") == {}


def test_as_many_prefixes_as_the_limit_are_let_in_with_a_warning() -> None:
    """At the limit the session stays, and the count is pointed out."""
    (seen,) = live(limited(MaxPrefix(limit=10)).plan())
    assert seen.session("r", "a").established
    assert seen.session("r", "a").warning == "10 prefixes received, of at most 10"
    assert list(seen.loc_rib("b")) == TEN


def test_a_limit_that_only_warns_lets_all_in() -> None:
    """With warning_only the session stays up past its limit."""
    (seen,) = live(limited(MaxPrefix(limit=5, warning_only=True)).plan())
    assert seen.session("r", "a").warning == "10 prefixes received, of at most 5"
    assert len(seen.loc_rib("b")) == 10


@pytest.mark.parametrize(("counted", "up"), [(Counted.RECEIVED, False), (Counted.ACCEPTED, True)])
def test_a_limit_counts_before_or_after_the_policy(counted: Counted, *, up: bool) -> None:
    """Of ten prefixes the policy accepts one: that is too many where received ones are counted, and not else."""
    (seen,) = live(limited(MaxPrefix(limit=5, counted=counted), keep="10.1.0.0/16").plan())
    assert seen.session("r", "a").established is up


def test_a_closed_session_comes_back_when_the_neighbour_sends_less() -> None:
    """After the neighbour's export policy let fewer prefixes out, the session returns within its restart time."""
    found = policies("policies: {two: [{match: {prefix_list: '10.0.0.0/14 le 16'}, then: accept}]}")
    before, after = limited(MaxPrefix(limit=5, restart_s=1)), Net()
    after.router("r", 65010)
    after.router("a", 65001, TEN)
    after.router("b", 65002)
    some = policies("policies: {some: [{match: {prefix_list: '10.0.0.0/8 le 16'}, then: accept}]}")["some"]
    limit = MaxPrefix(limit=5, restart_s=1)
    after.session("r", "a", r=importing(some, max_prefix=limit), a=exporting(found["two"]))
    after.session("r", "b")
    closed, back = live(before.plan(), after.plan())
    assert not closed.session("r", "a").established
    assert back.session("r", "a").established
    assert list(back.loc_rib("b")) == ["10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16"]


def test_a_session_that_no_restart_opens_comes_back_with_a_new_limit() -> None:
    """Without a restart time it stays closed until its own router is configured anew."""
    before, after = limited(MaxPrefix(limit=5, restart_s=None)), limited(MaxPrefix(limit=50, restart_s=None))
    closed, back = live(before.plan(), after.plan())
    assert not closed.session("r", "a").established
    assert back.session("r", "a").established


# AS paths


@pytest.mark.parametrize("count", [255, 260])
def test_a_large_set_in_a_path_survives_the_wire(count: int) -> None:
    """A set of more ASes than a segment holds settles as the model has it, in as many sets as it needs."""
    asns = ",".join(str(number) for number in range(1, count + 1))
    found = policies(f"policies: {{many: [{{set: {{as_path: '65001 {{{asns}}}'}}, then: accept}}]}}")
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, ["10.1.0.0/16"])
    net.router("b", 65002)
    net.session("r", "a", r=importing(found["many"]))
    net.session("r", "b")
    (seen,) = live(net.plan())
    path = seen.received("b", "r")["10.1.0.0/16"].as_path
    assert (len(path.asns), path.length) == (count + 2, 3 if count <= 255 else 4)


def two_sites(allowed: int) -> Plan:
    """Two sites of one AS, joined by a provider; the second lets its own AS in so often."""
    net = Net()
    net.router("p", 65100)
    net.router("one", 65010, ["10.1.0.0/16"])
    net.router("two", 65010)
    net.session("p", "one")
    net.session("p", "two", two=importing(*OPEN.import_policies, allowas_in=allowed))
    return net.plan()


def test_allowas_in_lets_the_own_as_in() -> None:
    """Two sites of one AS see each other's networks only with allowas_in (RFC 4271 §9.1.2 refuses them)."""
    without, within = live(two_sites(0), two_sites(1))
    assert set(without.received("two", "p")) == set(within.received("two", "p")) == {"10.1.0.0/16"}
    assert (bool(without.loc_rib("two")), bool(within.loc_rib("two"))) == (False, True)


def test_as_override_hides_the_sites_own_as() -> None:
    """With as_override the provider's AS stands in the place of the site's, so that the other site takes it."""
    net = Net()
    net.router("p", 65100)
    net.router("one", 65010, ["10.1.0.0/16"])
    net.router("two", 65010)
    net.session("p", "one")
    net.session("p", "two", p=exporting(*OPEN.export_policies, as_override=True))
    (seen,) = live(net.plan())
    assert str(seen.loc_rib("two")["10.1.0.0/16"].as_path) == "65100 65100"


PRIVATE_REMOVED = {
    None: "65100 64512 174 64513 65001",
    RemovePrivate.LEADING: "65100 174 64513 65001",
    RemovePrivate.ALL: "65100 174",
    RemovePrivate.REPLACE: "65100 65100 174 65100 65100",
}


def removing(how: RemovePrivate | None) -> Plan:
    """`p` receives a path with private AS numbers, and removes them before it sends it on to `b`."""
    found = policies("policies: {far: [{set: {as_path: '64512 174 64513 65001'}, then: accept}]}")
    net = Net()
    net.router("p", 65100)
    net.router("a", 65001, ["10.1.0.0/16"])
    net.router("b", 65002)
    net.session("p", "a", p=importing(found["far"]))
    net.session("p", "b", p=exporting(*OPEN.export_policies, remove_private_asns=how))
    return net.plan()


def test_private_as_numbers_are_removed() -> None:
    """Leading, all or replaced: what is left of `64512 174 64513 65001` at the neighbour."""
    for (how, path), seen in zip(PRIVATE_REMOVED.items(), live(*map(removing, PRIVATE_REMOVED)), strict=True):
        assert str(seen.received("b", "p")["10.1.0.0/16"].as_path) == path, how


def test_next_hop_self_is_for_routes_from_outside() -> None:
    """An internal neighbour gets the router's own address for what came by eBGP, and can then use it."""
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, ["10.1.0.0/16"])
    net.router("i", 65010)
    net.router("j", 65010)
    net.session("r", "a")
    own, _ = net.session("r", "i", r=SessionRules(next_hop_self=True))
    net.session("r", "j")
    (seen,) = live(net.plan())
    assert seen.loc_rib("i")["10.1.0.0/16"].next_hop == own
    assert str(seen.received("j", "r")["10.1.0.0/16"].next_hop) == "100.64.0.2"
    assert seen.loc_rib("j") == {}


# what a router originates


def test_a_default_route_is_originated_whatever_the_policies_say() -> None:
    """default_originate sends 0.0.0.0/0 and ::/0 past an export policy that rejects everything."""
    found = policies("policies: {nothing: [{then: reject}]}")
    net = Net()
    net.router("r", 65010, ["10.10.0.0/16"])
    net.router("a", 65001)
    net.session("r", "a", Family, r=exporting(found["nothing"], default_originate=True))
    (seen,) = live(net.plan())
    assert {prefix: str(route.as_path) for prefix, route in seen.received("a", "r").items()} == {
        "0.0.0.0/0": "65010",
        "::/0": "65010",
    }
    assert seen.fib("a") == {"0.0.0.0/0": ("100.64.0.1",), "::/0": ("fd00::1",)}
    assert "0.0.0.0/0" not in seen.loc_rib("r")


def aggregating(aggregate: Aggregate) -> Seen:
    """`r` aggregates what two neighbours of different ASes send it, and sends it to `b`."""
    net = Net()
    net.router("r", 65010, aggregates=[aggregate])
    net.router("a", 65001, ["10.1.0.0/24", "192.0.2.0/24"])
    net.router("c", 65003, ["10.1.1.0/24"])
    net.router("b", 65002)
    net.session("r", "a")
    net.session("r", "c")
    net.session("r", "b")
    return live(net.plan())[0]


WIDE = parse_prefix("10.1.0.0/16")


def test_an_aggregate_stands_beside_its_more_specific_routes() -> None:
    """Without summary_only both are sent; the aggregate says that paths were lost (RFC 4271 §5.1.6, §5.1.7)."""
    seen = aggregating(Aggregate(prefix=WIDE))
    received = seen.received("b", "r")
    assert set(received) == {"10.1.0.0/16", "10.1.0.0/24", "10.1.1.0/24", "192.0.2.0/24"}
    route = received["10.1.0.0/16"]
    assert (str(route.as_path), route.atomic_aggregate, str(route.aggregator)) == ("65010", True, "65010:10.255.0.1")
    assert seen.fib("r")["10.1.0.0/16"] == ()


def test_a_summary_takes_the_place_of_its_more_specific_routes() -> None:
    """With summary_only and as_set one route is sent, with the ASes of all as a set (RFC 4271 §9.2.2.2)."""
    seen = aggregating(Aggregate(prefix=WIDE, summary_only=True, as_set=True))
    received = seen.received("b", "r")
    assert set(received) == {"10.1.0.0/16", "192.0.2.0/24"}
    route = received["10.1.0.0/16"]
    assert (str(route.as_path), route.as_path.length, route.atomic_aggregate) == ("65010 {65001,65003}", 2, False)
    assert set(seen.loc_rib("r")) == {"10.1.0.0/16", "10.1.0.0/24", "10.1.1.0/24", "192.0.2.0/24"}


def test_an_aggregate_without_a_more_specific_route_is_not_there() -> None:
    """Nothing stands for nothing."""
    seen = aggregating(Aggregate(prefix=parse_prefix("172.16.0.0/12")))
    assert "172.16.0.0/12" not in seen.loc_rib("r")
    assert "172.16.0.0/12" not in seen.fib("r")


# well-known communities


KEPT_IN = {NO_EXPORT: (False, True), NO_EXPORT_SUBCONFED: (False, True), NO_ADVERTISE: (False, False)}
"""Whether a route with the community goes outside, and whether to an internal neighbour."""


def tagged(community: AnyCommunity) -> Plan:
    """`r` tags what `a` sends it, and sends it to `b` outside and to `i` inside."""
    found = policies(f"policies: {{tag: [{{set: {{communities: ['{community}']}}, then: accept}}]}}")
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, ["10.1.0.0/16"])
    net.router("b", 65002)
    net.router("i", 65010)
    net.session("r", "a", r=importing(found["tag"]))
    net.session("r", "b")
    net.session("r", "i", r=SessionRules(next_hop_self=True))
    return net.plan()


def test_well_known_communities_keep_routes_in() -> None:
    """RFC 1997: NO_EXPORT and NO_EXPORT_SUBCONFED stay in the AS, NO_ADVERTISE at the router."""
    for (community, goes), seen in zip(KEPT_IN.items(), live(*map(tagged, KEPT_IN)), strict=True):
        assert set(seen.loc_rib("r")) == {"10.1.0.0/16"}, community
        assert (bool(seen.received("b", "r")), bool(seen.received("i", "r"))) == goes, community


def test_graceful_shutdown_makes_a_path_the_last_choice() -> None:
    """RFC 8326 §4.1: a longer path is used while the shorter one is tagged, and the tagged one has local_pref 0."""
    found = policies(
        """
policies:
  leaving: [{set: {communities: [graceful-shutdown]}, then: accept}]
  far: [{set: {prepend: [65002, 65002]}, then: accept}]
"""
    )
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, ["10.1.0.0/16"])
    net.router("b", 65002, ["10.1.0.0/16"])
    net.router("i", 65010)
    net.session("r", "a", a=exporting(found["leaving"]))
    net.session("r", "b", b=exporting(found["far"]))
    net.session("r", "i", r=SessionRules(next_hop_self=True))
    (seen,) = live(net.plan())
    assert seen.received("r", "a")["10.1.0.0/16"].communities == (GRACEFUL_SHUTDOWN,)
    assert str(seen.loc_rib("r")["10.1.0.0/16"].as_path) == "65002 65002 65002"


def test_graceful_shutdown_travels_inside_the_as_with_local_pref_0() -> None:
    """The router that receives the tag from outside tells its own AS the lowest local preference."""
    found = policies("policies: {leaving: [{set: {add_communities: graceful-shutdown}, then: accept}]}")
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, ["10.1.0.0/16"])
    net.router("i", 65010)
    net.session("r", "a", a=exporting(found["leaving"]))
    net.session("r", "i", r=SessionRules(next_hop_self=True))
    (seen,) = live(net.plan())
    assert seen.received("i", "r")["10.1.0.0/16"].local_pref == 0


def dropping(*, accepting: bool) -> Plan:
    """`a` tags a host route to be discarded; `r` has or has not agreed to that."""
    found = policies("policies: {drop: [{set: {communities: [blackhole]}, then: accept}]}")
    net = Net()
    net.router("r", 65010)
    net.router("a", 65001, ["10.1.0.1/32"])
    net.router("b", 65002)
    net.session("r", "a", a=exporting(found["drop"]), r=importing(*OPEN.import_policies, accept_blackhole=accepting))
    net.session("r", "b")
    return net.plan()


def test_blackhole_discards_where_that_is_agreed() -> None:
    """RFC 7999: traffic to a tagged host route is discarded and the route kept in the AS, if the session accepts it."""
    for accepting, seen in zip((True, False), live(dropping(accepting=True), dropping(accepting=False)), strict=True):
        assert seen.fib("r") == {"10.1.0.1/32": () if accepting else ("100.64.0.2",)}
        assert (NO_EXPORT in seen.loc_rib("r")["10.1.0.1/32"].communities) is accepting
        assert set(seen.received("b", "r")) == (set() if accepting else {"10.1.0.1/32"})
        assert BLACKHOLE in seen.received("r", "a")["10.1.0.1/32"].communities


def test_the_cluster_of_a_reflector_has_a_name_of_its_own() -> None:
    """A cluster id that is not the router id stands in CLUSTER_LIST (RFC 4456 §7)."""
    net = Net()
    net.router("rr", 65010, cluster_id="9.9.9.9")
    net.router("c", 65010, ["10.1.0.0/16"])
    net.router("d", 65010)
    net.session("rr", "c", rr=SessionRules(route_reflector_client=True))
    net.session("rr", "d")
    (seen,) = live(net.plan())
    route = seen.received("d", "rr")["10.1.0.0/16"]
    assert (route.originator_id, route.cluster_list) == (IPv4Address("10.255.0.2"), (IPv4Address("9.9.9.9"),))
    assert Asn(65010) not in route.as_path.asns
