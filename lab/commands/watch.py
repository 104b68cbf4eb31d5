"""`erlab watch`: a running lab on a terminal that is kept up to date, or its changes line by line."""

from __future__ import annotations

import argparse
import math
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from lab.bgp import Family
from lab.commands.live import ANSWER_DEADLINE_S
from lab.commands.signals import ENDING, heard
from lab.commands.terminal import Terminal
from lab.controller import Lab, find_lab
from lab.errors import InputError, LabBroken
from lab.forwarding import Flow
from lab.messages import ReadSessions, Sessions
from lab.plan import Plan, Role
from lab.questions.control import Locate, Located, ReadStatus
from lab.questions.packets import Probe, Probed
from lab.questions.plans import Status
from lab.report import live_json
from lab.report.watch_text import change_line, screen
from lab.runtimes.fib import KernelRoutes
from lab.watching import Change, Watched

LONGEST_PROBE_S = 0.3
"""A packet that was not answered by then is lost. What changed in a kernel is shown only after it."""
_TOGETHER_S = 0.05
"""News that come so close to one another are taken in together."""
_QUIT = b"qQ\x03\x04"


def watch(arguments: argparse.Namespace) -> int:
    """Watch until q, Ctrl-C or the end of a time; 3 where the lab ended before."""
    with ExitStack() as stack:
        lab = stack.enter_context(find_lab(arguments.lab))
        plan = lab.channel.ask(ReadStatus(), Status, deadline_s=ANSWER_DEADLINE_S).plan
        flows = _flows(plan, arguments.hosts)
        watching = _Watching(lab, plan, flows, arguments.every)
        interrupts = stack.enter_context(heard((*ENDING, signal.SIGWINCH, signal.SIGTSTP)))
        if arguments.format == "json":
            run = _Run(watching, interrupts, told=_printing(live_json.change))
        elif arguments.plain or not sys.stdout.isatty() or os.environ.get("TERM") == "dumb":
            run = _Run(watching, interrupts, told=_printing(change_line))
        else:
            run = _Run(watching, interrupts, terminal=stack.enter_context(Terminal()))
        try:
            run.until_it_ends(arguments.every, arguments.seconds)
        except LabBroken as problem:
            stack.close()  # the terminal is as it was before anything is said
            raise LabBroken(f"{lab.name} is not watched any more: {problem}") from problem
    return 0


def _flows(plan: Plan, hosts: Sequence[str]) -> tuple[Flow, ...]:
    if not hosts:
        return ()
    if len(hosts) != 2:
        raise InputError("probes go from one host to another: name two, or none")
    known = [node.name for node in plan.nodes if node.role is Role.HOST]
    for name in hosts:
        if name not in known:
            raise InputError(f"{name} is no host of this lab: hosts are {', '.join(known)}")
    source, destination = hosts
    families = [one for one in Family if all(plan.node(host).address(one) for host in hosts)]
    if not families:
        raise InputError(f"{source} and {destination} have no address family in common")
    return tuple(Flow(source=source, destination=destination, family=one) for one in families)


def _printing(words: Callable[[Change], str]) -> Callable[[Iterable[Change]], None]:
    def printed(changes: Iterable[Change]) -> None:
        for one in changes:
            print(words(one), flush=True)

    return printed


def _now() -> datetime:
    return datetime.now(UTC).astimezone()


class _Watching:
    """What is asked of a lab, and remembered."""

    def __init__(self, lab: Lab, plan: Plan, flows: tuple[Flow, ...], every_s: float) -> None:
        self._lab = lab
        self._flows = flows
        self._deadline_s = min(LONGEST_PROBE_S, every_s / 2)
        self.watched = Watched(plan)
        self.kernels = _follow_kernels(lab, plan)

    def begin(self) -> list[Change]:
        """See how the lab is now."""
        for router, kernel in self.kernels.items():
            self.watched.hear_routes(_now(), router, (), len(kernel))
        self.ask_sessions()
        return self.watched.begin(_now())

    def ask_sessions(self) -> list[Change]:
        """Ask the supervisor what the routers have told, and which faults are in force."""
        found = self._lab.channel.ask(ReadSessions(), Sessions, deadline_s=ANSWER_DEADLINE_S)
        at = _now()
        return [*self.watched.hear_faults(at, found.failed), *self.watched.hear_sessions(at, found.told)]

    def probe(self) -> list[Change]:
        """Send a packet of each flow."""
        if not self._flows:
            return []
        question = Probe(flows=self._flows, deadline_s=self._deadline_s)
        probed = self._lab.channel.ask(question, Probed, deadline_s=self._deadline_s + ANSWER_DEADLINE_S)
        return self.watched.hear_probes(_now(), probed.results)

    def read_kernels(self, routers: Iterable[str]) -> list[Change]:
        """Look what changed in some kernels."""
        changes = []
        for router in routers:
            kernel, at = self.kernels[router], _now()
            found = kernel.changes()
            changes += self.watched.hear_routes(at, router, found, len(kernel))
        return changes

    @property
    def supervisor(self) -> int:
        """The file that can be read when the lab has ended."""
        return self._lab.channel.fileno()


