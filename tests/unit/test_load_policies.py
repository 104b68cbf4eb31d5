"""What right policy files become, and the values that can also be given on the command line."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from lab.bgp import (
    BLACKHOLE,
    NO_EXPORT,
    Asn,
    AsPath,
    Community,
    ExtendedCommunity,
    Family,
    LargeCommunity,
    Origin,
    RemovePrivate,
    Route,
    RouteSource,
    parse_prefix,
)
from lab.errors import InputError
from lab.load import load_policies
from lab.load.calls import DEEPEST_CALL, MOST_TERMS
from lab.load.values import as_path, community, prefix
from lab.policy import (
    NO_CHANGE,
    Asked,
    AsPathEntry,
    AsPathSet,
    Change,
    CommunityChange,
    CommunityPattern,
    CommunitySet,
    Fate,
    Match,
    NextHopRule,
    NumberChange,
    NumberRange,
    Operation,
    PatternKind,
    Policy,
    PrefixList,
    PrefixRange,
    Quantifier,
    Term,
    evaluate,
)

RIGHT = Path(__file__).parents[1] / "golden" / "right"
MORE = RIGHT / "more.yaml"


def ranged(text: str, low: int, high: int) -> PrefixRange:
    """A prefix range."""
    return PrefixRange(prefix=parse_prefix(text), at_least=low, at_most=high)


def exactly(text: str, name: str = "") -> CommunitySet:
    """The set that a literal community stands for."""
    return CommunitySet(name=name or text, patterns=(CommunityPattern(kind=PatternKind.EXACT, text=text),))


def wildcard(text: str) -> CommunityPattern:
    """A wildcard."""
    return CommunityPattern(kind=PatternKind.WILDCARD, text=text)


def regex(text: str) -> CommunityPattern:
    """A regular expression on a community."""
    return CommunityPattern(kind=PatternKind.REGULAR_EXPRESSION, text=text)


def number(value: int, operation: Operation = Operation.SET) -> NumberChange:
    """A change of a number."""
    return NumberChange(operation=operation, value=value)


ALL = PrefixList(
    name="all",
    ranges=(
        ranged("0.0.0.0/0", 0, 32),
        ranged("10.0.0.0/8", 8, 8),
        ranged("10.0.0.0/8", 16, 32),
        ranged("10.0.0.0/8", 8, 24),
        ranged("2001:db8::/32", 33, 48),
    ),
)
MICROSOFT = AsPathSet(
    name="microsoft",
    entries=(
        AsPathEntry(pattern="^12076$"),
        AsPathEntry(pattern="_65001_"),
        AsPathEntry(pattern="65010"),
        AsPathEntry(length=NumberRange(low=2, high=2)),
        AsPathEntry(length=NumberRange(low=3)),
        AsPathEntry(length=NumberRange(high=1)),
        AsPathEntry(length=NumberRange(low=2, high=4)),
    ),
)
BLUE = CommunitySet(
    name="blue",
    patterns=(
        *exactly("65010:100").patterns,
        wildcard("65010:*"),
        wildcard("*:7"),
        regex("^65010:1[0-9]+$"),
        *exactly(NO_EXPORT).patterns,
        *exactly("12076:50002").patterns,
        *exactly("12076:5010").patterns,
    ),
)
BIG = CommunitySet(name="big", patterns=(wildcard("65010:1:*"), regex("^65010:"), *exactly("65010:1:2").patterns))
VPN = CommunitySet(
    name="vpn",
    patterns=(
        *exactly("target:65010:100").patterns,
        wildcard("target:65010:*"),
        regex("^origin:"),
        *exactly("target:65010:7").patterns,
        wildcard("origin:192.0.2.1:*"),
        wildcard("*:70000:7"),
        wildcard("*:7L:*"),
        *exactly("030b000000000064").patterns,
    ),
)


def policies() -> dict[str, Policy]:
    """The policies of the file that has every key."""
    return {policy.name: policy for policy in load_policies(MORE)}


def test_policies_keep_the_order_of_the_file_and_know_their_place() -> None:
    """Policies come out in the order of the file, each with the line of its name."""
    lines = MORE.read_text(encoding="utf-8").splitlines()
    assert [policy.name for policy in load_policies(MORE)] == ["all", "conditions", "called", "on"]
    assert policies()["called"].source == f"{MORE}:{lines.index('  called:') + 1}"


def test_a_plain_list_is_a_policy_that_rejects_by_default() -> None:
    """A list of terms is a policy, whose lists of literals are sets of their own."""
    assert policies()["all"] == Policy(
        name="all",
        source=policies()["all"].source,
        default=Fate.REJECT,
        terms=(
            Term(
                fate=Fate.NEXT_TERM,
                match=Match(
                    prefix_list=Asked(sets=(ALL,)),
                    community=Asked(sets=(exactly(NO_EXPORT, "no-export"),)),
                    large_community=Asked(sets=(exactly("1:2:3"), exactly("2:3:4"))),
                    family=Family.IPV4,
                ),
                change=Change(
                    communities=CommunityChange(replace=(), add=(Community("65001:30"),), remove=(exactly("1:1"),)),
                    prepend=(Asn(65010), Asn(65010)),
                ),
            ),
            Term(
                fate=Fate.ACCEPT,
                match=Match(
                    as_path=Asked(sets=(AsPathSet(name="_65546_", entries=(AsPathEntry(pattern="_65546_"),)),))
                ),
                change=Change(
                    local_pref=number(4294967295),
                    multi_exit_disc=number(0),
                    weight=number(65535),
                    origin=Origin.EGP,
                    large_communities=CommunityChange(
                        replace=(LargeCommunity("1:1:1"),),
                        add=(LargeCommunity("1:1:2"),),
                        remove=(exactly("1:1:3"),),
                    ),
                ),
            ),
            Term(fate=Fate.REJECT),
        ),
    )


def test_every_condition_reaches_the_model() -> None:
    """Each condition asks what the file says: names are resolved, and literals are sets of the same kind."""
    matches = [term.match for term in policies()["conditions"].terms]
    hops = (
        ALL,
        PrefixList(name="172.16.0.2", ranges=(ranged("172.16.0.2/32", 32, 32),)),
        PrefixList(name="2001:db8::1", ranges=(ranged("2001:db8::1/128", 128, 128),)),
        PrefixList(name="172.16.0.0/30 orlonger", ranges=(ranged("172.16.0.0/30", 30, 32),)),
    )
    assert matches[0] == Match(
        prefix_list=Asked(sets=(ALL, PrefixList(name="10.0.0.0/8 le 24", ranges=(ranged("10.0.0.0/8", 8, 24),)))),
        as_path=Asked(
            quantifier=Quantifier.ALL,
            sets=(
                MICROSOFT,
                AsPathSet(name="^$", entries=(AsPathEntry(pattern="^$"),)),
                AsPathSet(name="length 1", entries=(AsPathEntry(length=NumberRange(low=1, high=1)),)),
            ),
        ),
        community=Asked(quantifier=Quantifier.NONE, sets=(BLUE, exactly("65010:5"))),
        large_community=Asked(sets=(BIG,)),
        extended_community=Asked(sets=(VPN,)),
        route_target=Asked(
            sets=(
                exactly("target:65010:100", "65010:100"),
                exactly("target:192.0.2.1:5", "192.0.2.1:5"),
                CommunitySet(name="70000:*", patterns=(wildcard("target:70000:*"),)),
                CommunitySet(name="/^target:1/", patterns=(regex("^target:1"),)),
                VPN,
                CommunitySet(name="target:1:*", patterns=(wildcard("target:1:*"),)),
                exactly("target:70000:1", "rt:70000:1"),
            )
        ),
        next_hop=Asked(sets=hops),
    )
    assert matches[1:] == [
        Match(
            as_path_length=NumberRange(low=3),
            local_pref=NumberRange(low=200, high=200),
            multi_exit_disc=NumberRange(absent=True),
            weight=NumberRange(low=0, high=9),
            origin=(Origin.IGP, Origin.EGP),
        ),
        Match(
            neighbor=("msee1",),
            source=(RouteSource.CONNECTED,),
            vrf=("branch",),
            origin=(Origin.IGP,),
            multi_exit_disc=NumberRange(low=2, high=4),
        ),
        Match(
            neighbor=("msee2", "172.16.0.2", "2001:db8:ffff::2"),
            source=(RouteSource.BGP, RouteSource.STATIC, RouteSource.AGGREGATE),
            vrf=("branch", "7"),
        ),
        Match(as_path_length=NumberRange(high=2), weight=NumberRange(low=7, high=7)),
    ]


def test_every_change_reaches_the_model() -> None:
    """Each change does what the file says."""
    assert [term.change for term in policies()["conditions"].terms] == [
        Change(
            local_pref=number(50, Operation.PLUS),
            multi_exit_disc=number(0, Operation.REMOVE),
            weight=number(5, Operation.MINUS),
            next_hop_rule=NextHopRule.SELF,
            as_path=AsPath.of(65010, 65020),
        ),
        Change(
            local_pref=number(50, Operation.MINUS),
            multi_exit_disc=number(10, Operation.PLUS),
            next_hop_rule=NextHopRule.UNCHANGED,
            as_path=AsPath(),
            replace_asns=((Asn(65001), Asn(65010)), (Asn(65546), Asn(2))),
        ),
        Change(
            next_hop=ip_address("172.16.0.2"),
            remove_private_asns=RemovePrivate.REPLACE,
            prepend=(Asn(65010), Asn(65010), Asn(65010)),
        ),
        Change(
            prepend_last=2,
            communities=CommunityChange(
                remove=(
                    BLUE,
                    CommunitySet(name="65010:*", patterns=(wildcard("65010:*"),)),
                    exactly("12076:5040", "crm-online"),
                )
            ),
            route_targets=(ExtendedCommunity("target:65010:100"),),
        ),
        Change(
            communities=CommunityChange(add=(Community("12076:53004"), BLACKHOLE)),
            large_communities=CommunityChange(remove=(BIG,)),
            extended_communities=CommunityChange(
                replace=(ExtendedCommunity("target:65010:1"),),
                add=(ExtendedCommunity("origin:65010:1"),),
                remove=(VPN, CommunitySet(name="/^target/", patterns=(regex("^target"),))),
            ),
        ),
    ]


def test_names_calls_fates_and_defaults_reach_the_model() -> None:
    """A term has its name and the policy that it calls, wherever in the file that stands; a policy has its default."""
    made = policies()
    assert [term.name for term in made["conditions"].terms] == ["sets", "", "", "", ""]
    assert [term.call for term in made["conditions"].terms] == [None, None, made["called"], None, None]
    assert [term.fate for term in made["conditions"].terms][2:] == [Fate.NEXT_POLICY, Fate.NEXT_TERM, Fate.ACCEPT]
    assert [policy.default for policy in made.values()] == [
        Fate.REJECT,
        Fate.NEXT_POLICY,
        Fate.REJECT,
        Fate.NEXT_POLICY,
    ]
    assert made["called"].terms[0].change == Change(prepend=(Asn(65546),), route_targets=())
    assert made["on"].terms[0].change is NO_CHANGE
    assert made["on"].terms[0].call == made["conditions"]


@pytest.mark.parametrize(
    "address",
    ["0.1.2.3", "127.0.0.1", "127.9.9.9", "224.0.0.5", "240.0.0.1", "255.255.255.255", "::", "::1"],
)
def test_a_next_hop_is_the_address_of_a_host(tmp_path: Path, address: str) -> None:
    """A next hop whose receivers would treat the route as withdrawn is refused (RFC 4271 §6.3); a host's is taken."""
    text = "policies: {p: [{set: {next_hop: 'ADDRESS'}, then: accept}]}"
    with pytest.raises(InputError, match=f"no router has the address {address}"):
        loaded(tmp_path, text.replace("ADDRESS", address))
    (made,) = loaded(tmp_path, text.replace("ADDRESS", "223.255.255.254"))
    assert made.terms[0].change.next_hop == ip_address("223.255.255.254")


