"""The parts of ExaBGP 5.0.15 that the lab replaces: helper program, reading of UPDATEs, queue, sleep and retries.

Imported only where ExaBGP runs. The live tests fail where a new release changes what is relied on here
(docs/decisions/0003-exabgp-in-a-fork.md).
"""

from __future__ import annotations

import select
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Protocol
from uuid import uuid4

from exabgp.bgp.fsm import FSM
from exabgp.bgp.message import Message, Notify, Update
from exabgp.bgp.message.open.capability import Capabilities, Capability
from exabgp.bgp.message.open.capability.refresh import RouteRefresh as CanRefresh
from exabgp.bgp.message.refresh import RouteRefresh
from exabgp.bgp.message.update.attribute.attributes import Attributes
from exabgp.bgp.message.update.nlri.qualifier import Labels, RouteDistinguisher
from exabgp.bgp.neighbor import Neighbor
from exabgp.configuration import static
from exabgp.configuration.configuration import Configuration
from exabgp.configuration.core.format import formated
from exabgp.protocol.family import AFI, SAFI
from exabgp.reactor import loop
from exabgp.reactor.api.processes import Processes
from exabgp.reactor.api.response import Response
from exabgp.reactor.asynchronous import ASYNC
from exabgp.reactor.delay import Delay
from exabgp.reactor.loop import Reactor
from exabgp.reactor.peer import ACTION, Peer
from exabgp.reactor.protocol import Protocol as Connection
from exabgp.rib.outgoing import OutgoingRIB
from exabgp.version import json as json_version

from lab.node.speaker import NO_LABEL
from lab.wire import UpdateError

CONNECTING_SLEEP_MS, CONNECTING_SHARE = 1, 5
"""While sessions are on their way: at least so long, and so many times what a turn took.

So a hundred routers that start together leave the processor to those that have something to do.
"""
IDLE_SLEEP_MS, ESTABLISHED_SLEEP_MS = 100, 1000
"""The longest that a speaker sleeps: while a session is down, and while all are up."""
_SLEEPS_A_HOLD_TIME = 12
LONGEST_RETRY_S = 2
"""Between two tries to connect: the ConnectRetryTimer (RFC 4271 §8.2.2), which a real router sets to 120 s or so."""
_UPDATE_ERROR = 3  # RFC 4271 §4.5
_REFRESH_ERROR, _INVALID_LENGTH, _REFRESH_OCTETS = 7, 1, 4  # RFC 7313 §5
_CEASE, _CONNECTION_REJECTED = 6, 5  # RFC 4486 §4


class Helper(Protocol):
    """What ExaBGP calls its helper: it hears of events and gives commands. Here it lives in the same process."""

    def before_connecting(self) -> None:
        """ExaBGP listens, and will try its sessions when this returns."""

    def hear(self, line: str) -> None:
        """Take one line that ExaBGP tells: an event in JSON, or the answer to a command."""

    def hear_update(self, peer: str, body: bytes, *, asn4: bool) -> None:
        """Take the octets of an UPDATE behind its header. Raises UpdateError where the session has to end."""

    def hear_refresh(self, peer: str, body: bytes) -> None:
        """Take the octets of a ROUTE-REFRESH behind its header (RFC 2918)."""

    def holds_down(self, peer: str) -> bool:
        """Whether the session with a peer must not be opened now."""

    def take_commands(self) -> list[str]:
        """The commands that wait to be carried out; they are the caller's from now on."""

    def before_sleep(self, updates: dict[str, tuple[int, int]]) -> None:
        """All that has arrived was handled, and all that was to be sent is sent.

        `updates` counts, for each peer address, the UPDATEs sent and received since the session came up.
        """

    def readable(self, fd: int) -> bool:
        """Handle a file descriptor that can be read; False where it is not the helper's."""

    def peers_to_try(self) -> list[str]:
        """The addresses of peers whose link has come back; they are the caller's from now on."""

    def fds(self) -> list[int]:
        """The file descriptors to wake for."""


