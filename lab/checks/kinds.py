"""The kinds of expectations, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lab.checks import dscp, failovers, losses, mtu, nat, paths, reachability, routes, sessions
from lab.checks.evidence import Evidence, Finding
from lab.checks.kind import Kind
from lab.expectations import (
    DscpExpectation,
    Expectation,
    FailoverExpectation,
    LossExpectation,
    MtuExpectation,
    NatExpectation,
    PathExpectation,
    ReachabilityExpectation,
    RouteExpectation,
    SessionExpectation,
    SymmetricExpectation,
)
from lab.failover import Drill
from lab.forwarding import Flow
from lab.plan import Plan
from lab.streams import Trial

KINDS: Mapping[type[Expectation], Kind[Any]] = {
    SessionExpectation: sessions.KIND,
    RouteExpectation: routes.KIND,
    ReachabilityExpectation: reachability.KIND,
    FailoverExpectation: failovers.KIND,
    LossExpectation: losses.KIND,
    MtuExpectation: mtu.KIND,
    NatExpectation: nat.KIND,
    DscpExpectation: dscp.KIND,
    PathExpectation: paths.PATH,
    SymmetricExpectation: paths.SYMMETRIC,
}


def find(expectation: Expectation, evidence: Evidence) -> Finding:
    """What `evidence` says of an expectation."""
    return KINDS[type(expectation)].find(expectation, evidence)


def flows_of(expectation: Expectation, plan: Plan) -> tuple[Flow, ...]:
    """The flows that an expectation asks about."""
    return KINDS[type(expectation)].flows(expectation, plan)


def drills_of(expectation: Expectation, plan: Plan) -> tuple[Drill, ...]:
    """The faults that have to happen for an expectation."""
    return KINDS[type(expectation)].drills(expectation, plan)


def trials_of(expectation: Expectation, plan: Plan) -> tuple[Trial, ...]:
    """The streams that have to be sent for an expectation."""
    return KINDS[type(expectation)].trials(expectation, plan)


def more_flows(expectation: Expectation, evidence: Evidence) -> tuple[Flow, ...]:
    """The flows that an expectation asks about beside those that are known."""
    return tuple(flow for flow in KINDS[type(expectation)].more(expectation, evidence) if flow not in evidence.flows)


def describe(expectation: Expectation) -> str:
    """What must hold, in a few words."""
    return KINDS[type(expectation)].describe(expectation)


def key_of(expectation: Expectation) -> str:
    """The key of a topology file that asks for it."""
    return KINDS[type(expectation)].key(expectation)


def holds_by_absence(expectation: Expectation) -> bool:
    """Whether it holds by what did not come."""
    return KINDS[type(expectation)].by_absence(expectation)
