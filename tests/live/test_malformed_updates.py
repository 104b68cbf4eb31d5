"""What a router makes of malformed UPDATEs that a neighbour really sends (RFC 7606), and of route refresh (RFC 2918).

The neighbour `x` is no router of the lab but `raw_speaker.py`. What the router shows is compared with what the sans-IO
router makes of the same octets in memory.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from erlab_command import ERLAB, Erlab
from lab.bgp import MaxPrefix, parse_prefix
from lab.events import SessionUp, UpdateReceived
from lab.plan import Plan
from lab.policy import SessionRules
from lab.router import Router
from lab.wire import decode_update
from lab_processes import await_
from networks import OPEN, Net
from running_labs import leave_up
from wire_octets import (
    AGGREGATOR,
    AS_PATH,
    ATOMIC_AGGREGATE,
    COMMUNITIES,
    CONFED_SEQUENCE,
    MED,
    NEXT_HOP,
    NON_TRANSITIVE,
    ORIGIN,
    ORIGIN_IGP,
    SEQUENCE,
    TRANSITIVE,
    WELL_KNOWN,
    attribute,
    nlri,
    segment,
    update,
)

PATH = attribute(WELL_KNOWN, AS_PATH, segment(SEQUENCE, 65001))
HOP = attribute(WELL_KNOWN, NEXT_HOP, IPv4Address("100.64.0.2").packed)
SOUND = ORIGIN_IGP + PATH + HOP
P = "10.1.0.0/16"
HERE = Path(__file__).parents[1]


def plan(rules: SessionRules = OPEN) -> Plan:
    """`r` listens for `x`, and has a network of its own to send."""
    net = Net()
    net.router("r", 65010, ["10.10.0.0/16"])
    net.outsider("r", "x", 65001, rules)
    return net.plan()


class Neighbor:
    """`x`, speaking."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def sends(self, line: str) -> None:
        """Let it send a message."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def ends(self) -> None:
        """Let it end by itself: killed, its own child would keep the lab's process namespace waiting to be buried."""
        self._process.communicate(timeout=10)

    def hears(self) -> str:
        """The next message that arrives there."""
        assert self._process.stdout is not None
        heard = self._process.stdout.readline()
        assert heard, "x says no more"
        return heard.strip()


@contextmanager
def neighbor(erlab: Erlab, made: Plan) -> Iterator[Neighbor]:
    """A lab with `r`, and its session with `x` established."""
    built = leave_up(erlab, made)
    assert built.code == 0, built.err
    with speaking(erlab) as x:
        assert x.hears() == "established"
        yield x


