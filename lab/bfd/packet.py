"""BFD control packets: octets in, values out, and back (RFC 5880 §4.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

VERSION = 1
LENGTH = 24
"""Of a packet without authentication; one with it has at least two octets more."""
_LAYOUT = struct.Struct(">BBBBIIIII")
_POLL, _FINAL, _CONTROL_PLANE_INDEPENDENT, _AUTHENTICATION, _DEMAND, _MULTIPOINT = 0x20, 0x10, 0x08, 0x04, 0x02, 0x01


class State(IntEnum):
    """What a session is in (RFC 5880 §4.1)."""

    ADMIN_DOWN = 0
    DOWN = 1
    INIT = 2
    UP = 3


class Diagnostic(IntEnum):
    """Why a session changed its state last (RFC 5880 §4.1); the numbers from 9 on are not assigned."""

    NONE = 0
    CONTROL_DETECTION_TIME_EXPIRED = 1
    ECHO_FUNCTION_FAILED = 2
    NEIGHBOR_SIGNALED_SESSION_DOWN = 3
    FORWARDING_PLANE_RESET = 4
    PATH_DOWN = 5
    CONCATENATED_PATH_DOWN = 6
    ADMINISTRATIVELY_DOWN = 7
    REVERSE_CONCATENATED_PATH_DOWN = 8


class Discarded(ValueError):  # noqa: N818  # what became of the packet, which is no error of ours
    """A packet is discarded, for this reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlPacket:
    """One control packet. Intervals are in microseconds, as on the wire; authentication is not supported."""

    state: State
    multiplier: int
    my_discriminator: int
    your_discriminator: int
    desired_min_transmit_us: int
    required_min_receive_us: int
    required_min_echo_receive_us: int = 0
    diagnostic: int = 0
    poll: bool = False
    final: bool = False
    control_plane_independent: bool = False
    demand: bool = False

    def encode(self) -> bytes:
        """The octets of the packet."""
        flags = (
            _POLL * self.poll
            | _FINAL * self.final
            | _CONTROL_PLANE_INDEPENDENT * self.control_plane_independent
            | _DEMAND * self.demand
        )
        return _LAYOUT.pack(
            VERSION << 5 | self.diagnostic,
            self.state << 6 | flags,
            self.multiplier,
            LENGTH,
            self.my_discriminator,
            self.your_discriminator,
            self.desired_min_transmit_us,
            self.required_min_receive_us,
            self.required_min_echo_receive_us,
        )


def decode(octets: bytes) -> ControlPacket:
    """The packet in a UDP payload. Raises Discarded where RFC 5880 §6.8.6 refuses it, whatever the session."""
    if len(octets) < LENGTH:
        raise Discarded(f"{len(octets)} octets are no control packet")
    first, second, multiplier, length, mine, yours, transmit_us, receive_us, echo_us = _LAYOUT.unpack_from(octets)
    if first >> 5 != VERSION:
        raise Discarded(f"version {first >> 5} is not {VERSION}")
    if length < LENGTH + 2 * bool(second & _AUTHENTICATION):
        raise Discarded(f"length {length} is too short")
    if length > len(octets):
        raise Discarded(f"length {length} is more than the {len(octets)} octets that came")
    if multiplier == 0:
        raise Discarded("the detection multiplier is zero")
    if second & _MULTIPOINT:
        raise Discarded("the multipoint bit is set")
    if mine == 0:
        raise Discarded("my discriminator is zero")
    state = State(second >> 6)
    if yours == 0 and state not in (State.DOWN, State.ADMIN_DOWN):
        raise Discarded(f"your discriminator is zero in state {state.name}")
    if second & _AUTHENTICATION:
        raise Discarded("it is authenticated, and no session here is")
    return ControlPacket(
        state=state,
        multiplier=multiplier,
        my_discriminator=mine,
        your_discriminator=yours,
        desired_min_transmit_us=transmit_us,
        required_min_receive_us=receive_us,
        required_min_echo_receive_us=echo_us,
        diagnostic=first & 0x1F,
        poll=bool(second & _POLL),
        final=bool(second & _FINAL),
        control_plane_independent=bool(second & _CONTROL_PLANE_INDEPENDENT),
        demand=bool(second & _DEMAND),
    )
