"""What a running lab is asked so that its expectations can be judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from lab.checks import Evidence, flows_of, more_flows
from lab.commands.live import ANSWER_DEADLINE_S
from lab.commands.progress import Progress
from lab.controller import Lab
from lab.expectations import Expectation
from lab.messages import Probe, Probed
from lab.plan import Plan
from lab.tables import LabTables

PROBE_DEADLINE_S = 1.0


def observe(
    lab: Lab, plan: Plan, tables: LabTables, expectations: Iterable[Expectation], progress: Progress
) -> Evidence:
    """Everything that the expectations ask of a settled lab, whose tables have been read."""
    progress.says("sending packets")
    asked = tuple(expectations)
    evidence = Evidence(plan=plan, tables=tables, flows={})
    flows = tuple(dict.fromkeys(flow for one in asked for flow in flows_of(one, plan)))
    while flows:
        probe = Probe(flows=flows, deadline_s=PROBE_DEADLINE_S)
        probed = lab.channel.ask(probe, Probed, deadline_s=PROBE_DEADLINE_S + ANSWER_DEADLINE_S)
        evidence = replace(evidence, flows={**evidence.flows, **{one.flow: one for one in probed.results}})
        flows = tuple(dict.fromkeys(flow for one in asked for flow in more_flows(one, evidence)))
    return evidence
