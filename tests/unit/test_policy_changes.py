"""What a term does to a route's attributes: each change alone, in one order together, and at the ends of ranges."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from builders import P1, P6, accept, exactly, set_to
from lab.bgp import (
    ATTRIBUTES,
    Aggregator,
    Asn,
    AsPath,
    AttributeChange,
    Community,
    ExtendedCommunity,
    LargeCommunity,
    Origin,
    RemovePrivate,
    Route,
    RouteSource,
    UnknownAttribute,
    changes_between,
    text_of,
)
from lab.policy import (
    Change,
    CommunityChange,
    CommunityPattern,
    CommunitySet,
    Context,
    ContextMissingError,
    NextHopRule,
    NumberChange,
    Operation,
    PatternKind,
    compiled,
    evaluate,
)

C, LC, EC = Community, LargeCommunity, ExtendedCommunity
MOST = 4294967295
ROUTE = Route(
    prefix=P1,
    next_hop=IPv4Address("192.0.2.2"),
    origin=Origin.EGP,
    as_path=AsPath.of(65001, 12076, 65002),
    local_pref=200,
    multi_exit_disc=5,
    communities=(C("65001:1"), C("65001:2")),
    large_communities=(LC("65001:0:1"), LC("65001:0:2")),
    extended_communities=(EC("target:65010:1"), EC("target:65010:2"), EC("origin:65010:3")),
    atomic_aggregate=True,
    aggregator=Aggregator(Asn(65002), IPv4Address("10.0.0.1")),
    originator_id=IPv4Address("10.0.0.2"),
    cluster_list=(IPv4Address("10.0.0.3"),),
    unknown=(UnknownAttribute(99, "00ff"),),
    weight=3,
    vrf="branch",
)
V6 = Route(prefix=P6, next_hop=IPv6Address("2001:db8:1::2"))
OWN_ADDRESS = ip_address("198.51.100.1")
HERE = Context(neighbor="a", own_asn=Asn(65010), own_address=OWN_ADDRESS)


def plus(value: int) -> NumberChange:
    """A number more."""
    return NumberChange(operation=Operation.PLUS, value=value)


def minus(value: int) -> NumberChange:
    """A number less."""
    return NumberChange(operation=Operation.MINUS, value=value)


NONE = NumberChange(operation=Operation.REMOVE)


@pytest.mark.parametrize(
    ("change", "number", "after", "text"),
    [
        pytest.param(set_to(0), 5, 0, "0", id="set to zero"),
        pytest.param(set_to(7), None, 7, "7", id="set where it was absent"),
        pytest.param(plus(3), 5, 8, "+3", id="plus"),
        pytest.param(plus(3), None, 103, "+3", id="plus, an absent one counts as its default"),
        pytest.param(plus(0), None, 100, "+0", id="plus nothing writes the default down"),
        pytest.param(plus(1), MOST - 1, MOST, "+1", id="plus, up to the largest"),
        pytest.param(plus(2), MOST - 1, MOST, "+2", id="plus stays at the largest"),
        pytest.param(minus(3), 5, 2, "-3", id="minus"),
        pytest.param(minus(3), None, 97, "-3", id="minus, an absent one counts as its default"),
        pytest.param(minus(5), 5, 0, "-5", id="minus, down to zero"),
        pytest.param(minus(6), 5, 0, "-6", id="minus stays at zero"),
        pytest.param(NONE, 5, None, "none", id="removed"),
        pytest.param(NONE, None, None, "none", id="removed where it was absent"),
    ],
)
def test_arithmetic_of_numbers(change: NumberChange, number: int | None, after: int | None, text: str) -> None:
    """A number is set, raised, lowered or removed, and stays within 32 bits."""
    assert change.apply(number, default=100) == after
    assert str(change) == text


def test_an_absent_number_is_zero_where_no_default_is_given() -> None:
    """A number without a default of its own begins at zero."""
    assert plus(3).apply(None) == 3


PREPEND = (Asn(7), Asn(8))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(Change(), ROUTE, id="nothing"),
        pytest.param(Change(local_pref=set_to(0)), replace(ROUTE, local_pref=0), id="local_pref"),
        pytest.param(Change(local_pref=plus(50)), replace(ROUTE, local_pref=250), id="local_pref plus"),
        pytest.param(Change(local_pref=minus(50)), replace(ROUTE, local_pref=150), id="local_pref minus"),
        pytest.param(Change(multi_exit_disc=set_to(0)), replace(ROUTE, multi_exit_disc=0), id="med"),
        pytest.param(Change(multi_exit_disc=plus(2)), replace(ROUTE, multi_exit_disc=7), id="med plus"),
        pytest.param(Change(multi_exit_disc=minus(9)), replace(ROUTE, multi_exit_disc=0), id="med minus"),
        pytest.param(Change(multi_exit_disc=NONE), replace(ROUTE, multi_exit_disc=None), id="med none"),
        pytest.param(Change(weight=set_to(7)), replace(ROUTE, weight=7), id="weight"),
        pytest.param(Change(weight=set_to(0)), replace(ROUTE, weight=0), id="weight 0"),
        pytest.param(Change(weight=plus(1)), replace(ROUTE, weight=4), id="weight plus"),
        pytest.param(Change(weight=plus(70000)), replace(ROUTE, weight=65535), id="a weight has 16 bits"),
        pytest.param(Change(weight=minus(4)), replace(ROUTE, weight=0), id="a weight is not negative"),
        pytest.param(Change(weight=NONE), replace(ROUTE, weight=0), id="no weight is the weight 0"),
        pytest.param(Change(origin=Origin.INCOMPLETE), replace(ROUTE, origin=Origin.INCOMPLETE), id="origin"),
        pytest.param(
            Change(next_hop=ip_address("192.0.2.9")), replace(ROUTE, next_hop=ip_address("192.0.2.9")), id="next hop"
        ),
        pytest.param(Change(next_hop=ip_address("2001:db8::9")), ROUTE, id="next hop of the other family"),
        pytest.param(Change(next_hop_rule=NextHopRule.SELF), replace(ROUTE, next_hop=OWN_ADDRESS), id="next hop self"),
        pytest.param(Change(next_hop_rule=NextHopRule.UNCHANGED), ROUTE, id="next hop unchanged"),
        pytest.param(Change(as_path=AsPath.of(1, 2)), replace(ROUTE, as_path=AsPath.of(1, 2)), id="as_path"),
        pytest.param(Change(as_path=AsPath()), replace(ROUTE, as_path=AsPath()), id="as_path emptied"),
        pytest.param(
            Change(replace_asns=((Asn(12076), Asn(1)), (Asn(65002), Asn(12076)))),
            replace(ROUTE, as_path=AsPath.of(65001, 1, 12076)),
            id="ASes replaced, all at once",
        ),
        pytest.param(
            Change(remove_private_asns=RemovePrivate.LEADING),
            replace(ROUTE, as_path=AsPath.of(12076, 65002)),
            id="leading private ASes removed",
        ),
        pytest.param(
            Change(remove_private_asns=RemovePrivate.ALL),
            replace(ROUTE, as_path=AsPath.of(12076)),
            id="all private ASes removed",
        ),
        pytest.param(
            Change(remove_private_asns=RemovePrivate.REPLACE),
            replace(ROUTE, as_path=AsPath.of(65010, 12076, 65010)),
            id="private ASes replaced by the own one",
        ),
        pytest.param(
            Change(prepend=PREPEND),
            replace(ROUTE, as_path=AsPath.of(7, 8, 65001, 12076, 65002)),
            id="prepend, the first is the newest (RFC 4271 §5.1.2)",
        ),
        pytest.param(
            Change(prepend_last=2),
            replace(ROUTE, as_path=AsPath.of(65001, 65001, 65001, 12076, 65002)),
            id="the newest AS twice more",
        ),
        pytest.param(
            Change(communities=CommunityChange(replace=())), replace(ROUTE, communities=()), id="no communities"
        ),
        pytest.param(
            Change(communities=CommunityChange(replace=(C("10:1"), C("9:1")))),
            replace(ROUTE, communities=(C("9:1"), C("10:1"))),
            id="communities",
        ),
        pytest.param(
            Change(communities=CommunityChange(add=(C("9:1"),))),
            replace(ROUTE, communities=(C("9:1"), C("65001:1"), C("65001:2"))),
            id="a community more",
        ),
        pytest.param(
            Change(communities=CommunityChange(add=(C("65001:1"),))), ROUTE, id="a community that is there already"
        ),
        pytest.param(
            Change(communities=CommunityChange(remove=(exactly("65001:1", "9:9"),))),
            replace(ROUTE, communities=(C("65001:2"),)),
            id="a community less",
        ),
        pytest.param(
            Change(large_communities=CommunityChange(replace=(LC("1:1:1"),))),
            replace(ROUTE, large_communities=(LC("1:1:1"),)),
            id="large communities",
        ),
        pytest.param(
            Change(large_communities=CommunityChange(remove=(exactly("65001:0:1"),), add=(LC("9:0:0"),))),
            replace(ROUTE, large_communities=(LC("9:0:0"), LC("65001:0:2"))),
            id="a large community more and one less",
        ),
        pytest.param(
            Change(extended_communities=CommunityChange(replace=(EC("origin:1:1"),))),
            replace(ROUTE, extended_communities=(EC("origin:1:1"),)),
            id="extended communities",
        ),
        pytest.param(
            Change(extended_communities=CommunityChange(remove=(exactly("target:65010:2"),), add=(EC("target:9:9"),))),
            replace(ROUTE, extended_communities=(EC("target:9:9"), EC("target:65010:1"), EC("origin:65010:3"))),
            id="an extended community more and one less",
        ),
        pytest.param(
            Change(route_targets=(EC("target:7:7"),)),
            replace(ROUTE, extended_communities=(EC("target:7:7"), EC("origin:65010:3"))),
            id="route targets; other extended communities stay (RFC 4360 §4)",
        ),
        pytest.param(
            Change(route_targets=()),
            replace(ROUTE, extended_communities=(EC("origin:65010:3"),)),
            id="no route targets",
        ),
        pytest.param(
            Change(
                extended_communities=CommunityChange(replace=(EC("target:8:8"), EC("origin:8:8"))),
                route_targets=(EC("target:7:7"),),
            ),
            replace(ROUTE, extended_communities=(EC("target:7:7"), EC("origin:8:8"))),
            id="route targets are set behind the other changes",
        ),
    ],
)
def test_a_change_touches_what_it_names_and_nothing_else(change: Change, expected: Route) -> None:
    """Each change sets its own attribute, to zero or empty as well, and leaves the others."""
    assert change.apply(ROUTE, HERE) == expected


def test_an_absent_number_counts_as_its_default() -> None:
    """LOCAL_PREF counts as 100, as every vendor's does, a MED as 0 (RFC 4271 §9.1.2.2 c)."""
    change = Change(local_pref=plus(5), multi_exit_disc=plus(5), weight=plus(5))
    assert change.apply(V6) == replace(V6, local_pref=105, multi_exit_disc=5, weight=5)


