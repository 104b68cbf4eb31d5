"""The runtime without a kernel: routers are the model's, served by one thread of the calling process.

They answer on their channels as node programs do, and their sessions and routes come up. They have no network
namespaces, so that nothing can be wired, probed or lost: it is for what asks routers, and for tests of that.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from selectors import EVENT_READ, DefaultSelector

from lab.bfd import negotiated
from lab.channel import Channel, ChannelClosed
from lab.events import (
    Announce,
    BfdChanged,
    CloseSession,
    Effect,
    Event,
    Reconfigured,
    RefreshRequested,
    SessionDown,
    SessionUp,
    UpdateReceived,
    Withdraw,
)
from lab.node.reports import session_reports
from lab.node_messages import (
    NODE_KINDS,
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
    SessionReset,
)
from lab.plan import NodePlan, Plan
from lab.predict import Wiring, delivered, wire
from lab.questions.control import Broken, Refreshed
from lab.questions.explanations import Explain, Explained
from lab.router import Router

FIDELITY = "runtime: none: routers are the model's own, and there are no packets"
_POLL_S = 0.5


@dataclass(slots=True, kw_only=True)
class _Node:
    """A router that is served, and what it has said of itself."""

    name: str
    router: Router
    channel: Channel
    connects: bool = False
    frozen: bool = False
    up: set[str] = field(default_factory=set)
    updates: dict[str, tuple[int, int]] = field(default_factory=dict)
    """How many it has sent and received on each session."""

    def count(self, session: str, *, sent: int = 0, received: int = 0) -> None:
        """Count UPDATEs."""
        before = self.updates.get(session, (0, 0))
        self.updates[session] = (before[0] + sent, before[1] + received)

    def report(self) -> None:
        """Tell of every session."""
        told = tuple(session_reports(self.router, self.updates))
        self.channel.send(NodeReport(sessions=told, refused=(), since_ns=time.monotonic_ns()))


class InMemoryRuntime:
    """Routers share a thread, which ends with the runtime."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._selector = DefaultSelector()
        self._wiring: dict[tuple[str, str], Wiring] = {}
        self._nodes: dict[str, _Node] = {}
        self._waiting: deque[tuple[str, Event]] = deque()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._closed = False

    def warm_up(self) -> None:
        """Nothing takes time."""

    def check(self, plan: Plan) -> tuple[str, ...]:
        """Every plan can be run."""
        del plan
        return (FIDELITY,)

    def check_programs(self, plan: Plan) -> None:
        """No program is run."""

    def make_nodes(self, plan: Plan) -> dict[str, int]:
        """Nodes without network namespaces: none for any."""
        self._wiring = wire(plan)
        self._thread.start()
        return {}

    def start(self, node: NodePlan, *, again: bool) -> ServedNode:
        """Serve a router. It is the same, again or not: no kernel has kept anything."""
        del again
        ours, theirs = socket.socketpair()
        served = _Node(name=node.name, router=Router(node), channel=Channel(theirs, "the supervisor", NODE_KINDS))
        with self._lock:
            self._nodes[node.name] = served
            for effect in served.router.begin():
                self._deliver(served, effect)
            served.channel.send(Listening())
            self._selector.register(served.channel, EVENT_READ, served)
        return ServedNode(name=node.name, channel=Channel(ours, f"the router {node.name}"), runtime=self)

    def close(self) -> None:
        """End every router, and the thread."""
        self._closed = True
        for name in list(self._nodes):
            self.end(name)
        if self._thread.is_alive():
            self._thread.join()

    def freeze(self, name: str) -> None:
        """Serve a router no more, until it is ended."""
        with self._lock:
            self._nodes[name].frozen = True
            self._selector.unregister(self._nodes[name].channel)

    def end(self, name: str) -> None:
        """End a router; its neighbours hear no more of it."""
        with self._lock:
            node = self._nodes.pop(name, None)
            if node is None:
                return
            if not node.frozen:
                self._selector.unregister(node.channel)
            node.channel.close()
            for (router, session), far in self._wiring.items():
                if far.router == name and router in self._nodes and session in self._nodes[router].up:
                    self._waiting.append((router, SessionDown(session=session, reason="the hold timer expired")))
            self._settle()

    def runs(self, name: str) -> bool:
        """Whether a router is there."""
        return name in self._nodes

    # the thread

    def _serve(self) -> None:
        while not self._closed:
            for key, _ in self._selector.select(_POLL_S):
                with self._lock:
                    node: _Node = key.data
                    if self._nodes.get(node.name) is node and not node.frozen:
                        self._hear(node)

    def _hear(self, node: _Node) -> None:
        try:
            for message in node.channel.receive():
                self._answer(node, message)
        except ChannelClosed:
            self.end(node.name)

    def _answer(self, node: _Node, message: object) -> None:
        match message:
            case Connect():
                node.connects = True
                self._open_sessions(node)
            case ReadRouterTables():
                node.channel.send(RouterTablesRead(tables=node.router.tables()))
            case ReportChanges():
                node.channel.send(ChangesReported())
            case Explain(prefix=prefix):
                node.channel.send(Explained(explanation=node.router.explain(prefix)))
            case ConfigureRouter(bgp=bgp):
                self._waiting.append((node.name, Reconfigured(bgp=bgp)))
                self._settle()
                node.channel.send(Configured())
            case Refresh(neighbor=neighbor):
                asked = tuple(s.session for s in node.router.tables().sessions if s.neighbor == neighbor)
                for session in asked:
                    far = self._wiring[node.name, session]
                    self._waiting.append((far.router, RefreshRequested(session=far.session.name)))
                self._settle()
                node.channel.send(Refreshed(sessions=asked, down={}))
            case ResetSession(session=session):
                self._reset(node, session)
                node.channel.send(SessionReset())
            case _:
                node.channel.send(Broken(reason=f"{type(message).__name__} is no message for a node"))

    def _open_sessions(self, node: _Node) -> None:
        """Open the sessions of a router with those that connect already."""
        for (router, session), far in self._wiring.items():
            other = self._nodes.get(far.router)
            if router != node.name or other is None or not other.connects:
                continue
            if far.why_down:
                self._waiting.append((router, SessionDown(session=session, reason=far.why_down)))
                self._waiting.append((far.router, SessionDown(session=far.session.name, reason=far.why_down)))
            else:
                self._open((router, session))
                self._open((far.router, far.session.name))
        self._settle()

    def _open(self, end: tuple[str, str]) -> None:
        router, session = end
        far = self._wiring[end]
        if far.own.bfd is not None:
            status = negotiated(far.own.bfd, far.session.bfd)
            self._waiting.append((router, BfdChanged(session=session, status=status)))
        self._waiting.append((router, SessionUp(session=session, peer_router_id=far.peer_router_id)))

    def _reset(self, node: _Node, session: str) -> None:
        """Close a session, which comes up again at once."""
        far = self._wiring[node.name, session]
        ends = ((node.name, session), (far.router, far.session.name))
        for router, one in ends:
            self._waiting.append((router, SessionDown(session=one, reason="administrative reset")))
        for end in ends:
            self._open(end)
        self._settle()

    def _settle(self) -> None:
        """Deliver what is on its way until nothing is, and have every router that heard something report."""
        heard: dict[str, _Node] = {}
        while self._waiting:
            name, event = self._waiting.popleft()
            node = self._nodes.get(name)
            if node is None or node.frozen:
                continue
            heard[name] = node
            match event:
                case SessionUp(session=session):
                    node.up.add(session)
                case SessionDown(session=session):
                    node.up.discard(session)
                    node.updates.pop(session, None)
                case UpdateReceived(session=session):
                    node.count(session, received=1)
            for effect in node.router.handle(event):
                self._deliver(node, effect)
        for node in heard.values():
            with contextlib.suppress(ChannelClosed):
                node.report()

    def _deliver(self, node: _Node, effect: Effect) -> None:
        match effect:
            case Announce(session=session) | Withdraw(session=session):
                node.count(session, sent=1)
            case CloseSession(session=session):
                node.up.discard(session)
                node.updates.pop(session, None)
        self._waiting.extend(delivered(effect, node.name, self._wiring))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedNode:
    """A router of the thread."""

    name: str
    channel: Channel
    runtime: InMemoryRuntime
    pid: int | None = None

    def freeze(self) -> None:
        """Serve it no more."""
        self.runtime.freeze(self.name)

    def kill(self) -> None:
        """End it."""
        self.runtime.end(self.name)

    def how_it_ended(self) -> str:
        """That it did."""
        return f"the router {self.name} {'closed its channel' if self.runtime.runs(self.name) else 'was ended'}"

    def memory_kib(self) -> None:
        """Nobody can tell: all routers are in one process."""

    def last_words(self) -> str:
        """It writes no log."""
        return ""