class _HelperInProcess(Processes):  # type: ignore[misc]  # ExaBGP has no types
    """ExaBGP's helpers, where the only one is an object and not a program at the end of two pipes."""

    helper: Helper

    def _start(self, process: str) -> None:
        self._encoder[process] = Response.JSON(json_version)
        self._ackjson[process] = False
        self._ack[process] = self._default_ack
        self._process[process] = None
        self.helper.before_connecting()

    def _update_fds(self) -> None:
        """There are no pipes."""

    def received(self) -> Iterator[tuple[str, str]]:
        for process in self._process:
            for command in self.helper.take_commands():
                yield process, formated(command)

    def message(self, message_id: int, neighbor: Any, direction: str, message: Any, *rest: Any) -> None:  # noqa: ANN401
        peer = str(neighbor["peer-address"])
        if message_id == Message.CODE.UPDATE:
            try:
                self.helper.hear_update(peer, message.body, asn4=message.asn4)
            except UpdateError as problem:
                text = str(problem).encode("ascii", "replace").decode()
                raise Notify(_UPDATE_ERROR, int(problem.subcode), text) from problem
        elif message_id == Message.CODE.ROUTE_REFRESH:
            self.helper.hear_refresh(peer, message.body)
        else:
            super().message(message_id, neighbor, direction, message, *rest)

    def up(self, neighbor: Any) -> None:  # noqa: ANN401
        """A session begins with nothing to send: what was queued as the one before ended is no longer so."""
        neighbor.rib.outgoing.reset()
        super().up(neighbor)

    def notification(self, *_: object) -> None:
        """Nothing: the original fails at it, and the NOTIFICATION would not be sent."""

    def write(self, process: str, string: str | None, neighbor: object = None) -> bool:
        del process, neighbor
        if string is not None:
            self.helper.hear(string)
        return True


def _left_unread(kind: type[Update], body: bytes, _direction: object, negotiated: Any) -> Update:  # noqa: ANN401
    """An UPDATE as its octets, which `lab.wire` decodes (docs/decisions/0011-updates-decoded-here.md)."""
    update = kind([], Attributes())
    update.body, update.asn4 = body, negotiated.asn4
    return update


def _refresh_left_unread(kind: type[RouteRefresh], body: bytes, *_: object) -> RouteRefresh:
    """A ROUTE-REFRESH as its octets. The original ends the session for a subtype that must be ignored (RFC 7313 §5)."""
    if len(body) != _REFRESH_OCTETS:
        raise Notify(_REFRESH_ERROR, _INVALID_LENGTH, f"a ROUTE-REFRESH of {len(body)} octets")
    refresh = kind(AFI.ipv4, SAFI.unicast)
    refresh.body = body
    return refresh


def _offer_route_refresh(capabilities: Capabilities, _neighbor: object) -> None:
    """Without the enhanced one (RFC 7313), whose markers ExaBGP would set around routes that it does not keep."""
    capabilities[Capability.CODE.ROUTE_REFRESH] = CanRefresh()


class _Configuration(Configuration):  # type: ignore[misc]
    """ExaBGP's configuration, whose neighbours may be asked for their routes again.

    `route-refresh enable` in the text would turn on ExaBGP's own copy of what was sent.
    """

    def reload(self) -> Any:  # noqa: ANN401
        result = super().reload()
        for neighbor in self.neighbors.values():
            neighbor["capability"]["route-refresh"] = True
        return result


def _route_distinguisher(tokens: Any) -> RouteDistinguisher:  # noqa: ANN401
    """One in the octets that it has on the wire. The original reads no 4-octet AS below 65536 (RFC 4364 §4.2)."""
    return RouteDistinguisher(bytes.fromhex(tokens().removeprefix("0x")))


