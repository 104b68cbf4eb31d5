"""Run plans live: steps and flows are JSON on stdin, and so is on stdout what was seen of each step.

A step is a plan; the first is built, each later one is applied to the running lab. What is seen of each is the lab's
tables, what had not settled, and what became of the flows. With the name of a lab it builds one plan, which stdin holds
alone in a list, and leaves the lab up under that name.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from lab.codec import plain, typed
from lab.commands.live import ANSWER_DEADLINE_S, BUILD_DEADLINE_S, read_settled
from lab.controller import start_lab, temporary_lab
from lab.forwarding import Flow
from lab.plan import Plan
from lab.predict import predict
from lab.questions.packets import Probe, Probed
from lab.questions.plans import Applied, Apply, Build, Built
from lab.runtimes.runtime import Kind

SETTLE_S = 20.0
PROBE_S = 2.0


def main(arguments: Sequence[str]) -> int:
    """Leave a lab up under the name that is given, or see what becomes of one."""
    asked = json.load(sys.stdin)
    if arguments:
        leave_up(arguments[0], asked[0])
    else:
        json.dump(seen(asked), sys.stdout)
    return 0


def _kind() -> Kind:
    return Kind(os.environ.get("ERLAB_RUNTIME", "netns"))


def leave_up(name: str, step: Any) -> None:  # noqa: ANN401  # JSON has no narrower type
    """Build a plan, and leave its lab running."""
    with start_lab(name, _kind()) as lab:
        lab.channel.ask(Build(plan=typed(Plan, step)), Built, deadline_s=BUILD_DEADLINE_S)


def seen(asked: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """What was seen after each step."""
    found = []
    flows = tuple(typed(Flow, flow) for flow in asked["flows"])
    with temporary_lab("plan", _kind()) as lab:
        for number, step in enumerate(asked["steps"]):
            plan = typed(Plan, step)
            if number:
                lab.channel.ask(Apply(plan=plan), Applied, deadline_s=ANSWER_DEADLINE_S)
            else:
                lab.channel.ask(Build(plan=plan), Built, deadline_s=BUILD_DEADLINE_S)
            _, read = read_settled(lab, predict(plan).closed, SETTLE_S)
            results = lab.channel.ask(Probe(flows=flows, deadline_s=PROBE_S), Probed, deadline_s=ANSWER_DEADLINE_S)
            found.append({"tables": plain(read.tables), "pending": read.pending, "flows": plain(results.results)})
    return found
