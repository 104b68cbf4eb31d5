"""BFD in a running lab: silent loss, which no carrier tells of, ends the BGP session over it within a second or so."""

from __future__ import annotations

import json
import os
import signal
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from erlab_command import Ended, Erlab
from lab.bfd import SOURCE_PORTS, State, decode
from lab_processes import await_
from topology_text import TopologyText

BFD = TopologyText(keys="bfd: true")
WITHOUT = TopologyText(keys="hold_time: 10 s")
"""No BFD, and the shortest hold time that is of use."""
SOON_S = 10.0
"""Ten times the detection time, for machines that are busy, and a small part of the hold time of 180 s."""
LEAST_HOLD_TIME_S = 5.0
"""What is left at least of the 10 s when a loss begins: the last KEEPALIVE came a third of them ago at most."""
ALL = ("ce1", "to-msee1", "ingress", "egress")
"""Loss on the primary link in both directions."""
TESTS = Path(__file__).parents[1]


def up(erlab: Erlab, tmp_path: Path, text: TopologyText) -> Path:
    """Start a lab that has converged; its file."""
    file = text.write(tmp_path, erlab.name)
    erlab.does("up", file, "--timeout", "20")
    return file


def lose(erlab: Erlab, node: str, interface: str, *hooks: str) -> None:
    """Drop at once whatever arrives at an interface (ingress), leaves by it (egress) or both; its carrier stays."""
    chains = [
        f"add chain netdev lost {hook} {{ type filter hook {hook} device {interface} priority 0; policy drop; }}"
        for hook in hooks
    ]
    erlab.shell(node, "nft", "; ".join(["add table netdev lost", *chains]))


def sessions(erlab: Erlab, router: str, neighbor: str) -> list[Any]:
    """What a router shows of its sessions with a neighbour, IPv4 first."""
    shown = erlab.does("show", "sessions", router, "--format", "json").document["sessions"]
    return [one for one in shown if one["neighbor"] == neighbor]


def await_sessions(
    erlab: Erlab, router: str, neighbor: str, condition: Callable[[Any], bool], *, deadline_s: float = 20.0
) -> list[Any]:
    """Wait until all of a router's sessions with a neighbour are as a condition asks."""

    def found() -> list[Any]:
        shown = sessions(erlab, router, neighbor)
        return shown if all(map(condition, shown)) else []

    return await_(found, f"{condition.__name__} at {router} - {neighbor}", deadline_s)


def is_down(session: Any) -> bool:  # noqa: ANN401  # JSON has no narrower type
    """Whether a session is down."""
    return not session["established"]


def test_silent_loss_moves_traffic(erlab: Erlab, tmp_path: Path) -> None:
    """Silent loss on the primary link ends its sessions at both ends, and traffic takes the secondary; then it returns.

    The reason that is shown names BFD, and an expectation that fails has it as its cause.
    """
    file = up(erlab, tmp_path, replace(BFD, expect=("session: ce1 - msee1",)))
    assert all(one["bfd"]["state"] == "up" for one in sessions(erlab, "ce1", "msee1"))
    lose(erlab, *ALL)
    for router, neighbor, peers in (
        ("ce1", "msee1", ("172.16.0.2", "2001:db8:ffff::2")),
        ("msee1", "ce1", ("172.16.0.1", "2001:db8:ffff::1")),
    ):
        shown = await_sessions(erlab, router, neighbor, is_down, deadline_s=SOON_S)
        assert [one["why_down"] for one in shown] == [f"BFD: no packet from {peer} for 900 ms" for peer in peers]
        assert [one["bfd"]["state"] for one in shown] == ["down", "down"]
    packets = erlab.does("probe", "hq", "hub", "--format", "json").document["probes"]
    assert {tuple(one["forward"]) for one in packets} == {("hq", "ce1", "ce2", "msee2", "gw", "hub")}
    failed = erlab.run("test", file, "--lab", erlab.name, "--timeout", "1")
    assert failed.code == 1
    assert "cause: session: ce1 - msee1 is down (ipv4 and ipv6): BFD: no packet from 172.16.0.2" in failed.out
    erlab.shell("ce1", "nft", "delete table netdev lost")
    await_(lambda: erlab.run("status").code == 0, "convergence")
    erlab.does("test", file, "--lab", erlab.name)


AT_MICROSOFT = ("msee1", "to-ce1", "ingress", "egress")
"""Loss between the provider and Microsoft's edge: every wire keeps its carrier."""
NOT_YET_S = 5.0
"""Five times what BFD takes."""


