"""The shape of an expectation about the marks of packets."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from lab.load import values
from lab.load.expectation_documents.packets import TransportDocument
from lab.load.forms import AnyNumber, Reference
from lab.load.scalars import whole
from lab.packets import Protocol
from lab.texts import Wrong

Mark = Annotated[int, values.DSCP]


class DscpDocument(TransportDocument):
    """The mark with which packets arrive, and who rewrote it."""

    sent: Mark = Field(description="the DSCP that is sent: ef, af41 ... or 0 to 63")
    arrives: Mark = Field(description="the DSCP that arrives")
    rewritten_by: AnyNumber[Reference] | None = Field(
        None,
        description="who rewrites it on the way: a router, a provider's line such as line1, a list of them in order, "
        "or [] for nobody; anybody if left out",
    )

    source_port: Annotated[int, whole(1, 65535)] | None = Field(
        None, description="the source port of udp or tcp; any if left out"
    )

    @model_validator(mode="after")
    def _is_rewritten_by_somebody(self) -> DscpDocument:
        if self.sent != self.arrives and self.rewritten_by == []:
            raise Wrong("is rewritten by nobody, and yet arrives with another mark", "leave rewritten_by out")
        if self.source_port is not None and self.protocol is Protocol.ICMP:
            raise Wrong("has a source_port, and icmp has none", "write protocol: udp, or tcp")
        return self
