"""The shape of an expectation about the size of packets."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from lab.checks.largest import LEAST_BYTES
from lab.load.expectation_documents.packets import FamilyDocument
from lab.load.forms import OneOrMore, Reference
from lab.load.scalars import choice, whole
from lab.packets import Protocol
from lab.texts import Wrong

_MOST_BYTES = 9216


class MtuDocument(FamilyDocument):
    """The largest packet from one network to another."""

    bytes: Annotated[int, whole(LEAST_BYTES, _MOST_BYTES)] = Field(
        description="the size of the largest packet that arrives without being fragmented, its IP header included"
    )
    limited_by: OneOrMore[Reference] | None = Field(
        None,
        description="where larger packets end: a router, a link of a circuit, the network that they leave, "
        "or a list of which it is one; any if left out",
    )
    protocol: Annotated[Protocol, choice(Protocol, "protocol")] = Field(
        Protocol.ICMP, description="icmp (default), or udp"
    )
    port: Annotated[int, whole(1, 65535)] | None = Field(None, description="the destination port of udp")

    @model_validator(mode="after")
    def _has_a_size(self) -> MtuDocument:
        if self.protocol is Protocol.TCP:
            raise Wrong("asks for the size of a handshake, which has one of its own", "write protocol: udp, or icmp")
        if self.port is not None and self.protocol is Protocol.ICMP:
            raise Wrong("has a port, and icmp has none", "write protocol: udp")
        return self
