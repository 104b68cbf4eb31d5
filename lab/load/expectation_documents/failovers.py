"""The shape of an expectation about a failover."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from lab.faults import FaultKind
from lab.load import values
from lab.load.durations import duration, duration_text
from lab.load.expectation_documents.packets import FamilyDocument
from lab.load.forms import Document, FamilyName, Reference
from lab.load.scalars import choice, parsed, whole
from lab.load.shaping_documents import DELAY
from lab.texts import Wrong, shown
from lab.topology import Link, RoutingDomain

MOST_REPETITIONS = 100
EVERY_MS = 1.0


def _link_or_pair(value: str) -> str:
    """A circuit's link, or two routers."""
    if value in [link.value for link in Link]:
        return value
    try:
        return " - ".join(values.between(value))
    except Wrong:
        raise Wrong(f"{shown(value)} is no link", "primary, secondary, or two routers as in ce1 - msee1") from None


LINK_OR_PAIR = Annotated[str, parsed(_link_or_pair, examples=["primary", "ce1 - msee1"])]
DURATION = Annotated[float, duration(1, 600_000, "1 s", "300 ms")]
LINK_NAME = Annotated[Link, choice(Link, "link")]
PEERING_NAME = Annotated[RoutingDomain, choice(RoutingDomain, "peering")]


class FaultDocument(Document):
    """One fault: a mapping with one key of what fails, and what narrows it."""

    link_down: LINK_OR_PAIR | None = Field(
        None, description="the carrier of a link is lost, with a provider at the customer's side: primary, ce1 - msee1"
    )
    silent_loss: LINK_OR_PAIR | None = Field(
        None, description="what crosses a link vanishes and its carrier stays: only BFD or the hold time sees it"
    )
    session_reset: LINK_OR_PAIR | None = Field(
        None, description="BGP sessions end by an administrative reset (RFC 4486): of a link, or of the first router"
    )
    maintenance: LINK_NAME | None = Field(
        None, description="Microsoft's edge of a link prepends, and when all has settled ends its sessions"
    )
    peering_disabled: PEERING_NAME | None = Field(
        None, description="Microsoft closes the sessions of a peering on both links: private or microsoft"
    )
    router_killed: Reference | None = Field(None, description="a router dies, and all its interfaces with it")
    towards: Reference | None = Field(
        None, description="of silent_loss: only what goes to this router vanishes; both ways if left out"
    )
    circuit: Reference | None = Field(None, description="the circuit of the link or peering, where there are several")

    @model_validator(mode="after")
    def _exactly_one(self) -> FaultDocument:
        known = [kind.value for kind in FaultKind]
        given = [name for name in known if name in self.model_fields_set]
        if len(given) != 1:
            raise Wrong(f"a fault is one thing that fails, and this one has {len(given)}", f"one of {', '.join(known)}")
        return self


class FailoverDocument(FamilyDocument):
    """A stream of packets between two networks, both ways, across a fault."""

    when: FaultDocument = Field(description="what fails")
    family: FamilyName | None = Field(None, description="ipv4 or ipv6; the first that both ends have if left out")
    outage_under: DURATION = Field(
        description="how long packets may not get through, in each direction, every time and uncertainty included"
    )
    lost_under: Annotated[int, whole(1, 1_000_000)] | None = Field(
        None, description="how many packets may be lost while the fault lasts, both directions together"
    )
    back_under: DURATION | None = Field(
        None, description="the same as outage_under from healing on, while traffic returns"
    )
    repeat: Annotated[int, whole(1, MOST_REPETITIONS)] = Field(1, description="how often it happens; 1 if left out")
    every: DELAY = Field(
        EVERY_MS,
        description="the time from one packet of the stream to the next; 1 ms if left out",
        json_schema_extra={"default": duration_text(EVERY_MS)},
    )
    dscp: Annotated[int, values.DSCP] = Field(0, description="the DSCP of the stream: ef, af41 ... or 0 to 63")