def ways(erlab: Erlab) -> dict[tuple[str, str], set[tuple[str, ...]]]:
    """The edges that answered packets pass in each direction; nothing where a packet is lost."""
    found: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    for source, destination in (("hq", "hub"), ("hub", "hq")):
        for one in erlab.run("probe", source, destination, "--format", "json").document["probes"]:
            way = tuple(one["forward"][1:-1]) if one["answered"] else ()
            found.setdefault((source, destination), set()).add(way)
    return found


def test_loss_behind_the_provider_moves_traffic_with_bfd(erlab: Erlab, tmp_path: Path) -> None:
    """What is lost between provider and Microsoft is noticed at both ends, and both directions take the other link."""
    up(erlab, tmp_path, BFD)
    assert ways(erlab) == {("hq", "hub"): {("ce1", "msee1", "gw")}, ("hub", "hq"): {("gw", "msee1", "ce1")}}
    lose(erlab, *AT_MICROSOFT)
    for router, neighbor in (("ce1", "msee1"), ("msee1", "ce1")):
        shown = await_sessions(erlab, router, neighbor, is_down, deadline_s=SOON_S)
        assert all("BFD: no packet from" in one["why_down"] for one in shown)
    moved = {("hq", "hub"): {("ce1", "ce2", "msee2", "gw")}, ("hub", "hq"): {("gw", "msee2", "ce2")}}
    await_(lambda: ways(erlab) == moved, "traffic on the secondary link", deadline_s=SOON_S)
    assert "state UP" in erlab.shell("ce1", "ip", "link", "show", "port1")


def test_loss_behind_the_provider_stays_unnoticed_without_bfd(erlab: Erlab, tmp_path: Path) -> None:
    """The control: after five times as long the sessions are up and every packet is lost."""
    up(erlab, tmp_path, TopologyText())
    lose(erlab, *AT_MICROSOFT)
    began_s = time.monotonic()
    await_(lambda: time.monotonic() - began_s > NOT_YET_S, "five seconds", deadline_s=SOON_S)
    assert all(one["established"] for one in (*sessions(erlab, "ce1", "msee1"), *sessions(erlab, "msee1", "ce1")))
    assert ways(erlab) == {("hq", "hub"): {()}, ("hub", "hq"): {()}}


def test_without_bfd_the_session_outlives_its_path(erlab: Erlab, tmp_path: Path) -> None:
    """The control: without BFD the same loss is noticed when the hold time is over, and BFD has no part in it."""
    up(erlab, tmp_path, WITHOUT)
    began_s = time.monotonic()
    lose(erlab, *ALL)
    shown = await_sessions(erlab, "ce1", "msee1", is_down)
    assert time.monotonic() - began_s > LEAST_HOLD_TIME_S
    assert not any("BFD" in one["why_down"] for one in shown)


@pytest.mark.parametrize(("hook", "deaf", "other"), [("ingress", "ce1", "msee1"), ("egress", "msee1", "ce1")])
def test_loss_in_one_direction(erlab: Erlab, tmp_path: Path, hook: str, deaf: str, other: str) -> None:
    """Where packets are lost in one direction only both ends close, the one that hears all because it is told."""
    up(erlab, tmp_path, BFD)
    lose(erlab, "ce1", "to-msee1", hook)
    shown = await_sessions(erlab, deaf, other, is_down, deadline_s=SOON_S)
    assert all("BFD: no packet from" in one["why_down"] for one in shown)
    shown = await_sessions(erlab, other, deaf, is_down, deadline_s=SOON_S)
    assert all("BFD" in one["why_down"] for one in shown)


def test_bfd_at_one_end(erlab: Erlab, tmp_path: Path) -> None:
    """Microsoft's end alone has BFD: the BGP sessions are up, BFD never was, and that is what the model predicts."""
    file = up(erlab, tmp_path, WITHOUT)
    shown = sessions(erlab, "msee1", "ce1")
    down = {"state": "down", "transmit_interval_ms": 1000, "detection_time_ms": 0}
    assert [(one["established"], one["bfd"]) for one in shown] == [(True, down)] * 2
    assert [one["bfd"] for one in sessions(erlab, "ce1", "msee1")] == [None, None]
    tested = erlab.does("test", file, "--lab", erlab.name, "--format", "json")
    assert tested.document["model"]["differences"] == []


