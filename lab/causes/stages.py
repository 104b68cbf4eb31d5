"""The causal order of a route and of the packets that follow it, and a cause: the first stage that went wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from lab.expectations import Table


class Stage(Enum):
    """One step from a session to an arrived packet. The order of the members is the causal one (RFC 4271 §3.2)."""

    SESSION = "session"
    ADJ_RIB_IN = "Adj-RIB-In"
    LOC_RIB = "Loc-RIB"
    ADJ_RIB_OUT = "Adj-RIB-Out"
    FIB = "FIB"
    PACKET = "packet"

    @property
    def place(self) -> int:
        """Its place in the causal order."""
        return list(Stage).index(self)


STAGE_OF = {
    Table.ADJ_RIB_IN: Stage.ADJ_RIB_IN,
    Table.LOC_RIB: Stage.LOC_RIB,
    Table.ADJ_RIB_OUT: Stage.ADJ_RIB_OUT,
    Table.FIB: Stage.FIB,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The first thing that went wrong."""

    stage: Stage
    text: str

    def __str__(self) -> str:
        return f"{self.stage.value}: {self.text}"
