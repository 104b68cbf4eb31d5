"""The supervisor: process 1 of a lab. It makes the nodes, hears from them, and answers the command.

It is a single loop over sockets. It knows when a lab has converged (`lab.convergence`), because every node tells the
fingerprints of its Adj-RIBs and counts its UPDATEs.
"""

from __future__ import annotations

import contextlib
import os
import platform
import select
import selectors
import signal
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from lab.channel import Channel, ChannelClosed, NotAMessage
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
    Probed,
    ReadFibs,
    ReadRouterTables,
    ReadStatus,
    ReadTables,
    Refresh,
    Refreshed,
    RequestRoutes,
    RouterTablesRead,
    Status,
    Stop,
    Tables,
)
from lab.plan import Plan, Role
from lab.runtimes import netns
from lab.runtimes.namespaces import die_with_parent, name_process
from lab.tables import ClosedSession, LabTables

ANSWER_DEADLINE_S = 10.0
_END_S = 1.0
_POLL_S = 60.0

Answer = TypeVar("Answer")


@dataclass(slots=True, kw_only=True)
class _Router:
    running: netns.RunningNode
    listening: bool = False
    answers: list[Message] = field(default_factory=list)


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
        self._broken: Broken | None = None
        self._built_at = 0.0
        self._established_s: float | None = None
        self._converged_s: float | None = None
        self._prober, self._prober_pid = _start_prober(logs)
        netns.warm_up()
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
        client.close()
        self._waits = [wait for wait in self._waits if wait.client is not client]
        if client is self._starter and (self._control is None or self._plan is None):
            raise _Ended

    def _from_router(self, name: str) -> None:
        router = self._routers[name]
        if not router.running.channel.wait(0):
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
                        router.answers.append(message)
        except ChannelClosed:
            self._selector.unregister(router.running.channel)
            _await_end(router.running.pid)
            self._reap()
            if self._broken is None:
                self._break(f"the router process of {name} closed its channel", name)

    def _hear(self, name: str, report: NodeReport) -> None:
        if self._convergence is not None:
            self._convergence.hear(name, report)
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
                self._break(f"the router process of {names[pid]} {_how_it_ended(status)}", names[pid])
            elif pid == self._prober_pid:
                self._break(f"the prober {_how_it_ended(status)}", "prober")

    def _break(self, reason: str, node: str) -> None:
        """A part of the lab died: from now on every question is answered with the reason."""
        if self._broken is None:
            self._broken = Broken(reason=reason, log=self._logs.tail(node))
        for wait in self._waits:
            _tell(wait.client, self._broken)
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
                self._waits.append(_Wait(client=client, end_s=time.monotonic() + deadline_s, closed=closed))
                self._news = True
            case ReadTables():
                client.send(self._tables(plan))
            case Probe():
                _tell(self._prober, message)
                client.send(self._hear_prober(Probed, message.deadline_s + ANSWER_DEADLINE_S))
            case Explain(router=router):
                client.send(self._ask_routers([router], message, Explained)[0])
            case Apply(plan=new):
                self._apply(plan, new)
                client.send(Applied())
            case RequestRoutes(router=router, neighbor=neighbor):
                client.send(self._ask_routers([router], Refresh(neighbor=neighbor), Refreshed)[0])
            case ReadStatus():
                client.send(self._status(plan))
            case Locate(node=node):
                client.send(Located(fd=self._namespaces[node]))
            case _:
                raise LabBroken(f"{type(message).__name__} is no request")

    def _build(self, plan: Plan) -> None:
        self._plan, self._built_at = plan, time.monotonic()
        self._convergence = Convergence(plan)
        self._namespaces = netns.make_namespaces(plan)
        # Switches first: a bridge port that comes up when its wire already has carrier is not told so for a second.
        netns.configure_here([node for node in plan.nodes if node.role is Role.SWITCH], self._namespaces)
        for node in plan.routers:
            running = netns.start_router(node, self._namespaces[node.name], self._logs.open(node.name))
            self._routers[node.name] = _Router(running=running)
            handler = _bind(self._from_router, node.name)
            self._selector.register(running.channel, selectors.EVENT_READ, handler)
        netns.configure_here([node for node in plan.nodes if node.role is Role.HOST], self._namespaces)
        visible = [node for node in plan.nodes if node.role is not Role.SWITCH]
        self._prober.send(Observe(plan=plan), [self._namespaces[node.name] for node in visible])

    def _apply(self, old: Plan, new: Plan) -> None:
        if old.without_rules() != new.without_rules():
            raise LabBroken("more than policies, rules and networks differs: this takes a new lab")
        changed = [node for node in new.routers if node != old.node(node.name)]
        for node in changed:
            if node.bgp is not None:
                self._ask_routers([node.name], ConfigureRouter(bgp=node.bgp), Configured)
        self._plan = new

    def _ask_routers(self, names: list[str], message: Message, answer: type[Answer]) -> list[Answer]:
        """Ask routers one question each, and wait for all answers while everything else is served."""
        if not all(router.listening for router in self._routers.values()):
            raise LabBroken("the lab's routers are still starting: ask again")
        for name in names:
            self._routers[name].answers.clear()
            _tell(self._routers[name].running.channel, message)
        end_s = time.monotonic() + ANSWER_DEADLINE_S
        while not all(self._routers[name].answers for name in names):
            if self._broken is not None:
                raise LabBroken(self._broken.reason)
            if time.monotonic() > end_s:
                late = [name for name in names if not self._routers[name].answers]
                self._break(f"no answer within {ANSWER_DEADLINE_S:g} s from {', '.join(late)}", late[0])
                continue
            for name in names:
                router = self._routers[name]
                if not router.answers and router.running.channel.wait(max(0.0, end_s - time.monotonic())):
                    self._from_router(name)
        return [one for name in names for one in self._routers[name].answers if isinstance(one, answer)]

    def _hear_prober(self, answer: type[Answer], deadline_s: float) -> Answer:
        """The prober's answer. A late one breaks the lab: it would be taken for the answer to the next question."""
        try:
            return self._prober.expect(answer, deadline_s=deadline_s)
        except LabBroken as problem:
            if isinstance(problem, ChannelClosed):
                _await_end(self._prober_pid)
            self._reap()
            self._break(str(problem), "prober")
            raise

    def _tables(self, plan: Plan) -> Tables:
        names = [node.name for node in plan.routers]
        _tell(self._prober, ReadFibs())
        routers = self._ask_routers(names, ReadRouterTables(), RouterTablesRead)
        fibs = {fib.router: fib.entries for fib in self._hear_prober(Fibs, ANSWER_DEADLINE_S).fibs}
        tables = tuple(replace(one.tables, fib=fibs[one.tables.router]) for one in routers)
        return Tables(tables=LabTables(routers=tables), fidelity=(_runtime_fidelity(), *plan.fidelity))

    def _status(self, plan: Plan) -> Status:
        return Status(
            plan=plan,
            pending=tuple(self._convergence.pending()) if self._convergence else (),
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
            pending = tuple(self._convergence.pending(wait.closed))
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


def _tell(far_end: Channel, message: Message) -> None:
    """Send a message to a process that may be gone: whoever hears from it finds out."""
    with contextlib.suppress(ChannelClosed):
        far_end.send(message)


def _await_end(pid: int) -> None:
    """Wait for a child that closed its channel, and so is about to end, to have an exit status."""
    with contextlib.suppress(ProcessLookupError):  # it was waited for already
        file = os.pidfd_open(pid)
        select.select((file,), (), (), _END_S)
        os.close(file)


def _bind(handler: Callable[[str], None], name: str) -> Callable[[], None]:
    return lambda: handler(name)


def _start_prober(logs: Logs) -> tuple[Channel, int]:
    """Fork the prober now, so that scapy is imported while the command still reads its files."""
    ours, theirs = socket.socketpair()
    log = logs.open("prober")
    pid = os.fork()
    if pid:
        theirs.close()
        return Channel(ours, "the prober"), pid
    status = 1
    try:
        die_with_parent()
        name_process("erlab-prober")
        os.dup2(log, 1)
        os.dup2(log, 2)
        ours.close()
        from lab.probes import run

        run(Channel(theirs, "the supervisor"))
        status = 0
    finally:
        os._exit(status)


def _runtime_fidelity() -> str:
    mapped_users = int(Path("/proc/self/uid_map").read_text(encoding="ascii").split()[2])
    who = "root" if mapped_users > 1 else "an ordinary user"
    return f"runtime: network namespaces of Linux {platform.release()}, started by {who}"


def _pss_kib(pid: int) -> int:
    """The proportional memory of a process."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def _how_it_ended(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"was killed by signal {os.WTERMSIG(status)} ({signal.Signals(os.WTERMSIG(status)).name})"
    return f"ended with status {os.waitstatus_to_exitcode(status)}"