@pytest.mark.parametrize(("interval_ms", "between_ms"), [(300, (220, 370)), (750, (550, 820))])
def test_the_slower_interval_is_used(
    erlab: Erlab, tmp_path: Path, interval_ms: int, between_ms: tuple[int, int]
) -> None:
    """Both ends send at the slower of the two intervals, with TTL 255 and from the ports of RFC 5881 §4."""
    up(erlab, tmp_path, replace(BFD, keys=f"bfd: {{interval: {interval_ms} ms, multiplier: 5}}"))
    said = erlab.shell("ce1", sys.executable, str(TESTS / "bfd_listener.py"), "to-msee1", "20")
    seen = [json.loads(line) for line in said.splitlines()]
    for source, own_ms in (("172.16.0.1", interval_ms), ("172.16.0.2", 300)):
        packets = [one for one in seen if one["source"] == source]
        gaps_ms = [1000 * (b["at_s"] - a["at_s"]) for a, b in pairwise(packets)]
        assert between_ms[0] < statistics.median(gaps_ms) < between_ms[1]
        assert {one["ttl"] for one in packets} == {255}
        assert all(one["source_port"] in SOURCE_PORTS for one in packets)
        fields = [decode(bytes.fromhex(one["octets"])) for one in packets]
        assert {(one.state, one.desired_min_transmit_us) for one in fields} == {(State.UP, 1000 * own_ms)}
    [shown, _] = sessions(erlab, "msee1", "ce1")
    detection_ms = 5 * interval_ms
    assert shown["bfd"] == {
        "state": "up", "transmit_interval_ms": interval_ms, "detection_time_ms": detection_ms
    }  # fmt: skip
    [shown, _] = sessions(erlab, "ce1", "msee1")
    assert shown["bfd"]["detection_time_ms"] == 3 * interval_ms


def says(erlab: Erlab, state: str, hop_limit: int) -> list[Any]:
    """Let a BFD speaker at ce1 come Up with msee1, say something and end; the sessions of msee1 when it is Down again.

    BGP cannot come back after it, for the SYNs of ce1 are lost.
    """
    chain = "add chain inet lost one { type filter hook output priority 0; }"
    rule = "add rule inet lost one ip daddr 172.16.0.2 tcp flags syn drop"
    erlab.shell("ce1", "nft", f"add table inet lost; {chain}; {rule}")
    peer = str(TESTS / "bfd_peer.py")
    erlab.shell("ce1", sys.executable, peer, "172.16.0.1", "172.16.0.2", state, str(hop_limit))
    return await_sessions(erlab, "msee1", "ce1", bfd_is_down)


def bfd_is_down(session: Any) -> bool:  # noqa: ANN401
    """Whether BFD of a session is down."""
    return bool(session["bfd"]["state"] == "down")


def test_a_peer_that_is_shut_down_keeps_bgp_up(erlab: Erlab, tmp_path: Path) -> None:
    """A peer that was Up and is AdminDown takes BFD down and leaves BGP alone (RFC 5882 §3.2)."""
    up(erlab, tmp_path, WITHOUT)
    assert [one["established"] for one in says(erlab, "ADMIN_DOWN", 255)] == [True, True]


def test_a_peer_that_is_down_takes_bgp_down(erlab: Erlab, tmp_path: Path) -> None:
    """A peer that was Up and is Down takes BGP down, which then comes back without waiting for BFD."""
    up(erlab, tmp_path, WITHOUT)
    shown = says(erlab, "DOWN", 255)
    assert [one["established"] for one in shown] == [False, True]
    assert shown[0]["why_down"] == "BFD: 172.16.0.1 says that the session is down: without a reason"
    [there, _] = await_sessions(erlab, "ce1", "msee1", lambda one: one["family"] != "ipv4" or is_down(one))
    assert there["why_down"].endswith("Cease, BFD down (RFC 9384 §3)")
    erlab.shell("ce1", "nft", "delete table inet lost")
    shown = await_sessions(erlab, "msee1", "ce1", lambda one: one["established"])
    assert shown[0]["bfd"]["state"] == "down"


def test_a_packet_from_afar_is_ignored(erlab: Erlab, tmp_path: Path) -> None:
    """A packet whose TTL shows that it came over a router changes nothing; its sender's silence does (RFC 5881 §5)."""
    up(erlab, tmp_path, WITHOUT)
    shown = says(erlab, "DOWN", 254)
    assert shown[0]["why_down"] == "BFD: no packet from 172.16.0.1 for 900 ms"


def test_a_dead_bfd_process_breaks_the_lab(erlab: Erlab, tmp_path: Path) -> None:
    """When the BFD process of a router was killed, every question ends with exit code 3 and says so."""
    up(erlab, tmp_path, BFD)
    [process] = [one for one in erlab.processes() if one.name == "bfd-msee1"]
    os.kill(process.pid, signal.SIGKILL)

    def broken() -> Ended | None:
        ended = erlab.run("status")
        return ended if ended.code == 3 else None

    ended = await_(broken, "a broken lab")
    assert "msee1: the BFD process was killed by signal 9 (SIGKILL)" in ended.err
    assert "Traceback" not in ended.err
