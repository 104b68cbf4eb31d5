"""What speaks BGP at a customer edge: the lab's own router, or another vendor's daemon ("bring your own router")."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from lab.secret import Secret


class SpeakerKind(Enum):
    """A program that speaks BGP."""

    EXABGP = "exabgp"
    """The lab's own router, whose sessions ExaBGP speaks."""
    FRR = "frr"
    BIRD = "bird"
    GOBGP = "gobgp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """What a program does that no configuration changes, where the lab's own router does otherwise.

    `own_multi_exit_disc` is the MED of routes that it originates; None is that they have none. With `connects_late` it
    lets seconds pass before it opens a session. With `forwards_nothing` the kernel's routes are not its business. With
    `spares_known_ases` it sends no AS a path that the AS is in already. `shuts_down_gracefully` is RFC 8326. With
    `relaxes_multipath` paths share the load that are equally long, whatever ASes they lead through.
    """

    own_multi_exit_disc: int | None = None
    connects_late: bool = False
    forwards_nothing: bool = False
    spares_known_ases: bool = False
    shuts_down_gracefully: bool = True
    relaxes_multipath: bool = False


RFC_HABITS = Habits()
"""Those of the lab's own router (RFC 4271 §5.1.4 asks for no MED)."""
_HABITS: Mapping[SpeakerKind, Habits] = {
    SpeakerKind.FRR: Habits(own_multi_exit_disc=0),
    SpeakerKind.BIRD: Habits(relaxes_multipath=True),  # BIRD 2.0.12: bgp_rte_mergable of attrs.c
    SpeakerKind.GOBGP: Habits(  # GoBGP 3.10: minConnectRetryInterval of fsm.go, isASLoop and filterpath of server.go
        connects_late=True, forwards_nothing=True, spares_known_ases=True, shuts_down_gracefully=False
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnConfig:
    """A configuration that the user wrote for the daemon, which is used as it is. `file` is what the user calls it.

    It may hold keys, so that nothing shows the text.
    """

    file: str
    text: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSpeaker:
    """Another vendor's daemon. Without a configuration of the user's its own is rendered from the plan."""

    kind: SpeakerKind
    config: OwnConfig | None = None

    @property
    def habits(self) -> Habits:
        """What it does whatever it is told."""
        return _HABITS.get(self.kind, RFC_HABITS)
