"""Cases of policies: what makes one fail, which terms they reach, and the files that hold them."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from builders import P1, P2, only, set_to
from lab.bgp import Asn, AsPath, Route
from lab.errors import InputError
from lab.load import load_file
from lab.load.cases import CasesFile, load_cases
from lab.load.schema import DIRECTORY, cases_schema
from lab.load.source import read
from lab.policy import Change, Context, Fate, NextHopRule, Policy, Term, evaluate
from lab.policy.cases import DEFAULT, Case, CaseReport, Expected, check, decider
from lab.policy.coverage import Coverage, WrittenTerm, coverage, lets_through, with_called

ROOT = Path(__file__).parents[2]
EDGE = ROOT / "tests" / "golden" / "policies" / "edge.yaml"
INNER = Policy(name="inner", terms=(Term(fate=Fate.REJECT, match=only(P2)),), default=Fate.ACCEPT)
POLICY = Policy(
    name="outer",
    terms=(
        Term(fate=Fate.REJECT, name="unwanted", match=only(P1)),
        Term(fate=Fate.ACCEPT, name="changed", match=only(P2), change=Change(local_pref=set_to(200))),
        Term(fate=Fate.ACCEPT, call=INNER),
    ),
)
ROUTE = Route(prefix=P2, next_hop=ip_address("192.0.2.9"), as_path=AsPath.of(65001))
EXPECTED = Expected(fate=Fate.ACCEPT, by="changed", attributes=(("local_pref", "200"), ("as_path", "65001")))
CASE = Case(name="a", where="x:1", policies=(POLICY,), route=ROUTE, expected=EXPECTED)


def test_a_case_that_is_as_expected_passes() -> None:
    """A fate, the term that decides and attributes that are all as expected make a case pass."""
    result = check(CASE)

    assert result.passed
    assert result.outcome == evaluate(POLICY, ROUTE)


@pytest.mark.parametrize(
    ("expected", "mismatch"),
    [
        (Expected(fate=Fate.REJECT), ("fate", "reject", "accept")),
        (replace(EXPECTED, by="unwanted"), ("decided by", "unwanted", "term 2 (changed) of outer")),
        (replace(EXPECTED, by="3"), ("decided by", "term 3", "term 2 (changed) of outer")),
        (replace(EXPECTED, by=DEFAULT), ("decided by", DEFAULT, "term 2 (changed) of outer")),
        (replace(EXPECTED, attributes=(("local_pref", "201"),)), ("local_pref", "201", "200")),
        (replace(EXPECTED, attributes=(("multi_exit_disc", "5"),)), ("multi_exit_disc", "5", "")),
        (replace(EXPECTED, attributes=(("local_pref", ""),)), ("local_pref", "", "200")),
    ],
)
def test_each_thing_that_is_not_as_expected_is_told(expected: Expected, mismatch: tuple[str, str, str]) -> None:
    """What is expected and is not so makes a case fail, and stands beside what there was."""
    (found,) = check(replace(CASE, expected=expected)).mismatches

    assert (found.what, found.expected, found.got) == mismatch


@pytest.mark.parametrize("by", ["2", "changed", "outer/2", "outer/changed", ""])
def test_a_term_is_expected_by_number_or_name_or_not_at_all(by: str) -> None:
    """The number and the name of the term that decided are both right, and so is saying nothing."""
    assert check(replace(CASE, expected=replace(EXPECTED, by=by))).passed


@pytest.mark.parametrize("by", ["inner/2", "inner/changed", "outer/default"])
def test_a_term_of_another_policy_is_not_the_one_that_was_expected(by: str) -> None:
    """A term that is expected with its policy is one of that policy."""
    assert not check(replace(CASE, expected=replace(EXPECTED, by=by))).passed


def test_a_term_that_is_called_default_is_no_default() -> None:
    """What is expected of the default does not hold for a term of that name."""
    named = Policy(name="p", terms=(Term(fate=Fate.ACCEPT, name=DEFAULT),))
    case = replace(CASE, policies=(named,), expected=Expected(fate=Fate.ACCEPT, by=DEFAULT))

    assert [one.got for one in check(case).mismatches] == ["term 1 (default) of p"]


@pytest.mark.parametrize(
    ("rule", "change", "passes"),
    [
        (NextHopRule.UNCHANGED, Change(next_hop_rule=NextHopRule.UNCHANGED), True),
        (NextHopRule.UNCHANGED, Change(), False),
        (NextHopRule.UNCHANGED, Change(next_hop_rule=NextHopRule.SELF), False),
        (NextHopRule.SELF, Change(next_hop_rule=NextHopRule.SELF), True),
        (NextHopRule.SELF, Change(next_hop_rule=NextHopRule.UNCHANGED), False),
    ],
)
def test_the_choice_of_the_next_hop_is_expected(rule: NextHopRule, change: Change, *, passes: bool) -> None:
    """That the policy chose the next hop, and which, is a thing that a case can expect."""
    chooses = Policy(name="p", terms=(Term(fate=Fate.ACCEPT, change=change),))
    case = replace(
        CASE,
        policies=(chooses,),
        expected=Expected(fate=Fate.ACCEPT, next_hop_rule=rule),
        context=Context(own_address=ip_address("172.16.0.1")),
    )

    assert check(case).passed is passes
    if change == Change():
        (found,) = check(case).mismatches
        assert (found.expected, found.got) == ("unchanged, 192.0.2.9", "192.0.2.9, the session's choice")


def test_the_default_is_what_decides_where_no_term_does() -> None:
    """A route that no term takes is decided by the default of its policy, in a chain by that of the last one."""
    through = Policy(name="through", terms=(), default=Fate.NEXT_POLICY)
    last = Policy(name="last", terms=())
    nothing = replace(CASE, policies=(through, last), expected=Expected(fate=Fate.REJECT, by=DEFAULT))

    assert check(nothing).passed
    assert check(replace(nothing, expected=replace(nothing.expected, by="last/default"))).passed
    assert not check(replace(nothing, expected=replace(nothing.expected, by="through/default"))).passed
    assert decider(check(nothing).outcome) == "the default of last"


def test_a_term_whose_called_policy_rejects_has_decided() -> None:
    """The term that calls is the one that decides, not the one of the policy that it calls."""
    calling = Policy(name="calling", terms=(Term(fate=Fate.NEXT_TERM, name="asks", call=INNER), Term(fate=Fate.ACCEPT)))
    case = replace(CASE, policies=(calling,), expected=Expected(fate=Fate.REJECT, by="asks"))

    assert check(case).passed


# coverage


def written(*policies: Policy) -> tuple[WrittenTerm, ...]:
    """The terms of some policies and of those that they call, and the defaults that let a route through."""
    return tuple(
        WrittenTerm(policy=one.name, term=number, where=f"{one.name}:{number}")
        for one in with_called(policies)
        for number in range(0 if lets_through(one) else 1, len(one.terms) + 1)
    )


def test_a_term_is_reached_where_its_conditions_hold() -> None:
    """Terms whose conditions held for a route are reached, those of called policies too; the others are named."""
    routes = [ROUTE, replace(ROUTE, prefix=P1)]
    found = coverage([(written(POLICY), [evaluate(POLICY, route) for route in routes])])

    assert found.reached == 2
    assert [(one.policy, one.term) for one in found.missed] == [("outer", 3), ("inner", 0), ("inner", 1)]


def test_a_default_that_lets_a_route_through_has_to_be_reached() -> None:
    """It counts as a term, and a route that no term decides reaches it, in a called policy too."""
    calling = Policy(name="calling", terms=(Term(fate=Fate.ACCEPT, call=INNER),))
    reached = [evaluate(calling, replace(ROUTE, prefix=P1))]

    assert [(one.policy, one.term) for one in coverage([(written(calling), reached)]).missed] == [("inner", 1)]
    assert [(one.policy, one.term) for one in coverage([(written(calling), [])]).missed][1:] == [
        ("inner", 0),
        ("inner", 1),
    ]
    assert 0 not in {one.term for one in written(POLICY) if one.policy == "outer"}


def test_runs_of_one_file_add_up_and_equal_names_of_two_files_do_not() -> None:
    """A term is known by its place: two runs of a file reach it together, and another file's term stays missed."""
    one, other = (tuple(replace(term, where=f"{file}:{term.term}") for term in written(INNER)[1:]) for file in "ab")
    reached = [evaluate(INNER, ROUTE)]

    assert coverage([(one, []), (one, reached)]).missed == ()
    assert [term.where for term in coverage([(one, reached), (other, [])]).missed] == ["b:1"]


