"""The socket at which a device that runs alone is asked. What goes wrong there costs an answer, never the device."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
from collections.abc import Callable

from lab.channel import Channel, ChannelClosed, NotAMessage
from lab.errors import LabBroken
from lab.messages import Message
from lab.questions.control import Broken

_PATIENCE_S = 5.0
"""How long an asker may take to read: less than one that waits for its answer meanwhile (`ANSWER_DEADLINE_S`)."""


class Answering:
    """Takes connections from a listening socket and answers what comes over them, in the turns of a selector's loop.

    `answer` may raise LabBroken or OSError: then the answer is Broken, and the next question is answered as ever.
    """

    def __init__(
        self,
        listening: socket.socket,
        selector: selectors.BaseSelector,
        answer: Callable[[Message], Message],
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._listening, self._selector, self._answer = listening, selector, answer
        self._patience_s = patience_s
        self._spare = os.open(os.devnull, os.O_RDONLY)
        selector.register(listening, selectors.EVENT_READ, self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except OSError:  # no more open files
            self._turn_away()
            return
        connection.settimeout(self._patience_s)
        client = Channel(connection, "who asked")
        self._selector.register(client, selectors.EVENT_READ, lambda: self._from(client))

    def _turn_away(self) -> None:
        """Close the connection that cannot be taken, by the one open file kept for that: else it waits for ever."""
        os.close(self._spare)
        with contextlib.suppress(OSError):
            self._listening.accept()[0].close()
        self._spare = os.open(os.devnull, os.O_RDONLY)

    def _from(self, client: Channel) -> None:
        try:
            for message in client.receive():
                client.send(self._answered(message))
        except (ChannelClosed, NotAMessage, OSError):  # OSError: it does not read, or the kernel has no room for it
            self._selector.unregister(client)
            client.close()

    def _answered(self, message: Message) -> Message:
        try:
            return self._answer(message)
        except LabBroken as problem:
            return Broken(reason=str(problem))
        except OSError as problem:  # no more open files or memory, say: the next answer may have them
            what = f"{problem.filename}: " if problem.filename else ""
            return Broken(reason=f"it cannot be told: {what}{problem.strerror or problem}")
