"""The prober of a lab, as its supervisor sees it: a process that answers one question after another.

It answers in order, so each answer is for whoever asked the first of the open questions. Answers for a command are
passed on as they come, unread: they can be long, and the supervisor has others to hear from meanwhile. While one is
late nothing more is asked; when it comes it is dropped, and all goes on.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

from lab.channel import Channel, ChannelClosed
from lab.errors import LabBroken
from lab.logs import Logs
from lab.messages import Message, Observe
from lab.processes import start_part
from lab.questions.control import Broken

Answer = TypeVar("Answer")


@dataclass(slots=True, kw_only=True)
class _Question:
    """An open question. `client` is whom the answer is for; without one the supervisor itself waits, or nobody does."""

    client: Channel | None = None
    answer: bytes | None = None
    late: str = ""
    """What was said when its answer did not come in time."""


class Prober:
    """The supervisor's end of a channel to the prober's process."""

    def __init__(self, channel: Channel, pid: int) -> None:
        self.channel = channel
        self.pid = pid
        self._open: deque[_Question] = deque()

    @classmethod
    def start(cls, logs: Logs, *, asked_soon: bool) -> Self:
        """Fork it, when all is imported that it shares with the supervisor.

        With `asked_soon` it makes ready to probe while the command still reads its files.
        """
        ours, theirs = socket.socketpair()

        def run_prober() -> None:
            ours.close()
            from lab.probes import run

            run(Channel(theirs, "the supervisor"), asked_soon=asked_soon)

        pid = start_part("prober", logs.open("prober"), run_prober)
        theirs.close()
        return cls(Channel(ours, "the prober"), pid)

    def observe(self, message: Observe, namespaces: list[int]) -> None:
        """Show it the lab."""
        self.channel.send(message, namespaces)

    def ask_for(self, client: Channel, question: Message) -> None:
        """Ask; the answer goes to the client when it comes. Raises LabBroken where one is late."""
        self._ask(question, client)

    def ask(self, question: Message) -> _Question:
        """Ask, for `await_answer`. Raises LabBroken where an answer is late: this one would be later still."""
        return self._ask(question, None)

    def await_answer(self, asked: _Question, answer: type[Answer], deadline_s: float) -> Answer:
        """The answer to a question. Raises LabBroken where there is none in time, and ChannelClosed."""
        end_s = time.monotonic() + deadline_s
        while asked.answer is None:
            if not self.channel.wait(end_s - time.monotonic()):
                asked.late = f"the prober did not answer within {deadline_s:g} s"
                raise LabBroken(asked.late)
            self.hear()
        message = self.channel.read(asked.answer)
        if isinstance(message, Broken):
            raise LabBroken(message.reason)
        if not isinstance(message, answer):
            raise LabBroken(f"the prober answered {type(message).__name__}")
        return message

    def hear(self) -> None:
        """Pass on what it answered. Raises ChannelClosed."""
        for line in self.channel.receive_lines():
            asked = self._open.popleft()
            asked.answer = line
            if asked.client is not None:
                with contextlib.suppress(ChannelClosed):
                    asked.client.send_line(line)

    def forget(self, client: Channel) -> None:
        """Drop the answers for a client that is gone."""
        for asked in self._open:
            if asked.client is client:
                asked.client = None

    def waiting(self) -> Iterator[Channel]:
        """The clients that wait for an answer."""
        return (asked.client for asked in self._open if asked.client is not None)

    def _ask(self, question: Message, client: Channel | None) -> _Question:
        late = next((one.late for one in self._open if one.late), "")
        if late:
            raise LabBroken(late)
        asked = _Question(client=client)
        self._open.append(asked)
        with contextlib.suppress(ChannelClosed):  # whoever hears from it finds out
            self.channel.send(question)
        return asked
