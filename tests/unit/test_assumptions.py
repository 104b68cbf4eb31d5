"""The open questions: their answers, mistakes in them, which ones a topology depends on, and how they are listed."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest

from asked import in_list
from circuits import AZURE, PRIVATE, circuit, microsoft_peering, public, service, topology
from lab.bgp import Asn, Community, Counted, RemovePrivate, parse_prefix
from lab.cli import main
from lab.expectations import MtuExpectation
from lab.expressroute.assumptions import (
    ASSUMPTIONS,
    BY_NAME,
    OPEN_QUESTIONS,
    Assumption,
    Assumptions,
    wrong_answers,
)
from lab.plan.assumed import of_unknown_reach, that_mattered
from lab.policy import Change, CommunityChange, Fate, Match, Policy, SessionRules, Term
from lab.report.assumptions import as_json, as_text
from lab.topology import (
    Access,
    Bfd,
    Circuit,
    Customer,
    EdgeBgp,
    GlobalReach,
    Link,
    Nat,
    Network,
    Peering,
    Site,
    Sku,
    Topology,
)

CHANGED = Assumptions(
    (
        ("customer_communities", "carried"),
        ("own_asn_accepted", "3"),
        ("private_asns_to_customer", "all"),
        ("prefix_limit_counts", "accepted"),
        ("prefix_limit_warning_percent", "90"),
        ("prefix_limit_restart_s", "30"),
        ("global_reach_extra_prepends", "2"),
        ("global_reach_to_gateway", "yes"),
        ("private_asns_from_customer", "from_private_asn"),
        ("more_specific_prefixes", "rejected"),
        ("unlisted_sources", "admitted"),
        ("route_filter_match", "all"),
        ("global_services", "premium"),
        ("microsoft_365_authorization", "granted"),
        ("edge_maximum_paths", "2"),
        ("bfd_multiplier", "5"),
        ("unlisted_dscp", "reset"),
        ("gateway_packet_limit", "none"),
        ("gateway_too_large", "answered"),
        ("gateway_fragments", "forwarded"),
    )
)

TAGS = Change(communities=CommunityChange(add=(Community("1:1"),)))


def answers(assumed: Assumptions) -> dict[str, Any]:
    """What every accessor says."""
    names = [name for name, one in vars(Assumptions).items() if isinstance(one, property)]
    return {name: getattr(assumed, name) for name in names}


def test_the_defaults() -> None:
    """Without a file the lab works with these answers."""
    assert answers(Assumptions()) == {
        "strips_communities": True,
        "own_asn_accepted": 1,
        "private_asns_to_customer": RemovePrivate.LEADING,
        "prefix_limit_counts": Counted.RECEIVED,
        "prefix_limit_warning_percent": 75,
        "prefix_limit_restart_s": 10,
        "global_reach_extra_prepends": 0,
        "global_reach_to_gateway": False,
        "removes_private_asns_always": True,
        "accepts_more_specifics": True,
        "drops_unlisted_sources": True,
        "route_filter_needs_all": False,
        "global_services_from": "standard",
        "microsoft_365_authorized": False,
        "edge_maximum_paths": 8,
        "bfd_multiplier": 3,
        "unlisted_dscp": "unchanged",
        "gateway_packet_limit": "all",
        "gateway_too_large": "dropped",
        "gateway_forwards_fragments": False,
    }


def test_every_answer_can_be_another() -> None:
    """A file that answers every question differently changes every accessor."""
    assert {name for name, _ in CHANGED.given} == set(BY_NAME)
    before, after = answers(Assumptions()), answers(CHANGED)
    assert [name for name in before if before[name] == after[name]] == []


@pytest.mark.parametrize("assumption", ASSUMPTIONS, ids=lambda one: str(one.name))
def test_every_question_takes_its_answers_and_no_others(assumption: Assumption) -> None:
    """The default is an answer; a word beside them is none."""
    assert assumption.takes(assumption.default)
    assert not assumption.takes("perhaps")
    assert assumption.question.endswith("?")
    assert "{" not in assumption.says(assumption.default)


@pytest.mark.parametrize(
    ("answer", "taken"),
    [("0", True), ("10", True), ("11", False), ("-1", False), ("1.0", False), ("01", False), ("", False), ("٣", False)],
)
def test_answers_that_are_numbers(answer: str, taken: bool) -> None:  # noqa: FBT001
    """A number is written plainly, and in its range."""
    assert BY_NAME["own_asn_accepted"].takes(answer) is taken


def test_mistakes_name_what_would_be_right() -> None:
    """Every wrong name and answer is found, each with what was meant."""
    found = wrong_answers(
        (("own_asn_accepted", "1"), ("own_asn_acepted", "1"), ("weather", "fine"), ("route_filter_match", "some"))
    )
    assert [(one.name, one.what, one.meant) for one in found] == [
        (
            "own_asn_acepted",
            "'own_asn_acepted' is no assumption of the lab's",
            "did you mean 'own_asn_accepted'? `erlab assumptions` lists those that are there",
        ),
        ("weather", "'weather' is no assumption of the lab's", "`erlab assumptions` lists those that are there"),
        ("route_filter_match", "'some' is no answer to 'route_filter_match'", "one of any, all"),
    ]


def test_wrong_answers_make_no_assumptions() -> None:
    """A value with a wrong answer cannot be built."""
    with pytest.raises(ValueError, match="'12' is no answer to 'own_asn_accepted': one of 0 to 10"):
        Assumptions((("own_asn_accepted", "12"),))


# those that mattered


def named(of: Topology) -> list[str]:
    """The names of the assumptions that are told of a topology."""
    return [line.rpartition("; ")[2].partition(":")[0] for line in that_mattered(of)]


def exporting(change: Change) -> Peering:
    """Private peering with an edge that exports with a change, in a policy that another calls."""
    called = Policy(name="called", terms=(Term(fate=Fate.ACCEPT, change=change),))
    policy = Policy(name="calls", terms=(Term(fate=Fate.ACCEPT, call=called),))
    return replace(PRIVATE, rules=(("ce1", SessionRules(export_policies=(policy,))),))


def reflecting(*, export: str) -> Peering:
    """Private peering with two edges that take everything, and of which one exports everything, or its own networks."""
    listed = Term(fate=Fate.ACCEPT, match=Match(prefix_list=in_list("10.10.0.0/16", 16, 16)))
    everything = Policy(name="all", terms=(Term(fate=Fate.ACCEPT),))
    own = Policy(name="own", terms=(listed,))
    exports = {"all": everything, "own": own}[export]
    rules = (
        ("ce1", SessionRules(import_policies=(everything,), export_policies=(own,))),
        ("ce2", SessionRules(import_policies=(everything,), export_policies=(exports,))),
    )
    return replace(PRIVATE, rules=rules)


def tagging_at_its_sites() -> Customer:
    """A customer with a site whose edge tags what it says to the provider."""
    tags = Policy(name="tags", terms=(Term(fate=Fate.ACCEPT, change=TAGS),))
    line = Access(customer_edge="ce1", provider_edge="pe1", blocks=(), rules=SessionRules(export_policies=(tags,)))
    hq = Network(name="hq", prefixes=(parse_prefix("10.10.0.0/16"),))
    return Customer(sites=(Site(asn=Asn(65001), routers=("ce1",), networks=(hq,), access=(line,)),))


def on_microsoft_peering(*communities: str, sku: Sku = Sku.STANDARD) -> Circuit:
    """A circuit with Microsoft peering only."""
    return circuit(sku, peerings=(microsoft_peering(public(*communities)),))


def with_networks(number: int) -> Topology:
    """A customer with many networks."""
    prefixes = tuple(parse_prefix(f"2001:db8:{one:x}::/48") for one in range(number))
    hq = Network(name="hq", prefixes=(parse_prefix("10.10.0.0/16"),))
    bgp = (("ce1", EdgeBgp(networks=prefixes)),)
    return topology(customer=Customer(sites=(Site(asn=Asn(65001), routers=("ce1",), networks=(hq,), bgp=bgp),)))


LIMITS = ["prefix_limit_counts", "prefix_limit_warning_percent", "prefix_limit_restart_s"]
ENTRA = replace(AZURE, vnets=(), services=(service("entra", "198.18.60.0/24", "12076:5060"),))


@pytest.mark.parametrize(
    ("of", "names"),
    [
        pytest.param(topology(), ["private_asns_to_customer"], id="private peering"),
        pytest.param(topology(azure=replace(AZURE, vnets=())), [], id="no VNet"),
        pytest.param(
            topology(circuit(peerings=(replace(PRIVATE, bfd=Bfd()),))),
            ["private_asns_to_customer", "bfd_multiplier"],
            id="BFD",
        ),
        pytest.param(
            topology(circuit(peerings=(exporting(TAGS),))),
            ["customer_communities", "private_asns_to_customer"],
            id="the customer tags",
        ),
        pytest.param(
            topology(circuit(peerings=(exporting(Change(prepend=(Asn(65001),))),))),
            ["private_asns_to_customer"],
            id="the customer prepends",
        ),
        pytest.param(
            topology(customer=tagging_at_its_sites()),
            ["customer_communities", "private_asns_to_customer"],
            id="a site tags towards the provider",
        ),
        pytest.param(
            topology(circuit(peerings=(reflecting(export="all"),))),
            ["own_asn_accepted", "private_asns_to_customer"],
            id="the customer sends back what it got",
        ),
        pytest.param(
            topology(circuit(peerings=(reflecting(export="own"),))),
            ["private_asns_to_customer"],
            id="the customer sends its own networks only",
        ),
        pytest.param(with_networks(74), ["private_asns_to_customer"], id="below the limit"),
        pytest.param(with_networks(75), ["private_asns_to_customer", *LIMITS], id="near the limit"),
        pytest.param(
            topology(global_reach=(GlobalReach(circuits=("a", "b"), blocks=()),)),
            ["private_asns_to_customer", "global_reach_extra_prepends", "global_reach_to_gateway"],
            id="Global Reach",
        ),
        pytest.param(
            topology(azure=replace(AZURE, gateway_instances=2)),
            ["private_asns_to_customer", "edge_maximum_paths"],
            id="two gateway instances",
        ),
        pytest.param(
            topology(expectations=(MtuExpectation(where="", source="hq", destination="hub", packet_bytes=1400),)),
            ["private_asns_to_customer", "gateway_packet_limit", "gateway_too_large"],
            id="a size of packets to a VNet",
        ),
        pytest.param(
            topology(expectations=(MtuExpectation(where="", source="hq", destination="dmz", packet_bytes=1500),)),
            ["private_asns_to_customer"],
            id="a size of packets to another network",
        ),
        pytest.param(topology(on_microsoft_peering(), asn=65551), ["unlisted_sources"], id="Microsoft peering"),
        pytest.param(
            topology(on_microsoft_peering(), asn=65001),
            ["private_asns_from_customer", "unlisted_sources"],
            id="from a private AS",
        ),
        pytest.param(
            topology(on_microsoft_peering("12076:51002", "12076:5010"), asn=65551),
            ["unlisted_sources", "route_filter_match", "microsoft_365_authorization"],
            id="filters",
        ),
        pytest.param(
            topology(on_microsoft_peering("12076:5060"), asn=65551, azure=ENTRA),
            ["unlisted_sources", "global_services"],
            id="global",
        ),
        pytest.param(
            topology(on_microsoft_peering("12076:5060", sku=Sku.PREMIUM), asn=65551, azure=ENTRA),
            ["unlisted_sources"],
            id="all of them",
        ),
        pytest.param(
            topology(assumed=(("own_asn_accepted", "0"),)),
            ["own_asn_accepted", "private_asns_to_customer"],
            id="what the file answers",
        ),
    ],
)
def test_only_assumptions_that_a_topology_depends_on_are_told(of: Topology, names: list[str]) -> None:
    """An assumption is told where its mechanism is used, or the file answers it."""
    assert named(of) == names


def test_more_specific_prefixes_matter_where_the_customer_has_some() -> None:
    """The customer's networks inside a listed prefix depend on that being allowed."""
    part = Network(name="web", prefixes=(parse_prefix("198.19.0.128/25"),))
    customer = Customer(sites=(Site(asn=Asn(65551), routers=("ce1",), networks=(part,)),))
    assert named(topology(on_microsoft_peering(), customer=customer)) == ["more_specific_prefixes"]


