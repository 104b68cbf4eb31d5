"""A watched lab: what is a change and what is not, as a line, as JSON and on a screen of any size."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest

from lab.bgp import Family
from lab.forwarding import Crossing, Flow, FlowResult
from lab.node_messages import SessionReport
from lab.report import live_json
from lab.report.watch_text import change_line, screen
from lab.tables import FibChange
from lab.watching import MOST_TOLD, Watched
from networks import Net

AT = datetime(2026, 11, 28, 12, 30, 5, 123_456, tzinfo=UTC)
LATER = AT + timedelta(seconds=2)
FLOW = Flow(source="h1", destination="h2", family=Family.IPV4)


def told(session: str = "b/ipv4", *, down: str = "", routes: tuple[int, int] = (3, 1)) -> SessionReport:
    """What a router tells of a session; `down` is why it is down."""
    return SessionReport(
        session=session,
        established=not down,
        adj_rib_in=0,
        adj_rib_out=0,
        updates_sent=1,
        updates_received=1,
        why_down=down,
        bfd=None,
        routes_in=routes[0],
        routes_out=routes[1],
    )


def fate(*nodes: str, stopped: str = "") -> FlowResult:
    """An answered packet that went by some nodes and back, or one that was lost."""
    there = tuple(Crossing(node=node) for node in nodes)
    return FlowResult(
        flow=FLOW,
        sent=True,
        arrived=not stopped,
        answered=not stopped,
        there=there,
        back=there[::-1],
        stopped=stopped,
    )


def to(*hops: str) -> tuple[object, ...]:
    """Next hops."""
    return tuple(map(ip_address, hops))


@pytest.fixture
def watched() -> Watched:
    """Two routers with a session, found established."""
    net = Net()
    net.router("a", 65001)
    net.router("b", 65002)
    net.session("a", "b")
    found = Watched(net.plan())
    assert found.hear_sessions(AT, [("a", told()), ("b", told("a/ipv4"))]) == []
    assert found.hear_routes(AT, "a", (), 3) == []
    return found


def fib(prefix: str, before: tuple[object, ...] | None, after: tuple[object, ...] | None) -> FibChange:
    """A change of a kernel's route."""
    return FibChange(prefix=ip_network(prefix), before=before, after=after)  # type: ignore[arg-type]  # addresses


def test_how_a_lab_was_found(watched: Watched) -> None:
    """The first words tell of the whole lab, and of each session that is down, and not of what is as it should be."""
    watched.hear_sessions(AT, [("b", told("a/ipv4", down="hold time expired"))])

    assert [change_line(one) for one in watched.begin(AT)] == [
        "12:30:05.123  lab      net: 1 of 2 session ends established, 3 BGP routes in 2 kernels",
        "12:30:05.123  session  b - a/ipv4: down: hold time expired",
    ]


def test_what_stays_is_no_change(watched: Watched) -> None:
    """The same again says nothing."""
    watched.begin(AT)
    watched.hear_probes(AT, [fate("h1", "a", "h2")])

    assert watched.hear_sessions(LATER, [("a", told()), ("b", told("a/ipv4"))]) == []
    assert watched.hear_routes(LATER, "a", (), 3) == []
    assert watched.hear_probes(LATER, [fate("h1", "a", "h2")]) == []


def test_faults(watched: Watched) -> None:
    """A fault is told when it begins and when it is healed; one that is in force already is told first of all."""
    watched.hear_faults(AT, ["link_down: primary"])
    first = [change_line(one)[14:] for one in watched.begin(AT)]
    assert first[1:] == ["fault    link_down: primary: in force"]
    assert "fault in force: link_down: primary" in [line.text for line in screen(watched, LATER, 80, 24)]

    assert watched.hear_faults(LATER, ["link_down: primary"]) == []
    changes = watched.hear_faults(LATER, ["maintenance: secondary"])
    assert [change_line(one)[14:] for one in changes] == [
        "fault    maintenance: secondary: in force",
        "fault    link_down: primary: healed",
    ]


def test_sessions(watched: Watched) -> None:
    """A session's state is told with its reason, which says enough of its routes; these alone are told by number."""
    watched.begin(AT)
    changes = watched.hear_sessions(LATER, [("a", told(routes=(4, 1)))])
    changes += watched.hear_sessions(LATER, [("a", told(down="interface is down", routes=(0, 0)))])
    changes += watched.hear_sessions(LATER, [("a", told(routes=(4, 1)))])

    assert [change_line(one)[14:] for one in changes] == [
        "routes   a - b/ipv4: received 3, sent 1 -> received 4, sent 1",
        "session  a - b/ipv4: established -> down: interface is down",
        "session  a - b/ipv4: down: interface is down -> established",
    ]
    assert [one.bad for one in changes] == [False, True, False]


