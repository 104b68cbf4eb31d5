"""What is known of a lab, and what that says of one expectation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lab.forwarding import Flow, FlowResult
from lab.plan import Plan
from lab.tables import LabTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a lab, by prediction or by observation."""

    plan: Plan
    tables: LabTables
    flows: Mapping[Flow, FlowResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one body of evidence says of one expectation. `holds` None means that it cannot tell."""

    holds: bool | None
    text: str