@pytest.mark.parametrize(
    ("network", "pool", "matters"),
    [
        pytest.param("10.10.0.0/16", None, True, id="private and not translated"),
        pytest.param("10.10.0.0/16", "198.19.0.0/24", False, id="translated to a listed pool"),
        pytest.param("10.10.0.0/16", "192.0.2.0/30", True, id="translated to another pool"),
        pytest.param("2001:db8::/64", "198.19.0.0/24", True, id="never translated"),
        pytest.param("198.19.0.0/24", None, False, id="listed"),
    ],
)
def test_unlisted_sources_matter_where_the_customer_has_some(network: str, pool: str | None, *, matters: bool) -> None:
    """What counts is the source that a packet has when it enters Microsoft's network."""
    nat = None if pool is None else Nat(pools=tuple((one, parse_prefix(pool)) for one in Link))
    on = circuit(peerings=(microsoft_peering(replace(public(), nat=nat)),))
    part = Network(name="part", prefixes=(parse_prefix(network),))
    customer = Customer(sites=(Site(asn=Asn(65551), routers=("ce1",), networks=(part,)),))
    assert ("unlisted_sources" in named(topology(on, customer=customer))) is matters


def test_what_is_told_names_the_answer_and_how_well_it_is_known() -> None:
    """One sentence says what the lab does, its tag, and how a file would answer."""
    (line,) = that_mattered(topology())
    assert line == (
        "assumed: of private AS numbers in a path towards the customer those before the first public one are taken out "
        "(observed; private_asns_to_customer: leading)"
    )


