"""The shape of an expectation about packets that arrive, or do not."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from lab.load import values
from lab.load.forms import (
    Document,
    FamilyName,
    HostPrefix,
    Reference,
)
from lab.load.scalars import choice, whole
from lab.packets import Protocol
from lab.texts import Wrong


class EndsDocument(Document):
    """From the host of one network to that of another."""

    from_: Reference = Field(alias="from", description="the network that the packets leave")
    to: Reference = Field(description="the network that they are for")


class FamilyDocument(EndsDocument):
    """The same in one family, or in all."""

    family: FamilyName | None = Field(None, description="ipv4 or ipv6; every one that both ends have if left out")


class TransportDocument(FamilyDocument):
    """The same, and what the packets carry."""

    protocol: Annotated[Protocol, choice(Protocol, "protocol")] = Field(
        Protocol.ICMP, description="icmp (default), udp, or tcp: a handshake"
    )
    port: Annotated[int, whole(1, 65535)] | None = Field(None, description="the destination port of udp or tcp")

    @model_validator(mode="after")
    def _icmp_has_no_ports(self) -> TransportDocument:
        if self.port is not None and self.protocol is Protocol.ICMP:
            raise Wrong("has a port, and icmp has none", "write protocol: udp, or tcp")
        return self


class PacketsDocument(TransportDocument):
    """Packets from the host of one network to that of another."""

    dscp: Annotated[int, values.DSCP] | None = Field(None, description="the DSCP that is sent: ef, af41 ... or 0 to 63")


class UnreachableDocument(PacketsDocument):
    """Two networks whose hosts do not reach each other."""

    stopped_at: Reference | None = Field(
        None, description="the router that the packets have to be seen at last; any if left out"
    )


class ReachableDocument(PacketsDocument):
    """Two networks whose hosts reach each other."""

    source_in: HostPrefix | None = Field(
        None, description="the prefix that the source seen at the far end is in, such as a pool of translation"
    )
    via: list[Reference] | None = Field(
        None, description="all customer, provider and Microsoft edges on the way, in order"
    )
