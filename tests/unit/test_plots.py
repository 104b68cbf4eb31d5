"""Figures of measurements: what they say, that nothing is told by colour alone, and that they never vary."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from lab.bgp import Family
from lab.checks import Finding, Report, Verdict
from lab.errors import InputError
from lab.expectations import Expectation, FailoverExpectation, LossExpectation, SessionExpectation, StreamAsked
from lab.failover import (
    DirectionRecord,
    Drill,
    EventKind,
    FailoverResult,
    FailoverRun,
    SteadyStream,
    TimedEvent,
    direction_result,
)
from lab.faults import Fault, FaultKind
from lab.plan import Plan
from lab.plots import HOW_TO_INSTALL, prepare, write_plots
from lab.streams import Arrival, Stream, StreamLog, Trial, TrialResult, summarize
from networks import Net

MS = 1_000_000
START_NS, FAULT_NS, HEALING_NS, PACKETS = 10**12, 10**12 + 100 * MS, 10**12 + 400 * MS, 600
DRILL = Drill(
    fault=Fault(kind=FaultKind.LINK_DOWN, target="primary"),
    stream=SteadyStream(source="h1", destination="h2", family=Family.IPV4),
    repeat=3,
    watch_s=1.0,
)
EXPECTED = FailoverExpectation(where="lab.yaml:40", drill=DRILL, outage_under_ms=50.0)
RUNTIME = "runtime: network namespaces of Linux 6.18, started by root"


def run(there_ms: int, back_ms: int, invalid: str = "") -> FailoverRun:
    """A run with such outages, of which a router knew after 4 ms."""
    there, back = (
        direction_result(
            DirectionRecord(
                source=ends[0],
                destination=ends[1],
                sent_ns=(sent := tuple(START_NS + number * MS for number in range(PACKETS))),
                arrived_ns=tuple(0 if FAULT_NS <= at < FAULT_NS + lost_ms * MS else at + 1000 for at in sent),
            ),
            fault_ns=FAULT_NS,
            healing_ns=HEALING_NS,
        )
        for ends, lost_ms in ((("h1", "h2"), there_ms), (("h2", "h1"), back_ms))
    )
    events = (
        TimedEvent(at_ms=0, until_ms=0, kind=EventKind.FAULT, text="link_down: primary"),
        TimedEvent(at_ms=4, until_ms=4, kind=EventKind.SESSION_DOWN, node="ce1", text="msee1/ipv4"),
        TimedEvent(at_ms=5, until_ms=7, kind=EventKind.ROUTES, node="ce1", count=3),
        TimedEvent(at_ms=6, until_ms=9, kind=EventKind.FIB, node="gw", count=2),
        TimedEvent(at_ms=300, until_ms=300, kind=EventKind.HEALING),
    )
    return FailoverRun(there=there, back=back, events=events, injected_ms=0.2, healing_ms=300.0, invalid=invalid)


def report(
    second: Expectation, *, failovers: tuple[FailoverResult, ...] = (), trials: tuple[TrialResult, ...] = ()
) -> Report:
    """A report of two expectations, of which the second was measured."""
    finding = Finding(holds=True, text="")
    session = SessionExpectation(where="lab.yaml:39", routers=("a", "b"))
    verdicts = tuple(
        Verdict(expectation=one, expected=words, predicted=finding, observed=finding)
        for one, words in ((session, "session a - b"), (second, "what is measured"))
    )
    return Report(
        topology="lab",
        verdicts=verdicts,
        differences=(),
        routes_compared=0,
        fidelity=(RUNTIME, "gateway: one instance"),
        failovers=failovers,
        trials=trials,
    )


def plan() -> Plan:
    """The plan of the lab; what it stands in for is in every report, and in no figure."""
    net = Net()
    net.router("a", 65001)
    net.host("h1", "a", "10.1.0.0/24")
    net.host("h2", "a", "10.2.0.0/24")
    return replace(net.plan(), fidelity=("gateway: one instance",))


def drawn(directory: Path, result: FailoverResult) -> str:
    """The SVG of a failover's figure, whose PNG has to be an image of its own size."""
    svg, png = write_plots(directory, report(EXPECTED, failovers=(result,)), plan())
    assert (svg.name, png.name) == ("lab-2-failover.svg", "lab-2-failover.png")
    with Image.open(png) as image:
        assert image.size[0] == 1500
    return svg.read_text(encoding="utf-8")


