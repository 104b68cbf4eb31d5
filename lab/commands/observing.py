"""What a running lab is asked so that its expectations can be judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lab.checks import Evidence, drills_of, flows_of, more_flows, trials_of
from lab.checks.losses import says_nothing
from lab.commands.live import ANSWER_DEADLINE_S
from lab.commands.progress import Progress
from lab.controller import Lab
from lab.expectations import Expectation, LossExpectation
from lab.failover import NOT_BACK, Drill, FailoverResult
from lab.messages import SendStreams, StreamsSent
from lab.plan import Plan
from lab.questions.packets import Probe, Probed
from lab.streams import Trial, TrialResult
from lab.tables import ClosedSession, LabTables

PROBE_DEADLINE_S = 1.0
STREAMS_END_S = 10.0
"""The longest time that streams take beside that for which they are sent."""
_MOST_TRIALS = 3
"""A trial that the computer was too slow for says nothing, and is made again."""


def observe(
    lab: Lab, plan: Plan, tables: LabTables, expectations: Iterable[Expectation], progress: Progress
) -> Evidence:
    """Everything that the expectations ask of a settled lab, whose tables have been read, and that leaves it so."""
    progress.says("sending packets")
    asked = tuple(expectations)
    evidence = Evidence(plan=plan, tables=tables, flows={})
    flows = tuple(dict.fromkeys(flow for one in asked for flow in flows_of(one, plan)))
    while flows:
        probe = Probe(flows=flows, deadline_s=PROBE_DEADLINE_S)
        probed = lab.channel.ask(probe, Probed, deadline_s=PROBE_DEADLINE_S + ANSWER_DEADLINE_S)
        evidence = replace(evidence, flows={**evidence.flows, **{one.flow: one for one in probed.results}})
        flows = tuple(dict.fromkeys(flow for one in asked for flow in more_flows(one, evidence)))
    return replace(evidence, trials=_trials(lab, plan, asked, progress))


def _trials(lab: Lab, plan: Plan, expectations: Iterable[Expectation], progress: Progress) -> dict[Trial, TrialResult]:
    """Every trial of streams that the expectations ask for, one after the other: they would disturb one another."""
    found: dict[Trial, TrialResult] = {}
    for expected in expectations:
        if not isinstance(expected, LossExpectation):
            continue
        for one in trials_of(expected, plan):
            progress.says(f"sending streams for {one.duration_s:g} s")
            deadline_s = one.duration_s + STREAMS_END_S + ANSWER_DEADLINE_S
            for _ in range(_MOST_TRIALS if one not in found else 0):
                found[one] = lab.channel.ask(SendStreams(trial=one), StreamsSent, deadline_s=deadline_s).result
                if not says_nothing(expected, found[one]):
                    break
    return found


def drill(  # noqa: PLR0913  # each is one thing that is known
    lab: Lab,
    plan: Plan,
    expectations: Iterable[Expectation],
    progress: Progress,
    *,
    closed: tuple[ClosedSession, ...],
    settle_s: float,
    why_not: str,
) -> dict[Drill, FailoverResult]:
    """Let every fault happen that the expectations ask for; after one that the lab does not get over, no more.

    `why_not` says why there is to be none at all; empty where there is no reason.
    """
    from lab.commands.failover import measure

    found: dict[Drill, FailoverResult] = {}
    for one in dict.fromkeys(drill for expected in expectations for drill in drills_of(expected, plan)):
        if why_not:
            found[one] = FailoverResult(drill=one, runs=(), not_run=why_not)
            continue
        progress.says(f"failing: {one.fault}")
        found[one] = measure(lab, plan, one, settle_s=settle_s, closed=closed)
        if found[one].not_run.startswith(NOT_BACK):
            why_not = f"the lab was not as before after {one.fault}"
    return found
