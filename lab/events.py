"""What happens to a router, and what it wants done: the values that cross the edge of the sans-IO `lab.router`."""

from __future__ import annotations

from dataclasses import dataclass

from lab.bfd import BfdStatus
from lab.bgp import Address, Nlri, Prefix, Route
from lab.plan import BgpPlan
from lab.wire import Fault

CEASE_MAXIMUM_PREFIXES, CEASE_ADMINISTRATIVE_SHUTDOWN, CEASE_ADMINISTRATIVE_RESET, CEASE_BFD_DOWN = 1, 2, 4, 10
"""Subcodes of a NOTIFICATION with code 6, Cease (RFC 4486 §4, RFC 9384 §3)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionUp:
    """A session reached Established; the peer's OPEN carried this BGP identifier."""

    session: str
    peer_router_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDown:
    """A session left Established, or failed to reach it."""

    session: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReceived:
    """An UPDATE arrived; `faults` are the malformed attributes in it, whose routes are among the withdrawn or kept."""

    session: str
    announced: tuple[Route, ...] = ()
    withdrawn: tuple[Nlri, ...] = ()
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RefreshRequested:
    """The neighbour asks for all routes again (RFC 2918)."""

    session: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged:
    """An interface gained or lost its carrier, or was switched."""

    interface: str
    up: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BfdChanged:
    """BFD of a session has another status; `failure` says why the path failed, empty where it did not."""

    session: str
    status: BfdStatus
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconfigured:
    """The router's policies, rules and networks are those of `bgp` from now on; its sessions stay up.

    What a session needs to be opened, its addresses, AS numbers and key, has to be as before.
    """

    bgp: BgpPlan


Event = SessionUp | SessionDown | UpdateReceived | RefreshRequested | LinkChanged | BfdChanged | Reconfigured


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Send these routes in UPDATEs."""

    session: str
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdraw:
    """Withdraw these prefixes."""

    session: str
    prefixes: tuple[Nlri, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallRoute:
    """Put a route into the FIB in place of any earlier one.

    Several next hops share the load; without any, packets are discarded.
    """

    prefix: Prefix
    next_hops: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRoute:
    """Take a route out of the FIB."""

    prefix: Prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseSession:
    """End a session with a NOTIFICATION: Cease (code 6) and a subcode of RFC 4486 or RFC 9384.

    It may be opened again after `hold_down_s` seconds; None keeps it closed until the router is configured anew.
    """

    session: str
    subcode: int
    reason: str
    hold_down_s: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestRefresh:
    """Ask the neighbour for all its routes again (RFC 2918)."""

    session: str


Effect = Announce | Withdraw | InstallRoute | RemoveRoute | CloseSession | RequestRefresh
