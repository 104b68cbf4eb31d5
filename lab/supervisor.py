"""The supervisor: process 1 of a lab. It makes the nodes, hears from them, and answers the command.

It is a single loop over sockets. It knows when a lab has converged (`lab.convergence`), because every node tells the
fingerprints of its Adj-RIBs and counts its UPDATEs.
"""

from __future__ import annotations

import contextlib
import os
import platform
import selectors
import signal
import socket
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from lab.channel import Channel, ChannelClosed, NotAMessage, readable
from lab.convergence import Convergence
from lab.errors import LabBroken
from lab.logs import Logs
from lab.messages import (
    Applied,
    Apply,
    AwaitConvergence,
    Broken,
    Build,
    Built,
    ChangesReported,
    Configured,
    ConfigureRouter,
    Connect,
    Converged,
    Explain,
    Explained,
    Fibs,
    Listening,
    Locate,
    Located,
    Message,
    NodeReport,
    Observe,
    Probe,
    ReadFibs,
    ReadRouterTables,
    ReadStatus,
    ReadTables,
    Refresh,
    Refreshed,
    ReportChanges,
    RequestRoutes,
    RouterTablesRead,
    Status,
    Stop,
    Tables,
)
from lab.node import marking, nat, packet_limits
from lab.plan import Plan, Role
from lab.prober import Prober
from lab.processes import how_it_ended
from lab.runtimes import netns, tagging
from lab.tables import ClosedSession, LabTables

ANSWER_DEADLINE_S = 10.0
_END_S = 1.0
_POLL_S = 60.0

Answer = TypeVar("Answer")


@dataclass(slots=True, kw_only=True)
class _Router:
    running: netns.RunningNode
    listening: bool = False
    gone: bool = False
    owes: int = 0
    """Questions that it has not answered yet: it answers in order, so only the answer to the last one is waited for."""
    answer: Message | None = None


@dataclass(slots=True, kw_only=True)
class _Wait:
    client: Channel
    end_s: float
    closed: tuple[ClosedSession, ...]


class _Ended(Exception):  # noqa: N818  # it is no error
    """The lab was asked to end."""


