"""Marks in the running lab: whoever rewrites one is named, wherever it is on the way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from bridged_line import MARKS as BRIDGED
from bridged_line import REMARK
from erlab_command import Ended, Erlab
from lab.forwarding import predict_flow
from lab.forwarding.marks import rewritings
from lab.marking import MarkingRule, PacketMatch, Remark
from lab.packets import PortRange, Protocol
from lab.plan import Plan
from lab.predict import predict
from marking import HQ, HQ6, MARKS, NEXT, every_mark, flow, marks_of, path
from networks import Seen, live

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "topologies" / "qos_marking.yaml"
LINE_OF_REMARK = 1 + SHIPPED.read_text(encoding="utf-8").partition("remark: {")[0].count("\n")
CS5_RULE = "sets ef on packets from 198.19.10.128/25, 2001:2:0:8010::/64 with cs5, 44 leaving by to-msee1, ms-msee1"
OF_HQ = PacketMatch(protocol=Protocol.ICMP, sources=(HQ, HQ6))
DROPPED, EF = 24, 46
FLOWS = [flow(source, mark) for mark in MARKS for source in ("hq", "hq6")]
FROM_LAB = flow("lab", MARKS[0])
VOICE = PacketMatch(protocol=Protocol.UDP, destination_ports=(PortRange(first=3478, last=3481),))
BY_PORT = [
    flow("hq", 0, Protocol.UDP, 3478),
    flow("hq6", 0, Protocol.UDP, 3481),
    flow("hq", 0, Protocol.UDP, 3482),
    flow("hq", 0, Protocol.TCP, 3478),
]
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

    Without rules nobody is named. An edge marks by protocol, address and port: other packets keep their mark.
    """
    dropping = MarkingRule(match=PacketMatch(dscps=(DROPPED,)), dscp=None, source="a test")
    steps = [
        path(),
        path(ce=[*every_mark("to-pe", OF_HQ), MarkingRule(match=VOICE, dscp=EF, leaves_by=("to-pe",))]),
        path(pe=every_mark("to-msee")),
        path(msee=every_mark("to-ms")),
        path(msee=[dropping]),
    ]
    nobody, *each, dropped = live(*steps, flows=[*FLOWS, *BY_PORT, FROM_LAB])
    assert rewriters(nobody, steps[0]) == [()] * len(FLOWS)
    for name, seen, plan in zip(REWRITERS, each, steps[1:], strict=False):
        assert rewriters(seen, plan) == [(name,)] * len(FLOWS)
        as_predicted(seen, plan)
    assert [one.flows[-1].dscp for one in each] == [FROM_LAB.dscp, NEXT[FROM_LAB.dscp], NEXT[FROM_LAB.dscp]]
    assert [one.dscp for one in each[0].flows[len(FLOWS) : -1]] == [EF, EF, 0, 0]
    lost = [one for one in dropped.flows if not one.arrived]
    assert [(one.flow.dscp, one.stopped) for one in lost] == [
        (DROPPED, "entered msee by to-pe and did not leave it")
    ] * 2


def test_a_line_is_named() -> None:
    """The switch of a provider's line rewrites both ways; it is named, alone and before a router that does so too."""
    remark = Remark(marks=tuple(NEXT.items()), source="a test")
    steps = [path(line=remark), path(line=remark, pe=every_mark("to-msee"))]
    for seen, plan, named in zip(live(*steps, flows=FLOWS), steps, [("line",), ("line", "pe")], strict=True):
        by = [tuple(change.by for change in rewritings(one.there, one.flow.dscp, plan)) for one in seen.flows]
        assert by == [named] * len(FLOWS)
        assert all(one.answered for one in seen.flows)
        as_predicted(seen, plan)


EXPECTED = """
  - dscp: {from: phones, to: weu-storage, sent: cs5, arrives: ef, rewritten_by: ce1, family: ipv4}
  - dscp: {from: phones, to: weu-storage, sent: ef, arrives: ef, rewritten_by: [], family: ipv6}
  - dscp: {from: phones, to: weu-storage, sent: cs5, arrives: ef, rewritten_by: line1, family: ipv4}
  - dscp: {from: phones, to: weu-storage, sent: af31, arrives: af31, family: ipv6}
  - dscp: {from: hq, to: hub, sent: ef, arrives: cs0, rewritten_by: msee1, family: ipv4}
"""


def test_what_is_wrong_is_said(erlab: Erlab, tmp_path: Path) -> None:
    """The negative controls: a wrong hop, a wrong mark, a rule that is gone, and one that nobody planned, by name."""
    text = SHIPPED.read_text(encoding="utf-8")
    file = tmp_path / "wrong.yaml"
    file.write_text(text.partition("expect:")[0].replace("../policies", str(ROOT / "policies")) + f"expect:{EXPECTED}")
    erlab.ordinary.does("up", file)
    before = erlab.run("test", "--lab", "contoso-qos", "--format", "json", file)
    rule = f"({file}:{1 + text[: text.index('dscp: [cs5')].count(chr(10))})"
    assert before.code == 1
    assert [
        (one["outcome"], one["cause"].partition(": ")[2] if one["cause"] else None) for one in verdicts(before)
    ] == [
        ("passed", None),
        ("passed", None),
        ("failed", f"ipv4: ce1 makes ef of cs5 by its rule {CS5_RULE} {rule}"),
        ("failed", f"ipv6: line1 makes cs0 of af31 by its map af31 to cs0 ({file}:{LINE_OF_REMARK})"),
        ("failed", "ipv4: nobody on the way rewrites ef: hq ce1 msee1 gw hub"),
    ]
    erlab.shell("ce1", "nft", "flush", "chain", "inet", "erlab_marking", "forward")
    erlab.shell(
        "msee1-ms", "nft", "insert", "rule", "inet", "erlab_marking", "forward", "ip6", "dscp", "set", "0", "accept"
    )
    gone, unplanned, *_ = verdicts(erlab.run("test", "--lab", "contoso-qos", "--format", "json", file))
    assert gone["cause"] == (
        f"packet: ipv4: ce1 left cs5 as it is, and by the plan it makes ef of it: its rule {CS5_RULE} {rule}"
    )
    assert unplanned["cause"] == "packet: ipv6: msee1-ms made cs0 of ef, and by the plan it leaves that as it is"


def verdicts(ended: Ended) -> list[dict[str, Any]]:
    """The verdicts of a test."""
    found: list[dict[str, Any]] = ended.document["verdicts"]
    return found


def test_a_bridge_of_the_kernel_rewrites_as_the_process_does() -> None:
    """Where the kernel has VLAN devices a line is a bridge of them: its rules rewrite the marks of the map alone."""
    ended = subprocess.run(  # noqa: S603
        ["unshare", "--user", "--map-root-user", "--net", sys.executable, str(ROOT / "tests" / "bridged_line.py")],  # noqa: S607
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    expected = [f"{family} {mark} {REMARK.of(mark)}" for family in ("ipv4", "ipv6") for mark in BRIDGED]
    assert ended.stdout.splitlines() == expected
