"""The shape of expectations about the ways of packets."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from lab.load.expectation_documents.packets import EndsDocument, FamilyDocument
from lab.load.forms import Reference
from lab.load.scalars import choice, whole
from lab.packets import Protocol
from lab.texts import Wrong

MOST_FLOWS = 256


class FlowsDocument(EndsDocument):
    """Several flows, each from a port of its own."""

    flows: Annotated[int, whole(1, MOST_FLOWS)] | None = Field(
        None,
        description="how many flows are sent, each from a source port of its own, so that every way is taken where "
        "load is shared; 8 if left out, and 1 of icmp",
    )
    protocol: Annotated[Protocol, choice(Protocol, "protocol")] = Field(
        Protocol.UDP, description="udp (default), tcp or icmp"
    )
    port: Annotated[int, whole(1, 65535)] | None = Field(None, description="the destination port of udp or tcp")

    @model_validator(mode="after")
    def _icmp_has_no_ports(self) -> FlowsDocument:
        if self.protocol is Protocol.ICMP:
            if self.port is not None:
                raise Wrong("has a port, and icmp has none", "write protocol: udp, or tcp")
            if (self.flows or 1) > 1:
                raise Wrong("has several flows, and icmp no ports to tell them apart", "write protocol: udp, or tcp")
        return self


class WaysDocument(FlowsDocument, FamilyDocument):
    """The ways of flows."""


class PathDocument(WaysDocument):
    """The edges that packets cross, and the link that carries them."""

    there: list[Reference] | None = Field(
        None, description="all customer, provider and Microsoft edges on the way there, in order"
    )
    back: list[Reference] | None = Field(None, description="all of them on the way back, in order")
    link: Reference | None = Field(None, description="the link of a circuit that carries both directions: primary ...")

    @model_validator(mode="after")
    def _asks_something(self) -> PathDocument:
        if self.there is None and self.back is None and self.link is None:
            raise Wrong("says nothing of the way", "write there, back or link")
        return self


class SymmetricDocument(WaysDocument):
    """Packets come back by the same nodes."""
