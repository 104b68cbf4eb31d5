"""The shape of what a topology file says of quality of service: who marks which packets, and who rewrites marks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from lab.load import values
from lab.load.forms import AnyPrefix, Document, OneOrMore, word_for
from lab.load.scalars import choice
from lab.load.shaping_documents import QueuesDocument
from lab.packets import PortRange, Protocol
from lab.texts import Wrong
from lab.topology import Towards

Mark = Annotated[int, values.DSCP]
Ports = Annotated[PortRange, values.PORTS]
BLEACH = word_for("bleach", dict.fromkeys(map(str, range(1, 64)), "0"))
"""The word for the map that has every mark become 0."""
Remarks = Annotated[dict[Mark, Mark], Field(min_length=1), BLEACH]
_WITH_PORTS = (Protocol.UDP, Protocol.TCP)


class PacketMatchDocument(Document):
    """The packets that a marking rule is about: every key that is given must hold."""

    protocol: Annotated[Protocol, choice(Protocol, "protocol")] | None = Field(
        None, description="icmp (ICMPv6 too), udp or tcp; any if left out"
    )
    from_: OneOrMore[AnyPrefix] | None = Field(
        None, alias="from", description="the prefixes of the source, at a router that translates those before it"
    )
    to: OneOrMore[AnyPrefix] | None = Field(None, description="the prefixes of the destination: one, or a list")
    source_ports: OneOrMore[Ports] | None = Field(
        None, description="source ports of udp or tcp: a port, a range such as 50000-50019, or a list of them"
    )
    destination_ports: OneOrMore[Ports] | None = Field(
        None, description="destination ports of udp or tcp: a port, a range such as 3478-3481, or a list of them"
    )
    dscp: OneOrMore[Mark] | None = Field(None, description="the marks that it has: one, or a list")
    towards: Annotated[Towards, choice(Towards, "direction")] | None = Field(
        None,
        description="microsoft: what leaves for Microsoft or the provider; customer: what comes from there; "
        "any if left out",
    )

    @model_validator(mode="after")
    def _can_match(self) -> PacketMatchDocument:
        if not self.model_fields_set:
            raise Wrong("asks nothing", "leave it out: a rule without match is about every packet")
        if (self.source_ports or self.destination_ports) and self.protocol not in _WITH_PORTS:
            has = f"{self.protocol.value} has none" if self.protocol else "not every protocol has them"
            raise Wrong(f"asks for ports, and {has}", "write protocol: udp, or tcp")
        if self.from_ and self.to and not {p.version for p in self.from_} & {p.version for p in self.to}:
            raise Wrong("matches nothing: from and to are of different address families", "write both of one family")
        return self


class MarkingRuleDocument(Document):
    """One rule of a router's marking: the first that matches decides, and what none matches keeps its mark."""

    match: PacketMatchDocument | None = Field(None, description="the packets it is about; every one if left out")
    set: Mark = Field(description="the mark that they leave with: ef, af41 ... or 0 to 63")


class RouterQosDocument(Document):
    """What one router does for quality of service."""

    marking: OneOrMore[MarkingRuleDocument] | None = Field(
        None, description="how it marks what it forwards, both ways; of the rules the first that matches decides"
    )
    queues: OneOrMore[QueuesDocument] | None = Field(
        None, description="how it sends towards a neighbour: {towards: msee1, rate: 20 Mbps, classes: ...}, or a list"
    )

    @model_validator(mode="after")
    def _says_something(self) -> RouterQosDocument:
        if not self.model_fields_set:
            raise Wrong("says nothing", f"leave it out, or give {' or '.join(type(self).model_fields)}")
        return self
