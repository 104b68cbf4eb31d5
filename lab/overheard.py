"""BGP sessions as they are seen from outside: frames of both their directions in, Adj-RIBs out. Nothing here does I/O.

    frame ► TCP stream (RFC 9293) ► message (RFC 4271 §4) ► OPEN, UPDATE, NOTIFICATION … ► Adj-RIB-In, Adj-RIB-Out

For a router that is another vendor's daemon: whatever it tells of its tables, this is what crossed the wire. It has to
see each connection from its first segment on. Left out: ADD-PATH (RFC 7911), whose routes no router of the lab sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from lab.headers import RST, SYN, TCP, Headers, read_headers
from lab.plan import SessionPlan
from lab.router.session import NOT_YET_CONNECTED, AdjRib
from lab.wire import Agreed, UpdateError, decode_update
from lab.wire.nlri import AFI, UNICAST

BGP_PORT = 179
_OPEN, _UPDATE, _NOTIFICATION, _KEEPALIVE, _ROUTE_REFRESH = range(1, 6)  # RFC 4271 §4.1, RFC 2918 §3
_HEADER_BYTES, _MARKER = 19, b"\xff" * 16
_FIN = 0x01
_ACK = 0x10
_FOUR_OCTET_AS = 65  # RFC 6793 §3
_CAPABILITIES = 2  # RFC 5492 §4
_EXTENDED_PARAMETERS = 255  # RFC 9072 §2
_WRAP, _HALF = 1 << 32, 1 << 31
_MOST_WAITING = 1 << 22
"""Bytes of a stream that wait for one that is missing: more, and it was never seen."""
_CODES = {
    1: "message header error",
    2: "OPEN message error",
    3: "UPDATE message error",
    4: "hold timer expired",
    5: "finite state machine error",
    6: "Cease",
    7: "ROUTE-REFRESH message error",
}
_CEASE = 6
_CEASE_SUBCODES = {
    1: "maximum number of prefixes reached (RFC 4486 §4)",
    2: "administrative shutdown (RFC 4486 §4)",
    3: "peer de-configured (RFC 4486 §4)",
    4: "administrative reset (RFC 4486 §4)",
    5: "connection rejected (RFC 4486 §4)",
    6: "other configuration change (RFC 4486 §4)",
    7: "connection collision resolution (RFC 4486 §4)",
    8: "out of resources (RFC 4486 §4)",
    9: "hard reset (RFC 8538 §3)",
    10: "BFD down (RFC 9384 §3)",
}


@dataclass(slots=True, kw_only=True)
class HeardSession:
    """What was heard of one session of a router: its Adj-RIBs, and its UPDATEs since it came up.

    `received_in_all` counts the UPDATEs of all its connections. `refreshes` counts how often the neighbour asked for
    all routes (RFC 2918). `unreadable` says why its tables are not known, empty where they are. `connection` is the one
    that the session is on while it is up: another one's last words end nothing.
    """

    plan: SessionPlan
    established: bool = False
    why_down: str = NOT_YET_CONNECTED
    peer_router_id: int = 0
    adj_rib_in: AdjRib = field(default_factory=AdjRib)
    adj_rib_out: AdjRib = field(default_factory=AdjRib)
    updates_received: int = 0
    updates_sent: int = 0
    received_in_all: int = 0
    refreshes: int = 0
    unreadable: str = ""
    connection: object = None

    def begin(self, connection: object, peer_router_id: int) -> None:
        """The session is up, with nothing said yet."""
        self.established, self.why_down, self.unreadable = True, "", ""
        self.connection = connection
        self.peer_router_id = peer_router_id
        self._forget()

    def end(self, reason: str) -> None:
        """The session is down."""
        self.established, self.why_down, self.connection = False, reason, None
        self._forget()

    def _forget(self) -> None:
        self.adj_rib_in.clear()
        self.adj_rib_out.clear()
        self.updates_received = self.updates_sent = 0


class Overheard:
    """The sessions of a router. A frame counts where it is of one of them; an untagged one, from Ethernet on."""

    def __init__(self, sessions: Iterable[SessionPlan]) -> None:
        self.sessions = {plan.name: HeardSession(plan=plan) for plan in sessions}
        self._named = {
            (plan.local_address.packed, plan.peer_address.packed): session
            for session in self.sessions.values()
            for plan in (session.plan,)
        }
        self._connections: dict[str, dict[tuple[int, int], _Connection]] = {}
        self.news = 0
        """How often something was heard that counts."""

    def hear(self, frame: bytes, *, outgoing: bool) -> bool:
        """Take a frame that left or entered the router; whether it said anything of BGP, or ended a connection."""
        headers = read_headers(frame)
        if headers is None or headers.protocol != TCP:
            return False
        ends = (headers.source, headers.target) if outgoing else (headers.target, headers.source)
        session = self._named.get(ends)
        source, target = headers.ports(frame)
        if session is None or BGP_PORT not in (source, target):
            return False
        ports = (source, target) if outgoing else (target, source)
        of_session = self._connections.setdefault(session.plan.name, {})
        flags = headers.flags(frame)
        connection = of_session.get(ports)
        if flags & SYN and not flags & _ACK and (connection is None or connection.first != headers.sequence(frame)):
            connection = of_session[ports] = _Connection(session, headers.sequence(frame))
        if connection is None:
            return False
        news = connection.hear(_segment(headers, frame), outgoing=outgoing)
        if connection.closed:
            del of_session[ports]
        self.news += news
        return news

    def lost(self, reason: str) -> None:
        """Some frames were not seen: what was heard of the sessions that are up is true no more."""
        self.news += 1
        for session in self.sessions.values():
            if session.established:
                session.unreadable = reason


@dataclass(frozen=True, slots=True)
class _Segment:
    sequence: int
    flags: int
    payload: bytes


def _segment(headers: Headers, frame: bytes) -> _Segment:
    at = headers.payload_at
    end = 14 + (20 + 20 + int.from_bytes(frame[18:20]) if len(headers.source) == 16 else int.from_bytes(frame[16:18]))
    start = at + 4 * (frame[at + 12] >> 4)
    return _Segment(headers.sequence(frame), headers.flags(frame), frame[start:end])


class _Stream:
    """One direction of a connection: its octets in order, once each."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._waiting: dict[int, bytes] = {}
        self._buffer = bytearray()

    def hear(self, segment: _Segment) -> bool:
        """Take a segment. Whether all that was sent so far has been seen, as far as can be told."""
        if segment.flags & SYN:
            if self._next is None:  # else it is sent again
                self._next = (segment.sequence + 1) % _WRAP
            return True
        if self._next is None:
            return False
        if segment.payload:
            self._waiting[segment.sequence] = segment.payload
        self._take()
        return sum(map(len, self._waiting.values())) < _MOST_WAITING

    def _take(self) -> None:
        """Move what is next from what waits to the buffer."""
        moved = True
        while moved and self._next is not None:
            moved = False
            for sequence, payload in list(self._waiting.items()):
                ahead = (sequence - self._next) % _WRAP
                behind = 0 if ahead < _HALF else _WRAP - ahead
                if 0 < ahead < _HALF:
                    continue
                del self._waiting[sequence]
                fresh = payload[behind:]
                if fresh:
                    self._buffer += fresh
                    self._next = (self._next + len(fresh)) % _WRAP
                    moved = True

    def messages(self) -> Iterator[tuple[int, bytes]]:
        """The whole messages that have come, as type and body. Raises ValueError where the stream holds none."""
        buffer = self._buffer
        while len(buffer) >= _HEADER_BYTES:
            length = int.from_bytes(buffer[16:18])
            if buffer[:16] != _MARKER or length < _HEADER_BYTES:
                raise ValueError("a message without a header (RFC 4271 §4.1)")
            if len(buffer) < length:
                return
            kind, body = buffer[18], bytes(buffer[_HEADER_BYTES:length])
            del buffer[:length]
            yield kind, body


