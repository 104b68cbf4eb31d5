"""What changed between two plans is found, named by its way from the root, and told in a readable line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builders import only, set_to
from contoso import CE1, CE2, HQ, HUB, PREFER_THIS_LINK, REJECT_ALL, SAMPLE, topology
from lab.bgp import Asn, AsPath, Community, MaxPrefix, parse_prefix
from lab.plan.of_topology import plan
from lab.policy import (
    Asked,
    Change,
    CommunityChange,
    CommunityPattern,
    CommunitySet,
    Fate,
    Match,
    NumberChange,
    NumberRange,
    Operation,
    PatternKind,
    Policy,
    SessionRules,
    Term,
)
from lab.report import as_text
from lab.report.plan_changes import PlanChange, changes


def test_every_change_of_a_plan_is_found() -> None:
    """Nodes, wires, members of tuples and single values that differ are each named with their way."""
    ce1 = SAMPLE.plan.node("ce1")
    assert ce1.bgp is not None
    network = parse_prefix("192.0.2.0/24")
    bgp = replace(ce1.bgp, networks=(*ce1.bgp.networks, network), asn=Asn(65011))
    nodes = (replace(ce1, bgp=bgp), *(n for n in SAMPLE.plan.nodes if n.name not in ("ce1", "hub")))
    new = replace(SAMPLE.plan, name="fabrikam", nodes=nodes, wires=SAMPLE.plan.wires[1:])

    assert changes(SAMPLE.plan, new) == (
        PlanChange(what="name", before="contoso", after="fabrikam"),
        PlanChange(what="ce1 asn", before="65010", after="65011"),
        PlanChange(what="ce1 networks", before="", after="192.0.2.0/24"),
        PlanChange(what="hub", before="set", after=""),
        PlanChange(what="wires hq/hq", before="set", after=""),
    )


def test_a_change_inside_a_policy_is_found() -> None:
    """A policy of the same name with another term is not the same policy."""
    stronger = replace(
        CE1,
        import_policies=(replace(REJECT_ALL, name="prefer-this-link"),),
    )

    found = changes(SAMPLE.plan, plan(topology(ce1=stronger)))

    assert found == tuple(
        PlanChange(
            what=f"ce1 sessions msee1/{family} import_policies prefer-this-link term 1 {field}",
            before=before,
            after=after,
        )
        for family in ("ipv4", "ipv6")
        for field, before, after in (("fate", "accept", "reject"), ("change local_pref", "200", "none"))
    )


def test_where_a_policy_was_written_is_no_change() -> None:
    """The same policy in another place of a file leaves the plans equal."""
    moved = replace(CE1, import_policies=(replace(PREFER_THIS_LINK, source="policies/other.yaml:12"),))

    assert changes(SAMPLE.plan, plan(topology(ce1=moved))) == ()


def test_repetition_in_a_tuple_is_a_change() -> None:
    """Prepending an AS once more is found, though the set of ASes is the same."""
    (policy,) = CE2.export_policies
    (term,) = policy.terms
    twice = replace(term, change=replace(term.change, prepend=(Asn(65010), Asn(65010))))
    policies = replace(CE2, export_policies=(replace(policy, terms=(twice,)),))

    (found, *_) = changes(SAMPLE.plan, plan(topology(ce2=policies)))

    assert found == PlanChange(
        what="ce2 sessions msee2/ipv4 export_policies own-networks-prepended term 1 change prepend",
        before="65010, 65010, 65010",
        after="65010, 65010",
    )


def test_another_order_is_a_change() -> None:
    """The same members in another order are not the same plan."""
    new = replace(SAMPLE.plan, wires=SAMPLE.plan.wires[::-1])
    names = [wire.name for wire in SAMPLE.plan.wires]

    assert changes(SAMPLE.plan, new) == (
        PlanChange(what="wires order", before=", ".join(names), after=", ".join(reversed(names))),
    )


# policies


def lines(old: SessionRules, new: SessionRules) -> list[str]:
    """The changes of ce1's IPv4 session with msee1, from one body of rules to another, without their common way."""
    text = as_text.plan_difference(plan(topology(old)), plan(topology(new)))
    where = "ce1 sessions msee1/ipv4 "
    return [line.replace(where, "") for line in text.splitlines() if where in line]


def importing(*policies: Policy) -> SessionRules:
    """Rules with an import chain."""
    return replace(CE1, import_policies=policies)


def one(**term: object) -> SessionRules:
    """Rules whose import policy `p` has one term."""
    made = Term(**{"fate": Fate.ACCEPT, **term})  # type: ignore[arg-type]  # names of Term
    return importing(Policy(name="p", terms=(made,)))


def asked(*names: str, community: str = "65010:1") -> Match:
    """A match for any of some community sets."""
    pattern = CommunityPattern(kind=PatternKind.EXACT, text=community)
    sets = tuple(CommunitySet(name=name, patterns=(pattern,)) for name in names)
    return Match(community=Asked(sets=sets))


