"""Run a plan live: `python run_plan.py` reads steps and flows as JSON from stdin and writes what was seen of each step.

A step is a plan; the first is built, each later one is applied to the running lab. What is seen of each is the lab's
tables, what had not settled, and what became of the flows. `python run_plan.py NAME` builds one plan and leaves the lab
up under that name; it reads a list with that plan alone.
"""

from __future__ import annotations

import json
import os
import sys

from lab.codec import plain, typed
from lab.commands.live import ANSWER_DEADLINE_S, BUILD_DEADLINE_S, read_settled
from lab.controller import start_lab, temporary_lab
from lab.forwarding import Flow
from lab.messages import Applied, Apply, Build, Built, Probe, Probed
from lab.plan import Plan
from lab.predict import predict
from lab.runtimes.runtime import Kind

KIND = Kind(os.environ.get("ERLAB_RUNTIME", "netns"))
SETTLE_S = 20.0
PROBE_S = 2.0


def leave_up(name: str) -> None:
    """Build the one plan, and leave its lab running."""
    (step,) = json.load(sys.stdin)
    with start_lab(name, KIND) as lab:
        lab.channel.ask(Build(plan=typed(Plan, step)), Built, deadline_s=BUILD_DEADLINE_S)


def main() -> None:
    """Read, run, write."""
    with temporary_lab("plan", KIND) as lab:
        seen = []
        asked = json.load(sys.stdin)
        flows = tuple(typed(Flow, flow) for flow in asked["flows"])
        for number, step in enumerate(asked["steps"]):
            plan = typed(Plan, step)
            if number:
                lab.channel.ask(Apply(plan=plan), Applied, deadline_s=ANSWER_DEADLINE_S)
            else:
                lab.channel.ask(Build(plan=plan), Built, deadline_s=BUILD_DEADLINE_S)
            _, read = read_settled(lab, predict(plan).closed, SETTLE_S)
            results = lab.channel.ask(Probe(flows=flows, deadline_s=PROBE_S), Probed, deadline_s=ANSWER_DEADLINE_S)
            seen.append({"tables": plain(read.tables), "pending": read.pending, "flows": plain(results.results)})
    json.dump(seen, sys.stdout)


if __name__ == "__main__":
    if sys.argv[1:]:
        leave_up(sys.argv[1])
    else:
        main()