# the reports


def test_the_text_lists_every_question_and_what_the_file_says() -> None:
    """Each assumption has a heading with its answer and where that is from, and the open questions are behind them."""
    text = as_text(Assumptions((("route_filter_match", "all"),)))
    headings = [line for line in text.splitlines() if line.partition(":")[0] in BY_NAME]
    assert len(headings) == len(ASSUMPTIONS)
    assert "route_filter_match: all (the file says so, default any)" in headings
    assert "own_asn_accepted: 1 (default)" in headings
    assert [one.question for one in OPEN_QUESTIONS if f"\n  {one.question[:60]}" not in text] == []
    assert max(map(len, text.splitlines())) <= 120


def test_the_json_has_the_same() -> None:
    """Every field of an assumption is there, with what the file gives."""
    found = json.loads(as_json(Assumptions((("own_asn_accepted", "0"),))))
    assert found["schema"] == "erlab/assumptions/1"
    by_name = {one["name"]: one for one in found["assumptions"]}
    assert list(by_name) == list(BY_NAME)
    own = by_name["own_asn_accepted"]
    assert (own["given"], own["answer"], own["default"]) == ("0", "0", "1")
    assert own["answers"] == {"minimum": 0, "maximum": 10}
    assert (by_name["route_filter_match"]["given"], by_name["route_filter_match"]["answer"]) == (None, "any")
    assert set(own) == {one.name for one in fields(Assumption)} - {"mechanism"} | {"given", "answer"}
    assert len(found["open_questions"]) == len(OPEN_QUESTIONS)


@pytest.mark.parametrize("form", ["text", "json"])
def test_the_command_needs_no_file(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`erlab assumptions` lists the defaults."""
    assert main(["assumptions", "--format", form]) == 0
    expected = as_json(Assumptions()) if form == "json" else as_text(Assumptions())
    assert capsys.readouterr().out == f"{expected}\n"


def test_a_service_of_which_no_reach_is_known_is_pointed_out() -> None:
    """A filter names its community, which is not published: only Premium announces it, and other plans say so."""
    azure = replace(AZURE, services=(service("ita", "198.18.99.0/24", "12076:51999"),))

    def said(of: Circuit) -> list[str]:
        return list(of_unknown_reach(topology(of, azure=azure)))

    named = (microsoft_peering(public("12076:51999")),)
    (line,) = said(circuit(peerings=named))
    assert "service ita is not announced" in line
    assert said(circuit(Sku.PREMIUM, peerings=named)) == []
    assert said(circuit(peerings=(microsoft_peering(public("12076:51002")),))) == []
    assert said(circuit()) == []
