"""What speaks BGP at a customer edge: the lab's own router, or another vendor's daemon ("bring your own router")."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class SpeakerKind(Enum):
    """A program that speaks BGP."""

    EXABGP = "exabgp"
    """The lab's own router, whose sessions ExaBGP speaks."""
    FRR = "frr"
    BIRD = "bird"
    GOBGP = "gobgp"


CONNECT_LATE = frozenset({SpeakerKind.GOBGP})
"""Those that let 5 to 10 s pass before they connect (minConnectRetryInterval in GoBGP 3.10), whatever is configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnConfig:
    """A configuration that the user wrote for the daemon, which is used as it is. `file` is what the user calls it.

    It may hold keys, so that nothing shows the text.
    """

    file: str
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSpeaker:
    """Another vendor's daemon. Without a configuration of the user's its own is rendered from the plan."""

    kind: SpeakerKind
    config: OwnConfig | None = None
