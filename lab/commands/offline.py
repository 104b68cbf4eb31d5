"""The commands that need no lab and no privileges."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.plan import Plan
    from lab.topology import Topology


def load(file: str) -> tuple[Topology, Plan]:
    """A topology file and its plan. Raises InputError with every mistake in the file."""
    from lab.fleet.work import planned
    from lab.load import load_topology

    topology = load_topology(file)
    return topology, planned(topology, file)


def check(arguments: argparse.Namespace) -> int:
    """Report every mistake of every file at once, and the topologies without a plan."""
    from lab.commands import fleet

    return fleet.check(arguments)


def predict(arguments: argparse.Namespace) -> int:
    """Show the predicted tables, and each expectation that the model contradicts; 1 where there is one."""
    if len(arguments.files) > 1 or Path(arguments.files[0]).is_dir():
        from lab.commands import fleet

        return fleet.predict(arguments)
    from lab.fleet.predictions import prediction

    answer = prediction(*load(arguments.files[0]), arguments.format)
    print(answer.report)
    return answer.exit_code or 0


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