def test_no_term_is_called_default(tmp_path: Path) -> None:
    """What decides a route is called `default` where no term does: a term of that name is refused, default-a is not."""
    text = "policies: {p: [{name: NAME, then: accept}]}"
    with pytest.raises(InputError, match="term 1 of p has the name of the policy's default"):
        loaded(tmp_path, text.replace("NAME", "default"))
    (made,) = loaded(tmp_path, text.replace("NAME", "default-a"))
    assert made.terms[0].name == "default-a"


# calls


def loaded(directory: Path, text: str) -> tuple[Policy, ...]:
    """The policies of a text."""
    file = directory / "policies.yaml"
    file.write_text(text, encoding="utf-8")
    return load_policies(file)


def in_a_row(count: int) -> str:
    """Policies each of which calls the next."""
    calls = "".join(f"  p{n}: [{{call: p{n + 1}, then: accept}}]\n" for n in range(count))
    return f"policies:\n{calls}  p{count}: [{{then: accept}}]\n"


def test_calls_may_be_as_deep_as_the_limit(tmp_path: Path) -> None:
    """The deepest chain of calls that is allowed can be evaluated; one more is refused."""
    route = Route(prefix=parse_prefix("10.0.0.0/8"), next_hop=ip_address("192.0.2.1"))
    deepest = loaded(tmp_path, in_a_row(DEEPEST_CALL))[0]
    assert evaluate(deepest, route).accepted
    with pytest.raises(InputError, match=f"p0: the calls are more than {DEEPEST_CALL} deep"):
        loaded(tmp_path, in_a_row(DEEPEST_CALL + 1))


