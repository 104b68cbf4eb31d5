"""Expectations become verdicts: the same check reads the predicted and the observed evidence, side by side.

A check answers three ways: it holds, it does not, or the evidence cannot tell. What cannot tell never passes.
"""

from lab.checks.evidence import Evidence, Finding
from lab.checks.kinds import KINDS, describe, drills_of, find, flows_of, key_of, more_flows, trials_of
from lab.checks.verdicts import Outcome, Report, Verdict

__all__ = [
    "KINDS",
    "Evidence",
    "Finding",
    "Outcome",
    "Report",
    "Verdict",
    "describe",
    "drills_of",
    "find",
    "flows_of",
    "key_of",
    "more_flows",
    "trials_of",
]
