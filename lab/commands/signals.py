"""Signals as something to wait for beside files, so that no line of a command is interrupted halfway."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Ctrl-C, what `timeout` and `kill` send, and the end of a terminal."""


@contextmanager
def heard(signals: Iterable[signal.Signals]) -> Iterator[socket.socket]:
    """A socket that has one byte, its number, for each of these signals that came; they do nothing else meanwhile."""
    reads, writes = socket.socketpair()
    for end in (reads, writes):
        end.settimeout(0)
    before = {one: signal.signal(one, _nothing) for one in signals}
    old = signal.set_wakeup_fd(writes.fileno())
    try:
        yield reads
    finally:
        signal.set_wakeup_fd(old)
        for one, handler in before.items():
            signal.signal(one, handler)
        reads.close()
        writes.close()


def _nothing(_signal: int, _frame: FrameType | None) -> None:
    """The byte in the socket is all."""