ALL = Coverage(terms=written(INNER), missed=())
SOME = Coverage(terms=written(INNER), missed=written(INNER))
PASSED, FAILED = check(CASE), check(replace(CASE, expected=Expected(fate=Fate.REJECT)))


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (CaseReport(results=(PASSED,), coverage=ALL), 0),
        (CaseReport(results=(PASSED,), coverage=SOME), 0),
        (CaseReport(results=(PASSED,), coverage=SOME, coverage_required=True), 1),
        (CaseReport(results=(PASSED,), coverage=ALL, coverage_required=True), 0),
        (CaseReport(results=(PASSED, FAILED), coverage=ALL), 1),
        (CaseReport(results=(), coverage=ALL), 3),
        (CaseReport(results=(PASSED,), coverage=ALL, empty=("b",)), 3),
        (CaseReport(results=(FAILED,), coverage=ALL, empty=("b",)), 1),
    ],
)
def test_the_exit_code_says_what_was_proved(report: CaseReport, code: int) -> None:
    """1 for a failure or a term that has to be reached, 3 where something was not tested at all, else 0."""
    assert report.exit_code == code


# files


def cases(tmp_path: Path, text: str, policies: str = f"policies: {EDGE}\n") -> CasesFile:
    """The cases of a file of this text."""
    file = tmp_path / "x.cases.yaml"
    file.write_text(f"{policies}cases:\n{text}", encoding="utf-8")
    return load_cases(str(file))