@pytest.mark.parametrize(
    ("path", "after"),
    [
        ("", ""),
        ("{1,2} 3", "{1,2} 3"),
        ("(65010) 3", "3 3 (65010) 3"),
    ],
)
def test_the_newest_as_is_prepended_where_there_is_one(path: str, after: str) -> None:
    """A path that is empty or begins with a set has no newest AS (RFC 4271 §9.1.2.2 c, RFC 5065 §5.3)."""
    assert str(Change(prepend_last=2).apply(replace(ROUTE, as_path=AsPath.parse(path))).as_path) == after


def test_an_as_path_is_changed_in_one_order() -> None:
    """Replaced as a whole, AS by AS, freed of private ones, its newest repeated, and prepended to."""
    change = Change(
        as_path=AsPath.of(65001, 1, 2),
        replace_asns=((Asn(1), Asn(3)),),
        remove_private_asns=RemovePrivate.LEADING,
        prepend_last=1,
        prepend=(Asn(65010), Asn(65011)),
    )
    assert change.apply(ROUTE).as_path == AsPath.of(65010, 65011, 3, 3, 2)


def test_communities_are_replaced_then_removed_then_added() -> None:
    """Where one term does all three, the added ones always arrive and the removed ones never come from the new set."""
    change = CommunityChange(
        replace=(C("1:1"), C("1:2"), C("1:3")), remove=(exactly("1:1"), exactly("1:2")), add=(C("1:2"),)
    )
    assert change.apply(ROUTE.communities) == ("1:2", "1:3")


