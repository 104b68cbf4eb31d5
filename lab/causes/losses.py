"""Why a stream loses too much or is too late, or why that was not shown."""

from __future__ import annotations

from lab.causes.case import Case
from lab.causes.stages import Cause, Stage
from lab.checks.losses import trials, what_is_wrong
from lab.expectations import LossExpectation
from lab.forecast import forecast
from lab.streams import Trial


def cause(expectation: LossExpectation, case: Case) -> Cause:
    """Why a stream does not keep its packets or its pace: what it meets on its way, by the lab's own tables."""
    asked = trials(expectation, case.predicted.plan)
    for trial in asked:
        seen = case.observed.trials.get(trial)
        if seen is not None and not (seen.disturbed or seen.busy) and what_is_wrong(expectation, seen):
            return _met(expectation, trial, case)
    told = (seen.disturbed or seen.busy for trial in asked if (seen := case.observed.trials.get(trial)) is not None)
    return Cause(stage=Stage.PACKET, text=next(filter(None, told), "it was not asked"))


def _met(expectation: LossExpectation, trial: Trial, case: Case) -> Cause:
    plan, family = case.observed.plan, trial.streams[0].family.value
    forecasts = forecast(plan, case.observed.tables, trial)
    stopped = next((one.stopped for one in forecasts if one.stopped), "")
    if stopped:
        return Cause(stage=Stage.FIB, text=f"{family}: {stopped}")
    stream, *load = forecasts
    results = case.observed.trials[trial].results[1:]
    for asked, one, seen in zip(expectation.load, load, results, strict=True):
        if asked.loss_over_percent is not None and seen.loss_percent <= asked.loss_over_percent:
            text = "; ".join(one.because) or "no wire and no queue on its way carries less than is sent"
            return Cause(stage=Stage.PACKET, text=f"{family}: the load: {text}")
    text = "; ".join(stream.because) or "no wire and no queue on its way explains it: a busy computer is late too"
    return Cause(stage=Stage.PACKET, text=f"{family}: {text}")
