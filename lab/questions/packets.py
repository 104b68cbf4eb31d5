"""What becomes of packets."""

from __future__ import annotations

from dataclasses import dataclass

from lab.forwarding import Flow, FlowResult, Sweep, SweepResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Send `count` packets for each flow, and wait for what is missing for at most `deadline_s`.

    With `again` a packet that is neither answered nor refused is sent again meanwhile: what is asked is whether there
    is a way, and not how many packets are lost on it.
    """

    flows: tuple[Flow, ...]
    deadline_s: float
    count: int = 1
    again: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What became of the flows, one result for each packet."""

    results: tuple[FlowResult, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskAll:
    """Ask every flow of a sweep, and wait for what is missing for at most `deadline_s`, twice: to trace it too."""

    sweep: Sweep
    deadline_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedAll:
    """What became of them."""

    result: SweepResult
