"""The ends of a plan's VPN tunnels, each with all that it has to know of the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.plan import OverlayEnd, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """To which address of the core the frames to a hardware address go."""

    hardware_address: str
    core_address: IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelEnd:
    """Where the tunnels of one VPN end, and the ways to its other ends. `label` is the VPN's MPLS label (20 bits)."""

    end: OverlayEnd
    label: int
    ways: tuple[Way, ...]


def tunnel_ends(plan: Plan) -> Iterator[TunnelEnd]:
    """Every end of a plan's tunnels, overlay by overlay."""
    for overlay in plan.overlays:
        for end in overlay.ends:
            others = (other for other in overlay.ends if other != end)
            yield TunnelEnd(end=end, label=overlay.label, ways=tuple(_way(plan, other) for other in others))


def _way(plan: Plan, end: OverlayEnd) -> Way:
    there = plan.node(end.vrf.node).interface(end.vrf.interface)
    return Way(hardware_address=there.hardware_address, core_address=end.core_address)
