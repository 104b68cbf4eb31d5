"""The commands that act on a running lab."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from lab.commands.progress import Progress
from lab.controller import Lab, end_lab, find_lab, labs_up, start_lab
from lab.errors import InputError, LabBroken, LabError
from lab.questions.control import Locate, Located, ReadStatus, Refreshed, RequestRoutes

if TYPE_CHECKING:
    from lab.bgp import Nlri
    from lab.explanation import Explanation
    from lab.neighbors import NeighborWatch
    from lab.plan import Plan
    from lab.questions.plans import Status
    from lab.questions.tables import Converged, Tables
    from lab.tables import ClosedSession, LabTables

ANSWER_DEADLINE_S = 15.0
TIMEOUT_S, FOREIGN_TIMEOUT_S = 10.0, 30.0
"""How long a lab may take to settle: one of the lab's own routers alone, and one with other vendors' daemons."""
BUILD_DEADLINE_S = 60.0
MOST_CHANGES_NAMED = 6


def converge(lab: Lab, closed: tuple[ClosedSession, ...], timeout_s: float) -> Converged:
    """Wait until a lab has converged, with the sessions closed that the model has so, or the time is over."""
    from lab.questions.tables import AwaitConvergence, Converged

    wait = AwaitConvergence(deadline_s=timeout_s, closed=closed)
    return lab.channel.ask(wait, Converged, deadline_s=timeout_s + ANSWER_DEADLINE_S)


def read_settled(lab: Lab, closed: tuple[ClosedSession, ...], timeout_s: float) -> tuple[Converged, Tables]:
    """Wait until a lab has converged and read its tables, again where it changed meanwhile, until the time is over."""
    from lab.questions.tables import ReadTables, Tables

    end_s = time.monotonic() + timeout_s
    while True:
        settled = converge(lab, closed, max(0.0, end_s - time.monotonic()))
        seen = lab.channel.ask(ReadTables(), Tables, deadline_s=ANSWER_DEADLINE_S)
        if not seen.pending or time.monotonic() >= end_s:
            return settled, seen


def settle_s(arguments: argparse.Namespace, plan: Plan) -> float:
    """How long a lab may take to settle, where the call does not say it: other vendors' daemons take their time."""
    given: float | None = arguments.timeout
    if given is not None:
        return given
    return FOREIGN_TIMEOUT_S if any(node.speaker for node in plan.nodes) else TIMEOUT_S


def closed_in_the_model(plan: Plan) -> tuple[ClosedSession, ...]:
    """The sessions that the model has closed; none where its routes never settle, as those of the lab will not."""
    from lab.predict import predict

    try:
        return predict(plan).closed
    except LabBroken:
        return ()


def up(arguments: argparse.Namespace) -> int:
    """Start a lab and leave it running; 3 where it did not settle in time."""
    from lab.commands.offline import load
    from lab.neighbors import NeighborWatch
    from lab.questions.plans import Build, Built
    from lab.runtimes.runtime import Kind

    topology, plan = load(arguments.file)
    neighbors = NeighborWatch()
    with start_lab(topology.name, Kind(arguments.runtime)) as lab, Progress() as progress:
        progress.says(f"building {len(plan.nodes)} nodes")
        try:
            lab.channel.ask(Build(plan=plan), Built, deadline_s=BUILD_DEADLINE_S)
            progress.says("waiting for sessions and routes to settle")
            settled = converge(lab, closed_in_the_model(plan), settle_s(arguments, plan))
        except (LabError, KeyboardInterrupt):
            _abandon(lab)
            raise
        status = ask_status(lab)
    _print_status([status], arguments.format)
    _say_what_is_pending(settled, settle_s(arguments, plan))
    say_what_overflowed(neighbors)
    return LabBroken.exit_code if settled.pending else 0


def apply(arguments: argparse.Namespace) -> int:
    """Change a running lab to what a file says, without ending a session; 3 where it did not settle in time."""
    from lab.commands.offline import load
    from lab.questions.plans import Applied, Apply

    topology, plan = load(arguments.file)
    with find_lab(arguments.lab or topology.name) as lab, Progress() as progress:
        status = ask_status(lab)
        running = status.plan
        if status.failed:
            raise InputError(f"{', '.join(status.failed)} in force: end what fails first, with `erlab heal`")
        _refuse_what_takes_a_new_lab(running, plan, arguments.file)
        progress.says("changing the routers")
        lab.channel.ask(Apply(plan=plan), Applied, deadline_s=ANSWER_DEADLINE_S)
        progress.says("waiting for sessions and routes to settle")
        settled = converge(lab, closed_in_the_model(plan), settle_s(arguments, plan))
    if arguments.format == "json":
        from lab.report import as_json

        print(as_json.applied(running, plan, settled.pending))
    else:
        from lab.report import plan_text

        print(plan_text.plan_difference(running, plan))
    _say_what_is_pending(settled, settle_s(arguments, plan))
    return LabBroken.exit_code if settled.pending else 0


