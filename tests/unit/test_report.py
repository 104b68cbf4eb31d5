"""The reports, word for word: each is compared with a file in tests/golden/report.

`UPDATE_GOLDEN=1 pytest tests/unit/report.py` writes the files anew; read the difference before it is committed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from builders import only, set_to, with_rules
from contoso import (
    ACCEPT_AZURE,
    CE1,
    CE2,
    HQ,
    HUB,
    HUB6,
    KEY,
    OWN_NETWORKS,
    REJECT_ALL,
    SAMPLE,
    Contoso,
    contoso,
    crossings,
    of_plan,
    topology,
    with_bgp,
    with_flow,
    with_peering,
    with_session_plans,
)
from lab import checks
from lab.bgp import (
    BLACKHOLE,
    Aggregate,
    BestPathRules,
    Counted,
    Family,
    LeakedNetwork,
    MaxPrefix,
    RemovePrivate,
    Route,
    parse_prefix,
)
from lab.causes import verdicts
from lab.errors import InputError, LabBroken, Mistake
from lab.expectations import Expectation, ReachabilityExpectation, RouteExpectation, SessionExpectation
from lab.forwarding import Flow, predict_flow
from lab.plan import Plan
from lab.plan.of_topology import plan
from lab.policy import (
    Change,
    CommunityChange,
    Fate,
    Match,
    NextHopRule,
    NumberRange,
    Policy,
    SessionRules,
    Term,
    evaluate,
)
from lab.questions.plans import Status
from lab.report import as_json, as_text, probes_json, probes_text, running_json, tables_json
from lab.report.explanation_text import policy_step
from lab.report.layout import WIDTH
from lab.report.plan_changes import PlanChange, changes
from lab.secret import Secret
from lab.tables import Difference, LabTables, differences
from lab.topology import Bfd, EdgeBgp, Link, LinkSubnet, Provisioning
from vpn_networks import VpnNet

GOLDEN = Path(__file__).parents[1] / "golden" / "report"
OTHER_KEY = "Contoso124"


def expectation_file(line: int) -> str:
    """Where an expectation is written."""
    return f"topologies/contoso.yaml:{line}"


EXPECTATIONS: tuple[Expectation, ...] = (
    SessionExpectation(where=expectation_file(31), routers=("ce1", "msee1")),
    RouteExpectation(
        where=expectation_file(32), at="ce1", prefix=HUB, attributes=(("local_pref", "200"), ("as_path", "12076"))
    ),
    RouteExpectation(where=expectation_file(33), at="ce2", prefix=HUB, attributes=(("next_hop", "msee2"),)),
    RouteExpectation(where=expectation_file(34), at="msee1", prefix=parse_prefix("0.0.0.0/0"), present=False),
    ReachabilityExpectation(where=expectation_file(35), source="hq", destination="hub", dscp=46, via=("ce1", "msee1")),
)
INNER = Policy(
    name="from-azure",
    terms=(Term(fate=Fate.ACCEPT, name="hub", match=only(HUB), change=Change(local_pref=set_to(300))),),
    default=Fate.ACCEPT,
)
CHAINED = SessionRules(
    import_policies=(
        Policy(name="outer", terms=(Term(fate=Fate.NEXT_POLICY, name="call-it", call=INNER),)),
        Policy(
            name="black",
            terms=(
                Term(fate=Fate.REJECT, match=only(HUB6)),
                Term(fate=Fate.ACCEPT, change=Change(communities=CommunityChange(add=(BLACKHOLE,)))),
            ),
        ),
    ),
    export_policies=(OWN_NETWORKS,),
    max_prefix=MaxPrefix(limit=100, counted=Counted.ACCEPTED),
    allowas_in=1,
    as_override=True,
    remove_private_asns=RemovePrivate.ALL,
    default_originate=True,
    accept_blackhole=True,
)
EDGE = EdgeBgp(
    networks=(parse_prefix("10.20.0.0/16"),),
    leaked_networks=(LeakedNetwork(prefix=parse_prefix("10.30.0.0/16"), vrf="branch"),),
    aggregates=(Aggregate(prefix=parse_prefix("10.0.0.0/8"), summary_only=True, as_set=True),),
    best_path=BestPathRules(always_compare_med=True, multipath_relax=True, maximum_paths=2),
    ibgp=SessionRules(next_hop_self=True),
)
FLOW = Flow(source="hq", destination="hub", family=Family.IPV4, dscp=46)
BROKEN = contoso(ce1_key=OTHER_KEY)


def vpn_plan() -> Plan:
    """Two customers with a site at each of two edge routers, of which one is shown."""
    net = VpnNet(2)
    for name, number in (("contoso", 100), ("fabrikam", 200)):
        net.customer(name, number)
        net.site(name, 1, "pe1")
        net.site(name, 2, "pe2")
    whole = net.plan()
    nodes = tuple(whole.node(name) for name in ("pe1", "pe1-contoso"))
    wires = tuple(wire for wire in whole.wires if any(end.node == "pe1" for end in wire.ends))
    return replace(whole, nodes=nodes, wires=wires)


def run(tables: LabTables | None = None, **packets: object) -> checks.Report:
    """What a run of the sample reports where the lab has these tables, and the IPv4 packets did this."""
    predicted, observed = SAMPLE.evidence(*EXPECTATIONS), SAMPLE.evidence(*EXPECTATIONS, tables=tables)
    if packets:
        observed = with_flow(observed, FLOW, **packets)
    return checks.Report(
        topology="contoso",
        verdicts=verdicts(EXPECTATIONS, SAMPLE.prediction, predicted, observed),
        differences=tuple(differences(SAMPLE.tables, observed.tables)),
        routes_compared=observed.tables.count(),
        fidelity=SAMPLE.plan.fidelity,
        timings_s=(("built", 0.301), ("converged", 0.745), ("verdict", 0.912), ("gone", 0.95)),
    )


LOST = run(arrived=False, answered=False, stopped="left ce1 by to-msee1 and was seen nowhere behind it")
SESSION_LOST = replace(run(BROKEN.tables), notes=("not settled after 5 s: ce1 msee1/ipv4 is not established",))
RULES = of_plan(
    plan(
        with_bgp(
            topology(CHAINED, SessionRules(import_policies=(REJECT_ALL,), export_policies=(OWN_NETWORKS,))),
            ("ce1", EDGE),
        )
    )
)
"""The circuit with every rule beside the policies, a chain and a call at ce1."""
REFUSING = contoso(ce1=SessionRules(import_policies=(REJECT_ALL,), export_policies=(OWN_NETWORKS,)))
ONE_LINK = with_session_plans(SAMPLE.plan, "ce2", lambda one: None if one.neighbor == "msee2" else one)
FAR = with_session_plans(ONE_LINK.plan, "ce1", lambda one: with_rules(one, next_hop_self=False))
SHARED = contoso(
    ce1=SessionRules(import_policies=(ACCEPT_AZURE,), export_policies=(OWN_NETWORKS,)),
    ce2=SessionRules(import_policies=(ACCEPT_AZURE,), export_policies=(OWN_NETWORKS,)),
)
SHUT = of_plan(
    plan(replace(topology(), circuits=(replace(topology().circuits[0], provisioning=Provisioning.PROVISIONING),)))
)
"""The circuit before the provider has done its part."""
VPN = vpn_plan()
"""An edge router of a provider with the VRFs of two customers."""
STATUS = Status(plan=SAMPLE.plan, pending=(), up_s=3725.4, memory_kib={"msee1": 21504, "ce1": 22016})
UNSETTLED = replace(STATUS, pending=("ce1 msee1/ipv4: not established",), up_s=0.24, memory_kib={})
PROBES = tuple(
    replace(predict_flow(SAMPLE.plan, SAMPLE.tables, replace(FLOW, family=family)), **changed)  # type: ignore[arg-type]  # no **kwargs
    for family, changed in (
        (Family.IPV4, {}),
        (
            Family.IPV6,
            {
                "arrived": False,
                "answered": False,
                "there": crossings("hq", "ce1", marks=(46,)),
                "back": (),
                "stopped": "left ce1 by to-msee1 and was seen nowhere behind it",
            },
        ),
    )
)
MISTAKES = (
    Mistake(file="contoso.yaml", line=6, column=11, what="vlann is no key of private", meant="did you mean vlan_id?"),
    Mistake(file="contoso.yaml", line=9, column=3, what="172.16.0.0/29 is no /30"),
)


def changed_plan() -> tuple[Contoso, Contoso]:
    """Two versions of the sample: another key and policy at ce1, another hold time, and no IPv6 on the secondary."""
    old = topology()
    (circuit,) = old.circuits
    (peering,) = circuit.peerings
    dropped = LinkSubnet(link=Link.SECONDARY, prefix=parse_prefix("2001:db8:ffff::4/126"))
    other = replace(
        peering,
        hold_time_s=30,
        customer_md5=(("ce1", Secret(OTHER_KEY)),),
        rules=(("ce1", replace(CE1, import_policies=(ACCEPT_AZURE,))), ("ce2", CE2)),
        subnets=tuple(one for one in peering.subnets if one != dropped),
    )
    new = plan(replace(old, circuits=(replace(circuit, peerings=(other,)),)))
    return SAMPLE, replace(SAMPLE, plan=new)


def with_bfd() -> Contoso:
    """The sample with BFD at the customer's edges, slower than Microsoft's."""
    old = topology()
    return of_plan(plan(with_peering(old, bfd=Bfd(interval_ms=750))))


OLD, NEW = changed_plan()
WITH_BFD = with_bfd()
TEXTS = {
    "test_passed": as_text.report(run()),
    "test_packet_lost": as_text.report(LOST),
    "test_session_lost": as_text.report(SESSION_LOST),
    "test_passed_but_differs": as_text.report(
        replace(run(), verdicts=run().verdicts[:2], differences=SESSION_LOST.differences[-1:])
    ),
    "test_nothing_asked": as_text.report(replace(run(), verdicts=())),
    **{
        f"show_{what}": as_text.table(SAMPLE.plan, SAMPLE.tables.of("ce1"), what)
        for what in ("routes", "sessions", "rib-in", "rib-out", "fib")
    },
    "show_routes_shared": as_text.table(SHARED.plan, SHARED.tables.of("gw"), "routes"),
    "show_sessions_down": as_text.table(BROKEN.plan, BROKEN.tables.of("ce1"), "sessions"),
    "show_sessions_bfd": as_text.table(WITH_BFD.plan, WITH_BFD.tables.of("msee1"), "sessions"),
    "plan_bfd": as_text.plan(replace(WITH_BFD.plan, nodes=(WITH_BFD.plan.node("ce1"),))),
    "plan_difference_bfd": as_text.plan_difference(SAMPLE.plan, WITH_BFD.plan),
    "prediction": as_text.prediction(
        BROKEN.plan,
        BROKEN.tables,
        verdicts(EXPECTATIONS, BROKEN.prediction, BROKEN.evidence(*EXPECTATIONS), BROKEN.evidence(*EXPECTATIONS)),
    ),
    "plan": as_text.plan(SAMPLE.plan),
    "plan_shut": as_text.plan(replace(SHUT.plan, nodes=(SHUT.plan.node("msee1"),), wires=())),
    "plan_ipvpn": as_text.plan(VPN),
    "plan_difference": as_text.plan_difference(OLD.plan, NEW.plan),
    "plan_difference_back": as_text.plan_difference(NEW.plan, OLD.plan),
    "plan_equal": as_text.plan_difference(OLD.plan, OLD.plan),
    "explain_lost": as_text.explanation(SAMPLE.plan, SAMPLE.prediction.routers["ce2"].explain(HUB)),
    "explain_refused": as_text.explanation(REFUSING.plan, REFUSING.prediction.routers["ce1"].explain(HUB)),
    "explain_shared": as_text.explanation(SHARED.plan, SHARED.prediction.routers["gw"].explain(HQ)),
    "explain_unknown": as_text.explanation(
        SAMPLE.plan, SAMPLE.prediction.routers["gw"].explain(parse_prefix("0.0.0.0/0"))
    ),
    "explain_preferred": as_text.explanation(SAMPLE.plan, SAMPLE.prediction.routers["ce1"].explain(HUB)),
    "explain_prepended": as_text.explanation(SAMPLE.plan, SAMPLE.prediction.routers["ce2"].explain(HQ)),
    "plan_rules": as_text.plan(replace(RULES.plan, nodes=RULES.plan.nodes[:1])),
    "explain_rules": as_text.explanation(RULES.plan, RULES.prediction.routers["ce1"].explain(HUB)),
    "explain_aggregate": as_text.explanation(
        RULES.plan, RULES.prediction.routers["ce1"].explain(parse_prefix("10.0.0.0/8"))
    ),
    "show_fib_discarding": as_text.table(RULES.plan, RULES.tables.of("ce1"), "fib"),
    "explain_unusable": as_text.explanation(FAR.plan, FAR.prediction.routers["ce2"].explain(HUB)),
    "status": as_text.status(STATUS),
    "status_unsettled": as_text.status(UNSETTLED),
    "status_shut": as_text.status(replace(STATUS, plan=SHUT.plan)),
    "status_failed": as_text.status(replace(STATUS, failed=("link_down: primary",))),
    "probes": probes_text.probes(PROBES),
}
DOCUMENTS = {
    "test_session_lost": as_json.report(SESSION_LOST),
    **{
        f"show_{what}": tables_json.table(SAMPLE.plan, SAMPLE.tables.of("ce1"), what)
        for what in ("routes", "sessions", "rib-in", "rib-out", "fib")
    },
    "show_sessions_bfd": tables_json.table(WITH_BFD.plan, WITH_BFD.tables.of("ce1"), "sessions"),
    "prediction": as_json.prediction(
        BROKEN.plan,
        BROKEN.tables,
        verdicts(EXPECTATIONS, BROKEN.prediction, BROKEN.evidence(*EXPECTATIONS), BROKEN.evidence(*EXPECTATIONS)),
    ),
    "plan": as_json.plan(SAMPLE.plan),
    "plan_shut": as_json.plan(replace(SHUT.plan, nodes=(SHUT.plan.node("msee1"),), wires=())),
    "plan_ipvpn": as_json.plan(VPN),
    "plan_difference": as_json.plan_difference(OLD.plan, NEW.plan),
    "explain_rules": as_json.explanation(RULES.plan, RULES.prediction.routers["ce1"].explain(HUB)),
    "explain_lost": as_json.explanation(SAMPLE.plan, SAMPLE.prediction.routers["ce2"].explain(HUB)),
    "explain_refused": as_json.explanation(REFUSING.plan, REFUSING.prediction.routers["ce1"].explain(HUB)),
    "status": running_json.status([STATUS, UNSETTLED]),
    "status_shut": running_json.status([replace(STATUS, plan=SHUT.plan)]),
    "ended": running_json.ended("contoso"),
    "probes": probes_json.probes(PROBES),
    "check": as_json.mistakes(["contoso.yaml", "gone.yaml"], MISTAKES, ["gone.yaml: no such file"]),
    "error": as_json.error(InputError("2 mistakes", MISTAKES)),
    "error_broken": as_json.error(LabBroken("msee1 died")),
}
FILES = {
    **{f"{name}.txt": text for name, text in TEXTS.items()},
    **{f"{name}.json": text for name, text in DOCUMENTS.items()},
}


def compare(name: str, text: str) -> None:
    """Compare a report with its file, or write the file anew."""
    file = GOLDEN / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n", encoding="utf-8")
    assert f"{text}\n" == file.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FILES)
def test_a_report_is_word_for_word_what_it_was(name: str) -> None:
    """Every report of the sample is as its file holds it."""
    compare(name, FILES[name])


def test_every_file_has_its_report() -> None:
    """No file stays behind when its report is gone."""
    others = set(GOLDEN.glob("policy_*"))  # those of test_cli_policy.py
    assert {file.name for file in GOLDEN.iterdir() if file not in others} == set(FILES)


# secrets


@pytest.mark.parametrize("name", FILES)
def test_no_report_holds_a_key(name: str) -> None:
    """Neither text nor JSON holds an MD5 key, though the plan does."""
    assert KEY not in FILES[name]
    assert OTHER_KEY not in FILES[name]


def test_a_key_is_said_to_be_there_and_to_change() -> None:
    """That there is a key is shown, and that it changed is too: once for each session and family."""
    assert TEXTS["plan"].count("md5: set") == 8
    assert TEXTS["plan_difference"].count("~ ce1 sessions msee1/ipv4 md5 key changed") == 1
    assert PlanChange(what="ce1 sessions msee1/ipv4 md5", before="set", after="set", secret=True) in changes(
        OLD.plan, NEW.plan
    )


def test_a_key_that_came_or_went_is_told_apart() -> None:
    """Adding a key, removing it and changing it are three different words."""
    (circuit,) = topology().circuits
    (peering,) = circuit.peerings
    bare = replace(circuit, peerings=(replace(peering, md5=None),))
    without = plan(replace(topology(), circuits=(bare,)))

    assert "~ ce1 sessions msee1/ipv4 md5 key added" in as_text.plan_difference(without, SAMPLE.plan)
    assert "~ ce1 sessions msee1/ipv4 md5 key removed" in as_text.plan_difference(SAMPLE.plan, without)


# JSON


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_document_names_its_schema(name: str) -> None:
    """Every JSON document is an object whose first key names its kind and version."""
    document = json.loads(DOCUMENTS[name])

    assert next(iter(document)) == "schema"
    kind, version = document["schema"].removeprefix("erlab/").split("/")
    assert (kind, version) == (kind, "2" if kind == "plan" else "1")


def test_json_holds_every_difference() -> None:
    """Text shows the first differences and counts the rest; JSON has them all."""
    found = SESSION_LOST.differences
    assert len(found) > 20

    text = as_text.report(SESSION_LOST)
    document = json.loads(as_json.report(SESSION_LOST))

    assert f"and {len(found) - 20} more" in text
    assert len(document["model"]["differences"]) == len(found)


def test_no_more_than_are_shown_are_not_counted() -> None:
    """With twenty differences or fewer all are shown, and none is said to be left out."""
    twenty = tuple(
        Difference(router="ce1", table="fib", what=f"10.{n}.0.0/16", predicted="absent", observed="172.16.0.2")
        for n in range(20)
    )

    text = as_text.report(replace(run(), differences=twenty))

    assert text.count("predicted absent, observed 172.16.0.2") == 20
    assert "more" not in text


# layout


@pytest.mark.parametrize("name", [name for name in TEXTS if name.startswith(("test_", "explain", "prediction"))])
def test_lines_fit(name: str) -> None:
    """No line of a report is longer than 120 characters."""
    assert max(map(len, TEXTS[name].splitlines())) <= WIDTH


def test_words_say_how_it_ended() -> None:
    """Passed, failed and inconclusive are three different words, at the start of the block."""
    words = [line[:4] for line in TEXTS["test_session_lost"].splitlines() if line[:4].strip() and line[4:6] == "  "]

    assert words == ["FAIL", "FAIL", "PASS", "????", "FAIL"]


def test_an_explanation_tells_which_term_chose_the_next_hop() -> None:
    """A term that keeps the next hop changes no attribute, and still says that no other one takes its place."""
    chooses = Policy(name="keep", terms=(Term(fate=Fate.ACCEPT, change=Change(next_hop_rule=NextHopRule.UNCHANGED)),))
    words = "chooses the next hop: the session puts no other one in its place"
    kept = contoso(ce1=replace(CE1, export_policies=(chooses,)))

    assert words in as_text.explanation(kept.plan, kept.prediction.routers["ce1"].explain(HQ))
    assert words not in TEXTS["explain_prepended"]


# documents that a program reads


def keys(document: object) -> set[str]:
    """Every key of a document, at any depth."""
    if isinstance(document, Mapping):
        return set(document).union(*map(keys, document.values()))
    return set().union(*map(keys, document)) if isinstance(document, list) else set()


def test_a_tables_document_has_the_same_keys_alone_and_in_a_prediction() -> None:
    """A program that reads `show --format json` reads the tables of `predict --format json` too."""
    alone = keys(json.loads(DOCUMENTS["show_rib-in"])) - {"schema"}

    assert alone <= keys(json.loads(DOCUMENTS["prediction"]))


def test_text_says_med_as_files_do() -> None:
    """A report in text calls the multi-exit discriminator `med`, as policies and topologies do."""
    route = Route(prefix=parse_prefix("10.0.0.0/8"), next_hop=ip_address("192.0.2.1"), multi_exit_disc=5)
    absent = Match(multi_exit_disc=NumberRange(high=5))
    policy = Policy(name="p", terms=(Term(match=absent, change=Change(multi_exit_disc=set_to(7)), fate=Fate.ACCEPT),))
    assert "\n".join(policy_step(evaluate(policy, route).steps[0])).splitlines() == [
        "term 1 matches and accepts",
        "  med <= 5: holds, it is 5",
        "  set med: 5 -> 7",
    ]
