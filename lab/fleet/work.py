"""What is done with one file, wherever that is: nothing here prints, and what is wrong with a file is data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lab.errors import InputError, LabError, Mistake
from lab.fleet.files import File
from lab.load import load_file
from lab.plan import Plan
from lab.plan.of_topology import plan
from lab.topology import Topology


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What there is to say of one file: a report, or why there is none.

    `exit_code` is that of a command which was given this file alone; None where there was nothing to do with it, as
    `problem` says.
    """

    exit_code: int | None
    report: str = ""
    mistakes: tuple[Mistake, ...] = ()
    problem: str = ""


def planned(topology: Topology, name: str) -> Plan:
    """The plan of a file's topology. Raises InputError, which names the file, where there can be none."""
    try:
        return plan(topology)
    except InputError as problem:
        raise InputError(f"{name}: {problem}") from problem


def check_file(file: File) -> Answer:
    """Every mistake of a file, or why its topology has no plan."""

    def check() -> Answer:
        found = load_file(file.path, file.name)
        if isinstance(found, Topology):
            planned(found, file.name)
        return Answer(exit_code=0)

    return answered(file.name, check)


def answered(name: str, work: Callable[[], Answer]) -> Answer:
    """The answer of some work on a file; where something is wrong with the file, or the model gives up, that is it."""
    try:
        return work()
    except LabError as problem:
        mistakes = problem.mistakes if isinstance(problem, InputError) else ()
        says = str(problem.args[0]) if problem.args else ""
        says = says if name in says else f"{name}: {says}"
        return Answer(exit_code=problem.exit_code, mistakes=mistakes, problem=says)
