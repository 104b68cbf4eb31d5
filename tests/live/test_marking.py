"""Marks in the running lab: whoever rewrites one is named, wherever it is on the way."""

from __future__ import annotations

import pytest

from lab.forwarding import predict_flow
from lab.forwarding.marks import rewritings
from lab.marking import MarkingRule, PacketMatch, Remark
from lab.packets import Protocol
from lab.plan import Plan
from lab.predict import predict
from marking import HQ, HQ6, MARKS, NEXT, every_mark, flow, marks_of, path
from networks import Seen, live

OF_HQ = PacketMatch(protocol=Protocol.ICMP, sources=(HQ, HQ6))
DROPPED = 24
FLOWS = [flow(source, mark) for mark in MARKS for source in ("hq", "hq6")]
FROM_LAB = flow("lab", MARKS[0])
REWRITERS = ("ce", "pe", "msee")


def rewriters(seen: Seen, plan: Plan) -> list[tuple[str, ...]]:
    """Who rewrote the mark of each of the first flows; each arrived with what that one makes of it."""
    found = []
    for one in seen.flows[: len(FLOWS)]:
        changes = rewritings(one.there, one.flow.dscp, plan)
        found.append(tuple(change.by for change in changes))
        assert one.dscp == (NEXT[one.flow.dscp] if changes else one.flow.dscp)
    return found


def as_predicted(seen: Seen, plan: Plan) -> None:
    """Every mark on entering and leaving every node is the predicted one, there and back."""
    tables = predict(plan).tables
    for one in seen.flows:
        expected = predict_flow(plan, tables, one.flow)
        assert marks_of(one.there) == marks_of(expected.there)
        assert marks_of(one.back) == marks_of(expected.back)


def test_each_router_is_named() -> None:
    """Of every class, in both families, the one router that rewrites is named; rules change in the running lab.

    Without rules nobody is named. An edge marks by address: what comes from elsewhere keeps its mark.
    """
    dropping = MarkingRule(match=PacketMatch(dscps=(DROPPED,)), dscp=None, source="a test")
    steps = [
        path(),
        path(ce=every_mark("to-pe", OF_HQ)),
        path(pe=every_mark("to-msee")),
        path(msee=every_mark("to-ms")),
        path(msee=[dropping]),
    ]
    nobody, *each, dropped = live(*steps, flows=[*FLOWS, FROM_LAB])
    assert rewriters(nobody, steps[0]) == [()] * len(FLOWS)
    for name, seen, plan in zip(REWRITERS, each, steps[1:], strict=False):
        assert rewriters(seen, plan) == [(name,)] * len(FLOWS)
        as_predicted(seen, plan)
    assert [one.flows[-1].dscp for one in each] == [FROM_LAB.dscp, NEXT[FROM_LAB.dscp], NEXT[FROM_LAB.dscp]]
    lost = [one for one in dropped.flows if not one.arrived]
    assert [(one.flow.dscp, one.stopped) for one in lost] == [
        (DROPPED, "entered msee by to-pe and did not leave it")
    ] * 2


@pytest.mark.parametrize("pe", [pytest.param((), id="alone"), pytest.param(every_mark("to-msee"), id="before another")])
def test_a_line_is_named(pe: tuple[MarkingRule, ...]) -> None:
    """The switch of a provider's line rewrites both ways, and is named between the routers that it joins."""
    plan = path(line=Remark(marks=tuple(NEXT.items()), source="a test"), pe=pe)
    (seen,) = live(plan, flows=FLOWS)
    by = [tuple(change.by for change in rewritings(one.there, one.flow.dscp, plan)) for one in seen.flows]
    assert by == [("line", "pe") if pe else ("line",)] * len(FLOWS)
    assert all(one.answered for one in seen.flows)
    as_predicted(seen, plan)
