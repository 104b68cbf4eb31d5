"""The parts of ExaBGP 5.0.15 that the lab replaces: how its helper is reached, and how long it sleeps.

Imported only where ExaBGP runs. `tests/live/test_speaker.py` fails where a new release changes what is relied on here.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

from exabgp.bgp.fsm import FSM
from exabgp.reactor.api.processes import Processes
from exabgp.reactor.api.response import Response
from exabgp.reactor.loop import Reactor
from exabgp.version import json as json_version

CONNECTING_SLEEP_MS = 1
IDLE_SLEEP_MS = 100


class _Pipes:
    """Stands where ExaBGP keeps the `subprocess.Popen` of a helper."""

    def __init__(self, commands_fd: int, events_fd: int) -> None:
        self.stdout = os.fdopen(commands_fd, "rb", buffering=0)
        self.stdin = os.fdopen(events_fd, "wb")
        os.set_blocking(commands_fd, False)

    def poll(self) -> int | None:
        return None

    def terminate(self) -> None:
        """The helper is our parent: nothing to end."""

    kill = terminate

    def wait(self, timeout: float | None = None) -> int:
        del timeout
        return 0


class _PipedProcesses(Processes):  # type: ignore[misc]  # ExaBGP has no types
    """ExaBGP's helpers, where the only one is the node that forked it."""

    pipes: _Pipes
    before_connecting: Callable[[], None]

    def _start(self, process: str) -> None:
        self._encoder[process] = Response.JSON(json_version)
        self._ackjson[process] = False
        self._ack[process] = self._default_ack
        self._process[process] = self.pipes
        self._restart[process] = False
        self._update_fds()
        type(self).before_connecting()

    def _handle_problem(self, process: str) -> None:
        del process
        os._exit(0)  # the node is gone, and nobody is left to speak for


class _EventDrivenReactor(Reactor):  # type: ignore[misc]
    """ExaBGP's reactor, woken by its sockets once there is nothing to try.

    The original wakes a hundred or a thousand times a second. Here it does so only while a session that this end opens
    is not yet established; listening sockets join the poll.
    """

    def _wait_for_io(self, sleeptime: int) -> Iterator[int]:
        for listening in self.listener._sockets:
            self._poller.register(listening, select.POLLIN)
        if sleeptime:
            busy = any(peer.proto is not None and peer.fsm != FSM.ESTABLISHED for peer in self._peers.values())
            opening = any(
                not peer.neighbor["passive"] and peer.fsm != FSM.ESTABLISHED and not peer._delay.backoff()
                for peer in self._peers.values()
            )
            sleeptime = CONNECTING_SLEEP_MS if busy or opening else IDLE_SLEEP_MS
        listeners = {listening.fileno() for listening in self.listener._sockets}
        for fd in super()._wait_for_io(sleeptime):
            if fd not in listeners:
                yield fd


def wire(loop: ModuleType, commands_fd: int, events_fd: int, before_connecting: Callable[[], None]) -> Any:  # noqa: ANN401
    """Make ExaBGP speak through two pipes; returns the reactor class to run."""
    processes = type(
        "PipedProcesses",
        (_PipedProcesses,),
        {"pipes": _Pipes(commands_fd, events_fd), "before_connecting": staticmethod(before_connecting)},
    )
    loop.Processes = processes  # type: ignore[attr-defined]
    return _EventDrivenReactor