def test_ten_thousand_policies_in_a_row_are_refused_and_not_recursed_into(tmp_path: Path) -> None:
    """However many policies call one another in a row, the loader answers with mistakes."""
    with pytest.raises(InputError, match="deep"):
        loaded(tmp_path, in_a_row(10_000))


def test_a_circle_of_ten_thousand_policies_is_named_in_short(tmp_path: Path) -> None:
    """Of a long circle the beginning and the end are named."""
    with pytest.raises(InputError) as refusal:
        loaded(tmp_path, in_a_row(10_000).replace("p10000: [{then", "p10000: [{call: p0, then"))
    (mistake,) = refusal.value.mistakes
    assert mistake.what.startswith("p0 calls itself in a circle: p0 calls p1 calls")
    assert mistake.what.endswith("calls ... calls p0")
    assert mistake.line == 10_002


def test_a_policy_without_calls_may_be_long(tmp_path: Path) -> None:
    """The limit is on what calls make of a policy, not on how many terms a person writes."""
    term = "    - {match: {med: 1}, then: next_term}\n"
    (policy,) = loaded(tmp_path, f"policies:\n  long:\n{term * (MOST_TERMS + 1)}")
    assert len(policy.terms) == MOST_TERMS + 1


def test_a_set_and_a_literal_mean_the_same(tmp_path: Path) -> None:
    """A condition decides alike whether its sets are named or written out; `none` is the opposite of `any`."""
    named, literal, without = loaded(
        tmp_path,
        """
community_sets: {blue: ["65010:*"]}
policies:
  named: [{match: {community: blue}, then: accept}]
  literal: [{match: {community: "65010:*"}, then: accept}]
  without: [{match: {community: {none: "65010:*"}}, then: accept}]
""",
    )
    for communities in ((), (Community("65010:1"),), (Community("65011:1"),)):
        route = Route(prefix=parse_prefix("10.0.0.0/8"), next_hop=ip_address("192.0.2.1"), communities=communities)
        accepted = evaluate(named, route).accepted
        assert accepted is any(one.startswith("65010:") for one in communities)
        assert evaluate(literal, route).accepted is accepted
        assert evaluate(without, route).accepted is not accepted


