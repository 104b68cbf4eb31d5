"""What can go wrong on purpose: a fault in the words of its file or command. `lab.injection` finds what it acts on.

link_down: primary                          the carrier of a link is lost
silent_loss: ce1 - msee1                    frames vanish in both directions and the carrier stays
silent_loss: {link: primary, towards: msee1}
                                            in one direction only
session_reset: ce1 - msee1                  the first one's NOTIFICATION: Cease, Administrative Reset (RFC 4486 §4)
maintenance: primary                        of Microsoft's edge: it prepends first, then ends its sessions
peering_disabled: private                   Microsoft closes the peering's sessions of both links
router_killed: ce1                          its process and all its interfaces are gone
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class FaultKind(Enum):
    """What fails, as the file format spells it."""

    LINK_DOWN = "link_down"
    SILENT_LOSS = "silent_loss"
    SESSION_RESET = "session_reset"
    MAINTENANCE = "maintenance"
    PEERING_DISABLED = "peering_disabled"
    ROUTER_KILLED = "router_killed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault. `target` is a link (primary, secondary), two routers as in `ce1 - msee1`, a peering or a router.

    With several circuits `circuit` says whose link or peering. `towards` is the router that packets no longer reach,
    where loss has one direction only.
    """

    kind: FaultKind
    target: str
    circuit: str = ""
    towards: str = ""

    @property
    def routers(self) -> tuple[str, str] | None:
        """The two routers that the target names; None where it names no pair."""
        one, dash, other = self.target.partition(" - ")
        return (one.strip(), other.strip()) if dash else None

    def __str__(self) -> str:
        more = f", circuit: {self.circuit}" * bool(self.circuit) + f", towards: {self.towards}" * bool(self.towards)
        return f"{self.kind.value}: {self.target}{more}"