def _label(tokens: Any) -> Labels:  # noqa: ANN401
    """One MPLS label, or the three octets 0x800000 of a withdrawal (RFC 8277 §2.4)."""
    text = tokens()
    return Labels([0x80000], bos=False) if text == NO_LABEL else Labels([int(text)])


_update_rib, _new_update = OutgoingRIB._update_rib, Connection.new_update


def _queue_in_place_of_earlier(rib: OutgoingRIB, change: Any) -> None:  # noqa: ANN401
    """Queue an announcement or a withdrawal, and drop what was queued for the prefix before.

    The original keeps both, and sends what shares its attributes together: an announcement may overtake a withdrawal.
    """
    before = rib._new_nlri.get(change.index())
    if before is not None:
        bucket = rib._new_attr_af_nlri.get(before.attributes.index(), {}).get(before.nlri.family().afi_safi(), {})
        bucket.pop(before.index(), None)
    _update_rib(rib, change)


def grouped_updates(rib: OutgoingRIB, _grouped: object) -> Iterator[Update]:
    """What is queued, as UPDATEs of prefixes with equal attributes. The original does so for plain IPv4 alone."""
    by_attributes, attributes = rib._new_attr_af_nlri, rib._new_attribute
    rib._new_nlri, rib._new_attr_af_nlri, rib._new_attribute = {}, {}, {}
    for index, families in by_attributes.items():
        for changes in families.values():
            if changes:
                yield Update([change.nlri for change in changes.values()], attributes[index])


def _as_it_is(_neighbor: Neighbor, change: Any) -> Any:  # noqa: ANN401
    """A change that is for one neighbour, and has no `next-hop self`. The original makes a deep copy of each."""
    return change


def _send_withdrawals_too(connection: Connection, _include_withdraw: object) -> Any:  # noqa: ANN401
    """The UPDATEs that are due. The original leaves withdrawals out of the first ones of a session."""
    return _new_update(connection, include_withdraw=True)


class _Delay(Delay):  # type: ignore[misc]
    """ExaBGP's pause between tries, which grows to two seconds and not to a minute."""

    _next: int

    def increase(self) -> None:
        super().increase()
        self._next = min(self._next, LONGEST_RETRY_S)


class _Peer(Peer):  # type: ignore[misc]
    """ExaBGP's side of a session, which can be held down, and leaves it to the router to send routes again."""

    def __init__(self, neighbor: object, reactor: object) -> None:
        super().__init__(neighbor, reactor)
        self._delay = _Delay()

    def held_down(self) -> bool:
        return bool(self.reactor.helper.holds_down(str(self.neighbor["peer-address"])))

    def resend(self, enhanced: object, family: object = None) -> None:
        """The router does it, out of its own Adj-RIB-Out."""

    def _read_ka(self) -> Iterator[Any]:
        """Wait for the first KEEPALIVE. The original asks for it without a pause, until the other end comes to run."""
        for message in self.proto.read_keepalive():
            self.recv_timer.check_ka_timer(message)
            yield ACTION.LATER

    def handle_connection(self, connection: Any) -> Any:  # noqa: ANN401
        if self.held_down():
            refusal = connection.notification(_CEASE, _CONNECTION_REJECTED, "held down")
            self.reactor.asynchronous.schedule(str(uuid4()), "refusing a connection", refusal)
            return True  # what the original returns is not sent by its caller
        return super().handle_connection(connection)

    def run(self) -> Any:  # noqa: ANN401
        if self.generator is None and self.held_down():
            return ACTION.LATER
        return super().run()


class _Callbacks(ASYNC):  # type: ignore[misc]
    """ExaBGP's queue of callbacks, emptied at once: the original takes 50 steps a turn in a new asyncio loop."""

    def run(self) -> bool:
        while self._async:
            uid, callback = self._async.popleft()
            try:
                for _ in callback:
                    pass
            except Exception:  # noqa: BLE001  # as the original: one failed callback must not end the reactor
                self._notify_error(uid)
        return False


