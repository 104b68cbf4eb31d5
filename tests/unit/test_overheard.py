"""BGP sessions overheard: frames of TCP become sessions and Adj-RIBs, whatever the network does to their order."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address

import pytest

from lab.bgp import Asn, AsPath, Community, Family, Route, parse_prefix
from lab.overheard import HeardSession, Overheard
from lab.plan import SessionPlan
from raw_speaker import KEEPALIVE, NOTIFICATION, OPEN, ROUTE_REFRESH, UPDATE, message, open_body
from wire_octets import (
    AS_PATH,
    COMMUNITIES,
    NEXT_HOP,
    ORIGIN_IGP,
    SEQUENCE,
    TRANSITIVE,
    WELL_KNOWN,
    attribute,
    nlri,
    segment,
    update,
)

HERE, PEER = IPv4Address("172.16.0.1"), IPv4Address("172.16.0.2")
PLAN = SessionPlan(
    neighbor="msee1",
    family=Family.IPV4,
    interface="to-msee1",
    local_address=HERE,
    peer_address=PEER,
    local_asn=Asn(65010),
    peer_asn=Asn(12076),
    passive=False,
    hold_time_s=180,
)
SYN, ACK, PSH, FIN, RST = 0x02, 0x10, 0x08, 0x01, 0x04


def announcement(prefix: str, *asns: int, next_hop: IPv4Address, community: bytes = b"") -> bytes:
    """The body of an UPDATE."""
    path = attribute(WELL_KNOWN, AS_PATH, segment(SEQUENCE, *asns))
    found = ORIGIN_IGP + path + attribute(WELL_KNOWN, NEXT_HOP, next_hop.packed)
    return update(found + (attribute(TRANSITIVE, COMMUNITIES, community) if community else b""), nlri(prefix))


@dataclass(slots=True, kw_only=True)
class Wire:
    """A TCP connection between the two ends, as frames; `out` is for those of this router."""

    port: int = 40000
    sequence: dict[bool, int] = field(default_factory=lambda: {True: 0xFFFFFFF0, False: 1000})

    def frame(self, payload: bytes = b"", *, out: bool, flags: int = ACK) -> tuple[bytes, bool]:
        """The next frame of one end; sequence numbers pass through zero."""
        ports = (self.port, 179) if out else (179, self.port)
        tcp = struct.pack(">HHIIBBHHH", *ports, self.sequence[out], 0, 5 << 4, flags, 65535, 0, 0)
        ends = (HERE.packed, PEER.packed) if out else (PEER.packed, HERE.packed)
        size = 20 + len(tcp) + len(payload)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0xC0, size, 0, 0x4000, 1, 6, 0, *ends)
        self.sequence[out] = (self.sequence[out] + len(payload) + bool(flags & (SYN | FIN))) % 2**32
        return bytes(12) + b"\x08\x00" + ip + tcp + payload, out

    def handshake(self) -> Iterator[tuple[bytes, bool]]:
        """The segments that open the connection and the session."""
        yield self.frame(out=True, flags=SYN)
        yield self.frame(out=False, flags=SYN | ACK)
        yield self.frame(message(OPEN, open_body(65010)), out=True)
        yield self.frame(message(OPEN, open_body(12076, PEER.packed)) + message(KEEPALIVE), out=False)
        yield self.frame(message(KEEPALIVE), out=True)


def overheard(*frames: tuple[bytes, bool]) -> tuple[Overheard, HeardSession]:
    """What is known after some frames."""
    heard = Overheard([PLAN])
    for frame, out in frames:
        heard.hear(frame, outgoing=out)
    return heard, heard.sessions["msee1/ipv4"]


RECEIVED = Route(
    prefix=parse_prefix("10.100.0.0/16"),
    next_hop=PEER,
    as_path=AsPath.of(12076),
    communities=(Community("12076:50001"),),
)
UPDATES = (
    announcement("10.100.0.0/16", 12076, next_hop=PEER, community=struct.pack(">HH", 12076, 50001)),
    announcement("10.101.0.0/16", 12076, next_hop=PEER),
    update(withdrawn=nlri("10.101.0.0/16")),
)


def test_tables_are_what_crossed_the_wire() -> None:
    """Both Adj-RIBs have every attribute, and the UPDATEs of both directions are counted."""
    wire = Wire()
    frames = [*wire.handshake(), *(wire.frame(message(UPDATE, one), out=False) for one in UPDATES)]
    frames.append(wire.frame(message(UPDATE, announcement("10.10.0.0/16", 65010, next_hop=HERE)), out=True))
    frames.append(wire.frame(message(ROUTE_REFRESH, bytes((0, 1, 0, 1))), out=False))
    _, session = overheard(*frames)
    assert (session.established, session.peer_router_id) == (True, int(PEER))
    assert list(session.adj_rib_in.values()) == [RECEIVED]
    assert [str(one) for one in session.adj_rib_out] == ["10.10.0.0/16"]
    assert (session.updates_received, session.updates_sent, session.refreshes) == (3, 1, 1)


@pytest.mark.parametrize("seed", range(20))
def test_order_and_repetition_do_not_matter(seed: int) -> None:
    """Segments of any size, in any order within a window, some of them twice, say the same."""
    draw = random.Random(seed)  # noqa: S311  # the same orders each time
    wire = Wire()
    opened = list(wire.handshake())
    octets = b"".join(message(UPDATE, one) for one in UPDATES)
    cut = sorted(draw.sample(range(1, len(octets)), 6))
    parts = [octets[start:end] for start, end in zip([0, *cut], [*cut, len(octets)], strict=True)]
    frames = [wire.frame(part, out=False) for part in parts]
    draw.shuffle(frames)
    _, session = overheard(opened[0], *opened, *frames, *draw.sample(frames, 3))
    assert list(session.adj_rib_in.values()) == [RECEIVED]
    assert (session.updates_received, session.unreadable) == (3, "")


def test_a_session_ends_with_the_reason_that_was_given() -> None:
    """A NOTIFICATION says why, and the end of the connection adds nothing; the tables are empty then."""
    wire = Wire()
    frames = [*wire.handshake(), wire.frame(message(UPDATE, UPDATES[0]), out=False)]
    frames += [wire.frame(message(NOTIFICATION, b"\x06\x04"), out=False), wire.frame(out=False, flags=FIN | ACK)]
    _, session = overheard(*frames)
    why = "msee1 sent the NOTIFICATION (6,4): Cease, administrative reset (RFC 4486 §4)"
    assert (session.established, session.why_down, dict(session.adj_rib_in)) == (False, why, {})
    assert session.received_in_all == 1


def test_the_last_words_of_an_earlier_connection_end_nothing() -> None:
    """What TCP sends again of a connection that was given up does not touch the session that has come since."""
    old, new = Wire(), Wire(port=40001)
    heard, session = overheard(*old.handshake())
    session.end("the interface went down")
    for frame, out in (*new.handshake(), old.frame(message(NOTIFICATION, b"\x06\x0a"), out=False)):
        heard.hear(frame, outgoing=out)
    assert (session.established, session.why_down) == (True, "")


def test_what_is_not_of_the_session_says_nothing() -> None:
    """Other connections, and one whose beginning was not seen, are passed over; KEEPALIVEs are no news."""
    wire = Wire()
    heard, session = overheard(wire.frame(message(UPDATE, UPDATES[0]), out=False))
    assert (heard.news, session.established) == (0, False)
    heard, session = overheard(*Wire().handshake())
    news = heard.news
    later = Wire()
    list(later.handshake())
    frame, out = later.frame(message(KEEPALIVE), out=False)
    assert not heard.hear(frame, outgoing=out)
    assert (heard.news, session.established) == (news, True)


def test_lost_frames_make_the_tables_unknown() -> None:
    """The negative control: what was not seen is told, and not taken for nothing."""
    heard, session = overheard(*Wire().handshake())
    heard.lost("frames came faster than they could be read")
    assert session.unreadable == "frames came faster than they could be read"
