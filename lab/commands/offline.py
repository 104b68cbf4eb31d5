"""The commands that need no lab and no privileges."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from lab.errors import InputError, Mistake

if TYPE_CHECKING:
    from lab.plan import Plan
    from lab.topology import Topology


def load(file: str) -> tuple[Topology, Plan]:
    """A topology file and its plan. Raises InputError with every mistake in the file."""
    from lab.load import load_topology

    topology = load_topology(file)
    return topology, _planned(topology, file)


def _planned(topology: Topology, file: str) -> Plan:
    """The plan of a file's topology. Raises InputError, which names the file, where there can be none."""
    from lab.plan.of_topology import plan

    try:
        return plan(topology)
    except InputError as problem:
        raise InputError(f"{file}: {problem}") from problem


def check(arguments: argparse.Namespace) -> int:
    """Report every mistake of every file at once, and the topologies without a plan."""
    from lab.load import load_file
    from lab.topology import Topology

    mistakes: list[Mistake] = []
    problems: list[str] = []
    for file in arguments.files:
        try:
            found = load_file(file)
            if isinstance(found, Topology):
                _planned(found, file)
        except InputError as problem:
            mistakes += problem.mistakes
            if not problem.mistakes:
                problems.append(str(problem))
    if arguments.format == "json":
        from lab.report import as_json

        print(as_json.mistakes(arguments.files, mistakes, problems))
    for one in dict.fromkeys(mistakes):
        sys.stderr.write(f"{one}\n")
    for words in problems:
        sys.stderr.write(f"{words}\n")
    wrong = len(set(mistakes)) + len(problems)
    if wrong:
        sys.stderr.write(f"{wrong} mistake{'s' if wrong > 1 else ''}\n")
        return InputError.exit_code
    sys.stderr.write(f"{len(arguments.files)} file{'s' if len(arguments.files) > 1 else ''}: no mistakes\n")
    return 0


def predict(arguments: argparse.Namespace) -> int:
    """Show the predicted tables, and each expectation that the model contradicts; 1 where there is one."""
    from lab.causes import verdicts
    from lab.checks import Outcome
    from lab.predict import predict as run_model
    from lab.predict import predicted_evidence

    topology, plan = load(arguments.file)
    prediction = run_model(plan)
    evidence = predicted_evidence(prediction, plan, topology.expectations)
    answers = verdicts(topology.expectations, prediction, evidence, evidence)
    if arguments.format == "json":
        from lab.report import as_json

        print(as_json.prediction(plan, prediction.tables, answers))
    else:
        from lab.report import as_text

        print(as_text.prediction(plan, prediction.tables, answers))
    outcomes = {one.outcome for one in answers}
    if Outcome.FAILED in outcomes:
        return 1
    return 3 if Outcome.INCONCLUSIVE in outcomes else 0


def plan(arguments: argparse.Namespace) -> int:
    """Show a topology's plan, or what changed in it since an older file."""
    _, new = load(arguments.file)
    old = load(arguments.diff)[1] if arguments.diff else None
    if arguments.format == "json":
        from lab.report import as_json

        print(as_json.plan(new) if old is None else as_json.plan_difference(old, new))
    else:
        from lab.report import as_text

        print(as_text.plan(new) if old is None else as_text.plan_difference(old, new))
    return 0


def assumptions(arguments: argparse.Namespace) -> int:
    """Show what Microsoft's documents leave open, and the answers that a topology file works with."""
    from lab.expressroute.assumptions import Assumptions
    from lab.report.assumptions import as_json, as_text

    assumed = Assumptions()
    if arguments.file is not None:
        from lab.load import load_topology

        assumed = Assumptions(load_topology(arguments.file).assumed)
    print(as_json(assumed) if arguments.format == "json" else as_text(assumed))
    return 0


def schema(arguments: argparse.Namespace) -> int:
    """Print a JSON Schema."""
    from lab.load.schema import cases_schema, policy_schema, topology_schema

    schemas = {"topology": topology_schema, "policy": policy_schema, "cases": cases_schema}
    print(json.dumps(schemas[arguments.kind](), indent=2))
    return 0