@contextmanager
def speaking(erlab: Erlab) -> Iterator[Neighbor]:
    """`x`, which opens a session."""
    argv = [ERLAB, "shell", "x", "--", sys.executable, str(HERE / "raw_speaker.py"), "100.64.0.1", "65001"]
    with subprocess.Popen(  # noqa: S603
        argv, env=erlab.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        x = Neighbor(process)
        try:
            yield x
        finally:
            x.ends()


def received(erlab: Erlab) -> Any:  # noqa: ANN401  # JSON has no narrower type
    """The routes that `r` has from `x`."""
    (session,) = erlab.does("show", "rib-in", "r", "--format", "json").document["rib_in"]
    return session["routes"]


def explained(erlab: Erlab, prefix: str = P) -> Any:  # noqa: ANN401  # JSON has no narrower type
    """What `r` says of a prefix; `explain` ends with 1 where there is nothing to say."""
    return erlab.run("explain", "r", prefix, "--format", "json").document


def modelled(body: bytes) -> Router:
    """The router in memory, after the same UPDATE."""
    router = Router(plan().node("r"))
    router.handle(SessionUp(session="x/ipv4", peer_router_id=int(IPv4Address("9.9.9.9"))))
    decoded = decode_update(body, peer_asn=65001)
    router.handle(
        UpdateReceived(
            session="x/ipv4", announced=decoded.announced, withdrawn=decoded.withdrawn, faults=decoded.faults
        )
    )
    return router


WITHDRAWN = {
    "origin_of_two_octets": (attribute(WELL_KNOWN, ORIGIN, b"\0\0") + PATH + HOP, "ORIGIN"),
    "unknown_origin": (attribute(WELL_KNOWN, ORIGIN, b"\7") + PATH + HOP, "ORIGIN"),
    "no_as_path": (ORIGIN_IGP + HOP, "AS_PATH"),
    "as_path_segment_overrun": (
        ORIGIN_IGP + attribute(WELL_KNOWN, AS_PATH, bytes([2, 9]) + (65001).to_bytes(4)) + HOP,
        "AS_PATH",
    ),
    "as_0_in_the_path": (ORIGIN_IGP + attribute(WELL_KNOWN, AS_PATH, segment(SEQUENCE, 65001, 0)) + HOP, "AS_PATH"),
    "confederation_from_outside": (
        ORIGIN_IGP + attribute(WELL_KNOWN, AS_PATH, segment(CONFED_SEQUENCE, 65001)) + HOP,
        "AS_PATH",
    ),
    "communities_of_five_octets": (SOUND + attribute(TRANSITIVE, COMMUNITIES, b"\0" * 5), "COMMUNITIES"),
    "med_of_three_octets": (SOUND + attribute(NON_TRANSITIVE, MED, b"\0" * 3), "MULTI_EXIT_DISC"),
    "origin_marked_optional": (attribute(TRANSITIVE, ORIGIN, b"\0") + PATH + HOP, "ORIGIN"),
    "next_hop_of_no_host": (
        ORIGIN_IGP + PATH + attribute(WELL_KNOWN, NEXT_HOP, IPv4Address("224.0.0.1").packed),
        "NEXT_HOP",
    ),
}
"""Attributes that take their routes with them, and the one that is named (RFC 7606 §2, §7)."""

DISCARDED = {
    "atomic_aggregate_with_a_value": (SOUND + attribute(WELL_KNOWN, ATOMIC_AGGREGATE, b"\1"), "ATOMIC_AGGREGATE"),
    "aggregator_of_five_octets": (SOUND + attribute(TRANSITIVE, AGGREGATOR, b"\0" * 5), "AGGREGATOR"),
}
"""Attributes that are dropped from routes which stay (RFC 7606 §7.6, §7.7)."""


def test_a_malformed_attribute_withdraws_its_routes(erlab: Erlab) -> None:
    """The route that was there goes, another stays, the session stays, and the reason is told, as in the model."""
    with neighbor(erlab, plan()) as x:
        for name, (attributes, named) in WITHDRAWN.items():
            bad = update(attributes, nlri(P))
            x.sends(f"update {update(SOUND, nlri(P, '10.2.0.0/16')).hex()}")
            await_(lambda: len(received(erlab)) == 2, f"the sound routes before {name}", deadline_s=10)
            x.sends(f"update {bad.hex()}")
            await_(lambda: len(received(erlab)) == 1, f"the withdrawal by {name}", deadline_s=10)
            (candidate,) = explained(erlab)["candidates"]
            (expected,) = modelled(bad).explain(parse_prefix(P)).candidates
            assert candidate["fault"] == expected.fault, name
            assert named in expected.fault, name
            assert candidate["refused"] == "treated as withdrawn: its UPDATE was malformed", name
        (session,) = erlab.does("show", "sessions", "r", "--format", "json").document["sessions"]
    assert session["established"], "x has one connection, and no other"


def test_a_malformed_attribute_is_discarded_alone(erlab: Erlab) -> None:
    """The route arrives without the attribute, and the reason is told, as in the model."""
    with neighbor(erlab, plan()) as x:
        for name, (attributes, named) in DISCARDED.items():
            body = update(attributes, nlri(P))
            (expected,) = modelled(body).explain(parse_prefix(P)).candidates
            x.sends(f"update {body.hex()}")
            candidate = await_(partial(_told, erlab, str(expected.fault)), f"the fault of {name}", deadline_s=10)
            assert candidate["fate"] == "best", name
            assert named in expected.fault, name
            assert candidate["received"]["aggregator"] is None, name
            assert not candidate["received"]["atomic_aggregate"], name


def _told(erlab: Erlab, fault: str) -> Any:  # noqa: ANN401  # JSON has no narrower type
    """The one route to the prefix, once it has this fault."""
    candidates = explained(erlab)["candidates"]
    return candidates[0] if [one["fault"] for one in candidates] == [fault] else None


def test_a_malformed_prefix_ends_the_session(erlab: Erlab) -> None:
    """Where the prefixes cannot be told apart nothing can be withdrawn: NOTIFICATION 3/10 (RFC 7606 §5.3)."""
    with neighbor(erlab, plan()) as x:
        x.sends(f"update {update(SOUND, bytes([33, 10, 1, 1, 1, 1])).hex()}")
        heard = x.hears()
        while heard.startswith("update"):
            heard = x.hears()
        assert heard == "notification 3 10"
        (session,) = erlab.does("show", "sessions", "r", "--format", "json").document["sessions"]
    assert not session["established"]
    assert session["why_down"].startswith("closed by r: ")


HEADERS = {
    "ff" * 15 + "fe" + "001304": "notification 1 1",  # the marker is not all ones
    "ff" * 16 + "001204": "notification 1 2",  # shorter than its own header
    "ff" * 16 + "ffff02": "notification 1 2",  # longer than any message
    "ff" * 16 + "001404" + "00": "notification 1 2",  # a KEEPALIVE with a body
    "ff" * 16 + "001309": "notification 1 3",  # of no type that there is
}
"""Headers of messages that are wrong, and the answer that each gets (RFC 4271 §6.1)."""


def test_a_malformed_header_is_answered_by_its_notification(erlab: Erlab) -> None:
    """The neighbour is told what was wrong with the header before the session ends."""
    built = leave_up(erlab, plan())
    assert built.code == 0, built.err
    for octets, answer in HEADERS.items():
        with speaking(erlab) as x:
            assert x.hears() == "established"
            x.sends(f"octets {octets}")
            heard = x.hears()
            while heard.startswith("update"):
                heard = x.hears()
            assert heard == answer, octets
            assert x.hears() == "closed"


def test_nothing_that_was_queued_survives_a_session(erlab: Erlab) -> None:
    """A route that was due to be sent as its session ended, and is gone since, is not sent on the next one."""
    net = Net()
    net.router("r", 65010, ["10.10.0.0/16", "100.64.0.4/30"])
    net.outsider("r", "x", 65001)
    net.outsider("r", "y", 65002)
    with neighbor(erlab, net.plan()) as x:
        while "1e64400004" not in x.hears():  # the link's network: a link that goes down earlier takes nothing back
            pass
        erlab.shell("r", "ip", "link", "set", "to-y", "down")
        while not x.hears().startswith("update 0005"):  # the withdrawal
            pass
        (process,) = [one for one in erlab.processes() if one.name == "erlab-r"]
        os.kill(process.pid, signal.SIGSTOP)
    erlab.shell("r", "ip", "link", "set", "to-y", "up")
    os.kill(process.pid, signal.SIGCONT)

    def session() -> Any:  # noqa: ANN401  # JSON has no narrower type
        return erlab.does("show", "sessions", "r", "--format", "json").document["sessions"][0]

    await_(lambda: not session()["established"], "the end of the session")
    erlab.shell("r", "ip", "link", "set", "to-y", "down")
    with speaking(erlab) as x:
        assert x.hears() == "established"
        heard = {x.hears(), x.hears()}
        x.sends("refresh 00010001")
        heard.add(x.hears())
    assert len(heard) == 2
    assert "update 00000000" in heard


def test_a_route_refresh_brings_all_routes_again(erlab: Erlab) -> None:
    """A neighbour that asks (RFC 2918) is sent the same UPDATE once more; one that does not ask is not."""
    with neighbor(erlab, plan()) as x:
        first = [x.hears(), x.hears()]
        assert "update 00000000" in first
        (announced,) = (line for line in first if line != "update 00000000")
        x.sends("refresh 00010001")
        assert x.hears() == announced
        (session,) = erlab.does("show", "sessions", "r", "--format", "json").document["sessions"]
    assert session["refreshes"] == 1


def test_a_route_refresh_that_asks_for_nothing_here_is_ignored(erlab: Erlab) -> None:
    """One of a family that is not the session's (RFC 2918 §4) or with another subtype (RFC 7313 §5) is not answered."""
    with neighbor(erlab, plan()) as x:
        (announced,) = {x.hears(), x.hears()} - {"update 00000000"}
        for ignored in ("00020001", "00010002", "00010101", "00010201", "00010301", "0001ff01"):
            x.sends(f"refresh {ignored}")
        x.sends("refresh 00010001")
        assert x.hears() == announced
        x.sends(f"update {update(SOUND, nlri(P)).hex()}")
        await_(lambda: len(received(erlab)) == 1, "the route", deadline_s=10)
        (session,) = erlab.does("show", "sessions", "r", "--format", "json").document["sessions"]
        octets, answer = next(iter(HEADERS.items()))
        x.sends(f"octets {octets}")
        assert x.hears() == answer, "more than the one that asks was answered"
    assert (session["established"], session["refreshes"]) == (True, 1)


def test_a_session_that_is_held_down_is_refused(erlab: Erlab) -> None:
    """A neighbour that went past its limit and connects again hears NOTIFICATION 6/5 (RFC 4486 §4), every time."""
    with neighbor(erlab, plan(replace(OPEN, max_prefix=MaxPrefix(limit=1, restart_s=None)))) as x:
        x.sends(f"update {update(SOUND, nlri(P, '10.2.0.0/16')).hex()}")
        heard = x.hears()
        while heard.startswith("update"):
            heard = x.hears()
        assert heard == "notification 6 1"
    for _ in range(3):
        with speaking(erlab) as x:
            assert x.hears() == "notification 6 5"
    (session,) = erlab.does("show", "sessions", "r", "--format", "json").document["sessions"]
    assert session["why_down"] == "more than 1 prefix was received (RFC 4486 §4, subcode 1)"


def test_an_unknown_attribute_is_passed_on(erlab: Erlab) -> None:
    """An optional transitive attribute that no one knows is kept with its value (RFC 4271 §5)."""
    body = update(SOUND + attribute(TRANSITIVE, 99, b"\x01\x02\x03"), nlri(P))
    with neighbor(erlab, plan()) as x:
        x.sends(f"update {body.hex()}")
        await_(lambda: len(received(erlab)) == 1, "the route", deadline_s=10)
        (route,) = received(erlab)
    assert route["unknown"] == ["99:010203"]
