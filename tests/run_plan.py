"""Run plans live, from one process that has loaded all that a lab needs and forks for each: `python run_plan.py`.

It reads a line of JSON for each run, with steps and flows, and writes one with what was seen of each step, or with
`failed`. A step is a plan; the first is built, each later one is applied to the running lab. What is seen of each is
the lab's tables, what had not settled, and what became of the flows. `python run_plan.py NAME` builds one plan and
leaves the lab up under that name; it reads a list with that plan alone.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
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

KIND = Kind(os.environ.get("ERLAB_RUNTIME", "netns"))
SETTLE_S = 20.0
PROBE_S = 2.0
_LOADED_BY_LABS = ("lab.supervisor", "lab.node.program", "lab.node.exabgp_parts", "lab.probes", "scapy.layers.inet6")


def leave_up(name: str) -> None:
    """Build the one plan, and leave its lab running."""
    (step,) = json.load(sys.stdin)
    with start_lab(name, KIND) as lab:
        lab.channel.ask(Build(plan=typed(Plan, step)), Built, deadline_s=BUILD_DEADLINE_S)


def serve() -> None:
    """Run what is asked, one after another, each in a process of its own."""
    for module in _LOADED_BY_LABS:
        importlib.import_module(module)
    for line in sys.stdin:
        if not (pid := os.fork()):
            _run_and_exit(json.loads(line))
        _, status = os.waitpid(pid, 0)
        if status:
            _answer({"failed": f"the run ended with status {os.waitstatus_to_exitcode(status)}"})


def _run_and_exit(asked: Any) -> None:  # noqa: ANN401  # JSON has no narrower type
    try:
        _answer({"seen": seen(asked)})
    except Exception:  # noqa: BLE001  # whatever it is, who asked must read it
        _answer({"failed": traceback.format_exc()})
    finally:
        os._exit(0)


def _answer(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def seen(asked: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    """What was seen after each step."""
    found = []
    flows = tuple(typed(Flow, flow) for flow in asked["flows"])
    with temporary_lab("plan", KIND) as lab:
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


if __name__ == "__main__":
    if sys.argv[1:]:
        leave_up(sys.argv[1])
    else:
        serve()
