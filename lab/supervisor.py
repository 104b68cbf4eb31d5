"""The supervisor: process 1 of a lab. It makes the nodes, hears from them, and answers the command.

It is a single loop over sockets. It knows when a lab has converged (`lab.convergence`), because every node tells the
fingerprints of its Adj-RIBs and counts its UPDATEs.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time
import traceback
from dataclasses import dataclass, replace
from typing import TypeVar

from lab.channel import Channel, ChannelClosed, NotAMessage
from lab.convergence import Convergence
from lab.errors import LabBroken
from lab.failing import Failing, packets_entered
from lab.failover import EventKind
from lab.logs import Logs
from lab.messages import (
    AwaitQuiet,
    Counters,
    Fibs,
    Inject,
    Message,
    Observe,
    ReadCounters,
    ReadFibs,
    ReadSessions,
    SendStreams,
    Sessions,
    StartStream,
    StopStream,
)
from lab.node import daemons
from lab.node_messages import (
    ChangesReported,
    NodeReport,
    ReadRouterTables,
    Refresh,
    ReportChanges,
    RouterTablesRead,
)
from lab.plan import NodePlan, Plan, Role
from lab.prober import Prober
from lab.processes import how_it_ended
from lab.questions.control import Broken, Heal, Locate, Located, ReadStatus, Refreshed, RequestRoutes, Stop
from lab.questions.explanations import Explain, Explained
from lab.questions.packets import AskAll, Probe
from lab.questions.plans import Applied, Apply, Build, Built, Status
from lab.questions.tables import AwaitConvergence, Converged, ReadTables, Tables
from lab.routers import ANSWER_DEADLINE_S, Routers
from lab.runtimes import impairing, links, tagging
from lab.runtimes.netns import await_end
from lab.runtimes.runtime import Runtime
from lab.streaming import Streams
from lab.tables import ClosedSession, LabTables, RouterTables, SessionTables
from lab.traffic import Traffic

_POLL_S = 60.0

Answer = TypeVar("Answer")


@dataclass(slots=True, kw_only=True)
class _Wait:
    client: Channel
    end_s: float
    closed: tuple[ClosedSession, ...]


class _Ended(Exception):  # noqa: N818  # it is no error
    """The lab was asked to end."""


class Supervisor:
    """One lab. `client` is the command that started it; with `control` it outlives that command and serves others."""

    def __init__(self, client: Channel, logs: Logs, runtime: Runtime, control: socket.socket | None = None) -> None:
        self._logs, self._runtime = logs, runtime
        self._starter = client
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._traffic = Traffic({}, logs, self._selector)
        self._streams = Streams({}, logs, self._selector)
        self._plan: Plan | None = None
        self._convergence: Convergence | None = None
        self._news = False
        self._namespaces: dict[str, int] = {}
        self._routers = Routers(self, runtime, self._selector)
        self._waits: list[_Wait] = []
        self._closed: tuple[ClosedSession, ...] = ()
        self._changes = 0
        self._broken: Broken | None = None
        self._built_at = 0.0
        self._established_s: float | None = None
        self._converged_s: float | None = None
        self._fidelity: tuple[str, ...] = ()
        self._failing = Failing(Plan(name="", nodes=(), wires=()), {}, self._routers)
        self._drilled: dict[str, Channel] = {}
        runtime.warm_up()
        self._prober = Prober.start(logs, asked_soon=control is None)
        self._parts = {self._prober.pid: "prober"}
        self._selector.register(self._prober.channel, selectors.EVENT_READ, self._from_prober)
        self._add_client(client)
        if control is not None:
            self._selector.register(control, selectors.EVENT_READ, self._accept)

    def serve(self) -> None:
        """Answer until the lab ends."""
        signal.signal(signal.SIGTERM, _end)
        woken, wakes = socket.socketpair()
        wakes.settimeout(0)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes.fileno())
        self._selector.register(woken, selectors.EVENT_READ, lambda: woken.recv(4096))
        try:
            while True:
                self._step(min((wait.end_s - time.monotonic() for wait in self._waits), default=_POLL_S))
                self._settle_waits()
        except _Ended:
            return
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it ends already
            self._runtime.close()

    # the loop

    def _step(self, timeout_s: float) -> None:
        ready = self._selector.select(max(0.0, timeout_s))
        self._reap()  # first: nobody is answered as if a part that has ended were there
        for key, _ in ready:
            key.data()

    def _accept(self) -> None:
        if self._control is not None:
            connection, _ = self._control.accept()
            self._add_client(Channel(connection, "the command"))

    def _add_client(self, client: Channel) -> None:
        self._selector.register(client, selectors.EVENT_READ, lambda: self._from_client(client))

    def _from_client(self, client: Channel) -> None:
        try:
            for message in client.receive():
                self._answer_or_say_why_not(client, message)
        except NotAMessage as problem:
            _tell(client, Broken(reason=str(problem)))
            self._drop(client)
        except ChannelClosed:
            self._drop(client)

    def _answer_or_say_why_not(self, client: Channel, message: Message) -> None:
        """A fault costs one answer, not a running lab."""
        try:
            self._answer(client, message)
        except _Ended:
            raise
        except LabBroken as problem:
            self._reap()
            client.send(self._broken or Broken(reason=str(problem)))
        except Exception as problem:  # noqa: BLE001  # of ours, or of a part that just died
            with contextlib.suppress(OSError):  # the log's disk may be full
                traceback.print_exc()
            self._reap()
            client.send(self._broken or Broken(reason=f"erlab failed at {type(message).__name__}: {problem!r}"))

    def _drop(self, client: Channel) -> None:
        """Forget a client that is gone; the lab ends with it where nobody could use it any more."""
        self._selector.unregister(client)
        self._prober.forget(client)
        client.close()
        self._waits = [wait for wait in self._waits if wait.client is not client]
        self._traffic.forget(client)
        self._streams.forget(client)
        self._heal_after(client)
        if client is self._starter and (self._control is None or self._plan is None):
            raise _Ended

    def _heal_after(self, client: Channel) -> None:
        """End the faults of a drill whose command is gone, however it went."""
        for fault in [name for name, owner in self._drilled.items() if owner is client]:
            del self._drilled[fault]
            if self._broken is None and fault in self._failing.faults:
                try:
                    self._failing.heal(fault)
                    self._news = True
                except (LabBroken, OSError):  # it shows as in force, and can be healed
                    traceback.print_exc()

    # what the routers say

    @property
    def broken(self) -> Broken | None:
        """Why the lab answers nothing any more; None where it does."""
        return self._broken

    def hear(self, router: str, report: NodeReport | None) -> None:
        """Take a report, or that the router was killed on purpose."""
        if self._convergence is None:
            return
        self._news = True
        if report is None:
            self._convergence.forget(router)
            return
        self._streams.chronicle.hear(router, report)
        self._changes += self._convergence.hear(router, report)

    def has_answered(self) -> None:
        """Take note that a router answered."""
        self._news = True

    def has_ended(self, router: str, how: str) -> None:
        """Take note that a router is gone, and nobody wanted it to."""
        self._reap()
        if self._broken is None:
            self.breaks(how, router)

    def _from_prober(self) -> None:
        if not self._prober.channel.wait(0):
            return  # a request of the same turn has read it already
        try:
            self._prober.hear()
        except ChannelClosed:
            self._selector.unregister(self._prober.channel)
            await_end(self._prober.pid)
            self._reap()
            self.breaks("the prober closed its channel", "prober")

    def _reap(self) -> None:
        """Take note of ended processes: our own are a fault, and those that a shell left behind are only buried."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            router = self._routers.named(pid)
            if router is not None:
                how = f"the router process of {router} {how_it_ended(status)}"
                self._routers.bury(router, how)
                self.breaks(how, router)
            elif pid in self._parts:
                part = self._parts[pid]
                self.breaks(f"the {part} {how_it_ended(status)}", part)

    def breaks(self, reason: str, part: str, *, input_is_wrong: bool = False) -> None:
        """Take note that a part of the lab died: from now on every question is answered with the reason."""
        if self._broken is None and input_is_wrong:  # `up` ends the lab, and the reason is all there is to say
            self._broken = Broken(reason=reason, input_is_wrong=True)
        if self._broken is None:
            remedy = "; end the lab with `erlab down`" if self._control is not None else ""
            log = self._routers.last_words(part) if part in self._routers.names else self._logs.tail(part)
            self._broken = Broken(reason=f"{reason}{remedy}", log=log)
        for client in (*(wait.client for wait in self._waits), *self._prober.waiting()):
            _tell(client, self._broken)
        self._waits.clear()

    # requests

    def _answer(self, client: Channel, message: Message) -> None:
        if isinstance(message, Stop):
            raise _Ended
        if self._broken is not None:
            client.send(self._broken)
            return
        if isinstance(message, Build):
            self._build(message.plan)
            client.send(Built())
            return
        if self._plan is None:
            raise LabBroken("the lab was not built yet")
        self._answer_about(self._plan, client, message)

    def _answer_about(self, plan: Plan, client: Channel, message: Message) -> None:
        match message:
            case AwaitConvergence():
                self._await_convergence(client, message)
            case ReadTables():
                client.send(self._tables(plan))
            case Probe() | AskAll():
                self._prober.ask_for(client, message)
            case Explain() | RequestRoutes():
                client.send(self._ask_one_router(message))
            case Apply(plan=new):
                self._apply(plan, new)
                client.send(Applied())
            case Inject() | Heal() | ReadCounters():
                client.send(self._answer_about_faults(client, message))
            case SendStreams() | StartStream() | AwaitQuiet() | StopStream():
                self._take_on_streams(plan, client, message)
            case ReadStatus() | ReadSessions() | Locate():
                client.send(self._what_is_known(plan, message))
            case _:
                raise LabBroken(f"{type(message).__name__} is no request")

    def _what_is_known(self, plan: Plan, message: ReadStatus | ReadSessions | Locate) -> Message:
        match message:
            case ReadStatus():
                return self._status(plan)
            case ReadSessions():
                told = self._convergence.told() if self._convergence else ()
                return Sessions(told=told, failed=self._failing.faults)
            case Locate(node=node):
                return Located(fd=self._namespaces[node])

    def _ask_one_router(self, message: Explain | RequestRoutes) -> Message:
        if isinstance(message, Explain):
            return self._routers.ask({message.router: message}, Explained)[0]
        return self._routers.ask({message.router: Refresh(neighbor=message.neighbor)}, Refreshed)[0]

    def _take_on_streams(
        self, plan: Plan, client: Channel, message: SendStreams | StartStream | AwaitQuiet | StopStream
    ) -> None:
        """Have other processes send; the answer comes when they have done so."""
        if isinstance(message, SendStreams):
            self._traffic.send(plan, client, message.trial, self._parts.keys() - {self._prober.pid})
        else:
            self._streams.ask(plan, client, message)

    def _answer_about_faults(self, client: Channel, message: Inject | Heal | ReadCounters) -> Message:
        self._news = True
        note = self._streams.chronicle.note
        match message:
            case Inject(injection=injection):
                if injection.fault not in self._failing.faults:
                    self._drilled.pop(injection.fault, None)
                    if self._streams.serves(client):
                        self._drilled[injection.fault] = client
                injected = self._failing.inject(injection)
                note(EventKind.FAULT, injection.fault, injected.began_ns, injected.done_ns)
                return injected
            case Heal(fault=fault):
                healed = self._failing.heal(fault)
                for one in healed.faults:
                    self._drilled.pop(one, None)
                note(EventKind.HEALED, ", ".join(healed.faults), healed.began_ns, healed.done_ns)
                return healed
            case ReadCounters(interfaces=interfaces):
                at_ns = time.monotonic_ns()
                return Counters(packets=packets_entered(interfaces, self._namespaces), at_ns=at_ns)

    def _build(self, plan: Plan) -> None:
        fidelity = self._runtime.check(plan)
        self._plan, self._built_at = plan, time.monotonic()
        self._convergence = Convergence(plan)
        self._namespaces = self._runtime.make_nodes(plan)
        links.join(plan, self._namespaces)
        self._failing = Failing(plan, self._namespaces, self._routers)
        self._streams = Streams(self._namespaces, self._logs, self._selector)
        self._traffic = Traffic(self._namespaces, self._logs, self._selector)
        self._fidelity = fidelity
        self._carry_tags(plan, self._impair_wires(plan, links.free_index(plan)))
        # Switches first: a bridge port that comes up when its wire already has carrier is not told so for a second.
        links.configure_here([node for node in plan.nodes if node.role is Role.SWITCH], self._namespaces)
        self._routers.start(plan.routers)
        others = [node for node in plan.nodes if node.bgp is None and node.role is not Role.SWITCH]
        links.configure_here(others, self._namespaces)
        visible = [node for node in plan.nodes if not node.is_switch]
        self._prober.observe(Observe(plan=plan), [self._namespaces[node.name] for node in visible])

    def _impair_wires(self, plan: Plan, index: int) -> int:
        """Make the impaired wires with interfaces from an index on; returns the first one that is free then."""
        pid = impairing.impair_wires(plan, self._namespaces, index, self._logs)
        if pid is not None:
            self._parts[pid] = impairing.WIRES
            self._fidelity += (impairing.FIDELITY,)
        return index + impairing.INDICES_EACH * len(impairing.impaired_wires(plan))

    def _carry_tags(self, plan: Plan, index: int) -> None:
        carrying = tagging.carry_tags(plan, self._namespaces, index, self._logs)
        if carrying is not None:
            self._fidelity += (carrying.fidelity,)
            if carrying.tagger_pid is not None:
                self._parts[carrying.tagger_pid] = tagging.TAGGER

    def _apply(self, old: Plan, new: Plan) -> None:
        if old.without_rules() != new.without_rules():
            raise LabBroken("more than policies, rules and networks differs: this takes a new lab")
        daemons.refuse_changes(old, new)
        self._runtime.check_programs(new)
        self._routers.refuse_late(node.name for node in new.routers if node != old.node(node.name))
        self._failing.take(new)
        self._plan = new  # what every router is told, whenever it answers
        self._routers.configure(old, new)

    def _tables(self, plan: Plan) -> Tables:
        names = self._routers.names
        changes = self._changes
        self._routers.refuse_late(names)
        asked = self._prober.ask(ReadFibs())
        routers = self._routers.ask(dict.fromkeys(names, ReadRouterTables()), RouterTablesRead)
        found = self._prober.await_answer(asked, Fibs, ANSWER_DEADLINE_S).fibs
        # The kernels were read at another time than the routers: a change in between has to be heard of.
        self._routers.ask(dict.fromkeys(names, ReportChanges()), ChangesReported)
        fibs = {fib.router: fib.entries for fib in found}
        read = {one.tables.router: replace(one.tables, fib=fibs[one.tables.router]) for one in routers}
        tables = tuple(read.get(node.name) or _of_a_dead(node) for node in plan.routers)
        pending = self._pending(self._closed)
        if self._changes != changes:
            pending.append("sessions or routes changed while the tables were read")
        return Tables(
            tables=LabTables(routers=tables),
            fidelity=(*self._fidelity, *plan.fidelity),
            pending=tuple(pending),
        )

    def _status(self, plan: Plan) -> Status:
        return Status(
            plan=plan,
            pending=tuple(self._pending(self._closed)),
            up_s=time.monotonic() - self._built_at,
            memory_kib=self._routers.memory_kib(),
            failed=self._failing.faults,
        )

    # convergence

    def _await_convergence(self, client: Channel, asked: AwaitConvergence) -> None:
        self._closed = asked.closed
        self._waits.append(_Wait(client=client, end_s=time.monotonic() + asked.deadline_s, closed=asked.closed))
        self._news = True

    def _settle_waits(self) -> None:
        if self._convergence is None or not self._waits:
            return
        now = time.monotonic()
        for wait in list(self._waits):
            if not self._news and now < wait.end_s:
                continue
            pending = tuple(self._pending(wait.closed))
            if self._established_s is None and self._convergence.all_established(wait.closed):
                self._established_s = now - self._built_at
            if not pending and self._converged_s is None:
                self._converged_s = now - self._built_at
            if not pending or now >= wait.end_s:
                self._waits.remove(wait)
                _tell(
                    wait.client,
                    Converged(pending=pending, established_s=self._established_s, converged_s=self._converged_s),
                )
        self._news = False

    def _pending(self, closed: tuple[ClosedSession, ...]) -> list[str]:
        """What keeps the lab from having converged, most basic first; empty where it has."""
        late = [f"{name} has not answered yet" for name in self._routers.late]
        excused = self._failing.excused
        return late + (self._convergence.pending(closed, excused=excused) if self._convergence else [])


def _of_a_dead(node: NodePlan) -> RouterTables:
    """The tables of a router that was killed."""
    sessions = tuple(
        SessionTables(session=one.name, neighbor=one.neighbor, established=False, why_down="the router was killed")
        for one in (node.bgp.sessions if node.bgp else ())
    )
    return RouterTables(router=node.name, sessions=sessions, loc_rib=(), fib=())


def _tell(far_end: Channel, message: Message) -> None:
    """Send a message to a process that may be gone: whoever hears from it finds out."""
    with contextlib.suppress(ChannelClosed):
        far_end.send(message)


def _end(*_: object) -> None:
    raise _Ended
