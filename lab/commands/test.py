"""`erlab test`: one topology file to one verdict."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab.commands.live import ANSWER_DEADLINE_S, BUILD_DEADLINE_S, closed_in_the_model, read_settled, settle_s
from lab.commands.offline import load
from lab.commands.progress import Progress
from lab.controller import Lab, find_lab, temporary_lab
from lab.errors import LabBroken
from lab.neighbors import NeighborWatch
from lab.plan import Plan
from lab.questions.control import ReadStatus
from lab.questions.plans import Build, Built, Status
from lab.runtimes.runtime import Kind
from lab.topology import Topology

if TYPE_CHECKING:
    from lab.checks import Report


def test(arguments: argparse.Namespace) -> int:
    """Make the lab, or use the running one that `--lab` names; compare and report. Returns the exit code."""
    started_s, neighbors = time.monotonic(), NeighborWatch()
    if arguments.plots:
        from lab.plots import prepare

        prepare(Path(arguments.plots))
    with _lab(arguments.lab, Kind(arguments.runtime)) as lab, Progress() as progress:
        # imported while the lab's own processes warm up
        from lab.causes import verdicts
        from lab.checks import Report
        from lab.commands.observing import drill, observe
        from lab.commands.same_lab import is_of_another_file
        from lab.predict import predict, predicted_evidence
        from lab.tables import differences

        progress.says("reading the topology")
        topology, plan = load(arguments.file)
        _refuse_what_takes_nft(topology, plan)
        prediction = predict(plan)
        notes: list[str] = []
        failed: tuple[str, ...] = ()
        closed, running = prediction.closed, plan
        progress.says(f"building {len(plan.nodes)} nodes")
        build_s = time.monotonic()
        if arguments.lab is None:
            lab.channel.ask(Build(plan=plan), Built, deadline_s=BUILD_DEADLINE_S)
        else:
            status = lab.channel.ask(ReadStatus(), Status, deadline_s=ANSWER_DEADLINE_S)
            running, failed = status.plan, status.failed
            notes += [
                f"in the running lab {fault} is in force: what is not there may be so only for that" for fault in failed
            ]
            if is_of_another_file(running, plan, lab.name, arguments.file):
                closed = closed_in_the_model(running)
                notes.append(f"the running lab {lab.name} was made from another file: predicted is of {arguments.file}")
        built_s = time.monotonic()
        progress.says("waiting for sessions and routes to settle")
        timeout_s = settle_s(arguments, running)
        settled, seen = read_settled(lab, closed, timeout_s)
        notes += [f"not settled after {timeout_s:g} s: {what}" for what in seen.pending]
        observed = observe(lab, running, seen.tables, topology.expectations, progress)
        unready = "; ".join([*seen.pending, *(f"{fault} is in force already" for fault in failed)])
        failovers = drill(
            lab,
            running,
            topology.expectations,
            progress,
            closed=closed,
            settle_s=timeout_s,
            why_not=unready,
        )
        observed = replace(observed, failovers=failovers)
        verdict_s = time.monotonic()
    overflows = neighbors.overflows()
    predicted = predicted_evidence(prediction, plan, topology.expectations)
    timings = [("built", built_s)]
    if arguments.lab is None:
        after = (("established", settled.established_s), ("converged", settled.converged_s))
        timings += [(name, build_s + time_s) for name, time_s in after if time_s is not None]
    timings += [("verdict", verdict_s), ("gone", time.monotonic())]
    report = Report(
        topology=topology.name,
        verdicts=tuple(
            replace(verdict, disturbed=bool(overflows), failing=bool(failed))
            for verdict in verdicts(topology.expectations, prediction, predicted, observed)
        ),
        differences=() if plan.unmodelled else tuple(differences(prediction.tables, seen.tables)),
        routes_compared=0 if plan.unmodelled else seen.tables.count(),
        not_compared=plan.unmodelled,
        fidelity=seen.fidelity,
        notes=(*notes, *overflows),
        started_s=started_s,
        timings_s=tuple((name, at_s - started_s) for name, at_s in timings),
        failovers=tuple(failovers.values()),
        trials=tuple(observed.trials.values()),
    )
    _print(report, arguments.format)
    whole = not arguments.plots or _plotted(Path(arguments.plots), report, running)
    return report.exit_code or (0 if whole else LabBroken.exit_code)


def _print(report: Report, output: str) -> None:
    if output == "json":
        from lab.report import as_json

        print(as_json.report(report))
    else:
        from lab.report import as_text

        print(as_text.report(report))


def _plotted(directory: Path, report: Report, plan: Plan) -> bool:
    """Write the plots of a report, and say where they are, or why they are not."""
    from lab.plots import write_plots

    sys.stdout.flush()  # the verdict first: to draw takes seconds
    try:
        written = write_plots(directory, report, plan)
    except OSError as problem:
        sys.stderr.write(f"erlab: cannot write plots: {problem}\n")
        return False
    for one in written:
        sys.stderr.write(f"plot: {one}\n")
    if not written:
        sys.stderr.write("no plots: nothing was asked that is measured over time\n")
    return True


def _refuse_what_takes_nft(topology: Topology, plan: Plan) -> None:
    """Raise LabBroken where the size of packets is expected, and the program that limits it is not installed."""
    from lab.expectations import MtuExpectation
    from lab.node import packet_limits

    if any(isinstance(one, MtuExpectation) for one in topology.expectations):
        packet_limits.check_program(plan.nodes)


@contextmanager
def _lab(name: str | None, kind: Kind) -> Iterator[Lab]:
    if name is None:
        with temporary_lab("test", kind) as lab:
            yield lab
    else:
        with find_lab(name) as lab:
            yield lab