class Supervisor:
    """One lab. `client` is the command that started it; with `control` it outlives that command and serves others."""

    def __init__(self, client: Channel, logs: Logs, control: socket.socket | None = None) -> None:
        self._logs = logs
        self._starter = client
        self._control = control
        self._selector = selectors.DefaultSelector()
        self._plan: Plan | None = None
        self._convergence: Convergence | None = None
        self._news = False
        self._namespaces: dict[str, int] = {}
        self._routers: dict[str, _Router] = {}
        self._waits: list[_Wait] = []
        self._closed: tuple[ClosedSession, ...] = ()
        self._changes = 0
        self._broken: Broken | None = None
        self._built_at = 0.0
        self._established_s: float | None = None
        self._converged_s: float | None = None
        self._fidelity: tuple[str, ...] = ()
        self._prober = Prober(logs)
        self._parts = {self._prober.pid: "prober"}
        netns.warm_up()
        self._selector.register(self._prober.channel, selectors.EVENT_READ, self._from_prober)
        self._add_client(client)
        if control is not None:
            self._selector.register(control, selectors.EVENT_READ, self._accept)

    def serve(self) -> None:
        """Answer until the lab ends."""
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
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

    # the loop

    def _step(self, timeout_s: float) -> None:
        for key, _ in self._selector.select(max(0.0, timeout_s)):
            key.data()
        self._reap()

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
        if client is self._starter and (self._control is None or self._plan is None):
            raise _Ended

    def _from_router(self, name: str) -> None:
        router = self._routers[name]
        if router.gone or not router.running.channel.wait(0):
            return  # another request of the same turn has read it already
        try:
            for message in router.running.channel.receive():
                match message:
                    case Listening():
                        router.listening = True
                        if all(one.listening for one in self._routers.values()):
                            for one in self._routers.values():
                                _tell(one.running.channel, Connect())
                    case NodeReport():
                        self._hear(name, message)
                    case Broken(reason=reason):
                        self._break(reason, name)
                    case _:
                        router.owes -= 1
                        router.answer = message
                        self._news = True
        except ChannelClosed:
            router.gone = True
            self._selector.unregister(router.running.channel)
            _await_end(router.running.pid)
            self._reap()
            if self._broken is None:
                self._break(f"the router process of {name} closed its channel", name)

    def _from_prober(self) -> None:
        if not self._prober.channel.wait(0):
            return  # a request of the same turn has read it already
        try:
            self._prober.hear()
        except ChannelClosed:
            self._selector.unregister(self._prober.channel)
            _await_end(self._prober.pid)
            self._reap()
            self._break("the prober closed its channel", "prober")

    def _hear(self, name: str, report: NodeReport) -> None:
        if self._convergence is not None:
            self._changes += self._convergence.hear(name, report)
            self._news = True

    def _reap(self) -> None:
        """Take note of ended processes: our own are a fault, and those that a shell left behind are only buried."""
        names = {one.running.pid: name for name, one in self._routers.items()}
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in names:
                self._break(f"the router process of {names[pid]} {how_it_ended(status)}", names[pid])
            elif pid in self._parts:
                part = self._parts[pid]
                self._break(f"the {part} {how_it_ended(status)}", part)

    def _break(self, reason: str, node: str) -> None:
        """A part of the lab died: from now on every question is answered with the reason."""
        if self._broken is None:
            self._broken = Broken(reason=reason, log=self._logs.tail(node))
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
            case AwaitConvergence(deadline_s=deadline_s, closed=closed):
                self._closed = closed
                self._waits.append(_Wait(client=client, end_s=time.monotonic() + deadline_s, closed=closed))
                self._news = True
            case ReadTables():
                client.send(self._tables(plan))
            case Probe():
                self._prober.ask_for(client, message)
            case Explain(router=router):
                client.send(self._ask_routers({router: message}, Explained)[0])
            case Apply(plan=new):
                self._apply(plan, new)
                client.send(Applied())
            case RequestRoutes(router=router, neighbor=neighbor):
                client.send(self._ask_routers({router: Refresh(neighbor=neighbor)}, Refreshed)[0])
            case ReadStatus():
                client.send(self._status(plan))
            case Locate(node=node):
                client.send(Located(fd=self._namespaces[node]))
            case _:
                raise LabBroken(f"{type(message).__name__} is no request")

    def _build(self, plan: Plan) -> None:
        nat.check_program(plan.nodes)
        marking.check_program(plan.nodes)
        self._plan, self._built_at = plan, time.monotonic()
        self._convergence = Convergence(plan)
        self._namespaces = netns.make_namespaces(plan)
        self._carry_tags(plan)
        # Switches first: a bridge port that comes up when its wire already has carrier is not told so for a second.
        netns.configure_here([node for node in plan.nodes if node.role is Role.SWITCH], self._namespaces)
        for node in plan.routers:
            running = netns.start_router(node, self._namespaces[node.name], self._logs.open(node.name))
            self._routers[node.name] = _Router(running=running)
            handler = _bind(self._from_router, node.name)
            self._selector.register(running.channel, selectors.EVENT_READ, handler)
        others = [node for node in plan.nodes if node.bgp is None and node.role is not Role.SWITCH]
        netns.configure_here(others, self._namespaces)
        visible = [node for node in plan.nodes if not node.is_switch]
        self._prober.observe(Observe(plan=plan), [self._namespaces[node.name] for node in visible])

    def _carry_tags(self, plan: Plan) -> None:
        not_in_force = (*packet_limits.fidelity(plan.nodes), *marking.fidelity(plan.nodes))
        self._fidelity = (_runtime_fidelity(), *not_in_force)
        carrying = tagging.carry_tags(plan, self._namespaces, netns.free_index(plan), self._logs)
        if carrying is not None:
            self._fidelity += (carrying.fidelity,)
            if carrying.tagger_pid is not None:
                self._parts[carrying.tagger_pid] = tagging.TAGGER

    def _apply(self, old: Plan, new: Plan) -> None:
        if old.without_rules() != new.without_rules():
            raise LabBroken("more than policies, rules and networks differs: this takes a new lab")
        nodes = [node for node in new.routers if node != old.node(node.name)]
        marking.check_program(new.nodes)
        questions = {
            node.name: ConfigureRouter(bgp=node.bgp, marking=node.marking) for node in nodes if node.bgp is not None
        }
        self._refuse_late_routers(questions)
        self._plan = new  # what every router is told, whenever it answers
        self._ask_routers(questions, Configured)

    def _refuse_late_routers(self, names: Iterable[str]) -> None:
        """Raise LabBroken where a router owes the answer to an earlier question: it would not answer another one."""
        if not all(router.listening for router in self._routers.values()):
            raise LabBroken("the lab's routers are still starting: ask again")
        late = [name for name in names if self._routers[name].owes]
        if late:
            raise LabBroken(f"no answer within {ANSWER_DEADLINE_S:g} s from {', '.join(late)}")

    def _ask_routers(self, questions: Mapping[str, Message], answer: type[Answer]) -> list[Answer]:
        """Ask routers one question each, all at once, and wait for every answer.

        An answer that is late is dropped when it comes, and its router can be asked again from then on.
        """
        self._refuse_late_routers(questions)
        asked = {name: self._routers[name] for name in questions}
        for name, router in asked.items():
            router.owes += 1
            _tell(router.running.channel, questions[name])
        end_s = time.monotonic() + ANSWER_DEADLINE_S
        while waited_for := [name for name, router in asked.items() if router.owes]:
            if self._broken is not None:
                raise LabBroken(self._broken.reason)
            channels = [asked[name].running.channel for name in waited_for]
            ready = readable(channels, end_s - time.monotonic())
            if not ready:
                self._refuse_late_routers(waited_for)
            for name, channel in zip(waited_for, channels, strict=True):
                if channel in ready:
                    self._from_router(name)
        return [router.answer for router in asked.values() if isinstance(router.answer, answer)]

    def _tables(self, plan: Plan) -> Tables:
        names = [node.name for node in plan.routers]
        changes = self._changes
        self._refuse_late_routers(names)
        asked = self._prober.ask(ReadFibs())
        routers = self._ask_routers(dict.fromkeys(names, ReadRouterTables()), RouterTablesRead)
        found = self._prober.await_answer(asked, Fibs, ANSWER_DEADLINE_S).fibs
        # The kernels were read at another time than the routers: a change in between has to be heard of.
        self._ask_routers(dict.fromkeys(names, ReportChanges()), ChangesReported)
        fibs = {fib.router: fib.entries for fib in found}
        tables = tuple(replace(one.tables, fib=fibs[one.tables.router]) for one in routers)
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
            memory_kib={name: _pss_kib(router.running.pid) for name, router in self._routers.items()},
        )

    # convergence

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
        late = [f"{name} has not answered yet" for name, router in self._routers.items() if router.owes]
        return late + (self._convergence.pending(closed) if self._convergence else [])


def _tell(far_end: Channel, message: Message) -> None:
    """Send a message to a process that may be gone: whoever hears from it finds out."""
    with contextlib.suppress(ChannelClosed):
        far_end.send(message)


def _await_end(pid: int) -> None:
    """Wait for a child that closed its channel, and so is about to end, to have an exit status."""
    with contextlib.suppress(ProcessLookupError):  # it was waited for already
        file = os.pidfd_open(pid)
        readable([file], _END_S)
        os.close(file)


def _bind(handler: Callable[[str], None], name: str) -> Callable[[], None]:
    return lambda: handler(name)


def _runtime_fidelity() -> str:
    mapped_users = int(Path("/proc/self/uid_map").read_text(encoding="ascii").split()[2])
    who = "root" if mapped_users > 1 else "an ordinary user"
    return f"runtime: network namespaces of Linux {platform.release()}, started by {who}"


def _pss_kib(pid: int) -> int:
    """The proportional memory of a process."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
