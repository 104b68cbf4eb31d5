"""What is asked of the circuit of `contoso`, and the first cause that is told where it is not so."""

from __future__ import annotations

from dataclasses import replace

from contoso import HQ, HUB, SAMPLE, Contoso, contoso, with_flow
from lab.bgp import Family, parse_prefix
from lab.causes import first_cause
from lab.expectations import Expectation, ReachabilityExpectation, RouteExpectation, SessionExpectation, Table
from lab.forwarding import Flow
from lab.tables import LabTables

WHERE = "contoso.yaml:30"
UP = SessionExpectation(where=WHERE, routers=("ce1", "msee1"))
ROUTE = RouteExpectation(where=WHERE, at="ce1", prefix=HUB, attributes=(("local_pref", "200"),))
BACK = RouteExpectation(where=WHERE, at="gw", prefix=HQ, table=Table.FIB, attributes=(("next_hop", "msee1"),))
DEFAULT = parse_prefix("0.0.0.0/0")
NO_DEFAULT = RouteExpectation(where=WHERE, at="msee1", prefix=DEFAULT, present=False)
REACHES = ReachabilityExpectation(where=WHERE, source="hq", destination="hub", family=Family.IPV4)
VIA = replace(REACHES, via=("ce1", "msee1"))
FLOW = Flow(source="hq", destination="hub", family=Family.IPV4)

OTHER_KEY = contoso(ce1_key="Contoso124")
"""The circuit whose primary session is down: all of its tables are what that causes."""
KEYS_DIFFER = "the MD5 keys of the two ends differ (RFC 2385)"
SESSION_DOWN = f"session: ce1 - msee1 is down (ipv4): {KEYS_DIFFER}"


def cause(expectation: Expectation, *, lab: Contoso = SAMPLE, seen: LabTables | None = None) -> str:
    """Why an expectation fails where `lab` is what was predicted and `seen` what was observed."""
    predicted, observed = lab.evidence(expectation), lab.evidence(expectation, tables=seen)
    return str(first_cause(expectation, lab.prediction, predicted, observed))


def packet_cause(expectation: ReachabilityExpectation, result: dict[str, object], seen: LabTables | None = None) -> str:
    """Why an expectation fails where the packets of its flow did something else than the tables say."""
    predicted, observed = SAMPLE.evidence(expectation), SAMPLE.evidence(expectation, tables=seen)
    observed = with_flow(observed, replace(FLOW, dscp=expectation.dscp or 0), **result)
    return str(first_cause(expectation, SAMPLE.prediction, predicted, observed))
