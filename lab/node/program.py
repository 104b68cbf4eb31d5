"""The node program: one router, from its plan to its routes in the kernel.

It runs inside the node's network namespace and talks to the supervisor over one channel. It knows no runtime: whoever
starts it hands it a plan and a channel. ExaBGP's reactor is its main loop, and this the helper that the reactor calls.
"""

from __future__ import annotations

import errno
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from lab.bfd import State
from lab.channel import Channel, ChannelClosed
from lab.errors import LabBroken
from lab.events import (
    CEASE_ADMINISTRATIVE_RESET,
    Announce,
    BfdChanged,
    CloseSession,
    Effect,
    Event,
    InstallRoute,
    LinkChanged,
    Reconfigured,
    RemoveRoute,
    RequestRefresh,
    SessionDown,
    SessionUp,
    Withdraw,
)
from lab.netlink import LinkEvent, LinkMonitor, Netlink
from lab.node import bfd, interfaces, marking, nat, packet_limits, queues, speaker
from lab.node.outbox import Outbox
from lab.node.reports import session_reports
from lab.node_messages import (
    BfdReport,
    ChangesReported,
    Configured,
    ConfigureRouter,
    Connect,
    Listening,
    NodeReport,
    ReadRouterTables,
    Refresh,
    ReportChanges,
    ResetSession,
    RouterTablesRead,
    SessionReport,
    SessionReset,
)
from lab.plan import NodePlan
from lab.processes import be_prompt
from lab.questions.control import Broken, Refreshed
from lab.questions.explanations import Explain, Explained
from lab.router import Router
from lab.wire import UpdateError

CONNECT_DEADLINE_S = 30.0
LONGEST_WAIT_FOR_MORE_S = 0.1
"""How long routes are held back while UPDATEs arrive: RFC 4271 §9.2.1.1 has 5 s on iBGP and 30 s on eBGP."""
LONGEST_WAIT_FOR_KERNEL_S = 0.005
"""How long routes are kept from the kernel while UPDATEs arrive: of many in a row, each call of it would cost more."""
_ALREADY_GONE = (errno.ESRCH, errno.ENODEV)


def run(node: NodePlan, supervisor: Channel, *, again: bool = False) -> None:
    """Be the router of `node` until the supervisor is gone. Raises LabBroken where the speaker ends.

    With `again` an earlier process has been it, and the kernel still has what that one configured.
    """
    try:
        configure(node, again=again)
        _speak(node, supervisor)
    except ChannelClosed:
        return
    except LabBroken as problem:
        supervisor.send(Broken(reason=f"{node.name}: {problem}"))
        raise


def configure(node: NodePlan, *, again: bool) -> None:
    """Make the kernel of the caller's network namespace what the plan says; `again` is that of `run`."""
    if again:
        interfaces.start_again(node)
        packet_limits.start_again(node)
        return
    interfaces.configure(node)
    nat.configure(node)
    marking.configure(node)
    queues.configure(node)
    packet_limits.configure(node)


def _speak(node: NodePlan, supervisor: Channel) -> None:
    if node.bgp is None:
        raise ValueError(f"{node.name} is no router")
    be_prompt()
    running = bfd.start(node, supervisor) if any(session.bfd for session in node.bgp.sessions) else None
    try:
        status = speaker.run(node.bgp, _Program(node, supervisor, running))
    except _Stop as stop:
        raise stop.problem from None
    raise LabBroken(f"ExaBGP ended with status {status}")


class _Stop(BaseException):
    """Leaves ExaBGP's reactor, which catches most exceptions, because of `problem`."""

    def __init__(self, problem: LabBroken) -> None:
        self.problem = problem


@contextmanager
def _stopping() -> Iterator[None]:
    try:
        yield
    except LabBroken as problem:
        raise _Stop(problem) from problem


class Carriers:
    """Which interfaces with addresses can carry packets.

    A sub-interface cannot while its port does not: it is not waited for until the kernel says so of it, too.
    """

    def __init__(self, node: NodePlan) -> None:
        self._routed = [one.name for one in node.interfaces if one.addresses]
        self._port = {
            one.name: one.vlan.port.interface if one.vlan and one.vlan.port.node == node.name else ""
            for one in node.interfaces
        }
        self._up = dict.fromkeys(self._port, True)

    def hear(self, told: LinkEvent) -> list[LinkChanged]:
        """What changes for the router by what the kernel tells of one interface."""
        if told.interface not in self._up:
            return []
        self._up[told.interface] = told.up
        touched = [name for name in self._routed if told.interface in (name, self._port[name])]
        return [LinkChanged(interface=name, up=self._carries(name)) for name in touched]

    def _carries(self, name: str) -> bool:
        return self._up[name] and self._up.get(self._port[name], True)


