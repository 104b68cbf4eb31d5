"""The largest packets that a router forwards, where that is less than what its interfaces carry."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class TooLarge(Enum):
    """What a router does with a packet that is too large for it and may not be fragmented."""

    DROPPED = "dropped"
    """Its sender hears nothing."""
    ANSWERED = "answered"
    """Its sender is told the largest size (RFC 1191 §4, RFC 8201 §4)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketLimit:
    """The packets that a router forwards: those of `most_bytes` at most, IP header included.

    The limit is for the IP protocols of these numbers, or for all where none is given. A router with a limit fragments
    nothing: what is too large and might be fragmented is dropped, whatever `too_large` is. What is for the router
    itself is not looked at.
    """

    most_bytes: int
    too_large: TooLarge = TooLarge.DROPPED
    protocols: tuple[int, ...] = ()
    forwards_fragments: bool = False

    def stops(self, packet_bytes: int, protocol: int) -> bool:
        """Whether a packet of this size and IP protocol is too large."""
        return packet_bytes > self.most_bytes and (not self.protocols or protocol in self.protocols)