@pytest.mark.parametrize(
    ("kind", "text", "left"),
    [
        (PatternKind.EXACT, "65010:10", ("65001:10", "65010:1", "65535:65281")),
        (PatternKind.WILDCARD, "65010:*", ("65001:10", "65535:65281")),
        (PatternKind.WILDCARD, "*:10", ("65010:1", "65535:65281")),
        (PatternKind.REGULAR_EXPRESSION, "^65(001|535):", ("65010:1", "65010:10")),
    ],
)
def test_communities_are_removed_by_set(kind: PatternKind, text: str, left: tuple[str, ...]) -> None:
    """Every community that is in the set goes, and no other."""
    had = tuple(map(C, ("65001:10", "65010:1", "65010:10", "65535:65281")))
    gone = CommunitySet(name="gone", patterns=(CommunityPattern(kind=kind, text=text),))
    change: CommunityChange[Community] = CommunityChange(remove=(gone,))
    assert change.apply(had) == left


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (Change(next_hop_rule=NextHopRule.SELF), "next_hop self needs the router's own address on the session"),
        (
            Change(remove_private_asns=RemovePrivate.REPLACE),
            "remove_private_asns replace needs the router's own AS number",
        ),
    ],
)
def test_a_change_that_hangs_on_the_session_says_what_it_needs(change: Change, says: str) -> None:
    """Nothing is guessed of a session that is not known."""
    with pytest.raises(ContextMissingError) as caught:
        change.apply(ROUTE)
    assert str(caught.value) == says