def test_routes_of_a_kernel(watched: Watched) -> None:
    """Each route is told with the owners of its next hops; of a flood only how many there were."""
    watched.begin(AT)
    address = str(watched.plan.node("b").interfaces[0].addresses[0].ip)
    changes = watched.hear_routes(
        LATER,
        "a",
        [
            fib("10.1.0.0/16", None, to(address)),
            fib("10.2.0.0/16", to("192.0.2.1"), to("192.0.2.1", "192.0.2.2")),
            fib("10.3.0.0/16", to("192.0.2.1"), ()),
            fib("10.4.0.0/16", to("192.0.2.1"), None),
        ],
        4,
    )
    flood = [fib(f"10.{number}.0.0/16", None, to("192.0.2.1")) for number in range(MOST_TOLD + 1)]

    assert [change_line(one)[14:] for one in changes] == [
        f"fib      a 10.1.0.0/16: no route -> {address} (b)",
        "fib      a 10.2.0.0/16: 192.0.2.1 -> 192.0.2.1, 192.0.2.2",
        "fib      a 10.3.0.0/16: 192.0.2.1 -> discarded",
        "fib      a 10.4.0.0/16: 192.0.2.1 -> no route",
    ]
    assert [one.bad for one in changes] == [False, False, True, True]
    (one,) = watched.hear_routes(LATER, "a", flood, 10)
    assert change_line(one)[14:] == "fib      a: 6 routes changed, 10.0.0.0/16 among them"


def test_probes(watched: Watched) -> None:
    """The first packet's way is told, then each other way, and a loss with how many there were when it is over."""
    watched.begin(AT)
    course = [
        *(fate("h1", "a", "h2"), fate("h1", "a", "h2")),
        *(fate(stopped="left a by port and was seen nowhere behind it"),) * 3,
        fate("h1", "b", "h2"),
    ]
    changes = [change for one in course for change in watched.hear_probes(LATER, [one])]

    assert [change_line(one)[14:] for one in changes] == [
        "probe    h1 -> h2 ipv4: answered by h1 a h2",
        "probe    h1 -> h2 ipv4: answered by h1 a h2 -> lost: left a by port and was seen nowhere behind it",
        "probe    h1 -> h2 ipv4: lost: left a by port and was seen nowhere behind it; 3 lost -> answered by h1 b h2",
    ]
    stream = watched.streams[FLOW]
    assert (stream.sent, stream.answered, list(stream.recent)) == (6, 3, [True, True, False, False, False, True])


def test_a_change_as_json(watched: Watched) -> None:
    """A change is one line of JSON that names its schema; what was not known before is null."""
    first, *_ = watched.begin(AT)

    assert "\n" not in live_json.change(first)
    assert json.loads(live_json.change(first)) == {
        "schema": "erlab/change/1",
        "at": "2026-11-28T12:30:05.123+00:00",
        "subject": "lab",
        "where": "net",
        "before": None,
        "after": "2 of 2 session ends established, 3 BGP routes in 2 kernels",
    }


def test_a_screen(watched: Watched) -> None:
    """A screen has the sessions, those that are down first, the kernels, the probes and what changed last."""
    watched.begin(AT)
    watched.hear_sessions(LATER, [("b", told("a/ipv4", down="hold time expired"))])
    watched.hear_probes(LATER, [fate("h1", "a", "h2")])
    lines = screen(watched, LATER, 100, 40)
    texts = [line.text for line in lines]

    assert texts[0].startswith("net  1 of 2 session ends established")
    assert texts[0].endswith("12:30:07  q quits")
    assert "h1 -> h2 ipv4: 1 of 1 answered  ." in texts
    down = texts.index("b       a/ipv4   down: hold time expired  3         1     12:30:07.123")
    assert texts[down + 1].startswith("a       b/ipv4   established")
    assert texts[texts.index("router  BGP routes in the kernel") + 1] == "a       3"
    assert [line.text[14:21] for line in lines if line.bad and "->" in line.text] == ["session"]
    assert texts[-1].endswith("probe    h1 -> h2 ipv4: answered by h1 a h2")


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 50), (20, 10), (1, 1)])
def test_a_screen_fits(width: int, height: int) -> None:
    """However many sessions there are, and however small the terminal is, no line is too long and none too many."""
    net = Net()
    net.router("a", 65000)
    for number in range(40):
        net.router(f"b{number}", 65001 + number)
        net.session("a", f"b{number}")
    watched = Watched(net.plan())
    watched.hear_sessions(AT, [("a", told(f"b{number}/ipv4")) for number in range(40)])
    watched.begin(AT)
    for number in range(30):
        watched.hear_sessions(LATER, [("a", told("b39/ipv4", routes=(number + 10, 0)))])
    lines = screen(watched, LATER, width, height)

    assert len(lines) <= height
    assert max(len(line.text) for line in lines) <= width
    if height >= 24:
        texts = [line.text for line in lines]
        assert any(text.startswith("... and ") for text in texts)
        assert texts[-1].endswith("received 39, sent 0")
    if width == 20:
        assert lines[0].text[-1] == "…"
