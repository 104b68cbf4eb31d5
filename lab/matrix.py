"""Who reaches whom: what became of a sweep's flows, pair by pair, beside what the model says of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property

from lab.forwarding import Flow, FlowResult, Sweep, SweepResult, predict_flow
from lab.plan import Plan
from lab.tables import LabTables

Pair = tuple[str, str]


class Fate(Enum):
    """What became of a flow's packet."""

    ANSWERED = "answered"
    NOT_ANSWERED = "not answered"
    """It arrived, and no answer came back."""
    LOST = "lost"
    NOT_SENT = "not sent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One flow: its fate, the marks on arrival and of its answer, and what the model says of that.

    The marks are None where there was nothing to have one. `stopped` says where and why it ended, as it was seen of it
    or of the first mark between the two hosts. `expected` is None where there is no prediction; where nobody looks at
    marks it is that of another mark between the two.
    """

    flow: Flow
    fate: Fate
    arrived: int | None
    returned: int | None
    round_trip_s: float | None
    stopped: str
    expected: FlowResult | None

    @property
    def as_expected(self) -> bool:
        """Whether it is what the model says: arrived or not, answered or not, and with which mark; true without one."""
        if self.expected is None:
            return True
        if self.expected.answered != (self.fate is Fate.ANSWERED):
            return False
        if self.fate is not Fate.NOT_SENT and self.expected.arrived != self._has_arrived:
            return False
        return self.arrived is None or self.expected_mark in (None, self.arrived)

    @property
    def _has_arrived(self) -> bool:
        return self.arrived is not None or self.fate is Fate.ANSWERED

    @property
    def expected_mark(self) -> int | None:
        """The mark that it has to arrive with; None where it does not arrive, or there is no prediction."""
        if self.expected is None or not self.expected.arrived:
            return None
        return self.expected.dscp if self.expected.flow == self.flow else self.flow.dscp


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """Every flow of a sweep, answered; `predicted` has what the model says of them, by flow."""

    plan: Plan
    sweep: Sweep
    result: SweepResult
    predicted: Mapping[Flow, FlowResult]

    @cached_property
    def answers(self) -> tuple[Answer, ...]:
        """The flows in the order of the sweep."""
        traced = {one.flow: one for one in self.result.traced}
        of_pair = {(one.flow.source, one.flow.destination, one.flow.family): one for one in self.result.traced}
        found = []
        columns = zip(self.result.arrived, self.result.returned, self.result.round_trip_ns, strict=True)
        for flow, (arrived, returned, round_trip_ns) in zip(self.sweep.flows(self.plan), columns, strict=True):
            seen = traced.get(flow) or of_pair.get((flow.source, flow.destination, flow.family))
            fate = _fate(arrived, returned, seen)
            found.append(
                Answer(
                    flow=flow,
                    fate=fate,
                    arrived=arrived if arrived >= 0 else None,
                    returned=returned if returned >= 0 else None,
                    round_trip_s=round_trip_ns / 1e9 if round_trip_ns >= 0 else None,
                    stopped=seen.stopped if seen is not None and fate is not Fate.ANSWERED else "",
                    expected=self.predicted.get(flow),
                )
            )
        return tuple(found)

    @cached_property
    def cells(self) -> Mapping[Pair, tuple[Answer, ...]]:
        """The flows of each pair of hosts; a pair without an address family in common is not there."""
        found: dict[Pair, list[Answer]] = {}
        for one in self.answers:
            found.setdefault((one.flow.source, one.flow.destination), []).append(one)
        return {pair: tuple(answers) for pair, answers in found.items()}

    @property
    def as_expected(self) -> bool:
        """Whether everything is what the model says; never so where it says nothing."""
        return bool(self.predicted) and all(one.as_expected for one in self.answers)

    @property
    def nothing_sent(self) -> bool:
        """Whether a packet of no flow has left its source."""
        return all(one.fate is Fate.NOT_SENT for one in self.answers)

    def not_answered(self) -> Iterator[tuple[Answer, int]]:
        """The first of the flows of a pair and family that ended alike, and how many they are."""
        counts: dict[tuple[str, str, str, Fate, str, bool], list[Answer]] = {}
        for one in self.answers:
            if one.fate is not Fate.ANSWERED:
                flow = one.flow
                key = (flow.source, flow.destination, flow.family.value, one.fate, one.stopped, one.as_expected)
                counts.setdefault(key, []).append(one)
        return ((answers[0], len(answers)) for answers in counts.values())


def _fate(arrived: int, returned: int, seen: FlowResult | None) -> Fate:
    if returned >= 0:
        return Fate.ANSWERED
    if arrived >= 0:
        return Fate.NOT_ANSWERED
    return Fate.NOT_SENT if seen is not None and not seen.sent else Fate.LOST


def predicted_flows(plan: Plan, tables: LabTables, sweep: Sweep) -> dict[Flow, FlowResult]:
    """What the model says of a sweep's flows. Where nobody looks at marks, all marks fare alike."""
    marks_matter = any(node.marking for node in plan.nodes) or any(one.remark for one in plan.cross_connects)
    found: dict[Flow, FlowResult] = {}
    alike: dict[tuple[str, str, str], FlowResult] = {}
    for flow in sweep.flows(plan):
        pair = (flow.source, flow.destination, flow.family.value)
        if marks_matter or pair not in alike:
            alike[pair] = predict_flow(plan, tables, flow)
        found[flow] = alike[pair]
    return found