class _EventDrivenReactor(Reactor):  # type: ignore[misc]
    """ExaBGP's reactor, woken by sockets once there is nothing to try.

    The original wakes a hundred or a thousand times a second. Here it does so only while a connection that this end
    opens is on its way; the listening sockets and the helper's files join the poll.
    """

    helper: Helper

    def __init__(self, configuration: object) -> None:
        super().__init__(configuration)
        self.asynchronous = _Callbacks()
        self._waited_for: set[int] = set()
        self._woke_s = time.monotonic()

    def _wait_for_io(self, sleeptime: int) -> Iterator[int]:
        if sleeptime:
            self.helper.before_sleep(
                {
                    str(peer.neighbor["peer-address"]): (peer.stats["send-update"], peer.stats["receive-update"])
                    for peer in self._peers.values()
                }
            )
        for address in self.helper.peers_to_try():
            for peer in self._peers.values():
                if str(peer.neighbor["peer-address"]) == address:
                    peer._delay.reset()  # or it would wait for a minute after a few failures
        self._forget_closed_sockets()
        others = {listening.fileno() for listening in self.listener._sockets}
        for fd in (*others, *self.helper.fds()):
            self._poller.register(fd, select.POLLIN)
        if sleeptime:
            sleeptime = self._connecting_sleep_ms() if self._connecting() else self._idle_sleep_ms()
        for fd in super()._wait_for_io(sleeptime):
            if fd not in others and not self.helper.readable(fd):
                yield fd
        self._woke_s = time.monotonic()

    def _connecting_sleep_ms(self) -> int:
        turn_ms = int((time.monotonic() - self._woke_s) * 1000)
        return min(IDLE_SLEEP_MS, max(CONNECTING_SLEEP_MS, CONNECTING_SHARE * turn_ms))

    def _forget_closed_sockets(self) -> None:
        """Stop waiting for sockets of sessions that ended: each would wake the original without end."""
        open_now = {peer.socket() for peer in self._peers.values()} - {-1}
        for fd in self._waited_for - open_now:
            with suppress(KeyError):
                self._poller.unregister(fd)
        self._waited_for = open_now

    def _connecting(self) -> bool:
        """Whether a connection is on its way, or due to be tried; the socket of one that is there wakes by itself."""
        return any(
            peer.proto is None and not (peer.neighbor["passive"] or peer.held_down() or peer._delay.backoff())
            for peer in self._peers.values()
        )

    def _idle_sleep_ms(self) -> int:
        """So long that the timers of the sessions still end in time."""
        sleep_ms = ESTABLISHED_SLEEP_MS
        for peer in self._peers.values():
            if peer.fsm != FSM.ESTABLISHED:
                return IDLE_SLEEP_MS
            hold_time_s = int(peer.proto.negotiated.holdtime) if peer.proto else 0
            if hold_time_s:
                sleep_ms = min(sleep_ms, hold_time_s * 1000 // _SLEEPS_A_HOLD_TIME)
        return sleep_ms


def reactor(configuration: str, helper: Helper) -> Any:  # noqa: ANN401
    """ExaBGP's reactor with `helper` as its only helper."""
    Update.unpack_message = classmethod(_left_unread)
    RouteRefresh.unpack_message = classmethod(_refresh_left_unread)
    static.label = _label
    static.route_distinguisher = _route_distinguisher
    Capabilities._refresh = _offer_route_refresh
    OutgoingRIB._update_rib = _queue_in_place_of_earlier
    OutgoingRIB.updates = grouped_updates
    Neighbor.remove_self = _as_it_is
    Connection.new_update = _send_withdrawals_too
    loop.Peer = _Peer
    loop.Processes = type("Helpers", (_HelperInProcess,), {"helper": helper})
    made = type("LabReactor", (_EventDrivenReactor,), {"helper": helper})
    return made(_Configuration([configuration], text=True))