def words(svg: str) -> list[str]:
    """Every text of a figure, in the order in which it is drawn."""
    return [text.replace("&gt;", ">") for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def test_a_failover(tmp_path: Path) -> None:
    """A figure names lab, expectation, outcome and fidelity, each moment, the losses of both ways, and every run.

    It shows the valid run with the longest outage. Of the fidelity it has what stood in on this computer only.
    """
    runs = (run(10, 5), run(20, 31), run(99, 0, invalid="too busy"))
    found = words(drawn(tmp_path, FailoverResult(drill=DRILL, runs=runs)))
    text = "\n".join(found)

    assert "lab: what is measured" in found
    assert "passed (lab.yaml:40); h1 and h2 over ipv4: one packet each way every 1 ms" in found
    assert f"fidelity: {RUNTIME}" in found
    assert "run 2 of 3, the longest outage" in found
    for moment in (
        "fault: 0.0 ms",
        "a router knows: 4.0 ms",
        "first Adj-RIB changed: 5.0 ms",
        "last Adj-RIB changed: 7.0 ms",
        "last kernel rerouted: 9.0 ms",
        "packets get through: 31.0 ms",
        "healing begins: 300.0 ms",
    ):
        assert moment in found
    assert re.search(r"h1 to h2: 20 lost, 20\.\d ms ± \d\.\d", text)
    assert re.search(r"h2 to h1: 31 lost, 31\.\d ms ± \d\.\d", text)
    assert {"the lab", "ce1", "gw", "session down", "kernel's routes changed"} <= set(found)
    assert "healing" not in found  # it is beyond what is shown
    assert "run 3 proves nothing: too busy" in found
    assert "allowed: under 50 ms" in found
    assert {"time from the fault (ms)", "outage (ms; logarithmic from 1 ms on)", "run"} <= set(found)


def test_the_same_measurement_makes_the_same_files(tmp_path: Path) -> None:
    """A figure that is drawn again is the same, octet for octet, and one of another measurement is not."""
    result = FailoverResult(drill=DRILL, runs=(run(10, 5),))
    other = FailoverResult(drill=DRILL, runs=(), not_run="no reason")
    octets = []
    for number, one in enumerate((result, result, other)):
        (directory := tmp_path / str(number)).mkdir()
        drawn(directory, one)
        octets.append([(directory / f"lab-2-failover.{kind}").read_bytes() for kind in ("svg", "png")])

    assert octets[0] == octets[1]
    assert octets[0][0] != octets[2][0]
    assert octets[0][1] != octets[2][1]


def test_what_was_not_measured_is_said(tmp_path: Path) -> None:
    """Without a run the figure says why there is none."""
    found = words(drawn(tmp_path, FailoverResult(drill=DRILL, runs=(), not_run="the lab was not settled")))

    assert "not measured: the lab was not settled" in found


def test_nothing_to_plot(tmp_path: Path) -> None:
    """What is not measured over time has no figure."""
    assert write_plots(tmp_path, report(EXPECTED), plan()) == []
    assert list(tmp_path.iterdir()) == []


def test_without_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where matplotlib is not installed, that is said before anything else is done."""
    monkeypatch.setattr("lab.plots.find_spec", lambda _: None)
    with pytest.raises(InputError, match=re.escape(HOW_TO_INSTALL)):
        prepare(tmp_path / "plots")
    assert not (tmp_path / "plots").exists()


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """A place for plots that is no directory is refused before the lab is made."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(InputError, match=r"^cannot make the directory .*/file/plots: Not a directory$"):
        prepare(tmp_path / "file" / "plots")


def trial(*losses: int) -> TrialResult:
    """Streams of 100 packets that lost one packet of so many each; 1 loses all."""
    logs = []
    for number, each in enumerate(losses):
        stream = Stream(
            source="h1",
            destination="h2",
            family=Family.IPV4,
            dscp=asked(number).dscp,
            rate_bps=asked(number).rate_bps,
            packet_bytes=asked(number).packet_bytes,
        )
        sent = [START_NS + index * 4 * MS for index in range(100)]
        arrivals = [
            Arrival(number=index, at_ns=at + (number + 1) * MS, dscp=stream.dscp)
            for index, at in enumerate(sent)
            if index % each != each - 1
        ]
        logs.append(StreamLog(stream=stream, planned=100, sent_ns=sent, arrivals=arrivals))
    streams = tuple(one.stream for one in logs)
    return TrialResult(trial=Trial(streams=streams, duration_s=0.4), results=summarize(logs))


def asked(number: int) -> StreamAsked:
    """What a file asks for of one of the streams."""
    return StreamAsked(source="h1", destination="h2", dscp=(46, 18, 0)[number], rate_bps=2_000_000, packet_bytes=1000)


LOSS = LossExpectation(
    where="lab.yaml:41",
    stream=asked(0),
    load=(asked(1), asked(2)),
    duration_s=0.4,
    family=Family.IPV4,
    loss_under_percent=1,
    delay_under_ms=20,
)


def test_streams(tmp_path: Path) -> None:
    """A figure of streams has the loss of each in numbers, delays, both over time, and what was allowed."""
    svg, png = write_plots(tmp_path, report(LOSS, trials=(trial(100, 10, 1),)), plan())
    found = words(svg.read_text(encoding="utf-8"))

    assert (svg.name, png.name) == ("lab-2-loss-ipv4.svg", "lab-2-loss-ipv4.png")
    assert "passed (lab.yaml:41); one stream beside 2 of load over ipv4 for 0.4 s" in found
    assert {"EF 2 Mbps, h1 to h2", "AF21 2 Mbps, h1 to h2 (load)", "CS0 2 Mbps, h1 to h2 (load)"} <= set(found)
    assert {" 1.00 %: 1 of 100", " 10.00 %: 10 of 100", " 100.00 %: 100 of 100"} <= set(found)
    assert {"p99 1.00 ms", "p99 2.00 ms", "nothing arrived"} <= set(found)
    assert "allowed for the first (dashed): under 1 %" in found
    assert "allowed for the first (dashed): p99 under 20 ms" in found
    assert {"packets lost (%)", "lost in 50 ms (%)", "time of sending (ms)"} <= set(found)


def test_streams_that_were_not_sent(tmp_path: Path) -> None:
    """Without a result the figure says why there is none."""
    nothing = replace(trial(100, 10, 1), results=())
    svg, _ = write_plots(tmp_path, report(LOSS, trials=(nothing,)), plan())

    assert "not measured: no stream was sent" in words(svg.read_text(encoding="utf-8"))