def _follow_kernels(lab: Lab, plan: Plan) -> dict[str, KernelRoutes]:
    from lab.runtimes.namespaces import enter_network_namespace, open_networks

    names = [node.name for node in plan.routers]
    fds = [lab.channel.ask(Locate(node=name), Located, deadline_s=ANSWER_DEADLINE_S).fd for name in names]
    kernels = {}
    for name, namespace in zip(names, open_networks(lab.supervisor_pid, fds), strict=True):
        enter_network_namespace(namespace)
        kernels[name] = KernelRoutes()
        os.close(namespace)
    return kernels


class _Run:
    """The loop: what is new is shown at once, and everything is asked again every so often."""

    def __init__(
        self,
        watching: _Watching,
        interrupts: socket.socket,
        *,
        told: Callable[[Iterable[Change]], None] | None = None,
        terminal: Terminal | None = None,
    ) -> None:
        self._watching = watching
        self._interrupts = interrupts
        self._told = told
        self._terminal = terminal
        self._routers = {kernel.fileno(): router for router, kernel in watching.kernels.items()}

    def until_it_ends(self, every_s: float, seconds: float | None) -> None:
        """Watch. Raises LabBroken when the lab has ended."""
        end_s = math.inf if seconds is None else time.monotonic() + seconds
        ready = select.poll()
        for fd in (*self._routers, self._watching.supervisor, self._interrupts.fileno(), *self._keys()):
            ready.register(fd, select.POLLIN)
        self._show(self._watching.begin())
        next_s = time.monotonic()
        while True:
            now_s = time.monotonic()
            if now_s >= end_s:
                return
            if now_s >= next_s:
                self._show([*self._watching.ask_sessions(), *self._watching.probe()])
                next_s = max(next_s + every_s, time.monotonic())
            wait_s = max(0.0, min(next_s, end_s) - time.monotonic())
            fds = {fd for fd, _ in ready.poll(wait_s * 1000)}
            if self._is_over(fds):
                return
            routers = [router for fd, router in self._routers.items() if fd in fds]
            if routers:
                self._show(self._watching.read_kernels(routers))
                select.poll().poll(_TOGETHER_S * 1000)
                self._show(self._watching.ask_sessions())

    def _keys(self) -> list[int]:
        return [] if self._terminal is None or self._terminal.keys is None else [self._terminal.keys]

    def _is_over(self, fds: set[int]) -> bool:
        if self._watching.supervisor in fds:
            raise LabBroken("it has ended")  # it says nothing unasked
        if self._terminal is not None and not fds.isdisjoint(self._keys()):
            typed = os.read(self._keys()[0], 64)
            if not typed or any(key in _QUIT for key in typed):
                return True
        if self._interrupts.fileno() in fds:
            signals = self._interrupts.recv(64)
            if any(one in signals for one in ENDING):
                return True
            if signal.SIGTSTP in signals:
                self._suspend()
            self._show([])
        return False

    def _suspend(self) -> None:
        """Stop as Ctrl-Z asks, and go on when the shell says so."""
        if self._terminal is not None:
            self._terminal.close()
        os.kill(os.getpid(), signal.SIGSTOP)
        if self._terminal is not None:
            self._terminal.open()

    def _show(self, changes: list[Change]) -> None:
        if self._terminal is not None:
            self._terminal.draw(screen(self._watching.watched, _now(), *self._terminal.size))
        elif self._told is not None:
            self._told(changes)
