"""The shape of an expectation about the marks of packets."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from lab.load import values
from lab.load.expectation_documents.packets import FamilyDocument
from lab.load.forms import AnyNumber, Reference
from lab.load.scalars import Wrong, choice, whole
from lab.packets import Protocol

Mark = Annotated[int, values.DSCP]


class DscpDocument(FamilyDocument):
    """The mark with which packets arrive, and who rewrote it."""

    sent: Mark = Field(description="the DSCP that is sent: ef, af41 ... or 0 to 63")
    arrives: Mark = Field(description="the DSCP that arrives")
    rewritten_by: AnyNumber[Reference] | None = Field(
        None,
        description="who rewrites it on the way: a router, a provider's line such as line1, a list of them in order, "
        "or [] for nobody; anybody if left out",
    )
    protocol: Annotated[Protocol, choice(Protocol, "protocol")] = Field(
        Protocol.ICMP, description="icmp (default), udp or tcp"
    )
    port: Annotated[int, whole(1, 65535)] | None = Field(None, description="the destination port of udp or tcp")

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> DscpDocument:
        if self.port is not None and self.protocol is Protocol.ICMP:
            raise Wrong("has a port, and icmp has none", "write protocol: udp, or tcp")
        if self.sent != self.arrives and self.rewritten_by == []:
            raise Wrong("is rewritten by nobody, and yet arrives with another mark", "leave rewritten_by out")
        return self
