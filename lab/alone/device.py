"""The program of a device: it becomes what its file says, and serves a socket on which it tells of itself.

Whoever starts it gives it the file (`lab.device_file`) and, sooner or later, the interfaces that the file names. It
takes the rights over its own network (CAP_NET_ADMIN, CAP_NET_RAW), and CAP_SYS_ADMIN where it has VRFs, tunnels or VLAN
tags: then it makes network namespaces.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

from lab.alone.answering import Answering
from lab.alone.building import Built, build, inside
from lab.errors import InputError, LabBroken
from lab.logs import OneLog
from lab.messages import Message
from lab.node_messages import (
    ChangesReported,
    NodeReport,
    ReadRouterTables,
    ReportChanges,
    RouterTablesRead,
    SessionReport,
)
from lab.plan.devices import Device
from lab.processes import how_it_ended
from lab.questions.control import Broken, ReadStatus
from lab.questions.plans import Status
from lab.questions.tables import AwaitConvergence, Converged, ReadTables, Tables
from lab.routers import Routers
from lab.runtimes.fib import KernelRoutes
from lab.tables import LabTables


def run(device: Device, control: Path, deadline_s: float) -> NoReturn:
    """Be a device until SIGTERM ends this process. Raises LabBroken where it cannot be one, or can no longer.

    Its interfaces have `deadline_s` to come.
    """
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    built = build(device, OneLog(), deadline_s)
    with _listening(control) as listening:
        _Serving(built, listening).serve()


def _listening(control: Path) -> socket.socket:
    """The device's socket, for its user alone, in the place of one that an earlier device has left."""
    listening = socket.socket(socket.AF_UNIX)
    try:
        control.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if control.is_socket():
            control.unlink()
        before = os.umask(0o177)
        try:
            listening.bind(str(control))
        finally:
            os.umask(before)
    except OSError as problem:
        listening.close()
        raise LabBroken(f"cannot listen at {control}: {problem.strerror or problem}") from problem
    listening.listen()
    return listening


class _Serving:
    """The loop over what the routers say and what is asked: `lab.routers.Supervising`."""

    def __init__(self, built: Built, listening: socket.socket) -> None:
        self._built = built
        self._selector = selectors.DefaultSelector()
        self._routers = Routers(self, built.runtime, self._selector)
        self._told: dict[str, dict[str, SessionReport]] = {}
        self._since_s = time.monotonic()
        self._broken: Broken | None = None
        Answering(listening, self._selector, self._answer)

    def serve(self) -> NoReturn:
        """Go on until SIGTERM. Raises LabBroken where a part of the device ends."""
        woken, wakes = socket.socketpair()
        wakes.settimeout(0)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes.fileno())
        self._selector.register(woken, selectors.EVENT_READ, lambda: woken.recv(4096))
        self._built.start(self._routers)
        sys.stderr.write(f"{self._built.device.name}: ready\n")
        while self._broken is None:
            for key, _ in self._selector.select():
                key.data()
            self._reap()
        raise (InputError if self._broken.input_is_wrong else LabBroken)(self._broken.reason)

    def _reap(self) -> None:
        """Take note of ended processes. As the first one of a container this buries those of others too."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            router = self._routers.named(pid)
            part = router or self._built.parts.get(pid)
            if part is not None:
                how = f"the process of {part} {how_it_ended(status)}"
                if router is not None:
                    self._routers.bury(router, how)
                self.breaks(how, part)

    # what the routers say

    @property
    def broken(self) -> Broken | None:
        """Why the device cannot go on; None where it can."""
        return self._broken

    def hear(self, router: str, report: NodeReport | None) -> None:
        """Take a report."""
        told = self._told.setdefault(router, {})
        for session in report.sessions if report is not None else ():
            before = told.get(session.session)
            if before is None or before.established != session.established:
                state = "established" if session.established else f"down: {session.why_down or 'not yet connected'}"
                sys.stderr.write(f"{router}: session {session.session} {state}\n")
            told[session.session] = session

    def has_answered(self) -> None:
        """Nothing waits for answers but who asked."""

    def has_ended(self, router: str, how: str) -> None:
        """Take note that a router's process is gone."""
        self._reap()
        self.breaks(how, router)

    def breaks(self, reason: str, part: str, *, input_is_wrong: bool = False) -> None:
        """Take note that a part of the device died: it ends, and whoever runs it sees that it did."""
        del part
        self._broken = self._broken or Broken(reason=reason, input_is_wrong=input_is_wrong)

    # what is asked

    def _answer(self, message: Message) -> Message:
        match message:
            case AwaitConvergence():  # answered at once: what is at the other ends is not known here
                return Converged(pending=self._pending(), established_s=None, converged_s=None)
            case ReadTables():
                return Tables(tables=self._tables(), fidelity=self._built.fidelity, pending=self._pending())
            case ReadStatus():
                up_s, memory_kib = time.monotonic() - self._since_s, self._routers.memory_kib()
                plan = self._built.device.plan
                return Status(plan=plan, pending=self._pending(), up_s=up_s, memory_kib=memory_kib)
            case _:
                return Broken(reason=f"a device that runs alone answers no {type(message).__name__}")

    def _pending(self) -> tuple[str, ...]:
        """The sessions that are not up."""
        return tuple(
            f"{node.name}: session {session.name} is down: {_why_down(self._told.get(node.name, {}).get(session.name))}"
            for node in self._built.device.plan.routers
            for session in (node.bgp.sessions if node.bgp else ())
            if not _established(self._told.get(node.name, {}).get(session.name))
        )

    def _tables(self) -> LabTables:
        names = self._routers.names
        read = self._routers.ask(dict.fromkeys(names, ReadRouterTables()), RouterTablesRead)
        self._routers.ask(dict.fromkeys(names, ReportChanges()), ChangesReported)
        found = []
        for tables in (one.tables for one in read):
            with inside(self._built.namespaces[tables.router]), closing(KernelRoutes()) as kernel:
                found.append(replace(tables, fib=kernel.entries()))
        return LabTables(routers=tuple(found))


def _established(told: SessionReport | None) -> bool:
    return told is not None and told.established


def _why_down(told: SessionReport | None) -> str:
    return (told.why_down if told is not None else "") or "not yet connected"
