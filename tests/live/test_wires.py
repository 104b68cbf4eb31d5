"""Impaired wires, as streams of packets and the routers' carriers see them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from erlab_command import USERS, Erlab
from lab.bgp import Family
from lab.plan import Plan
from lab.shaping import UNIMPAIRED, Impairment
from lab.streams import Stream, Trial
from lab_processes import await_
from networks import Net
from running_labs import established, impaired, pending, running, trial
from vlan_networks import BOTH

AT_ONCE_S = 20.0
"""Far less than the hold time of 180 s, after which a session closes that has no carrier to tell it earlier."""
RATE_BPS, PACKET_BYTES, GAP_MS = 320_000, 200, 5
LATE = Impairment(delay_ms=20)
SHAKY = Impairment(delay_ms=20, jitter_ms=10)
LOSSY = Impairment(loss_percent=20)
SLOW = Impairment(rate_bps=RATE_BPS // 2 * (PACKET_BYTES + 14) // PACKET_BYTES)
"""It carries every second packet, Ethernet headers included."""


@pytest.fixture(autouse=True)
def _state(erlab: Erlab, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process finds the labs that the commands of its test start."""
    monkeypatch.setenv("ERLAB_STATE_DIR", str(erlab.state))


def star() -> Plan:
    """A router with a neighbour at each kind of wire; that to `lossy` loses only what goes there."""
    net = Net()
    net.router("r", 65001, ["100.64.0.0/16"])  # its own addresses, so that all neighbours can answer
    wires = {
        "plain": (UNIMPAIRED, UNIMPAIRED),
        "late": (LATE, LATE),
        "shaky": (SHAKY, SHAKY),
        "lossy": (LOSSY, UNIMPAIRED),
        "slow": (SLOW, SLOW),
    }
    for number, name in enumerate(wires, start=2):
        net.router(name, 65000 + number, [f"10.{number}.0.0/16"])
        net.session("r", name, BOTH)
    return impaired(net.plan(), **wires)


def stream(source: str, destination: str) -> Stream:
    """A packet every 5 ms."""
    return Stream(
        source=source,
        destination=destination,
        family=Family.IPV6 if destination == "late" else Family.IPV4,
        dscp=46,
        rate_bps=RATE_BPS,
        packet_bytes=PACKET_BYTES,
    )


@pytest.mark.parametrize("prefix", USERS)
def test_impairments(erlab: Erlab, prefix: tuple[str, ...]) -> None:
    """Delay, jitter, loss in one direction and rate are each seen on their wire, and none of them on a plain one.

    An end that goes down takes the carrier from the other one.
    """
    ways = [("r", name) for name in ("plain", "late", "shaky", "lossy", "slow")] + [("lossy", "r")]
    with running(replace(erlab, prefix=prefix), star()) as lab:
        assert pending(lab) == ()
        streams = tuple(stream(*way) for way in ways)
        seen = dict(zip(ways, trial(lab, Trial(streams=streams, duration_s=2.0)).results, strict=True))
        plain, late, shaky = (seen["r", name].delays for name in ("plain", "late", "shaky"))
        assert plain is not None
        assert late is not None
        assert shaky is not None
        assert (seen["r", "plain"].loss_percent, seen["lossy", "r"].loss_percent) == (0, 0)
        assert plain.min_ms < GAP_MS
        assert LATE.delay_ms <= late.min_ms < LATE.delay_ms + GAP_MS
        assert 10 <= shaky.min_ms < 15
        assert shaky.max_ms > 25
        assert seen["r", "shaky"].reordered > 0
        assert 11 < seen["r", "lossy"].loss_percent < 29  # five standard deviations
        assert 40 < seen["r", "slow"].loss_percent < 60
        everybody = established(lab)
        erlab.shell("late", "ip", "link", "set", "to-r", "down")
        gone = {session for session in everybody if "late" in session}
        await_(lambda: established(lab) == everybody - gone, "the end of the sessions at that wire alone", AT_ONCE_S)
        assert "NO-CARRIER" in erlab.shell("r", "ip", "link", "show", "to-late")
        erlab.shell("late", "ip", "link", "set", "to-r", "up")
        await_(lambda: established(lab) == everybody, "the return of the sessions")
