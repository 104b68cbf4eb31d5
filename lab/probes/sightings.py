"""What captures saw of the packets of flows, and what became of a flow by that. Nothing here sends or waits."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from lab.bgp import Address
from lab.forwarding import Crossing, Flow, FlowResult, Refusal, Seen
from lab.headers import (
    ACK,
    ECHO_REPLIES,
    ECHO_REQUESTS,
    ICMP,
    ICMPV6,
    RST,
    SYN,
    TCP,
    UDP,
    Headers,
    read_headers,
)

MAGIC = b"erlab\x00probe"
RUN_ID_BYTES = 8
NUMBER_BYTES = 4
ASKS, ANSWERS = b"?", b"!"
"""The first octet of a datagram: a responder turns the one into the other."""


class Kind(Enum):
    """What a captured packet is to its flow."""

    REQUEST = "request"
    REPLY = "reply"
    RESET = "reset"
    """A TCP connection is refused."""
    ERROR = "error"


class Frame(NamedTuple):
    """One packet at one interface of a node, as the kernel saw it."""

    node: str
    interface: str
    outgoing: bool
    time_ns: int
    octets: bytes


class Sighting(NamedTuple):
    """One packet of a flow, seen at one node. `says` and `largest_bytes` are what an ICMP error tells."""

    node: str
    interface: str
    outgoing: bool
    time_ns: int
    kind: Kind
    ttl: int
    dscp: int
    source: bytes
    target: bytes
    says: str = ""
    largest_bytes: int | None = None


@dataclass(slots=True, kw_only=True)
class Asked:
    """A packet of a flow and all that was seen of it. `stamp` is what it carries, where it carries anything."""

    flow: Flow
    number: int
    stamp: bytes
    source: Address
    target: Address
    port: int
    refused: str = ""
    settled: bool = False
    """Whether nothing more can come: answered at the source, or refused on the way."""
    sightings: list[Sighting] = field(default_factory=list)

    def see(self, one: Sighting) -> None:
        """Take note that it was seen."""
        self.sightings.append(one)
        back = one.kind is not Kind.REQUEST and one.node == self.flow.source and not one.outgoing
        self.settled = self.settled or back or one.kind is Kind.ERROR


_Ends = tuple[str, bytes, bytes, tuple[int, int]]
"""The node that opens a connection, and the addresses and ports of its two ends."""


class Book:
    """The packets that are asked with, by what tells them apart in what was captured.

    An echo and a datagram carry a stamp. A SYN carries nothing: it is known by its initial sequence number, which
    translators leave as it is, once the source has been seen sending it.
    """

    def __init__(self, run_id: bytes) -> None:
        self._mark = MAGIC + run_id
        self._by_number: dict[int, Asked] = {}
        self._by_ends: dict[_Ends, Asked] = {}
        self._by_sequence: dict[int, Asked] = {}
        self._unknown: list[tuple[Frame, Headers]] = []

    def write(self, asked: Asked) -> None:
        """Look for this packet from now on."""
        self._by_number[asked.number] = asked

    def connects_from(self, asked: Asked, port: int) -> None:
        """Its connection was opened from this port of its source."""
        self._by_ends[asked.flow.source, asked.source.packed, asked.target.packed, (port, asked.port)] = asked

    def stamp(self, number: int) -> bytes:
        """What the packet of a number carries."""
        return self._mark + struct.pack("!I", number)

    def see(self, frame: Frame) -> None:
        """Take note of a frame, where it is of a packet that is asked with."""
        headers = read_headers(frame.octets)
        if headers is None:
            return
        if headers.protocol == TCP:
            self._see_segment(frame, headers)
        elif headers.protocol in (ICMP, ICMPV6, UDP):
            self._see_stamped(frame, headers)

    def settle(self) -> None:
        """Look again at the segments that were captured before their SYN was seen leaving."""
        waiting, self._unknown = self._unknown, []
        for frame, headers in waiting:
            self._see_segment(frame, headers, again=True)

    def _see_stamped(self, frame: Frame, headers: Headers) -> None:
        octets = frame.octets
        refusal = headers.is_refusal(octets)
        at = octets.rfind(self._mark)
        number = octets[at + len(self._mark) : at + len(self._mark) + NUMBER_BYTES]
        asked = self._by_number.get(int.from_bytes(number, "big")) if at >= 0 and len(number) == NUMBER_BYTES else None
        if refusal:
            self._see_refusal(frame, headers, asked)
            return
        if asked is None:
            return
        if headers.protocol == UDP:
            kind = Kind.REQUEST if octets[at - 1 : at] == ASKS else Kind.REPLY
        elif headers.message(octets) in ECHO_REQUESTS:
            kind = Kind.REQUEST
        elif headers.message(octets) in ECHO_REPLIES:
            kind = Kind.REPLY
        else:
            return
        asked.see(_sighting(frame, headers, kind))

    def _see_refusal(self, frame: Frame, headers: Headers, asked: Asked | None) -> None:
        if asked is None:
            quoted = headers.quoted(frame.octets)
            if quoted is None or quoted.protocol != TCP:
                return
            asked = self._by_sequence.get(quoted.sequence(frame.octets))
        if asked is not None:
            says = _what_an_error_says(frame.octets)
            largest_bytes = headers.largest_bytes(frame.octets)
            asked.see(_sighting(frame, headers, Kind.ERROR)._replace(says=says, largest_bytes=largest_bytes))

    def _see_segment(self, frame: Frame, headers: Headers, *, again: bool = False) -> None:
        octets = frame.octets
        if len(octets) < headers.payload_at + 20:
            return
        flags = headers.flags(octets) & (SYN | RST | ACK)
        if flags == SYN:
            kind, sequence = Kind.REQUEST, headers.sequence(octets)
            ends = (frame.node, headers.source, headers.target, headers.ports(octets))
            opened = self._by_ends.get(ends) if frame.outgoing else None
            if opened is not None:
                self._by_sequence.setdefault(sequence, opened)
        elif flags in (SYN | ACK, RST | ACK):
            kind = Kind.REPLY if flags & SYN else Kind.RESET
            sequence = headers.acknowledgment(octets) - 1 & 0xFFFFFFFF
        else:
            return
        asked = self._by_sequence.get(sequence)
        if asked is not None:
            asked.see(_sighting(frame, headers, kind))
        elif not again and self._by_ends:
            self._unknown.append((frame, headers))


def _sighting(frame: Frame, headers: Headers, kind: Kind) -> Sighting:
    return Sighting(
        node=frame.node,
        interface=frame.interface,
        outgoing=frame.outgoing,
        time_ns=frame.time_ns,
        kind=kind,
        ttl=headers.ttl,
        dscp=headers.dscp,
        source=headers.source,
        target=headers.target,
    )


def _what_an_error_says(octets: bytes) -> str:
    from scapy.layers.inet import ICMP as IPV4_ERROR
    from scapy.layers.inet import IP
    from scapy.layers.l2 import Ether

    packet = Ether(octets)
    error = packet[IPV4_ERROR] if IP in packet and IPV4_ERROR in packet else packet.payload.payload
    return f"{error.sprintf('%type%')}: {error.sprintf('%code%')}"


# what became of a flow


def result_of(asked: Asked) -> FlowResult:
    """What became of a packet and of its answer, by what was seen."""
    flow = asked.flow
    requests = [one for one in asked.sightings if one.kind is Kind.REQUEST]
    replies = [one for one in asked.sightings if one.kind is Kind.REPLY]
    sent = any(one.node == flow.source and one.outgoing for one in requests)
    arrived = any(one.node == flow.destination and not one.outgoing for one in requests)
    answered = any(one.node == flow.source and not one.outgoing for one in replies)
    refusal = _refusal(asked)
    stopped = ""
    if not sent:
        stopped = asked.refused or "the packet was not seen leaving"
    elif not arrived:
        stopped = _where_it_ended(requests, refusal)
    elif not answered and refusal is not None and not replies:
        stopped = f"{refusal.node} answered {refusal.says}"
    elif not answered:
        stopped = f"the answer: {_where_it_ended(replies, refusal)}" if replies else "no answer left the host"
    return FlowResult(
        flow=flow,
        sent=sent,
        arrived=arrived,
        answered=answered,
        there=_crossings(requests, flow.source),
        back=_crossings(replies, flow.destination),
        stopped=stopped,
        refusal=None if answered else refusal,
        round_trip_s=_round_trip_s(flow, requests, replies) if answered else None,
    )


def _crossings(sightings: list[Sighting], start: str) -> tuple[Crossing, ...]:
    """The nodes that a packet crossed, in the order in which its TTL fell, behind the one that sent it."""
    left = {one.node: one for one in sightings if one.outgoing}
    if start not in left:
        return ()
    entered = {one.node: one for one in sightings if not one.outgoing}
    path = [start, *sorted(entered, key=lambda node: -entered[node].ttl)]
    return tuple(Crossing(node=node, entered=_seen(entered.get(node)), left=_seen(left.get(node))) for node in path)


def _seen(one: Sighting | None) -> Seen | None:
    if one is None:
        return None
    return Seen(interface=one.interface, dscp=one.dscp, source=_address(one.source), target=_address(one.target))


_address = lru_cache(maxsize=4096)(ip_address)
"""The address that octets are; most packets of a question have one of a few."""


def _refusal(asked: Asked) -> Refusal | None:
    """What says that the packet was dropped, by the node that was seen sending it first; None where nothing does."""
    refusals = [one for one in asked.sightings if one.kind in (Kind.ERROR, Kind.RESET)]
    if not refusals:
        return None
    first = max(refusals, key=lambda one: (one.ttl, one.outgoing))
    says = first.says if first.kind is Kind.ERROR else "TCP RST: the connection is refused"
    return Refusal(node=first.node, says=says, largest_bytes=first.largest_bytes)


def _where_it_ended(sightings: list[Sighting], refusal: Refusal | None) -> str:
    last = min(sightings, key=lambda one: (one.ttl, one.outgoing))
    if refusal is not None:
        return f"{refusal.node} answered {refusal.says}"
    if last.outgoing:
        return f"left {last.node} by {last.interface} and was seen nowhere behind it"
    return f"entered {last.node} by {last.interface} and did not leave it"


def _round_trip_s(flow: Flow, requests: list[Sighting], replies: list[Sighting]) -> float | None:
    """The time on the way there and back, without that which the destination took to answer.

    Of packets that were sent again, those count that the answer belongs to.
    """
    back = min(one.time_ns for one in replies if one.node == flow.source and not one.outgoing)
    answering = _last(replies, flow.destination, before_ns=back, outgoing=True)
    arriving = answering and _last(requests, flow.destination, before_ns=answering, outgoing=False)
    leaving = arriving and _last(requests, flow.source, before_ns=arriving, outgoing=True)
    if not (answering and arriving and leaving):
        return None
    return (back - answering + arriving - leaving) / 1e9


def _last(sightings: list[Sighting], node: str, *, before_ns: int, outgoing: bool) -> int | None:
    times = (one.time_ns for one in sightings if one.node == node and one.outgoing is outgoing)
    return max((time_ns for time_ns in times if time_ns <= before_ns), default=None)