def _refuse_what_takes_a_new_lab(running: Plan, new: Plan, file: str) -> None:
    """Raise InputError where more has changed than a running lab can take."""
    from lab.report.plan_changes import changes

    others = changes(running.without_rules(), new.without_rules())
    if others:
        shown = ", ".join(dict.fromkeys(one.what for one in others[:MOST_CHANGES_NAMED]))
        more = f" and {len(others) - MOST_CHANGES_NAMED} more" if len(others) > MOST_CHANGES_NAMED else ""
        raise InputError(
            f"{file} changes more than policies, rules and networks: {shown}{more}; "
            f"end the lab and start it anew: erlab down --lab {running.name}, erlab up {file}"
        )


def _say_what_is_pending(settled: Converged, timeout_s: float) -> None:
    for what in settled.pending:
        sys.stderr.write(f"erlab: not settled after {timeout_s:g} s: {what}\n")


def say_what_overflowed(neighbors: NeighborWatch) -> bool:
    """Say which of the kernel's tables of neighbours overflowed; whether one did."""
    overflows = neighbors.overflows()
    for what in overflows:
        sys.stderr.write(f"erlab: {what}\n")
    return bool(overflows)


def refresh(arguments: argparse.Namespace) -> int:
    """Let a router ask a neighbour for its routes again; 3 where it could not on every session."""
    with find_lab(arguments.lab) as lab:
        plan = ask_status(lab).plan
        question = RequestRoutes(router=_router(plan, arguments.router), neighbor=_router(plan, arguments.neighbor))
        answer = lab.channel.ask(question, Refreshed, deadline_s=ANSWER_DEADLINE_S)
    if not answer.sessions and not answer.down:
        raise InputError(f"{arguments.router} has no BGP session with {arguments.neighbor}")
    if arguments.format == "json":
        from lab.report import running_json

        print(running_json.refreshed(arguments.router, answer.sessions, answer.down))
    elif answer.sessions:
        sys.stderr.write(f"{arguments.router} asked for all routes on {', '.join(answer.sessions)}\n")
    for session, why in answer.down.items():
        sys.stderr.write(f"erlab: {arguments.router} could not ask on {session}: {why}\n")
    return LabBroken.exit_code if answer.down else 0


def _abandon(lab: Lab) -> None:
    """End a lab that could not be built; the reason is already known."""
    try:
        end_lab(lab.name)
    except (InputError, LabBroken):
        return


def status(arguments: argparse.Namespace) -> int:
    """Show every running lab, or the one that is named; 3 where one is broken or has not settled."""
    names = [arguments.lab] if arguments.lab else labs_up()
    if not names:
        sys.stderr.write("no lab is up: start one with `erlab up FILE`\n")
    answers, broken = [], []
    for name in names:
        try:
            with find_lab(name) as lab:
                answers.append(_status_or_why_not(lab))
        except LabBroken as problem:
            broken.append(f"{name}: {problem}")
    _print_status(answers, arguments.format)
    for words in broken:
        sys.stderr.write(f"erlab: {words}\n")
    return LabBroken.exit_code if broken or any(one.pending for one in answers) else 0


def _status_or_why_not(lab: Lab) -> Status:
    """The state of a lab. Raises LabBroken, too, where a user's file has broken it: the call is right."""
    try:
        return ask_status(lab)
    except InputError as problem:
        raise LabBroken(str(problem)) from None


def ask_status(lab: Lab) -> Status:
    """The state of a running lab."""
    from lab.questions.plans import Status

    return lab.channel.ask(ReadStatus(), Status, deadline_s=ANSWER_DEADLINE_S)


def _print_status(answers: list[Status], output: str) -> None:
    if output == "json":
        from lab.report import running_json

        print(running_json.status(answers))
    else:
        from lab.report import running_text

        print("\n\n".join(running_text.status(one) for one in answers), end="\n" if answers else "")


