"""A channel of messages over a stream socket: one line of JSON each, with the message's name.

A command that asks one thing does not pay for the hundreds of types that messages can hold: what a message is made of
is imported when one is sent or read.
"""

from __future__ import annotations

import contextlib
import json
import selectors
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from lab.errors import InputError, LabBroken
from lab.questions.control import Broken

if TYPE_CHECKING:
    from lab.messages import Message

_MAXIMUM_FDS = 250
_MAXIMUM_LINE_BYTES = 1 << 26

Answer = TypeVar("Answer")


class _HasFileno(Protocol):
    def fileno(self) -> int: ...


File = TypeVar("File", bound="_HasFileno | int")


def readable(files: Iterable[File], timeout_s: float) -> list[File]:
    """Those that can be read, after waiting for the first one. A big lab has descriptors that select does not know."""
    with selectors.PollSelector() as waiting:
        for file in files:
            waiting.register(file, selectors.EVENT_READ, file)
        return [key.data for key, _ in waiting.select(max(0.0, timeout_s))]


class ChannelClosed(LabBroken):
    """The process at the other end is gone."""


class NotAMessage(LabBroken):
    """What the far end sent cannot be read."""


class Channel:
    """One end of a channel. It blocks on sending only; receiving tells what is there.

    `kinds` are the messages that may arrive, by name: all where they are left out.
    """

    def __init__(self, connection: socket.socket, far_end: str, kinds: Mapping[str, type] | None = None) -> None:
        self._socket, self._kinds = connection, kinds
        self._far_end = far_end
        self._received = bytearray()
        self.fds: list[int] = []
        """File descriptors that came with messages, in order."""

    def fileno(self) -> int:
        """The file descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end."""
        self._socket.close()

    def send(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send a message, and file descriptors with it. Raises ChannelClosed."""
        from lab.codec import plain

        line = json.dumps({"kind": type(message).__name__, "body": plain(message)}, separators=(",", ":"))
        self.send_line(line.encode(), fds)

    def send_line(self, line: bytes, fds: Sequence[int] = ()) -> None:
        """Send a message as it came by `receive_lines`. Raises ChannelClosed."""
        try:
            for start in range(0, len(fds), _MAXIMUM_FDS):
                socket.send_fds(self._socket, [b" "], fds[start : start + _MAXIMUM_FDS])
            self._socket.sendall(line + b"\n")
        except (BrokenPipeError, ConnectionResetError):
            raise ChannelClosed(f"{self._far_end} is gone") from None

    def receive(self) -> list[Message]:
        """The messages that have arrived; waits where there are none. Raises ChannelClosed and NotAMessage."""
        return [self.read(line) for line in self.receive_lines()]

    def receive_lines(self) -> list[bytes]:
        """The messages that have arrived, unread; waits where there are none. Raises ChannelClosed and NotAMessage."""
        try:
            data, fds, _, _ = socket.recv_fds(self._socket, 1 << 18, _MAXIMUM_FDS)
        except ConnectionResetError:
            data, fds = b"", []
        self.fds += fds
        if not data:
            raise ChannelClosed(f"{self._far_end} is gone")
        self._received += data
        if b"\n" not in data:
            if len(self._received) > _MAXIMUM_LINE_BYTES:
                raise NotAMessage(f"{self._far_end} sent a line without an end")
            return []
        *lines, rest = self._received.split(b"\n")
        self._received = bytearray(rest)
        return [bytes(line) for line in lines]

    def read(self, line: bytes) -> Message:
        """The message of a line. Raises NotAMessage."""
        return self._read(line)

    def _read(self, line: bytes, *expected: type) -> Message:
        from lab.codec import typed

        try:
            content = json.loads(line)
            message: Message = typed(self._kind(content["kind"], expected), content["body"])
        except Exception as problem:  # whatever the far end wrote, and no fault of this one
            raise NotAMessage(f"{self._far_end} sent what is no message: {problem!r}") from problem
        return message

    def _kind(self, name: str, expected: Iterable[type]) -> type:
        for kind in expected:
            if kind.__name__ == name:
                return kind
        if self._kinds is not None:
            return self._kinds[name]
        from lab.messages import KINDS

        return KINDS[name]

    def wait(self, timeout_s: float) -> bool:
        """Whether something can be received within the time."""
        return bool(readable([self._socket], timeout_s))

    def ask(self, message: Message, answer: type[Answer], *, deadline_s: float) -> Answer:
        """Send a message and wait for its answer. Raises LabBroken where there is none, or InputError as `expect`."""
        with contextlib.suppress(ChannelClosed):  # the far end may have said why before it went
            self.send(message)
        return self.expect(answer, deadline_s=deadline_s)

    def expect(self, answer: type[Answer], *, deadline_s: float) -> Answer:
        """Wait for a message of a kind. Raises LabBroken where the far end says Broken, is gone or is late.

        Where what it says is that a user's file is wrong, it raises InputError.
        """
        end = time.monotonic() + deadline_s
        while True:
            if not self.wait(max(0.0, end - time.monotonic())):
                raise LabBroken(f"{self._far_end} did not answer within {deadline_s:g} s")
            for line in self.receive_lines():
                one = self._read(line, Broken, answer)
                if isinstance(one, Broken) and one.input_is_wrong:
                    raise InputError(one.reason)
                if isinstance(one, Broken):
                    raise LabBroken(one.reason + (f"\n{one.log}" if one.log else ""))
                if isinstance(one, answer):
                    return one