INNER = Policy(name="inner", terms=(Term(fate=Fate.ACCEPT, change=Change(weight=set_to(1))),))
STRONGER = Policy(name="inner", terms=(Term(fate=Fate.ACCEPT, change=Change(weight=set_to(2))),))
ADDS = Change(communities=CommunityChange(add=(Community("65010:1"), Community("65010:2"))))


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            importing(PREFER_THIS_LINK, REJECT_ALL),
            importing(REJECT_ALL),
            ["~ import_policies: prefer-this-link, reject-all -> reject-all"],
            id="a chain that loses a policy",
        ),
        pytest.param(
            importing(),
            importing(REJECT_ALL),
            ["~ import_policies: empty -> reject-all"],
            id="a first policy",
        ),
        pytest.param(
            importing(INNER, REJECT_ALL),
            importing(REJECT_ALL, STRONGER),
            [
                "~ import_policies: inner, reject-all -> reject-all, inner",
                "~ import_policies inner term 1 change weight: 1 -> 2",
            ],
            id="another order, and another policy of the same name",
        ),
        pytest.param(
            one(call=INNER),
            one(call=STRONGER),
            ["~ import_policies p term 1 call inner term 1 change weight: 1 -> 2"],
            id="inside a call",
        ),
        pytest.param(
            one(), one(call=STRONGER), ["~ import_policies p term 1 call: none -> inner"], id="a call that is new"
        ),
        pytest.param(
            one(name="first"),
            one(name="other"),
            ["~ import_policies p term 1 name: first -> other"],
            id="a term's name",
        ),
        pytest.param(
            one(match=asked("blue")),
            one(match=asked("blue", "red")),
            ["+ import_policies p term 1 match community red"],
            id="a set more",
        ),
        pytest.param(
            one(match=asked("blue")),
            one(match=asked("blue", community="65010:2")),
            [
                "- import_policies p term 1 match community blue: 65010:1",
                "+ import_policies p term 1 match community blue: 65010:2",
            ],
            id="another member of a set",
        ),
        pytest.param(
            one(match=only(HQ)),
            one(match=only(HUB)),
            [
                "- import_policies p term 1 match prefix_list exactly: 10.10.0.0/16",
                "+ import_policies p term 1 match prefix_list exactly: 10.100.0.0/16",
            ],
            id="another range of a prefix list",
        ),
        pytest.param(
            one(match=Match(as_path_length=NumberRange(low=2))),
            one(match=Match(as_path_length=NumberRange(low=3, high=3))),
            ["~ import_policies p term 1 match as_path_length: >= 2 -> 3"],
            id="a range of numbers",
        ),
        pytest.param(
            one(match=Match(multi_exit_disc=NumberRange(absent=True))),
            one(),
            ["~ import_policies p term 1 match multi_exit_disc: absent -> none"],
            id="a condition that is gone",
        ),
        pytest.param(
            one(change=Change(local_pref=set_to(200))),
            one(change=Change(local_pref=NumberChange(operation=Operation.PLUS, value=50))),
            ["~ import_policies p term 1 change local_pref: 200 -> +50"],
            id="a number",
        ),
        pytest.param(
            one(change=Change(as_path=AsPath.of(65010))),
            one(change=Change(as_path=AsPath.parse("65010 {1,2}"))),
            ["~ import_policies p term 1 change as_path: 65010 -> 65010 {1,2}"],
            id="a path",
        ),
        pytest.param(
            one(change=ADDS),
            one(change=Change(communities=CommunityChange(add=(Community("65010:2"),)))),
            ["- import_policies p term 1 change communities add: 65010:1"],
            id="a community less",
        ),
        pytest.param(
            one(change=Change(communities=CommunityChange())),
            one(change=Change(communities=CommunityChange(replace=()))),
            ["~ import_policies p term 1 change communities replace: none -> empty"],
            id="all communities gone is not none gone",
        ),
        pytest.param(
            importing(INNER),
            importing(replace(INNER, default=Fate.ACCEPT)),
            ["~ import_policies inner default: reject -> accept"],
            id="a default",
        ),
        pytest.param(
            CE1,
            replace(CE1, allowas_in=2, as_override=True),
            ["~ allowas_in: 0 -> 2", "~ as_override: false -> true"],
            id="rules beside the policies",
        ),
        pytest.param(
            replace(CE1, max_prefix=MaxPrefix(limit=10)),
            replace(CE1, max_prefix=MaxPrefix(limit=20, restart_s=None)),
            ["~ max_prefix limit: 10 -> 20", "~ max_prefix restart_s: 60 -> none"],
            id="a limit",
        ),
        pytest.param(
            CE1,
            replace(CE1, max_prefix=MaxPrefix(limit=10)),
            [
                "~ max_prefix: none -> limit 10 counted received warning_percent 75 warning_only false restart_s 60",
            ],
            id="a first limit",
        ),
    ],
)
def test_a_change_of_the_rules_is_one_readable_line(old: SessionRules, new: SessionRules, expected: list[str]) -> None:
    """Chains, calls and sets are compared by name, values are shown as a file has them; equal ones are not shown."""
    assert lines(old, new) == expected
    assert lines(new, new) == []
