"""What a running lab is asked so that its expectations can be judged."""

from __future__ import annotations

from collections.abc import Iterable

from lab.checks import Evidence, flows_of
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
    flows = tuple(dict.fromkeys(flow for one in expectations for flow in flows_of(one, plan)))
    probe = Probe(flows=flows, deadline_s=PROBE_DEADLINE_S)
    probed = lab.channel.ask(probe, Probed, deadline_s=PROBE_DEADLINE_S + ANSWER_DEADLINE_S)
    return Evidence(plan=plan, tables=tables, flows={one.flow: one for one in probed.results})
