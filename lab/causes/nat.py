"""Why packets are not translated as expected, or their answers do not come back through the translation."""

from __future__ import annotations

from lab.causes import reachability
from lab.causes.case import Case
from lab.causes.stages import Cause, Stage
from lab.checks import find
from lab.checks.nat import arrives
from lab.expectations import NatExpectation


def cause(expectation: NatExpectation, case: Case) -> Cause:
    """What keeps packets from arriving or from being answered, else what is wrong with their translation."""
    evidence = case.observed if find(expectation, case.predicted).holds else case.predicted
    if find(arrives(expectation), evidence).holds is not True:
        return reachability.cause(arrives(expectation), case)
    return Cause(stage=Stage.PACKET, text=find(expectation, evidence).text)