@pytest.mark.parametrize(
    ("change", "route", "chosen"),
    [
        pytest.param(Change(), ROUTE, False, id="untouched"),
        pytest.param(Change(next_hop=ip_address("192.0.2.9")), ROUTE, True, id="an address"),
        pytest.param(Change(next_hop=ip_address("192.0.2.9")), V6, False, id="an address of the other family"),
        pytest.param(Change(next_hop_rule=NextHopRule.SELF), ROUTE, True, id="self"),
        pytest.param(Change(next_hop_rule=NextHopRule.UNCHANGED), ROUTE, True, id="unchanged"),
    ],
)
def test_a_policy_that_chooses_the_next_hop_says_so(change: Change, route: Route, *, chosen: bool) -> None:
    """The session puts its own address only where no policy chose one (RFC 4271 §5.1.3)."""
    assert evaluate(accept(change), route, HERE).next_hop_set is chosen
    assert compiled((accept(change),))(route, HERE)[1] is chosen


@pytest.mark.parametrize(
    ("attribute", "text", "bare"),
    [
        ("next_hop", "192.0.2.2", "2001:db8:1::2"),
        ("origin", "egp", "igp"),
        ("as_path", "65001 12076 65002", ""),
        ("local_pref", "200", ""),
        ("multi_exit_disc", "5", ""),
        ("communities", "65001:1 65001:2", ""),
        ("large_communities", "65001:0:1 65001:0:2", ""),
        ("extended_communities", "target:65010:1 target:65010:2 origin:65010:3", ""),
        ("atomic_aggregate", "set", ""),
        ("aggregator", "65002:10.0.0.1", ""),
        ("originator_id", "10.0.0.2", ""),
        ("cluster_list", "10.0.0.3", ""),
        ("unknown", "99:00ff", ""),
        ("weight", "3", "0"),
        ("source", "bgp", "bgp"),
        ("vrf", "branch", ""),
    ],
)
def test_every_attribute_has_a_text(attribute: str, text: str, bare: str) -> None:
    """An attribute is shown as text, empty where it is absent."""
    assert attribute in ATTRIBUTES
    assert (text_of(ROUTE, attribute), text_of(V6, attribute)) == (text, bare)


def test_changes_are_told_in_the_order_of_the_attributes() -> None:
    """A change is an attribute before and after; None and 0 differ, although the decision process treats them alike."""
    before = replace(V6, source=RouteSource.STATIC)
    after = replace(before, multi_exit_disc=0, atomic_aggregate=True, as_path=AsPath.of(1), vrf="lab")
    assert changes_between(before, after) == (
        AttributeChange(attribute="as_path", before="", after="1"),
        AttributeChange(attribute="multi_exit_disc", before="", after="0"),
        AttributeChange(attribute="atomic_aggregate", before="", after="set"),
        AttributeChange(attribute="vrf", before="", after="lab"),
    )
    assert changes_between(before, before) == ()


@pytest.mark.parametrize("value", [-1, 0x100000000])
def test_a_change_by_no_number_is_refused(value: int) -> None:
    """A number of 32 bits is changed by one of 32 bits."""
    with pytest.raises(ValueError, match="is no number from 0 to 4294967295"):
        NumberChange(operation=Operation.PLUS, value=value)


def test_a_number_is_changed_by_any_number_of_its_width() -> None:
    """The least and the greatest number are numbers too."""
    made = [NumberChange(operation=Operation.SET, value=value).apply(5) for value in (0, 0xFFFFFFFF)]
    assert made == [0, 0xFFFFFFFF]
