"""The commands that let something fail in a running lab, and heal it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from lab.commands.live import ANSWER_DEADLINE_S, closed_in_the_model, converge, settle_s
from lab.commands.progress import Progress
from lab.controller import find_lab
from lab.errors import InputError, LabBroken
from lab.faults import Fault, FaultKind
from lab.injection import injections
from lab.messages import Inject, Injected
from lab.questions.control import Heal, Healed, ReadStatus
from lab.questions.plans import Status


def fail(arguments: argparse.Namespace) -> int:
    """Let something fail in a running lab, until it is healed; 3 where a step of it does not settle in time."""
    fault = _fault(arguments.fault, arguments.circuit or "", arguments.towards or "")
    with find_lab(arguments.lab) as lab, Progress() as progress:
        status = lab.channel.ask(ReadStatus(), Status, deadline_s=ANSWER_DEADLINE_S)
        plan = status.plan
        try:
            steps = injections(plan, fault)
        except ValueError as problem:
            raise InputError(f"{fault}: {at_the_prompt(str(problem))}") from None
        if str(fault) in status.failed:
            raise InputError(f"{fault} is in force already: end it first with `erlab heal {as_typed(fault)}`")
        for step in steps[:-1]:
            lab.channel.ask(Inject(injection=step), Injected, deadline_s=ANSWER_DEADLINE_S)
            progress.says("waiting for sessions and routes to settle")
            pending = converge(lab, closed_in_the_model(plan), settle_s(arguments, plan)).pending
            if pending:
                raise LabBroken(f"{fault}: its first step did not settle: {'; '.join(pending)}")
        lab.channel.ask(Inject(injection=steps[-1]), Injected, deadline_s=ANSWER_DEADLINE_S)
    if arguments.format == "json":
        from lab.report.failover_json import failed

        print(failed(str(fault)))
    elif steps[-1].resets:
        sys.stderr.write(f"{fault}: done\n")
    else:
        sys.stderr.write(f"{fault}: in force; end it with `erlab heal`\n")
    return 0


def heal(arguments: argparse.Namespace) -> int:
    """End what fails in a running lab; 3 where it has not settled in time."""
    fault = _fault(arguments.fault, arguments.circuit or "", arguments.towards or "") if arguments.fault else None
    with find_lab(arguments.lab) as lab, Progress() as progress:
        status = lab.channel.ask(ReadStatus(), Status, deadline_s=ANSWER_DEADLINE_S)
        question = Heal(fault="" if fault is None else fault_in_force(fault, status.failed))
        healed = lab.channel.ask(question, Healed, deadline_s=ANSWER_DEADLINE_S)
        progress.says("waiting for sessions and routes to settle")
        pending = converge(lab, closed_in_the_model(status.plan), arguments.timeout).pending
    if arguments.format == "json":
        from lab.report.failover_json import healed as healed_document

        print(healed_document(healed.faults, pending))
    else:
        sys.stderr.write("".join(f"{one}: healed\n" for one in healed.faults) or "nothing was in force\n")
    for what in pending:
        sys.stderr.write(f"erlab: not settled after {arguments.timeout:g} s: {what}\n")
    return LabBroken.exit_code if pending else 0


def fault_in_force(fault: Fault, failed: Sequence[str]) -> str:
    """The fault in force that is meant: this one, or the only one of its kind and target, whatever its circuit is."""
    found = [one for one in failed if one == str(fault)] or [one for one in failed if one.startswith(f"{fault}, ")]
    if len(found) != 1:
        raise InputError(f"{fault} is not in force; in force are: {'; '.join(failed) or 'none'}")
    return found[0]


def as_typed(fault: Fault) -> str:
    """A fault as `erlab heal` takes it."""
    more = f" --circuit {fault.circuit}" * bool(fault.circuit) + f" --towards {fault.towards}" * bool(fault.towards)
    return f"{fault.kind.value} {fault.target}{more}"


def at_the_prompt(problem: str) -> str:
    """A problem with the options of a command where a file would have keys."""
    return problem.replace("give `circuit`", "give `--circuit`").replace("leave `circuit` out", "leave `--circuit` out")


def _fault(words: Sequence[str], circuit: str, towards: str) -> Fault:
    """The fault that a command names as a file does: link_down primary, or link_down: ce1 - msee1."""
    name, target = words[0].removesuffix(":"), " ".join(words[1:])
    kinds = {kind.value: kind for kind in FaultKind}
    if name not in kinds:
        raise InputError(f"{name!r} is no fault; there are: {', '.join(kinds)}")
    if not target:
        raise InputError(f"{name}: it is not said what fails, such as `erlab fail link_down primary`")
    if towards and kinds[name] is not FaultKind.SILENT_LOSS:
        raise InputError("--towards: only silent_loss has one direction")
    return Fault(kind=kinds[name], target=target, circuit=circuit, towards=towards)
