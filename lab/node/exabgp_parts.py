"""The parts of ExaBGP 5.0.15 that the lab replaces: its helper program, its queue of callbacks and its sleep.

Imported only where ExaBGP runs. The live tests fail where a new release changes what is relied on here
(docs/decisions/0003-exabgp-in-a-fork.md).
"""

from __future__ import annotations

import select
from collections.abc import Iterator
from typing import Any, Protocol

from exabgp.bgp.fsm import FSM
from exabgp.configuration.core.format import formated
from exabgp.reactor import loop
from exabgp.reactor.api.processes import Processes
from exabgp.reactor.api.response import Response
from exabgp.reactor.asynchronous import ASYNC
from exabgp.reactor.loop import Reactor
from exabgp.version import json as json_version

CONNECTING_SLEEP_MS = 1
IDLE_SLEEP_MS = 100


class Helper(Protocol):
    """What ExaBGP calls its helper: it hears of events and gives commands. Here it lives in the same process."""

    def before_connecting(self) -> None:
        """ExaBGP listens, and will try its sessions when this returns."""

    def hear(self, line: str) -> None:
        """Take one line that ExaBGP tells: an event in JSON, or the answer to a command."""

    def take_commands(self) -> list[str]:
        """The commands that wait to be carried out; they are the caller's from now on."""

    def before_sleep(self, updates: dict[str, tuple[int, int]]) -> None:
        """All that has arrived was handled, and all that was to be sent is sent.

        `updates` counts, for each peer address, the UPDATEs sent and received since the session came up.
        """

    def readable(self, fd: int) -> bool:
        """Handle a file descriptor that can be read; False where it is not the helper's."""

    def peers_to_try(self) -> list[str]:
        """The addresses of peers whose link has come back; they are the caller's from now on."""

    def fds(self) -> list[int]:
        """The file descriptors to wake for."""


class _HelperInProcess(Processes):  # type: ignore[misc]  # ExaBGP has no types
    """ExaBGP's helpers, where the only one is an object and not a program at the end of two pipes."""

    helper: Helper

    def _start(self, process: str) -> None:
        self._encoder[process] = Response.JSON(json_version)
        self._ackjson[process] = False
        self._ack[process] = self._default_ack
        self._process[process] = None
        self.helper.before_connecting()

    def _update_fds(self) -> None:
        """There are no pipes."""

    def received(self) -> Iterator[tuple[str, str]]:
        for process in self._process:
            for command in self.helper.take_commands():
                yield process, formated(command)

    def write(self, process: str, string: str | None, neighbor: object = None) -> bool:
        del process, neighbor
        if string is not None:
            self.helper.hear(string)
        return True


class _Callbacks(ASYNC):  # type: ignore[misc]
    """ExaBGP's queue of callbacks, emptied at once: the original takes 50 steps a turn in a new asyncio loop."""

    def run(self) -> bool:
        while self._async:
            uid, callback = self._async.popleft()
            try:
                for _ in callback:
                    pass
            except Exception:  # noqa: BLE001  # as the original: one failed callback must not end the reactor
                self._notify_error(uid)
        return False


class _EventDrivenReactor(Reactor):  # type: ignore[misc]
    """ExaBGP's reactor, woken by sockets once there is nothing to try.

    The original wakes a hundred or a thousand times a second. Here it does so only while a session that this end opens
    is on its way; the listening sockets and the helper's files join the poll.
    """

    helper: Helper

    def __init__(self, configuration: object) -> None:
        super().__init__(configuration)
        self.asynchronous = _Callbacks()

    def _wait_for_io(self, sleeptime: int) -> Iterator[int]:
        if sleeptime:
            self.helper.before_sleep(
                {
                    str(peer.neighbor["peer-address"]): (peer.stats["send-update"], peer.stats["receive-update"])
                    for peer in self._peers.values()
                }
            )
        for address in self.helper.peers_to_try():
            for peer in self._peers.values():
                if str(peer.neighbor["peer-address"]) == address:
                    peer._delay.reset()  # or it would wait for a minute after a few failures
        others = {listening.fileno() for listening in self.listener._sockets}
        for fd in (*others, *self.helper.fds()):
            self._poller.register(fd, select.POLLIN)
        if sleeptime:
            sleeptime = CONNECTING_SLEEP_MS if self._opening() else IDLE_SLEEP_MS
        for fd in super()._wait_for_io(sleeptime):
            if fd not in others and not self.helper.readable(fd):
                yield fd

    def _opening(self) -> bool:
        """Whether a session is between its first packet and Established, or is due to be tried."""
        for peer in self._peers.values():
            if peer.fsm == FSM.ESTABLISHED:
                continue
            if peer.proto is not None or not (peer.neighbor["passive"] or peer._delay.backoff()):
                return True
        return False


def reactor(configuration: object, helper: Helper) -> Any:  # noqa: ANN401
    """ExaBGP's reactor with `helper` as its only helper."""
    loop.Processes = type("Helpers", (_HelperInProcess,), {"helper": helper})
    return type("LabReactor", (_EventDrivenReactor,), {"helper": helper})(configuration)