class _Program:
    """ExaBGP's helper: `lab.node.exabgp_parts.Helper`."""

    def __init__(self, node: NodePlan, supervisor: Channel, running_bfd: bfd.RunningBfd | None) -> None:
        self._node = node
        self._supervisor = supervisor
        self._bfd = running_bfd
        self._router = Router(node)
        self._marking = node.marking
        self._sessions = {session.name: session for session in node.bgp.sessions} if node.bgp else {}
        self._decoder = speaker.Decoder(self._sessions.values())
        self._netlink = Netlink()
        self._flushed_s = 0.0
        self._links = LinkMonitor()
        self._carriers = Carriers(node)
        self._outbox = Outbox()
        self._more_arrived, self._waits_since_s = False, 0.0
        self._commands: list[str] = []
        self._to_try: list[str] = []
        self._held_down: dict[str, float] = {}
        self._up: set[str] = set()
        self._changed, self._changed_ns = False, 0
        self._updates: dict[str, tuple[int, int]] = {}
        self._refused: dict[str, str] = {}
        self._told: dict[str, SessionReport] = {}

    # ExaBGP's helper

    @_stopping()
    def before_connecting(self) -> None:
        """Let every other speaker of the lab listen before this one connects: a refused connect costs a second."""
        for effect in self._router.begin():
            self._carry_out(effect)
        self._supervisor.send(Listening())
        self._supervisor.expect(Connect, deadline_s=CONNECT_DEADLINE_S)

    @_stopping()
    def hear(self, line: str) -> None:
        """Take an event of the speaker's."""
        event = self._decoder.decode(line)
        if event is not None:
            self._handle(event)

    @_stopping()
    def hear_update(self, peer: str, body: bytes, *, asn4: bool) -> None:
        """Take an UPDATE's octets. Raises UpdateError where the session has to end."""
        try:
            event = self._decoder.update(peer, body, asn4=asn4)
        except UpdateError as problem:
            session = self._decoder.session(peer)
            if session is not None:
                self._handle(SessionDown(session=session, reason=f"closed by {self._node.name}: {problem}"))
            raise
        self._more_arrived = True
        if event is not None:
            for fault in event.faults:
                sys.stderr.write(f"{self._node.name}: from {peer}: {fault.text}\n")
            self._handle(event)
            if time.monotonic() > self._flushed_s + LONGEST_WAIT_FOR_KERNEL_S:
                self._bring_the_kernel_up_to_date()  # many in a row are left to before_sleep

    @_stopping()
    def hear_refresh(self, peer: str, body: bytes) -> None:
        """Send a peer all routes again, where it asks for those of its session."""
        event = self._decoder.refresh(peer, body)
        if event is not None:
            self._handle(event)

    def holds_down(self, peer: str) -> bool:
        """Whether a session that the router closed has to stay so for now."""
        until = self._held_down.get(peer)
        if until is None:
            return False
        if time.monotonic() < until:
            return True
        del self._held_down[peer]
        self._to_try.append(peer)
        return False

    def take_commands(self) -> list[str]:
        """What the router wants the speaker to say.

        While UPDATEs arrive, routes wait for more of them, though not for long: the speaker's next turn comes at once.
        """
        now_s = time.monotonic()
        if not self._more_arrived:
            self._waits_since_s = now_s
        if not self._more_arrived or now_s > self._waits_since_s + LONGEST_WAIT_FOR_MORE_S:
            self._waits_since_s = now_s
            self._say_what_waits()
        self._more_arrived = False
        commands, self._commands = self._commands, []
        return commands

    @_stopping()
    def before_sleep(self, updates: dict[str, tuple[int, int]]) -> None:
        """Bring the kernel and the supervisor up to date, once for all events that were handled."""
        if not self._changed and updates == self._updates:
            return
        self._changed, self._updates = False, updates
        self._bring_the_kernel_up_to_date()
        self._report()

    def _bring_the_kernel_up_to_date(self) -> None:
        self._flushed_s = time.monotonic()
        for words, error in self._netlink.flush():
            if not (words.startswith("remove") and error in _ALREADY_GONE):
                self._refused[words] = os.strerror(error)
                sys.stderr.write(f"{self._node.name}: the kernel refused to {words}: {os.strerror(error)}\n")

    def peers_to_try(self) -> list[str]:
        """The peers whose link has come back since the last call."""
        peers, self._to_try = self._to_try, []
        return peers

    def fds(self) -> list[int]:
        """The supervisor, the kernel and BFD."""
        fds = [self._supervisor.fileno(), self._links.fileno()]
        return fds if self._bfd is None else [*fds, self._bfd.channel.fileno()]

    @_stopping()
    def readable(self, fd: int) -> bool:
        """Handle what the supervisor, the kernel or BFD says."""
        if fd == self._supervisor.fileno():
            for message in self._supervisor.receive():
                self._answer(message)
        elif fd == self._links.fileno():
            for event in (change for told in self._links.read() for change in self._carriers.hear(told)):
                self._link_changed(event)
        elif self._bfd is not None and fd == self._bfd.channel.fileno():
            for report in self._bfd.receive():
                self._bfd_changed(report)
        else:
            return False
        return True

    # the router

    def _answer(self, message: object) -> None:
        match message:
            case ReadRouterTables():
                self._report_changes()  # first: the supervisor must not take the tables for those of its last report
                self._supervisor.send(RouterTablesRead(tables=self._router.tables()))
            case ReportChanges():
                self._report_changes()
                self._supervisor.send(ChangesReported())
            case Explain(prefix=prefix):
                self._supervisor.send(Explained(explanation=self._router.explain(prefix)))
            case ConfigureRouter(bgp=bgp, marking=rules):
                if rules != self._marking:
                    marking.change(self._node.name, rules)
                    self._marking = rules
                self._to_try += self._held_down
                self._held_down.clear()
                self._handle(Reconfigured(bgp=bgp))
                self._bring_the_kernel_up_to_date()
                self._report()  # first: the supervisor must not take the state before for the one after
                self._supervisor.send(Configured())
            case Refresh(neighbor=neighbor):
                self._supervisor.send(self._refresh(neighbor))
            case ResetSession(session=session):
                self._reset(session)
                self._supervisor.send(SessionReset())
            case _:
                raise LabBroken(f"{type(message).__name__} is no message for a node")

    def _refresh(self, neighbor: str) -> Refreshed:
        """Ask on each session with a neighbour that is established."""
        asked, down = [], {}
        for session in self._router.tables().sessions:
            if session.neighbor == neighbor and session.established:
                self._carry_out(RequestRefresh(session=session.session))
                asked.append(session.session)
            elif session.neighbor == neighbor:
                down[session.session] = session.why_down
        return Refreshed(sessions=tuple(asked), down=down)

    def _link_changed(self, event: LinkChanged) -> None:
        """Tell the router, and have the kernel send packets another way before anybody is told."""
        if event.up:
            interfaces.write_neighbors(self._node.interface(event.interface), self._netlink)
            behind = (s for s in self._sessions.values() if s.interface == event.interface)
            self._to_try += [str(session.peer_address) for session in behind]
        self._handle(event)
        self._bring_the_kernel_up_to_date()

    def _reset(self, session: str) -> None:
        """Close a session, which may come up again at once."""
        reason = "administrative reset (RFC 4486 §4, subcode 4)"
        self._carry_out(CloseSession(session=session, subcode=CEASE_ADMINISTRATIVE_RESET, reason=reason))
        self._handle(SessionDown(session=session, reason=reason))

    def _bfd_changed(self, report: BfdReport) -> None:
        """Tell the router of BFD; a path that is back is tried at once."""
        status = report.changed.status
        if status.state is State.UP:
            self._to_try.append(str(self._sessions[report.session].peer_address))
        self._handle(BfdChanged(session=report.session, status=status, failure=report.changed.failure))
        self._bring_the_kernel_up_to_date()

    def _handle(self, event: Event) -> None:
        if not self._changed:
            self._changed, self._changed_ns = True, time.monotonic_ns()
        if isinstance(event, SessionUp):
            self._up.add(event.session)
        elif isinstance(event, SessionDown):
            self._up.discard(event.session)
            self._outbox.forget(event.session)
        for effect in self._router.handle(event):
            self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case InstallRoute(prefix=prefix, next_hops=next_hops):
                self._refused.pop(f"install {prefix}", None)
                self._netlink.route(prefix, next_hops)
            case RemoveRoute(prefix=prefix):
                self._refused.pop(f"install {prefix}", None)
                self._netlink.remove_route(prefix)
            case Announce() | Withdraw():
                self._outbox.add(effect)
            case CloseSession(session=name, hold_down_s=hold_down_s):
                if name in self._up:  # ExaBGP would remember it for the next time
                    self._say(effect)
                if hold_down_s != 0:
                    until = math.inf if hold_down_s is None else time.monotonic() + hold_down_s
                    self._held_down[str(self._sessions[name].peer_address)] = until
            case _:
                self._say(effect)

    def _say_what_waits(self) -> None:
        for effect in self._outbox.take():
            self._command(effect)

    def _say(self, effect: Effect) -> None:
        """Let the speaker carry out an effect, after all that came before it."""
        self._say_what_waits()
        self._command(effect)

    def _command(self, effect: Effect) -> None:
        for command in speaker.commands(effect, self._sessions):
            self._decoder.sent(command)
            self._commands.append(command)

    def _report_changes(self) -> None:
        if self._changed:
            self._report()

    def _report(self) -> None:
        by_peer = {name: str(session.peer_address) for name, session in self._sessions.items()}
        updates = {name: self._updates.get(peer, (0, 0)) for name, peer in by_peer.items()}
        reports = [one for one in session_reports(self._router, updates) if one != self._told.get(one.session)]
        self._told |= {one.session: one for one in reports}
        refused = tuple(f"{words}: {why}" for words, why in self._refused.items())
        since_ns = self._changed_ns or time.monotonic_ns()
        self._supervisor.send(NodeReport(sessions=tuple(reports), refused=refused, since_ns=since_ns))
