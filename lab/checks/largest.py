"""The search for the largest packet that arrives, by sizes that are sent all at once, in few rounds.

Each round costs as long as it takes to believe that a packet is lost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LEAST_BYTES = 128
"""No smaller packets are searched for: IPv4 has to carry 68 (RFC 791 §3.2) and IPv6 1280 (RFC 8200 §5)."""
_SIZES_AT_ONCE = 48
"""Two rounds are then enough for all sizes up to 2,400 bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Largest:
    """What is known: the largest size that arrived, 0 where none did, and the smallest above it that did not.

    `contradiction` is a size that did not arrive though a larger one did: then the size is not what decides.
    """

    arrived_bytes: int
    lost_bytes: int
    contradiction: int | None = None

    @property
    def known(self) -> bool:
        """Whether nothing is left to be searched."""
        return self.lost_bytes - self.arrived_bytes <= 1 or self.lost_bytes <= LEAST_BYTES


def largest(arrivals: Mapping[int, bool], most_bytes: int) -> Largest:
    """What sizes tell of which it is known whether they arrived, where no packet has more than `most_bytes`."""
    arrived_bytes = max((size for size, arrived in arrivals.items() if arrived), default=0)
    lost = sorted(size for size, arrived in arrivals.items() if not arrived)
    lost_bytes = next((size for size in lost if size > arrived_bytes), max(most_bytes, arrived_bytes) + 1)
    contradiction = lost[0] if lost and lost[0] < arrived_bytes else None
    return Largest(arrived_bytes=arrived_bytes, lost_bytes=lost_bytes, contradiction=contradiction)


def sizes_left(arrivals: Mapping[int, bool], most_bytes: int) -> tuple[int, ...]:
    """The sizes of the next round, evenly between what arrived and what did not; none where the answer is known."""
    known = largest(arrivals, most_bytes)
    if known.contradiction is not None:
        return ()
    if known.known:
        return () if known.lost_bytes in arrivals else (known.lost_bytes,)
    low, high = max(known.arrived_bytes, LEAST_BYTES - 1), known.lost_bytes
    steps = min(_SIZES_AT_ONCE + 1, high - low)
    return tuple(low + (high - low) * step // steps for step in range(1, steps))
