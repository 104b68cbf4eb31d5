"""The shape of what a topology file says of wires that are worse than others, and of queues before one."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import Field

from lab.load import values
from lab.load.durations import duration
from lab.load.forms import Document, OneOrMore, Reference
from lab.load.scalars import NAME, choice, name_of, parsed, whole
from lab.shaping import LEAST_RATE_BPS
from lab.texts import Wrong, shown
from lab.topology import Link

_NUMBER = r"(0|[1-9][0-9]{0,5})(?:\.([0-9]{1,3}))?"
_UNITS = {"kbps": 10**3, "Mbps": 10**6, "Gbps": 10**9}
_RATE = re.compile(rf"({_NUMBER}) ?(kbps|Mbps|Gbps)", re.ASCII)
_PART = re.compile(rf"({_NUMBER}) ?%", re.ASCII)
_LEAST_FRAME_BYTES, _MOST_FRAME_BYTES = 256, 9238
_MOST_RATE_BPS, _LONGEST_MS = 100 * 10**9, 2_000


def rate(value: str) -> int:
    """A rate in bits a second."""
    found = _RATE.fullmatch(value)
    if not found:
        raise Wrong(f"{shown(value)} is not a rate", "write the unit too, such as 20 Mbps or 64 kbps")
    rate_bps = round(float(found[1]) * _UNITS[found[4]])
    if not LEAST_RATE_BPS <= rate_bps <= _MOST_RATE_BPS:
        raise Wrong(f"{shown(value)} is out of range", "from 8 kbps to 100 Gbps")
    return rate_bps


def percent(value: str) -> float:
    """A part of all packets."""
    found = _PART.fullmatch(value)
    if not found:
        raise Wrong(f"{shown(value)} is not a part of the packets", "write it in percent, such as 1 % or 0.1 %")
    if float(found[1]) > 100:
        raise Wrong(f"{shown(value)} is out of range", "from 0 % to 100 %")
    return float(found[1])


RATE = Annotated[int, parsed(rate, pattern=r"^[0-9.]+ ?(kbps|Mbps|Gbps)$", examples=["20 Mbps", "64 kbps"])]
DELAY = Annotated[float, duration(0, _LONGEST_MS, "20 ms", "0.5 ms")]
PERCENT = Annotated[float, parsed(percent, pattern=r"^[0-9.]+ ?%$", examples=["1 %", "0.1 %"])]


class ImpairmentDocument(Document):
    """A wire, and what it does to what crosses it."""

    link: Annotated[Link, choice(Link, "link")] | None = Field(
        None, description="a circuit's link, at the customer's side of a provider: primary or secondary"
    )
    circuit: Reference | None = Field(None, description="the circuit of the link, where there are several")
    between: Annotated[tuple[str, str], values.BETWEEN] | None = Field(
        None, description="the two nodes at any other wire, such as ce1 - hq or msee1 - gw"
    )
    towards: Reference | None = Field(
        None,
        description="only what goes this way: customer or microsoft of a link, else one of the two nodes; "
        "both ways if left out",
    )
    delay: DELAY | None = Field(None, description="how long a packet takes, such as 10 ms")
    jitter: DELAY | None = Field(
        None, description="how much longer or shorter it may take; packets may overtake one another"
    )
    loss: PERCENT | None = Field(None, description="the part of the packets that is lost, each by itself, such as 1 %")
    rate: RATE | None = Field(None, description="how much it carries of whole frames, such as 50 Mbps")
    frame_bytes: Annotated[int, whole(_LEAST_FRAME_BYTES, _MOST_FRAME_BYTES)] | None = Field(
        None,
        description="the largest frame that it carries, with its header and VLAN tags: 1518 for 1500 bytes and a tag",
    )


class QueueClassDocument(Document):
    """A class of packets with a queue of its own: strict, or with a rate of its own."""

    dscp: OneOrMore[Annotated[int, values.DSCP]] | None = Field(
        None, description="the marks of its packets: one, or a list; all that no other class has if left out"
    )
    strict: RATE | None = Field(
        None, description="it goes before all others, and gets this rate at most, as voice does: 4 Mbps"
    )
    rate: RATE | None = Field(None, description="the rate that it gets whenever it asks for it, if it is not strict")
    ceil: RATE | None = Field(
        None, description="the rate that it gets at most where others leave some; all if left out"
    )
    limit: DELAY | None = Field(
        None, description="how much it lets wait, as the time that its rate takes for it: 50 ms if left out"
    )


class QueuesDocument(Document):
    """How a router sends towards one of its neighbours."""

    towards: Reference = Field(description="the router or network at the other end of the link, such as msee1")
    rate: RATE = Field(description="the rate of all together: that of the line, such as 20 Mbps")
    classes: dict[
        Annotated[str, name_of("class", NAME.pattern, "letters, digits, '_', '.' and '-'")], QueueClassDocument
    ] = Field(min_length=1, description="the classes by name; one without dscp takes all other packets")
