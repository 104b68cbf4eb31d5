"""What is known of a lab, and what that says of one expectation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lab.failover import Drill, FailoverResult
from lab.forecast import Forecast
from lab.forwarding import Flow, FlowResult
from lab.plan import Plan
from lab.streams import Trial, TrialResult
from lab.tables import LabTables


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of a lab, by prediction or by observation.

    Of a drill, what was measured is in `failovers`, and by which way packets go while its fault lasts, in `afterwards`;
    of a trial of streams, what was measured is in `trials`, and what the model says of each stream in `forecasts`.
    """

    plan: Plan
    tables: LabTables
    flows: Mapping[Flow, FlowResult]
    failovers: Mapping[Drill, FailoverResult] = field(default_factory=dict)
    afterwards: Mapping[Drill, FlowResult] = field(default_factory=dict)
    trials: Mapping[Trial, TrialResult] = field(default_factory=dict)
    forecasts: Mapping[Trial, tuple[Forecast, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one body of evidence says of one expectation. `holds` None means that it cannot tell."""

    holds: bool | None
    text: str


def all_of(findings: Iterable[Finding]) -> Finding:
    """What comes of the findings in each family: the first that fails, else the first that cannot tell."""
    found = tuple(findings)
    if not found:
        return Finding(holds=None, text="no address family in common")
    for wanted in (False, None):
        for finding in found:
            if finding.holds is wanted:
                return finding
    return Finding(holds=True, text="; ".join(dict.fromkeys(finding.text for finding in found)))
