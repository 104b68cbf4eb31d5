"""Questions that are asked with every capture listening: each packet is seen at each node that it crosses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from lab.errors import LabBroken
from lab.forwarding import Flow, FlowResult
from lab.packet_filter import probes
from lab.packets import Protocol
from lab.plan import Plan
from lab.probes.captures import Captures
from lab.probes.exchanges import Connections, Datagrams, Echoes, Exchange
from lab.probes.sightings import Asked, Book, result_of
from lab.questions.packets import Probe

RETRY_S = 0.25
"""A flow that was neither answered nor refused is sent again after this time."""
_SENT_AT_ONCE = 32
_QUIET_S = 0.005
"""Where nothing has come for so long, the rest of what was sent is taken to be lost, for now."""
_EXCHANGES = {Protocol.ICMP: Echoes, Protocol.UDP: Datagrams, Protocol.TCP: Connections}


class Tracer:
    """Asks the lab of a plan. `enter` brings this thread into the namespace of a node."""

    def __init__(self, plan: Plan, captures: Captures, enter: Callable[[str], None], run_id: bytes) -> None:
        self._plan = plan
        self._captures = captures
        self._enter = enter
        self._run_id = run_id
        self._number = 0

    def trace(self, question: Probe, at: Iterable[str] | None = None) -> tuple[FlowResult, ...]:
        """What became of each packet of a question, as far as all nodes or these show it."""
        book = Book(self._run_id)
        asked = [self._ask(flow, book) for flow in question.flows for _ in range(question.count)]
        ports = {one.port for one in asked if one.flow.protocol is not Protocol.ICMP}
        with self._captures.listening(probes(ports), at):
            asking = _Asking(asked, book, self._captures, self._enter)
            try:
                asking.ask(question.deadline_s, again=question.again)
            finally:
                asking.close()
        return tuple(map(result_of, asked))

    def _ask(self, flow: Flow, book: Book) -> Asked:
        self._number += 1
        source = self._plan.node(flow.source).address(flow.family)
        target = self._plan.node(flow.destination).address(flow.family)
        if source is None or target is None:
            raise LabBroken(f"{flow.source} and {flow.destination} have no {flow.family.value} address in common")
        asked = Asked(
            flow=flow,
            number=self._number,
            stamp=book.stamp(self._number),
            source=source,
            target=target,
            port=flow.port,
        )
        book.write(asked)
        return asked


class _Asking:
    """One question while it is asked."""

    def __init__(self, asked: list[Asked], book: Book, captures: Captures, enter: Callable[[str], None]) -> None:
        self._asked = asked
        self._book = book
        self._captures = captures
        self._at_once = _SENT_AT_ONCE
        protocols = dict.fromkeys(one.flow.protocol for one in asked)
        self._exchanges: dict[Protocol, Exchange] = {one: _EXCHANGES[one](enter, book) for one in protocols}

    def ask(self, deadline_s: float, *, again: bool) -> None:
        """Send everything, then wait so long for what is missing; with `again` that is sent again meanwhile."""
        self._at_once = (
            _SENT_AT_ONCE if again else 1
        )  # whoever counts the lost wants the times of packets by themselves
        self._send(self._asked)
        end = time.monotonic() + deadline_s  # of many packets the sending itself takes its time
        resend_at = time.monotonic() + RETRY_S
        while time.monotonic() < end and (missing := [one for one in self._asked if not one.settled]):
            if again and time.monotonic() >= resend_at:
                self._send(missing)
                resend_at = time.monotonic() + RETRY_S
            self._take_in(min(resend_at, end) - time.monotonic() if again else end - time.monotonic())
        self._take_in(0)  # an answer may have been read before what was seen on its way

    def close(self) -> None:
        """Close all that was opened."""
        for one in self._exchanges.values():
            one.close()

    def _send(self, asked: list[Asked]) -> None:
        """Send some packets, and take in what they cause before more are sent.

        A capture's buffer may hold but some two hundred packets, and a process that carries tags may be behind.
        """
        for start in range(0, len(asked), self._at_once):
            some = asked[start : start + self._at_once]
            for one in some:
                self._exchanges[one.flow.protocol].send(one)
            while not all(one.settled for one in some) and self._take_in(_QUIET_S):
                pass
            for protocol, few in _by_protocol(one for one in some if one.settled):
                self._exchanges[protocol].done(few)

    def _take_in(self, timeout_s: float) -> bool:
        """Let the far ends answer, and take in what has been captured, or is within a time; whether anything was."""
        for one in self._exchanges.values():
            one.answer()
        seen = False
        for frame in self._captures.frames(timeout_s):
            self._book.see(frame)
            seen = True
        self._book.settle()
        return seen


def _by_protocol(asked: Iterable[Asked]) -> Iterator[tuple[Protocol, list[Asked]]]:
    found: dict[Protocol, list[Asked]] = {}
    for one in asked:
        found.setdefault(one.flow.protocol, []).append(one)
    yield from found.items()