def down(arguments: argparse.Namespace) -> int:
    """End a running lab; nothing of it is left."""
    name = end_lab(arguments.lab)
    if arguments.format == "json":
        from lab.report import running_json

        print(running_json.ended(name))
    else:
        sys.stderr.write(f"{name} is down\n")
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Show one table of one router, live or predicted."""
    plan, tables = _tables(arguments)
    router = _router(plan, arguments.router)
    if arguments.format == "json":
        from lab.report import tables_json

        print(tables_json.table(plan, tables.of(router), arguments.what))
    else:
        from lab.report import tables_text

        print(tables_text.table(plan, tables.of(router), arguments.what))
    return 0


def _predicted(arguments: argparse.Namespace) -> bool:
    if arguments.file and arguments.lab:
        raise InputError("--file asks the model and --lab a running lab: give one of them")
    return bool(arguments.file)


def _modelled(file: str) -> Plan:
    """The plan of a file. Raises LabBroken where the model knows too little of it to say anything."""
    from lab.commands.offline import load
    from lab.predict import refuse_unmodelled

    _, plan = load(file)
    refuse_unmodelled(plan)
    return plan


def _tables(arguments: argparse.Namespace) -> tuple[Plan, LabTables]:
    if _predicted(arguments):
        from lab.predict import predict

        plan = _modelled(arguments.file)
        return plan, predict(plan).tables
    from lab.questions.tables import ReadTables, Tables

    with find_lab(arguments.lab) as lab:
        return ask_status(lab).plan, lab.channel.ask(ReadTables(), Tables, deadline_s=ANSWER_DEADLINE_S).tables


def explain(arguments: argparse.Namespace) -> int:
    """Show every path to a prefix at a router and why the best one won, live or predicted; 1 where there is none."""
    from lab.bgp import parse_nlri

    try:
        prefix = parse_nlri(arguments.prefix)
    except ValueError as problem:
        raise InputError(str(problem)) from None
    plan, explanation = _explanation(arguments, prefix)
    if arguments.format == "json":
        from lab.report import as_json

        print(as_json.explanation(plan, explanation))
    else:
        from lab.report import explanation_text

        print(explanation_text.explanation(plan, explanation))
    return 0 if explanation.candidates else 1


def _explanation(arguments: argparse.Namespace, prefix: Nlri) -> tuple[Plan, Explanation]:
    if _predicted(arguments):
        from lab.predict import predict

        plan = _modelled(arguments.file)
        return plan, predict(plan).routers[_router(plan, arguments.router)].explain(prefix)
    from lab.questions.explanations import Explain, Explained

    with find_lab(arguments.lab) as lab:
        plan = ask_status(lab).plan
        question = Explain(router=_router(plan, arguments.router), prefix=prefix)
        return plan, lab.channel.ask(question, Explained, deadline_s=ANSWER_DEADLINE_S).explanation


def shell(arguments: argparse.Namespace) -> int:
    """Run a program in a node, with the node's network and the lab's processes; returns its exit code."""
    from lab.runtimes.namespaces import enter_lab

    with find_lab(arguments.lab) as lab:
        node = _node(ask_status(lab).plan, arguments.node)
        located = lab.channel.ask(Locate(node=node), Located, deadline_s=ANSWER_DEADLINE_S)
    argv = arguments.argv[1:] if arguments.argv[:1] == ["--"] else arguments.argv
    here = Path.cwd()
    enter_lab(lab.supervisor_pid, located.fd)
    os.chdir(here)
    environment = {**os.environ, "ERLAB_NODE": node, "PS1": f"{node}$ "}
    try:
        done = subprocess.run(  # noqa: S603  # what the user asked to run
            argv or [os.environ.get("SHELL", "/bin/sh")], env=environment, check=False
        )
    except OSError as problem:
        raise InputError(f"cannot run {argv[0] if argv else 'the shell'}: {problem.strerror}") from None
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def _router(plan: Plan, name: str) -> str:
    return _one_of("router", name, [node.name for node in plan.routers])


def _node(plan: Plan, name: str) -> str:
    return _one_of("node", name, [node.name for node in plan.nodes])


def _one_of(what: str, name: str, known: list[str]) -> str:
    if name not in known:
        raise InputError(f"{name} is no {what} of this lab: {what}s are {', '.join(known)}")
    return name
