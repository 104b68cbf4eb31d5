"""Whether a stream keeps its packets and its pace beside others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.bgp import Family
from lab.checks.evidence import Evidence, Finding, all_of
from lab.checks.kind import Kind
from lab.expectations import LossExpectation, StreamAsked
from lab.expressroute.dscp import dscp_text
from lab.forecast import Forecast
from lab.plan import Plan
from lab.shaping import rate_text
from lab.streams import Stream, StreamResult, Trial, TrialResult

_MARGIN_PERCENT = 10.0
"""How far a load's loss may be from the model's where up to a tenth of it was not sent (`lab.streams.KEPT_PERCENT`)."""


def trials(expectation: LossExpectation, plan: Plan) -> tuple[Trial, ...]:
    """A trial in each family that all ends of its streams have, or in the one that it is about."""
    asked = (expectation.stream, *expectation.load)
    ends = [plan.node(name) for one in asked for name in (one.source, one.destination)]
    families = [family for family in Family if all(end.address(family) is not None for end in ends)]
    return tuple(
        Trial(streams=tuple(_stream(one, family) for one in asked), duration_s=expectation.duration_s)
        for family in families
        if expectation.family in (None, family)
    )


def _stream(asked: StreamAsked, family: Family) -> Stream:
    return Stream(
        source=asked.source,
        destination=asked.destination,
        family=family,
        dscp=asked.dscp,
        rate_bps=asked.rate_bps,
        packet_bytes=asked.packet_bytes,
    )


def _find(expectation: LossExpectation, evidence: Evidence) -> Finding:
    return all_of(_of_trial(expectation, trial, evidence) for trial in trials(expectation, evidence.plan))


def _of_trial(expectation: LossExpectation, trial: Trial, evidence: Evidence) -> Finding:
    family = trial.streams[0].family.value
    if trial in evidence.trials:
        found = _measured(expectation, evidence.trials[trial])
    elif trial in evidence.forecasts:
        found = _forecast(expectation, evidence.forecasts[trial])
    else:
        return Finding(holds=None, text=f"{family} was not asked")
    return Finding(holds=found.holds, text=f"{family}: {found.text}")


# what was measured


def _measured(expectation: LossExpectation, trial: TrialResult) -> Finding:
    if trial.disturbed:
        return Finding(holds=None, text=trial.disturbed)
    wrong = what_is_wrong(expectation, trial)
    stream = trial.results[0]
    if not wrong and expectation.jitter_under_ms is not None and stream.jitter_ms is None:
        return Finding(holds=None, text=f"no two packets one after the other arrived of {stream.sent}: no jitter")
    if not wrong:
        return Finding(holds=True, text=in_words(trial))
    return Finding(holds=None, text=f"{wrong}, but {trial.busy}") if trial.busy else Finding(holds=False, text=wrong)


def says_nothing(expectation: LossExpectation, trial: TrialResult) -> bool:
    """Whether a trial proves neither that an expectation holds nor that it does not."""
    return _measured(expectation, trial).holds is None


def what_is_wrong(expectation: LossExpectation, trial: TrialResult) -> str:
    """What is not as expected of a trial that was not disturbed; empty where all is.

    The load comes first: where it did not fill the link, the stream's own figures prove nothing.
    """
    stream, *load = trial.results
    for asked, seen in zip(expectation.load, load, strict=True):
        if asked.loss_over_percent is not None and seen.loss_percent <= asked.loss_over_percent:
            return (
                f"of the load {_name(seen.stream)} only {percent(seen.loss_percent)} % were lost: the link was not full"
            )
    return next(_exceeded(expectation, stream), "")


def _exceeded(expectation: LossExpectation, stream: StreamResult) -> Iterator[str]:
    limit = expectation.loss_under_percent
    if stream.delays is None:
        yield f"none of {stream.sent} packets arrived"
    elif limit is not None and stream.loss_percent >= limit:
        yield f"lost {percent(stream.loss_percent)} % of {stream.sent} packets"
    elif expectation.delay_under_ms is not None and stream.delays.p99_ms >= expectation.delay_under_ms:
        yield f"1 % of the packets took {stream.delays.p99_ms:.1f} ms or more, half of them {stream.delays.p50_ms:.1f}"
    elif (most_ms := expectation.jitter_under_ms) is not None and (stream.jitter_ms or 0.0) >= most_ms:
        yield f"jitter {stream.jitter_ms:.1f} ms"


def in_words(trial: TrialResult) -> str:
    """The figures of a trial."""
    stream, *load = trial.results
    says = f"lost {percent(stream.loss_percent)} % of {stream.sent} packets"
    if stream.delays is not None:
        says += f", 99 % within {stream.delays.p99_ms:.1f} ms"
    if stream.jitter_ms is not None:
        says += f", jitter {stream.jitter_ms:.1f} ms"
    return "; ".join((says, *(f"load {_name(one.stream)} lost {percent(one.loss_percent)} %" for one in load)))


def percent(value: float) -> str:
    """A part of packets, as precise as it may be of use."""
    return f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _name(stream: Stream) -> str:
    return f"{dscp_text(stream.dscp)} {rate_text(stream.rate_bps)}"


# what the model says


def unexplained(expectation: LossExpectation, predicted: Evidence, observed: Evidence) -> str:
    """Which load lost what the model does not explain, and this computer may have lost; empty where none did.

    Such a load is no proof of a full line. A busy computer alone is no doubt: it lets the lab wait for as long as a
    trial takes, and loses nothing, and then the load's loss is that of the line. A model that does not know the routers
    explains nothing.
    """
    unmodelled = predicted.plan.unmodelled
    for trial in trials(expectation, observed.plan):
        seen, forecasts = observed.trials.get(trial), predicted.forecasts.get(trial, ())
        if seen is None or not seen.busy or not (forecasts or unmodelled):
            continue
        known: Sequence[Forecast | None] = [None] * len(expectation.load) if unmodelled else forecasts[1:]
        for asked, one, result in zip(expectation.load, known, seen.results[1:], strict=True):
            if asked.loss_over_percent is not None and (one is None or not _explains(one, result)):
                name, lost = _name(result.stream), percent(result.loss_percent)
                by_model = f"unknown by the model ({unmodelled})" if one is None else f"by the model {_bounds(one)}"
                return f"load {name} lost {lost} %, {by_model}, and {seen.busy}"
    return ""


def _explains(one: Forecast, seen: StreamResult) -> bool:
    return one.least_percent - _MARGIN_PERCENT <= seen.loss_percent <= one.most_percent + _MARGIN_PERCENT


def _forecast(expectation: LossExpectation, forecasts: tuple[Forecast, ...]) -> Finding:
    stream, *load = forecasts
    answers = [*_of_load(expectation, load), *_of_stream(expectation, stream)]
    for wanted in (False, None):
        for holds, text in answers:
            if holds is wanted:
                return Finding(holds=holds, text=text)
    return Finding(holds=True, text="; ".join((_bounds(stream), *(f"load {_bounds(one)}" for one in load))))


def _of_load(expectation: LossExpectation, load: list[Forecast]) -> Iterator[tuple[bool | None, str]]:
    for asked, one in zip(expectation.load, load, strict=True):
        if asked.loss_over_percent is not None:
            over = asked.loss_over_percent
            yield _compared(one, cannot=one.most_percent <= over, must=one.least_percent > over)


def _of_stream(expectation: LossExpectation, one: Forecast) -> Iterator[tuple[bool | None, str]]:
    if one.stopped:
        yield False, one.stopped
        return
    limit = expectation.loss_under_percent
    if limit is not None:
        yield _compared(one, cannot=one.least_percent >= limit, must=one.most_percent < limit)
    limit_ms = expectation.delay_under_ms
    if limit_ms is not None and one.least_delay_ms >= limit_ms:
        yield False, f"takes {one.least_delay_ms:g} ms at least: {_because(one)}"
    elif limit_ms is not None and one.waits:
        yield None, f"cannot tell how long it waits: {_because(one)}"


def _compared(one: Forecast, *, cannot: bool, must: bool) -> tuple[bool | None, str]:
    if cannot:
        return False, f"{_bounds(one)}: {_because(one)}"
    return (True, _bounds(one)) if must else (None, f"cannot tell: {_bounds(one)}: {_because(one)}")


def _bounds(one: Forecast) -> str:
    least, most = percent(one.least_percent), percent(one.most_percent)
    name = _name(one.stream)
    return f"{name} loses {least} %" if least == most else f"{name} loses {least} % to {most} %"


def _because(one: Forecast) -> str:
    return one.stopped or "; ".join(one.because) or "no wire and no queue on its way loses any"


# the expectation


def _describe(expectation: LossExpectation) -> str:
    stream = expectation.stream
    family = f" {expectation.family.value}" if expectation.family else ""
    limits = [
        (expectation.loss_under_percent, "loses less than {:g} %"),
        (expectation.delay_under_ms, "99 % within {:g} ms"),
        (expectation.jitter_under_ms, "jitter under {:g} ms"),
    ]
    says = ", ".join(text.format(value) for value, text in limits if value is not None)
    load = [f"{dscp_text(one.dscp)} {rate_text(one.rate_bps)}{_over(one)}" for one in expectation.load]
    beside = f" beside {' and '.join(load)}" if load else ""
    name = f"{dscp_text(stream.dscp)} {rate_text(stream.rate_bps)}"
    return f"{name} from {stream.source} to {stream.destination}{family}{beside}: {says}"


def _over(one: StreamAsked) -> str:
    return f" (which loses more than {one.loss_over_percent:g} %)" if one.loss_over_percent is not None else ""


KIND = Kind(
    key=lambda _: "loss",
    describe=_describe,
    find=_find,
    trials=trials,
    by_absence=lambda expectation: any(one.loss_over_percent is not None for one in expectation.load),
)
