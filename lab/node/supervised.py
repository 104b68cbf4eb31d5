"""Process 1 of a router's container: it connects to the lab's supervisor, and starts the node program when told to.

The node program is a child of it and not itself, so that a router can be killed and come back in the same network
namespace, with its wires. Where the node program ends unasked, or the supervisor is gone, the container ends.
"""

from __future__ import annotations

import contextlib
import gc
import os
import selectors
import signal
import socket
import sys
import time
from pathlib import Path
from types import FrameType

from lab.channel import Channel, ChannelClosed
from lab.errors import LabBroken
from lab.node import privileges
from lab.node.router import be_router
from lab.node_messages import (
    NODE_KINDS,
    ContainerReady,
    FreezeRouter,
    KillRouter,
    MemoryRead,
    ReadMemory,
    RouterFrozen,
    RouterKilled,
    StartRouter,
)
from lab.processes import how_it_ended, memory_kib, signal_part, start_part

ADDRESS = "\0erlab"
"""The supervisor's socket: a name in the container's network namespace, and in no file system (unix(7), abstract)."""
_CONNECT_S, _POLL_S = 10.0, 0.005
_STDERR = 2
_BY_SIGNAL = 128
"""An exit code above it tells of a signal, as those of shells do."""


def main(node: str) -> int:
    """Serve as process 1 of the container of a node; returns its exit code."""
    privileges.hand_on()
    signal.signal(signal.SIGTERM, _end)
    supervisor = Channel(_connect(), "the supervisor", NODE_KINDS)  # first: by it the end of the supervisor is heard
    _warm_up()
    try:
        supervisor.send(ContainerReady())
        return _Init(node, supervisor).serve()
    except ChannelClosed:
        return 0


def _end(number: int, _frame: FrameType | None) -> None:
    """Process 1 is spared every signal that it does not handle (pid_namespaces(7)), that of `docker stop` too."""
    os._exit(_BY_SIGNAL + number)


def _connect() -> socket.socket:
    """The supervisor opens its socket while this process starts."""
    end_s = time.monotonic() + _CONNECT_S
    connection = socket.socket(socket.AF_UNIX)
    while True:
        try:
            connection.connect(ADDRESS)
        except ConnectionRefusedError:
            if time.monotonic() > end_s:
                raise
            time.sleep(_POLL_S)
        else:
            return connection


def _warm_up() -> None:
    """Import the node program, so that it is forked ready."""
    from lab.node import program, speaker

    del program
    speaker.warm_up()
    gc.collect()
    gc.freeze()


class _Init:
    """The loop: what the supervisor wants, and children that have ended."""

    def __init__(self, node: str, supervisor: Channel) -> None:
        self._node, self._supervisor = node, supervisor
        self._router: int | None = None
        self._leads_group = False
        self._woken, wakes = socket.socketpair()
        wakes.settimeout(0)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wakes.fileno())
        self._wakes = wakes
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._selector.register(supervisor, selectors.EVENT_READ)

    def serve(self) -> int:
        """Answer until the node program ends; returns the exit code that tells how. Raises ChannelClosed."""
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    self._woken.recv(4096)
                else:
                    for message in self._supervisor.receive():
                        self._answer(message)
            status = self._bury()
            if status is not None:
                sys.stderr.write(f"{self._node}: the node program {how_it_ended(status)}\n")
                code = os.waitstatus_to_exitcode(status)
                return code if code > 0 else _BY_SIGNAL - code

    def _answer(self, message: object) -> None:
        match message:
            case StartRouter():
                self._start(message)
            case FreezeRouter():
                self._signal(signal.SIGSTOP)
                self._supervisor.send(RouterFrozen())
            case KillRouter():
                self._kill()
                self._supervisor.send(RouterKilled())
            case ReadMemory():
                self._supervisor.send(MemoryRead(kib=_memory_kib()))
            case _:
                raise LabBroken(f"{type(message).__name__} is no message for a container")

    def _start(self, message: StartRouter) -> None:
        theirs = socket.socket(fileno=self._supervisor.fds.pop())

        def run_router() -> None:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            self._supervisor.close()
            be_router(message.plan, Channel(theirs, "the supervisor", NODE_KINDS), again=message.again)

        self._leads_group = message.plan.speaker is not None
        self._router = start_part(self._node, _STDERR, run_router)
        if self._leads_group:
            os.setpgid(self._router, self._router)  # as it does itself, for whoever ends it before it came to that
        theirs.close()

    def _signal(self, number: signal.Signals) -> None:
        if self._router is not None:
            signal_part(self._router, number, leads_group=self._leads_group)

    def _kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self._router is not None:
            os.waitpid(self._router, 0)
            self._router = None

    def _bury(self) -> int | None:
        """Bury the children that have ended, those of an ended child too; the status of the node program if it has."""
        ended = None
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    break
                if pid == self._router:
                    ended = status
        return ended


def _memory_kib() -> int:
    """The proportional memory of all processes of the container."""
    return sum(memory_kib(int(one.name)) for one in Path("/proc").iterdir() if one.name.isdigit())
