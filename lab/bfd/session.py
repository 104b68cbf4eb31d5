"""One BFD session: a state machine without I/O (RFC 5880 §6.8), in asynchronous mode and without authentication.

Packets and time go in, packets and changes come out. The intervals that a user sees are in milliseconds, those of the
machine in microseconds, as on the wire. It takes the active role (§6.1), never asks for demand mode and never sends or
reflects echo packets, which its Required Min Echo RX Interval of 0 says. It is never AdminDown itself; a peer may be.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from lab.bfd.packet import ControlPacket, Diagnostic, State
from lab.bgp import Address
from lab.plan import BfdPlan

SLOW_TRANSMIT_INTERVAL_MS = 1000
"""A session that is not Up sends no faster than this (RFC 5880 §6.8.3)."""
_REASONS = {
    Diagnostic.NONE: "without a reason",
    Diagnostic.CONTROL_DETECTION_TIME_EXPIRED: "its detection time expired",
    Diagnostic.ECHO_FUNCTION_FAILED: "its echo function failed",
    Diagnostic.NEIGHBOR_SIGNALED_SESSION_DOWN: "it heard so from this end",
    Diagnostic.FORWARDING_PLANE_RESET: "its forwarding plane was reset",
    Diagnostic.PATH_DOWN: "a path is down",
    Diagnostic.CONCATENATED_PATH_DOWN: "a concatenated path is down",
    Diagnostic.ADMINISTRATIVELY_DOWN: "it was administratively down",
    Diagnostic.REVERSE_CONCATENATED_PATH_DOWN: "a reverse concatenated path is down",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BfdStatus:
    """What a session is in, how often it sends at most, and how long it waits for a packet.

    `detection_time_ms` is 0 as long as nothing has been heard.
    """

    state: State
    transmit_interval_ms: int
    detection_time_ms: int

    def __str__(self) -> str:
        return f"{self.state.name.lower()}, {self.transmit_interval_ms} ms, detection {self.detection_time_ms} ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """The status of a session has changed.

    `failure` says why it left Up because the path failed; empty where it did not. That the peer is AdminDown says
    nothing of the path (RFC 5882 §3.2).
    """

    status: BfdStatus
    failure: str = ""


Output = ControlPacket | Changed


def negotiated(here: BfdPlan, there: BfdPlan | None) -> BfdStatus:
    """The status of this end when all is well; `there` is None where the other end has no BFD (RFC 5880 §6.8.2-4)."""
    if there is None:
        slow = max(SLOW_TRANSMIT_INTERVAL_MS, here.transmit_interval_ms)
        return BfdStatus(state=State.DOWN, transmit_interval_ms=slow, detection_time_ms=0)
    return BfdStatus(
        state=State.UP,
        transmit_interval_ms=max(here.transmit_interval_ms, there.receive_interval_ms),
        detection_time_ms=there.multiplier * max(here.receive_interval_ms, there.transmit_interval_ms),
    )


class Session:
    """One session. `random` gives numbers from 0 to 1 for the jitter; `next_s` is when `elapse` is due."""

    def __init__(self, plan: BfdPlan, *, peer: Address, discriminator: int, random: Callable[[], float]) -> None:
        self.discriminator = discriminator
        self._plan = plan
        self._peer = peer
        self._random = random
        self._state = State.DOWN
        self._diagnostic = Diagnostic.NONE
        self._desired_us = self._desired_in(State.DOWN)
        self._polling = False
        self._remote: ControlPacket | None = None
        self._remote_discriminator = 0
        self._heard_s: float | None = None
        self._sent: ControlPacket | None = None
        self._sent_s = -math.inf
        self._portion = 1.0
        self._told = self.status

    # what it is in

    @property
    def status(self) -> BfdStatus:
        """The status now."""
        detection_us = 0 if self._heard_s is None else self._detection_us()
        return BfdStatus(
            state=self._state,
            transmit_interval_ms=self._transmit_us() // 1000,
            detection_time_ms=detection_us // 1000,
        )

    @property
    def next_s(self) -> float:
        """When `elapse` is due: a packet has to be sent, or the detection time is over."""
        return min(self._transmission_s(), self._expiry_s())

    # packets and time

    def receive(self, packet: ControlPacket, now_s: float) -> list[Output]:
        """Take a packet that is meant for this session (RFC 5880 §6.8.6)."""
        self._remote, self._remote_discriminator, self._heard_s = packet, packet.my_discriminator, now_s
        if packet.final:
            self._polling = False
        failure = self._hear(packet)
        output: list[Output] = []
        if packet.poll:
            output.append(self._send_final())
        return output + self._tell(now_s, failure)

    def elapse(self, now_s: float) -> list[Output]:
        """Do what is due."""
        failure = ""
        if now_s >= self._expiry_s():
            failure = self._expire()
        output = self._tell(now_s, failure)
        if now_s >= self._transmission_s():
            output.append(self._send(now_s))
        return output

    def _hear(self, packet: ControlPacket) -> str:
        """Follow the state of the peer; returns why the path failed, empty where it did not."""
        signaled = Diagnostic.NEIGHBOR_SIGNALED_SESSION_DOWN
        match self._state, packet.state:
            case State.INIT | State.UP, State.ADMIN_DOWN:
                self._enter(State.DOWN, signaled)
            case State.DOWN, State.DOWN:
                self._enter(State.INIT, self._diagnostic)
            case (State.DOWN, State.INIT) | (State.INIT, State.INIT | State.UP):
                self._enter(State.UP, Diagnostic.NONE)
            case State.UP, State.DOWN:
                self._enter(State.DOWN, signaled)
                known = packet.diagnostic in _REASONS
                why = _REASONS[Diagnostic(packet.diagnostic)] if known else f"diagnostic {packet.diagnostic}"
                return f"BFD: {self._peer} says that the session is down: {why}"
        return ""

    def _expire(self) -> str:
        """Nothing came for the detection time (RFC 5880 §6.8.1, §6.8.4); returns why the path failed."""
        time_ms = self._detection_us() // 1000
        was = self._state
        self._remote_discriminator, self._heard_s = 0, None
        if was in (State.INIT, State.UP):
            self._enter(State.DOWN, Diagnostic.CONTROL_DETECTION_TIME_EXPIRED)
        return f"BFD: no packet from {self._peer} for {time_ms} ms" if was is State.UP else ""

    def _enter(self, state: State, diagnostic: Diagnostic) -> None:
        """Change the state; a new Desired Min TX Interval starts a Poll Sequence (RFC 5880 §6.8.3)."""
        self._state, self._diagnostic = state, diagnostic
        desired_us = self._desired_in(state)
        if desired_us != self._desired_us:
            self._desired_us, self._polling = desired_us, True

    def _tell(self, now_s: float, failure: str) -> list[Output]:
        """Tell of what has changed: here, and to the peer at once (RFC 5880 §6.8.7)."""
        output: list[Output] = []
        news = self._packet(final=False)
        if self._sent is not None and replace(news, poll=False) != replace(self._sent, poll=False, final=False):
            output.append(self._send(now_s))
        if self.status != self._told:
            self._told = self.status
            output.append(Changed(status=self._told, failure=failure))
        return output

    # timers

    def _desired_in(self, state: State) -> int:
        planned_ms = self._plan.transmit_interval_ms
        return 1000 * (planned_ms if state is State.UP else max(SLOW_TRANSMIT_INTERVAL_MS, planned_ms))

    def _transmit_us(self) -> int:
        """The negotiated interval: the slower side wins (RFC 5880 §6.8.2); without jitter."""
        return max(self._desired_us, 0 if self._remote is None else self._remote.required_min_receive_us)

    def _detection_us(self) -> int:
        """The detection time (RFC 5880 §6.8.4)."""
        if self._remote is None:
            return 0
        interval_us = max(1000 * self._plan.receive_interval_ms, self._remote.desired_min_transmit_us)
        return self._remote.multiplier * interval_us

    def _expiry_s(self) -> float:
        return math.inf if self._heard_s is None else self._heard_s + self._detection_us() / 1e6

    def _transmission_s(self) -> float:
        """When the next periodic packet is due; never where the peer wants none (RFC 5880 §6.8.7)."""
        remote = self._remote
        if remote is not None:
            demand = remote.demand and State.UP is self._state is remote.state
            if remote.required_min_receive_us == 0 or (demand and not self._polling):
                return math.inf
        return self._sent_s + self._portion * self._transmit_us() / 1e6

    def _send(self, now_s: float) -> ControlPacket:
        """The packet that is sent now; the next periodic one comes up to a quarter early (RFC 5880 §6.8.7)."""
        self._sent, self._sent_s = self._packet(final=False), now_s
        self._portion = 0.75 + (0.15 if self._plan.multiplier == 1 else 0.25) * self._random()
        return self._sent

    def _send_final(self) -> ControlPacket:
        """The answer to a Poll; it is sent beside the periodic packets (RFC 5880 §6.8.7)."""
        self._sent = self._packet(final=True)
        return self._sent

    def _packet(self, *, final: bool) -> ControlPacket:
        return ControlPacket(
            state=self._state,
            multiplier=self._plan.multiplier,
            my_discriminator=self.discriminator,
            your_discriminator=self._remote_discriminator,
            desired_min_transmit_us=self._desired_us,
            required_min_receive_us=1000 * self._plan.receive_interval_ms,
            diagnostic=self._diagnostic,
            poll=self._polling and not final,
            final=final,
        )
