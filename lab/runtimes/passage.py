"""When a frame that enters an impaired wire leaves it, if it does."""

from __future__ import annotations

import sys
from collections.abc import Callable

from lab.shaping import WIRE_BUFFER_MS, Impairment

_MS_NS = 1_000_000


class Passage:
    """One direction of a wire. `chance` gives numbers from 0 to 1, each as likely, as `random.random` does.

    A frame that is too large is lost. Another one waits for those before it as the rate asks, and is lost where too
    much waits; what has left may be lost on the way, and takes the delay.
    """

    def __init__(self, impairment: Impairment, chance: Callable[[], float]) -> None:
        self._bits_to_ns = 1e9 / impairment.rate_bps if impairment.rate_bps else 0.0
        self._loss = impairment.loss_percent / 100
        self._delay_ns = round(impairment.delay_ms * _MS_NS)
        self._jitter_ns = round(impairment.jitter_ms * _MS_NS)
        self._most_octets = impairment.frame_bytes or sys.maxsize
        self._chance = chance
        self._free_ns = 0

    def leaves_ns(self, at_ns: int, octets: int) -> int | None:
        """When a frame of so many octets leaves that came at a time; None where it is lost."""
        if octets > self._most_octets:
            return None
        if self._bits_to_ns:
            starts_ns = max(at_ns, self._free_ns)
            if starts_ns - at_ns > WIRE_BUFFER_MS * _MS_NS:
                return None
            self._free_ns = at_ns = starts_ns + round(8 * octets * self._bits_to_ns)
        if self._loss and self._chance() < self._loss:
            return None
        jitter_ns = round(self._jitter_ns * (2 * self._chance() - 1)) if self._jitter_ns else 0
        return at_ns + self._delay_ns + jitter_ns
