"""The shape of an expectation about a stream beside others."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from lab.load import values
from lab.load.durations import duration, duration_text
from lab.load.expectation_documents.packets import FamilyDocument
from lab.load.forms import Document, OneOrMore, Reference
from lab.load.scalars import whole
from lab.load.shaping_documents import DELAY, PERCENT, RATE
from lab.streams import LARGEST_BYTES, SMALLEST_BYTES

VOICE_BYTES, LOAD_BYTES = 200, 1400
"""Of a packet of 20 ms of G.711 (RFC 3551 §4.5.14); and of one that fits through the gateway."""
FOR_MS, SHORTEST_FOR_MS, LONGEST_FOR_MS = 2000.0, 200, 60_000
_PacketBytes = Annotated[int, whole(SMALLEST_BYTES, LARGEST_BYTES)]


class LoadDocument(Document):
    """A stream that makes others wait."""

    from_: Reference | None = Field(
        None, alias="from", description="the network that it leaves; that of the stream if left out"
    )
    to: Reference | None = Field(None, description="the network that it is for; that of the stream if left out")
    dscp: Annotated[int, values.DSCP] = Field(0, description="its DSCP: ef, af41 ... or 0 to 63")
    rate: RATE = Field(description="its rate, IP headers included, such as 30 Mbps")
    packet_bytes: _PacketBytes = Field(LOAD_BYTES, description="the size of its IP packets; 1400 if left out")
    over: PERCENT | None = Field(
        None, description="the part of its own packets that it has to lose more of, or the link was not full: 10 %"
    )


class LossDocument(FamilyDocument):
    """A stream, the load beside it, and what it may lose."""

    dscp: Annotated[int, values.DSCP] = Field(0, description="its DSCP: ef, af41 ... or 0 to 63")
    rate: RATE = Field(description="its rate, IP headers included, such as 2 Mbps")
    packet_bytes: _PacketBytes = Field(VOICE_BYTES, description="the size of its IP packets; 200 if left out")
    load: OneOrMore[LoadDocument] | None = Field(
        None, description="what is sent beside it: {dscp: cs0, rate: 30 Mbps}, or a list of such"
    )
    for_: Annotated[float, duration(SHORTEST_FOR_MS, LONGEST_FOR_MS, "2 s", "500 ms")] = Field(
        FOR_MS,
        alias="for",
        description="how long all of it is sent; 2 s if left out",
        json_schema_extra={"default": duration_text(FOR_MS)},
    )
    under: PERCENT | None = Field(None, description="the part of its packets that it loses less of, such as 1 %")
    delay_under: DELAY | None = Field(None, description="what 99 % of the packets that arrive take less than")
    jitter_under: DELAY | None = Field(
        None, description="the mean change of delay from one packet to the next is less than this (RFC 3550)"
    )
