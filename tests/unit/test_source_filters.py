"""Source filters in the model: which packets enter, which end at the edge, and what is told of that."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from filtering import LISTED, NETWORKS, POOL, filtered, flow
from lab.bgp import Address, Prefix, parse_prefix
from lab.causes import first_cause
from lab.checks import Evidence
from lab.expectations import ReachabilityExpectation
from lab.forwarding import predict_flow, walks
from lab.plan import Plan
from lab.plan.sources import SourceFilter
from lab.predict import predict
from lab.report import as_json, as_text


def stopped(plan: Plan, source: str, destination: str) -> str:
    """Why a packet and its answer ended; empty where the answer arrived."""
    return predict_flow(plan, predict(plan).tables, flow(source, destination)).stopped


@pytest.mark.parametrize(
    ("source", "admitted"),
    [
        pytest.param(ip_address("203.0.113.7"), True, id="listed"),
        pytest.param(ip_address("10.1.0.2"), False, id="unlisted"),
        pytest.param(parse_prefix("203.0.113.0/30"), True, id="a pool inside"),
        pytest.param(parse_prefix("203.0.112.0/23"), False, id="a pool partly inside"),
        pytest.param(ip_address("::1"), False, id="the other family"),
    ],
)
def test_what_a_filter_admits(source: Address | Prefix, *, admitted: bool) -> None:
    """Sources of which all are in an admitted prefix."""
    assert SourceFilter(interface="x", admitted=(parse_prefix("203.0.113.0/24"),)).admits(source) is admitted


@pytest.mark.parametrize(
    ("source", "destination", "ends"),
    [
        ("hq", "svc", "msee1 admits no packets from 10.1.0.2: not among the registered prefixes"),
        ("ula", "svc6", "msee1 admits no packets from fd00:1::2: not among the registered prefixes"),
        ("dmz", "svc", ""),
        ("web", "svc6", ""),
        ("svc", "dmz", ""),
        ("svc", "hq", "the answer: msee1 admits no packets from 10.1.0.2: not among the registered prefixes"),
    ],
)
def test_only_listed_sources_enter(source: str, destination: str, ends: str) -> None:
    """Requests and answers from unlisted sources end at the edge; what comes from Microsoft is not looked at."""
    assert stopped(filtered(*LISTED), source, destination) == ends


def test_without_the_filter_every_source_enters() -> None:
    """The negative control: nothing else stops them."""
    everything = filtered(*NETWORKS.values())
    assert (stopped(everything, "hq", "svc"), stopped(everything, "ula", "svc6")) == ("", "")


def test_a_translated_source_is_what_counts() -> None:
    """A private source that is translated to a listed pool enters, and one to another pool does not."""
    assert stopped(filtered(*LISTED, pool=POOL), "hq", "svc") == ""
    other = stopped(filtered(*LISTED, pool="192.0.2.0/30"), "hq", "svc")
    assert other == "msee1 admits no packets from 192.0.2.0/30: not among the registered prefixes"


def test_what_is_for_the_edge_itself_is_received() -> None:
    """A filter is for what is forwarded."""
    plan = filtered(*LISTED)
    (address,) = (a.ip for i in plan.node("msee1").interfaces if i.name == "to-svc" for a in i.addresses)
    (walk,) = walks(plan, predict(plan).tables, "hq", address)
    assert (walk.nodes, walk.stopped) == (("hq", "ce1", "msee1"), "")


def test_the_first_cause_names_the_filter() -> None:
    """Where a packet should arrive, the cause is the filter and not a route."""
    plan = filtered(*LISTED)
    prediction = predict(plan)
    asked = flow("hq", "svc")
    evidence = Evidence(
        plan=plan, tables=prediction.tables, flows={asked: predict_flow(plan, prediction.tables, asked)}
    )
    reaches = ReachabilityExpectation(where="", source="hq", destination="svc")
    says = str(first_cause(reaches, prediction, evidence, evidence))
    assert says.endswith("msee1 admits no packets from 10.1.0.2: not among the registered prefixes")


def test_a_plan_tells_its_filters() -> None:
    """Both forms of a plan name interface and prefixes."""
    plan = filtered(*LISTED)
    assert f"admits sources at to-ce1 in {', '.join(LISTED)} alone" in as_text.plan(plan)
    assert '"source_filters": [\n        {\n          "interface": "to-ce1"' in as_json.plan(plan)
