"""The supervisor's side of a stream: its process, who asked for it, and what the routers told while it ran."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from selectors import EVENT_READ, BaseSelector

from lab.channel import Channel, ChannelClosed
from lab.errors import LabBroken
from lab.failover import EventKind, Happening, SteadyStream
from lab.logs import Logs
from lab.messages import AwaitQuiet, Message, StartStream, StopStream, Streamed, Streaming
from lab.node_messages import NodeReport, SessionReport
from lab.plan import Plan
from lab.processes import start_part
from lab.questions.control import Broken


class Chronicle:
    """What routers told of their sessions and routes, with the times at which it happened there."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], SessionReport] = {}
        self._events: list[Happening] | None = None

    def begin(self) -> None:
        """Take note from now on."""
        self._events = []

    def end(self) -> tuple[Happening, ...]:
        """Take note no more; what was noted."""
        events, self._events = self._events or [], None
        return tuple(events)

    def note(self, kind: EventKind, text: str, began_ns: int, done_ns: int) -> None:
        """Take note of what was done to the lab."""
        if self._events is not None:
            self._events.append(Happening(at_ns=began_ns, until_ns=done_ns, kind=kind, text=text))

    def hear(self, router: str, report: NodeReport) -> None:
        """Take what a router tells of those of its sessions that changed."""
        for told in report.sessions:
            before = self._told.get((router, told.session))
            self._told[router, told.session] = told
            if self._events is None or before is None:
                continue
            if told.established != before.established:
                kind = EventKind.SESSION_UP if told.established else EventKind.SESSION_DOWN
                self._add(router, report, kind, f"{told.session}: {told.why_down or 'established'}")
            elif (told.adj_rib_in, told.adj_rib_out) != (before.adj_rib_in, before.adj_rib_out):
                came, went = told.adj_rib_in != before.adj_rib_in, told.adj_rib_out != before.adj_rib_out
                ways = [word for word, changed in (("received", came), ("sent", went)) if changed]
                self._add(router, report, EventKind.ROUTES, f"{told.session}: {' and '.join(ways)}")

    def _add(self, router: str, report: NodeReport, kind: EventKind, text: str) -> None:
        at_ns = report.since_ns
        happening = Happening(at_ns=at_ns, until_ns=at_ns, kind=kind, node=router, text=text)
        if self._events is not None:
            self._events.append(happening)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    """The process of a stream, the channel to it, and the client that is answered."""

    pid: int
    channel: Channel
    client: Channel


class Streams:
    """The stream of a lab, where there is one. What is asked of it is answered when it answers."""

    def __init__(self, namespaces: Mapping[str, int], logs: Logs, selector: BaseSelector) -> None:
        self.chronicle = Chronicle()
        self._namespaces, self._logs, self._selector = namespaces, logs, selector
        self._running: _Running | None = None

    def ask(self, plan: Plan, client: Channel, message: StartStream | AwaitQuiet | StopStream) -> None:
        """Start a stream, or ask the client's own. Raises LabBroken where there is another, or none."""
        if not isinstance(message, StartStream):
            if self._running is None or self._running.client is not client:
                raise LabBroken("there is no stream to ask")
            with suppress(ChannelClosed):  # its end is told to the client
                self._running.channel.send(message)
            return
        if self._running is not None:
            raise LabBroken("the lab has a stream already")
        self.chronicle.begin()
        self._running = self._start(plan, client, message.stream)
        self._selector.register(self._running.channel, EVENT_READ, self._hear)

    def serves(self, client: Channel) -> bool:
        """Whether the stream that runs is a client's own."""
        return self._running is not None and self._running.client is client

    def forget(self, client: Channel) -> None:
        """End the stream of a client that is gone."""
        if self._running is not None and self.serves(client):
            with suppress(ProcessLookupError):
                os.kill(self._running.pid, signal.SIGKILL)

    def _start(self, plan: Plan, client: Channel, stream: SteadyStream) -> _Running:
        ours, theirs = socket.socketpair()

        def run_stream() -> None:
            ours.close()
            from lab.steady_stream import run  # noqa: PLC0415  # in its own process

            run(plan, self._namespaces, stream, Channel(theirs, "the supervisor"))

        pid = start_part("stream", self._logs.open("stream"), run_stream)
        theirs.close()
        return _Running(pid=pid, channel=Channel(ours, "the stream"), client=client)

    def _hear(self) -> None:
        running = self._running
        if running is None:
            return
        try:
            for answer in running.channel.receive():
                if isinstance(answer, Streamed):
                    self._forget_process(running)
                    answer = replace(answer, events=(*answer.events, *self.chronicle.end()))  # noqa: PLW2901
                elif isinstance(answer, Streaming) and answer.why_not:
                    self._forget_process(running)
                _tell(running.client, answer)
        except ChannelClosed:
            self._forget_process(running)
            _tell(running.client, Broken(reason="the stream has ended", log=self._logs.tail("stream")))

    def _forget_process(self, running: _Running) -> None:
        """Hear nothing more from it: it is about to end."""
        self._running = None
        self._selector.unregister(running.channel)
        running.channel.close()


def _tell(client: Channel, message: Message) -> None:
    with suppress(ChannelClosed, OSError):  # it may be gone, and its socket closed
        client.send(message)
