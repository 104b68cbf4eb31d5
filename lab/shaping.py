"""What happens to packets beside being forwarded: what a wire does to them, and how an interface lets them wait."""

from __future__ import annotations

from dataclasses import dataclass

WIRE_BUFFER_MS = 50
"""How long a wire with a rate lets packets wait for their turn; what comes while so much waits is lost."""
QUEUE_LIMIT_MS = 50
"""How much a class of a queue lets wait where the file does not say: what its rate sends in this time."""
LEAST_RATE_BPS = 8_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Impairment:
    """What a wire does to what crosses it in one direction.

    A packet takes `delay_ms`, and up to `jitter_ms` more or less, each as likely as the other; so packets may overtake
    one another, as with netem (tc-netem(8)). `loss_percent` of them are lost, each by itself. `rate_bps` is that of
    whole Ethernet frames; packets wait for `WIRE_BUFFER_MS` at most. None means as fast as can be. Frames of more than
    `frame_bytes` are lost: their header and VLAN tags count, and the check sequence of IEEE 802.3 does not. None means
    that all pass that the interfaces send.
    """

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss_percent: float = 0.0
    rate_bps: int | None = None
    frame_bytes: int | None = None

    def __str__(self) -> str:
        says = [
            (self.delay_ms or self.jitter_ms, f"delay {self.delay_ms:g} ms"),
            (self.jitter_ms, f"jitter {self.jitter_ms:g} ms"),
            (self.loss_percent, f"loss {self.loss_percent:g} %"),
            (self.rate_bps, f"rate {rate_text(self.rate_bps or 0)}"),
            (self.frame_bytes, f"frames of {self.frame_bytes} bytes at most"),
        ]
        return ", ".join(text for value, text in says if value) or "none"


UNIMPAIRED = Impairment()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueClass:
    """Packets with some marks at an interface, which wait in a queue of their own.

    A strict class goes before all others and gets `rate_bps` at most, as an EF class has to be limited (RFC 3246 §2).
    Another one gets `rate_bps` whenever it asks for it, and of what is left up to `ceil_bps` in all. The class without
    `dscps` is that of all other packets. `limit_bytes` is what it lets wait.
    """

    name: str
    dscps: tuple[int, ...]
    rate_bps: int
    ceil_bps: int
    strict: bool
    limit_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queues:
    """How an interface sends: `rate_bps` in all, shared by classes, of which the last is that of all other packets."""

    interface: str
    rate_bps: int
    classes: tuple[QueueClass, ...]

    def class_of(self, dscp: int) -> QueueClass:
        """The class of packets with a mark."""
        return next((one for one in self.classes if dscp in one.dscps), self.classes[-1])


def rate_text(rate_bps: int) -> str:
    """A rate as files write it."""
    for unit, size in (("Gbps", 10**9), ("Mbps", 10**6)):
        if rate_bps >= size:
            return f"{rate_bps / size:g} {unit}"
    return f"{rate_bps / 1000:g} kbps"


def limit_bytes(rate_bps: int, limit_ms: float) -> int:
    """What a rate sends in a time; two of the longest frames at least, or no packet would fit."""
    return max(2 * 1514, round(rate_bps * limit_ms / 8000))
