"""The node program of a router that is another vendor's daemon: from its plan to its tables.

It runs inside the node's network namespace, as `lab.node.program` does for the lab's own router, and tells the
supervisor the same. The daemon speaks BGP; this writes its configuration, listens to its sessions on the wire, and asks
it for its tables whenever something was heard.
"""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable
from dataclasses import replace

from lab import packet_filter
from lab.channel import Channel, ChannelClosed
from lab.errors import InputError, LabBroken
from lab.foreign import ForeignState
from lab.messages import Message
from lab.netlink import RTPROT_STATIC, LinkMonitor, Netlink
from lab.node import interfaces, marking, program
from lab.node.daemons import Daemons
from lab.node.kernel_routes import KernelRoutes
from lab.node.ring import Ring
from lab.node_messages import (
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
from lab.overheard import BGP_PORT
from lab.plan import NodePlan
from lab.questions.control import Broken, Refreshed
from lab.questions.explanations import Explain, Explained
from lab.vendors import AskAgain, ForeignTables, Reset, Vendor, VendorError

_RING_BLOCKS = 24
_SOON_S, _LATER_S, _IDLE_S = 0.05, 1.0, 5.0
"""Between two times that the daemon is asked: at first, at most while it has something to do, and else."""
_COUNTS_STAND_S = 3.0
"""Where its counts of UPDATEs are not ours and nothing happens for so long, there is nothing left to work through."""


def run(node: NodePlan, vendor: Vendor, supervisor: Channel, *, again: bool = False) -> None:
    """Be the router of `node` until the supervisor is gone. Raises LabBroken where a daemon ends or refuses a line.

    The supervisor is told whether that line is one of the user's own.

    With `again` an earlier process has been it, and the kernel still has what that one configured.
    """
    try:
        os.setpgid(0, 0)  # whoever stops this process stops the daemons with it
        program.configure(node, again=again)
        _install_static_routes(node)
        _Program(node, vendor, supervisor).run()
    except ChannelClosed:
        return
    except InputError as problem:
        supervisor.send(Broken(reason=f"{node.name}: {problem}", input_is_wrong=True))
        raise LabBroken(str(problem)) from None
    except LabBroken as problem:
        supervisor.send(Broken(reason=f"{node.name}: {problem}"))
        raise


def _install_static_routes(node: NodePlan) -> None:
    """The routes that are no daemon's: static ones, and pools of addresses that nothing is translated to."""
    netlink = Netlink()
    for (prefix, _), next_hops in node.static_next_hops().items():
        netlink.route(prefix, next_hops, protocol=RTPROT_STATIC)
    for pool in dict.fromkeys(one.pool for one in node.nat):
        netlink.route(pool, (), protocol=RTPROT_STATIC)
    netlink.commit()
    netlink.close()


class _Program:
    """The loop over what the supervisor, the wire and the kernel say."""

    def __init__(self, node: NodePlan, vendor: Vendor, supervisor: Channel) -> None:
        if node.bgp is None:
            raise ValueError(f"{node.name} is no router")
        self._node, self._bgp = node, node.bgp
        self._vendor = vendor
        self._supervisor = supervisor
        self._news_seen = 0
        self._dropped: dict[int, int] = {}
        self._rings: list[Ring] = []
        self._daemons = Daemons(node, vendor, self._hear_wire)
        self._router = vendor.router(node, str(self._daemons.directory))
        self._state = ForeignState(node, vendor.name)
        self._netlink = Netlink()
        self._kernel_routes = KernelRoutes(node.name, self._netlink)
        self._links, self._carriers = LinkMonitor(), program.Carriers(node)
        self._told: dict[str, SessionReport] = {}
        self._told_besides: tuple[tuple[str, ...], tuple[str, ...]] | None = None
        self._since_ns = 0
        self._wait_s, self._ask_at_s, self._quiet_since_s = _SOON_S, 0.0, time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._rings = [
            Ring(name, 0, arrivals_only=False, only=packet_filter.segments(BGP_PORT), blocks=_RING_BLOCKS)
            for name in dict.fromkeys(session.interface for session in node.bgp.sessions)
        ]

    def run(self) -> None:
        """Start the daemons, and go on until the supervisor is gone."""
        self._daemons.take(self._router.prepare())
        self._daemons.start(self._router.daemons())
        first = self._router.configure(None)
        if first is not None:
            self._daemons.take(first)
        self._daemons.check_alive()
        self._supervisor.send(Listening())
        self._supervisor.expect(Connect, deadline_s=program.CONNECT_DEADLINE_S)
        self._register()
        self._happened()
        while True:
            for key, _ in self._selector.select(max(0.0, self._ask_at_s - time.monotonic())):
                key.data()
            if time.monotonic() >= self._ask_at_s:
                self._ask()
            self._report()

    def _register(self) -> None:
        def on(file: object, handler: Callable[[], None]) -> None:
            self._selector.register(file, selectors.EVENT_READ, handler)  # type: ignore[arg-type]  # all have fileno()

        on(self._supervisor, self._hear_supervisor)
        on(self._links, self._hear_links)
        for ring in self._rings:
            on(ring, self._listen)
        for pidfd in self._daemons.pidfds():
            on(pidfd, self._daemons.check_alive)

    # what happens

    def _happened(self) -> None:
        """Something did that the daemon has to say something of: it is asked soon."""
        if not self._since_ns:
            self._since_ns = time.monotonic_ns()
        self._state.expect()
        self._quiet_since_s = time.monotonic()
        self._wait_s = _SOON_S
        self._ask_at_s = min(self._ask_at_s, time.monotonic() + self._wait_s) or time.monotonic() + self._wait_s

    def _listen(self) -> None:
        """Take what has crossed the wire, and note when there was something."""
        before = self._news_seen
        self._hear_wire()
        self._news_seen = self._state.heard.news
        if self._news_seen != before:
            self._happened()

    def _hear_wire(self) -> None:
        """Take what has crossed the wire: a ring holds what comes in half a second."""
        for ring in self._rings:
            for frame in ring.read():
                self._state.heard.hear(frame.octets, outgoing=frame.outgoing)
            _, dropped = ring.counts()
            if dropped > self._dropped.get(ring.fileno(), 0):
                self._dropped[ring.fileno()] = dropped
                self._state.heard.lost("frames came faster than they could be read")

    def _hear_links(self) -> None:
        for event in (change for told in self._links.read() for change in self._carriers.hear(told)):
            if event.up:
                interfaces.write_neighbors(self._node.interface(event.interface), self._netlink)
                self._netlink.flush()
                self._kernel_routes.forget()
            self._happened()

    def _ask(self) -> None:
        """Ask the daemon for its tables, and decide when to ask again."""
        self._listen()
        news = self._state.heard.news
        try:
            told = self._router.tables(self._daemons.ask(self._router.questions()))
        except VendorError as problem:
            raise LabBroken(f"{self._vendor.name}: {self._daemons.without_keys(str(problem))}") from None
        self._listen()
        self._take(told, news)
        now_s = time.monotonic()
        if self._state.counts_differ() and now_s > self._quiet_since_s + _COUNTS_STAND_S:
            self._state.accept_counts()
        pending = self._state.pending()
        self._wait_s = min(2 * self._wait_s, _LATER_S)
        self._ask_at_s = now_s + (self._wait_s if pending or self._kernel_routes.refused else _IDLE_S)

    def _take(self, told: ForeignTables, news: int) -> None:
        if self._state.take(told, news):
            self._quiet_since_s = time.monotonic()
            self._wait_s = _SOON_S
            if not self._since_ns:
                self._since_ns = time.monotonic_ns()
        if not self._vendor.installs_routes:
            self._install()

    def _install(self) -> None:
        """Bring the kernel's routes to what a daemon chose that leaves them alone."""
        self._kernel_routes.bring_to(
            {
                prefix: tuple(sorted({path.route.next_hop for path in paths}, key=int))
                for prefix, paths in self._state.forwarding().items()
            }
        )

    # what it is asked

    def _hear_supervisor(self) -> None:
        for message in self._supervisor.receive():
            self._answer(message)

    def _answer(self, message: Message) -> None:
        match message:
            case ReadRouterTables():
                self._ask()
                self._report()  # first: the supervisor must not take the tables for those of its last report
                self._supervisor.send(RouterTablesRead(tables=self._state.tables()))
            case ReportChanges():
                self._listen()
                self._report()
                self._supervisor.send(ChangesReported())
            case Explain(prefix=prefix):
                self._ask()
                self._supervisor.send(Explained(explanation=self._state.explain(prefix)))
            case ConfigureRouter():
                self._configure(message)
                self._report()  # first: the supervisor must not take the state before for the one after
                self._supervisor.send(Configured())
            case Refresh(neighbor=neighbor):
                self._supervisor.send(self._refresh(neighbor))
            case ResetSession(session=name):
                session = next(one for one in self._bgp.sessions if one.name == name)
                commands = self._router.commands(Reset(session=session))
                if commands is None:
                    raise LabBroken(f"{self._vendor.name} closes no session when it is told to")
                self._daemons.ask(commands)
                self._happened()
                self._supervisor.send(SessionReset())
            case _:
                raise LabBroken(f"{type(message).__name__} is no message for a node")

    def _configure(self, message: ConfigureRouter) -> None:
        if message.marking != self._node.marking:
            marking.change(self._node.name, message.marking)
        node = replace(self._node, bgp=message.bgp, marking=message.marking)
        router = self._vendor.router(node, str(self._daemons.directory))
        step = router.configure(self._bgp) if message.bgp != self._bgp else None
        if step is not None:
            self._daemons.take(step)
        self._node, self._bgp, self._router = node, message.bgp, router
        self._state.configure(node)
        self._happened()

    def _refresh(self, neighbor: str) -> Refreshed:
        """Ask on each session with a neighbour that is established, where the daemon can."""
        down, asked = self._state.down(), []
        of_neighbor = [session for session in self._bgp.sessions if session.neighbor == neighbor]
        for session in of_neighbor:
            commands = self._router.commands(AskAgain(session=session))
            if commands is None:
                keeps = f"{self._vendor.name} keeps the routes that it receives, {self._vendor.keeps_routes}"
                down.setdefault(session.name, f"{keeps}: it asks no neighbour for them again")
            elif session.name not in down:
                if said := self._router.refusal(self._daemons.ask(commands)):
                    down[session.name] = f"{self._vendor.name} said: {said}"
                else:
                    asked.append(session.name)
        self._happened()
        return Refreshed(
            sessions=tuple(asked), down={one.name: down[one.name] for one in of_neighbor if one.name in down}
        )

    # what it tells

    def _report(self) -> None:
        pending, refused = self._state.pending(), self._kernel_routes.refused
        reports = [one for one in self._state.reports() if one != self._told.get(one.session)]
        if not reports and (pending, refused) == self._told_besides and not self._since_ns:
            return
        self._told |= {one.session: one for one in reports}
        self._told_besides = pending, refused
        since_ns = self._since_ns or time.monotonic_ns()
        self._since_ns = 0
        self._supervisor.send(NodeReport(sessions=tuple(reports), refused=refused, since_ns=since_ns, pending=pending))
