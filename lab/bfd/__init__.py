"""Bidirectional Forwarding Detection of single hops (RFC 5880, RFC 5881): whether packets still reach a neighbour.

    Datagram ► Endpoint ► decode ► Session ► ControlPacket, Changed

Nothing here does I/O: packets and time are handed in, packets and changes come out. `lab.node.bfd` runs it.
"""

from lab.bfd.endpoint import HOP_LIMIT, PORT, SOURCE_PORTS, Datagram, Endpoint
from lab.bfd.packet import ControlPacket, Diagnostic, Discarded, State, decode
from lab.bfd.session import BfdStatus, Changed, Output, Session, negotiated

__all__ = [
    "HOP_LIMIT",
    "PORT",
    "SOURCE_PORTS",
    "BfdStatus",
    "Changed",
    "ControlPacket",
    "Datagram",
    "Diagnostic",
    "Discarded",
    "Endpoint",
    "Output",
    "Session",
    "State",
    "decode",
    "negotiated",
]