# values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("65010:0100", "65010:100"),
        ("no-export", "65535:65281"),
        ("westeurope.private", "12076:50002"),
        ("exchange-online", "12076:5010"),
    ],
)
def test_a_community_has_one_canonical_text(text: str, value: str) -> None:
    """A number or a name, a community has one canonical text."""
    assert community(text) == value


@pytest.mark.parametrize("text", ["", "blue", "65536:1", "1:2:3", "target:1", "westeurope.privat", "0" * 15, "a b"])
def test_what_is_no_community(text: str) -> None:
    """What is no community is refused."""
    with pytest.raises(ValueError, match="communit"):
        community(text)


def test_a_misspelt_name_of_a_community_is_put_right() -> None:
    """The nearest name is shown, be it well known or one of ExpressRoute."""
    for wrong, right in (("no-exprot", "no-export"), ("westerope.private", "westeurope.private")):
        with pytest.raises(ValueError, match="unknown community") as refusal:
            community(wrong)
        assert f"did you mean {right!r}?" in getattr(refusal.value, "meant", "")


def test_paths_and_prefixes() -> None:
    """An AS path and a prefix are read as the file's are."""
    assert as_path("12076 1.10 {2,1}") == AsPath.parse("12076 65546 {1,2}")
    assert as_path("") == AsPath()
    assert prefix("10.0.0.0/8") == parse_prefix("10.0.0.0/8")
    for wrong in ("12076 x", "0", "{}"):
        with pytest.raises(ValueError, match="is not an AS path"):
            as_path(wrong)