@dataclass(slots=True, eq=False)
class _Connection:
    """One TCP connection of a session, and the sequence number of its first segment.

    It becomes the session when KEEPALIVEs have crossed in both directions.
    """

    session: HeardSession
    first: int
    closed: bool = False
    _streams: dict[bool, _Stream] = field(default_factory=lambda: {True: _Stream(), False: _Stream()})
    _opens: dict[bool, bytes] = field(default_factory=dict)
    _alive: set[bool] = field(default_factory=set)

    @property
    def _is_session(self) -> bool:
        return self.session.connection is self

    def hear(self, segment: _Segment, *, outgoing: bool) -> bool:
        """Take a segment; whether it said anything."""
        stream = self._streams[outgoing]
        if not stream.hear(segment) and self._is_session:
            self.session.unreadable = "a part of its UPDATEs was not seen"
        news = False
        try:
            for kind, body in stream.messages():
                news |= kind != _KEEPALIVE or not self._is_session
                self._message(kind, body, outgoing=outgoing)
        except ValueError as problem:
            self.session.unreadable = str(problem)
        if segment.flags & (_FIN | RST):
            news |= self._end(f"{self._who(outgoing)} closed the connection")
            self.closed = True
        return news

    def _who(self, outgoing: bool) -> str:  # noqa: FBT001  # it is a direction
        return "this router" if outgoing else self.session.plan.neighbor

    def _end(self, reason: str) -> bool:
        if not self._is_session:
            return False
        self.session.end(reason)
        return True

    def _message(self, kind: int, body: bytes, *, outgoing: bool) -> None:
        if kind == _OPEN:
            self._opens[outgoing] = body
        elif kind == _KEEPALIVE:
            self._alive.add(outgoing)
            if len(self._alive) == len(self._opens) == 2 and not self._is_session:
                self.session.begin(self, int.from_bytes(self._opens[False][5:9]))
        elif kind == _UPDATE and self._is_session:
            self._update(body, outgoing=outgoing)
        elif kind == _NOTIFICATION:
            words = _notification(body)
            if not self._end(f"{self._who(outgoing)} sent the NOTIFICATION {words}") and not self.session.established:
                self.session.why_down = f"{self._who(outgoing)} sent the NOTIFICATION {words}"
        elif kind == _ROUTE_REFRESH and not outgoing and body == bytes((0, AFI[self.session.plan.family], 0, UNICAST)):
            self.session.refreshes += 1

    def _update(self, body: bytes, *, outgoing: bool) -> None:
        session, plan = self.session, self.session.plan
        if outgoing:
            session.updates_sent += 1
        else:
            session.updates_received += 1
            session.received_in_all += 1
        try:
            decoded = decode_update(
                body,
                asn4=all(_FOUR_OCTET_AS in _capabilities(one) for one in self._opens.values()),
                ebgp=plan.ebgp,
                peer_asn=(plan.local_asn if outgoing else plan.peer_asn) if plan.ebgp else None,
                agreed=Agreed(plan.family, vpn=plan.vpn),
            )
        except UpdateError as problem:
            session.unreadable = f"an UPDATE that ends the session: {problem}"
            return
        table = session.adj_rib_out if outgoing else session.adj_rib_in
        for nlri in decoded.withdrawn:
            if nlri in table:
                del table[nlri]
        for route in decoded.announced:
            table[route.nlri] = route


def _capabilities(body: bytes) -> set[int]:
    """The codes of the capabilities of an OPEN (RFC 5492 §4, RFC 9072 §2)."""
    extended = body[9:11] == bytes((_EXTENDED_PARAMETERS, _EXTENDED_PARAMETERS))
    at, size = (13, 2) if extended else (10, 1)
    found = set()
    while at + 1 + size <= len(body):
        kind, length = body[at], int.from_bytes(body[at + 1 : at + 1 + size])
        at += 1 + size
        inner, end = at, min(at + length, len(body))
        while kind == _CAPABILITIES and inner + 2 <= end:
            found.add(body[inner])
            inner += 2 + body[inner + 1]
        at = end
    return found


def _notification(body: bytes) -> str:
    """The code and subcode of a NOTIFICATION in words (RFC 4271 §4.5)."""
    code, subcode = (*body[:2], 0, 0)[:2]
    words = _CODES.get(code, "of an unknown code")
    meaning = _CEASE_SUBCODES.get(subcode, "") if code == _CEASE else ""
    return f"({code},{subcode}): {words}{f', {meaning}' if meaning else ''}"