def test_a_case_is_read_with_everything_that_it_says(tmp_path: Path) -> None:
    """Every key of a case becomes a part of the case, and its place is that of its line."""
    text = """\
  - name: everything
    policy: [sane, azure]
    context: {neighbor: msee1, peer_address: 172.16.0.2, asn: 65010, address: 172.16.0.1}
    route:
      prefix: 10.100.0.0/16
      next_hop: 172.16.0.2
      origin: egp
      as_path: 12076 {1,2}
      local_pref: 100
      med: 5
      communities: [65010:2, westeurope.private, 65010:1]
      large_communities: [65010:1:1]
      extended_communities: [rt:65010:1]
      atomic_aggregate: true
      aggregator: 65010:10.0.0.1
      originator_id: 10.0.0.2
      cluster_list: [10.0.0.3]
      weight: 7
      source: static
      vrf: branch
    expect:
      fate: accept
      by: azure/1
      med: absent
      local_pref: 200
      as_path: ""
      communities: []
      weight: 0
      origin: igp
      next_hop: unchanged
"""
    (case,) = cases(tmp_path, text).cases
    route = case.route

    assert case.where.endswith("x.cases.yaml:3")
    assert [policy.name for policy in case.policies] == ["sane", "azure"]
    assert case.context == Context(
        neighbor="msee1",
        peer_address=ip_address("172.16.0.2"),
        own_asn=Asn(65010),
        own_address=ip_address("172.16.0.1"),
    )
    assert route.communities == ("12076:50002", "65010:1", "65010:2")
    assert (str(route.as_path), route.multi_exit_disc, route.vrf, str(route.aggregator)) == (
        "12076 {1,2}",
        5,
        "branch",
        "65010:10.0.0.1",
    )
    assert case.expected == Expected(
        fate=Fate.ACCEPT,
        by="azure/1",
        next_hop_rule=NextHopRule.UNCHANGED,
        attributes=(
            ("origin", "igp"),
            ("as_path", ""),
            ("local_pref", "200"),
            ("multi_exit_disc", ""),
            ("communities", ""),
            ("weight", "0"),
        ),
    )


