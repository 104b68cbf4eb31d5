"""Two BFD machines joined by a wire that loses and delays: they find each other, stay Up, and notice silence."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from lab.bfd import ControlPacket, Datagram, Endpoint, Session, State, negotiated
from lab.plan import BfdPlan

ADDRESSES = (ip_address("fd00::1"), ip_address("fd00::2"))
FOUND_S = 12.0
"""After so much time without loss both are Up, whatever was before: a detection time is 5 s at most here, then a
handshake at one packet a second."""
LOSSY_S, QUIET_S = 8.0, 8.0
plans = st.builds(
    BfdPlan,
    transmit_interval_ms=st.integers(50, 1000),
    receive_interval_ms=st.integers(50, 1000),
    multiplier=st.integers(1, 5),
)


@dataclass(slots=True)
class World:
    """Two endpoints, the wire between them, and what has happened. Packets stay in order, as on a wire.

    `loss` is the part of the packets to each end that is lost.
    """

    here: BfdPlan
    there: BfdPlan
    source: random.Random
    loss: list[float] = field(default_factory=lambda: [0.0, 0.0])
    now_s: float = 0.0
    ends: list[Endpoint] = field(default_factory=list)
    sessions: list[Session] = field(default_factory=list)
    changes: list[tuple[float, int, State, str]] = field(default_factory=list)
    under_way: list[list[tuple[float, bytes]]] = field(default_factory=lambda: [[], []])

    def __post_init__(self) -> None:
        for index, plan in enumerate((self.here, self.there)):
            local, peer = ADDRESSES[index], ADDRESSES[1 - index]
            session = Session(plan, peer=peer, discriminator=index + 1, random=self.source.random)
            self.sessions.append(session)
            self.ends.append(Endpoint({"s": (local, peer, session)}))

    @property
    def longest_delay_s(self) -> float:
        """As much as no detection time minds: a multiplier of 1 leaves a tenth of the interval (RFC 5880 §6.8.7)."""
        return 0.004 if 1 in (self.here.multiplier, self.there.multiplier) else 0.020

    @property
    def states(self) -> list[State]:
        """The states of both."""
        return [one.status.state for one in self.sessions]

    def run_for(self, time_s: float) -> None:
        """Let time pass."""
        end_s = self.now_s + time_s
        while True:
            due = [(end.next_s, 0, index) for index, end in enumerate(self.ends)]
            due += [(queue[0][0], 1, index) for index, queue in enumerate(self.under_way) if queue]
            at_s, arrives, index = min(due)
            if at_s > end_s:
                self.now_s = end_s
                return
            self.now_s = max(self.now_s, at_s)
            if arrives:
                _, octets = self.under_way[index].pop(0)
                local, peer = ADDRESSES[index], ADDRESSES[1 - index]
                data = Datagram(octets=octets, source=peer, destination=local, hop_limit=255)
                outputs = [self.ends[index].receive(data, self.now_s)]
            else:
                outputs = self.ends[index].elapse(self.now_s)
            for _, output in outputs:
                for one in output:
                    if isinstance(one, ControlPacket):
                        self._send(one.encode(), to=1 - index)
                    else:
                        self.changes.append((self.now_s, index, one.status.state, one.failure))

    def _send(self, octets: bytes, to: int) -> None:
        if self.source.random() < self.loss[to]:
            return
        queue = self.under_way[to]
        arrival_s = self.now_s + self.source.random() * self.longest_delay_s
        queue.append((max(arrival_s, queue[-1][0] if queue else 0.0), octets))


worlds = st.builds(World, plans, plans, st.builds(random.Random, st.integers(0, 1 << 32)))


@given(worlds, st.floats(0.0, 0.95))
def test_they_find_each_other_and_stay(world: World, loss: float) -> None:
    """After any loss both come Up, with the timers that are predicted, and then nothing changes without loss."""
    world.loss = [loss, loss]
    world.run_for(LOSSY_S)
    world.loss = [0.0, 0.0]
    world.run_for(FOUND_S)
    expected = [negotiated(world.here, world.there), negotiated(world.there, world.here)]
    assert [one.status for one in world.sessions] == expected
    world.changes.clear()
    world.run_for(QUIET_S)
    assert world.changes == []


@given(worlds)
def test_both_notice_silence(world: World) -> None:
    """When every packet is lost both leave Up within their detection times, and say so."""
    world.run_for(FOUND_S)
    assert world.states == [State.UP, State.UP]
    world.changes.clear()
    began_s, world.loss = world.now_s, [1.0, 1.0]
    detection_ms = [one.status.detection_time_ms for one in world.sessions]
    limits_s = [one / 1000 + world.longest_delay_s for one in detection_ms]
    world.run_for(max(limits_s) + 0.001)
    for index, limit_s in enumerate(limits_s):
        [(at_s, failure)] = [(at_s, failure) for at_s, who, _, failure in world.changes if who == index]
        assert at_s - began_s <= limit_s + 0.001
        assert failure == f"BFD: no packet from {ADDRESSES[1 - index]} for {detection_ms[index]} ms"


@given(worlds, st.integers(0, 1))
def test_silence_one_way_is_noticed_by_both(world: World, deaf: int) -> None:
    """When one end hears nothing any more it goes Down, and the other follows because it is told."""
    world.run_for(FOUND_S)
    world.changes.clear()
    detection_s = world.sessions[deaf].status.detection_time_ms / 1000
    world.loss[deaf] = 1.0
    world.run_for(detection_s + 2 * world.longest_delay_s + 0.001)
    first = {who: failure for _, who, state, failure in reversed(world.changes) if state is not State.UP and failure}
    assert set(first) == {0, 1}
    assert "no packet from" in first[deaf]
    assert "says that the session is down: its detection time expired" in first[1 - deaf]