def test_a_neighbor_may_be_an_address_and_a_route_a_prefix(tmp_path: Path) -> None:
    """The short forms: a prefix alone has an address for documentation as next hop."""
    text = "  - {name: a, policy: azure, context: {neighbor: 172.16.0.2}, route: '::/0', expect: reject}\n"
    (case,) = cases(tmp_path, text).cases

    assert case.context == Context(peer_address=ip_address("172.16.0.2"))
    assert case.route.next_hop == ip_address("2001:db8:c633::1")


def test_terms_are_placed_where_they_are_written() -> None:
    """Each term's place is its line in the policy file, in the short form of a policy and in the long one."""
    file = load_cases(str(EDGE.with_name("edge.cases.yaml")))
    lines = EDGE.read_text(encoding="utf-8").splitlines()
    places = {(one.policy, one.term): lines[int(one.where.rpartition(":")[2]) - 1].strip() for one in file.terms}

    assert places["azure", 2] == "- name: other"
    assert places["tagged", 0] == "tagged:"
    assert places["tagged", 1] == "- match: {community: no-export}"


def test_a_wrong_policy_file_is_reported_with_the_cases(tmp_path: Path) -> None:
    """Mistakes of the policy file and of the cases come together, and none follows from another."""
    policies = tmp_path / "p.yaml"
    policies.write_text("policies:\n  p:\n    - then: acept\n", encoding="utf-8")
    with pytest.raises(InputError) as refusal:
        cases(tmp_path, "  - {name: a, policy: p, route: 10.0.0.0/33, expect: accept}\n", "policies: p.yaml\n")

    assert [one.what for one in refusal.value.mistakes] == [
        "unknown fate 'acept'",
        "route: '10.0.0.0/33' is not a prefix such as 10.0.0.0/8 or 2001:db8::/32",
    ]


@pytest.mark.parametrize("shipped", sorted(ROOT.glob("policies/*.cases.yaml")), ids=lambda path: path.name)
def test_the_shipped_cases_hold_and_reach_every_term(shipped: Path) -> None:
    """The cases that are shipped beside the shipped policies pass, and no term is left out."""
    file = load_cases(str(shipped))
    results = [check(case) for case in file.cases]

    assert all(one.passed for one in results)
    assert coverage([(file.terms, [one.outcome for one in results])]).missed == ()


def test_a_file_of_cases_is_known_as_one() -> None:
    """`erlab check` reads case files too."""
    assert isinstance(load_file(EDGE.with_name("edge.cases.yaml")), CasesFile)


# the JSON Schema


def test_the_published_schema_of_cases_is_current() -> None:
    """The schema in docs/reference is that of this version: `make schemas` writes it anew."""
    assert json.loads((DIRECTORY / "cases.schema.json").read_text(encoding="utf-8")) == cases_schema()


@pytest.mark.parametrize("file", [*EDGE.parent.glob("*.cases.yaml"), *ROOT.glob("policies/*.cases.yaml")])
def test_right_cases_satisfy_the_schema(file: Path) -> None:
    """Right files satisfy the schema, which is a valid one."""
    Draft202012Validator.check_schema(cases_schema())
    Draft202012Validator(cases_schema()).validate(read(file, file.name).data)


def test_wrong_cases_break_the_schema() -> None:
    """What is wrong in form is so to the schema too."""
    wrong = ROOT / "tests" / "golden" / "mistakes" / "cases_values.yaml"
    errors = list(Draft202012Validator(cases_schema()).iter_errors(read(wrong, wrong.name).data))

    assert len(errors) > 3
