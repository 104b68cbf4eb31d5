"""Where a capture goes: a file that no other capture writes, or stdout, whose reader may be slow, stuck or gone."""

from __future__ import annotations

import fcntl
import math
import os
import select
import socket
import stat
import time
from dataclasses import dataclass

from lab.errors import InputError

STDOUT = "-"
PATIENCE_S = 2.0
"""How long a reader gets for the rest once the capture has to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """What ends a capture: a signal, of which the socket has a byte each; the end of the lab; and a time."""

    interrupt: socket.socket
    supervisor: int
    end_s: float = math.inf
    """Of the monotonic clock."""

    def hurried(self) -> bool:
        """Whether a second signal came."""
        try:
            return len(self.interrupt.recv(2, socket.MSG_PEEK)) > 1
        except BlockingIOError:
            return False


class Output:
    """Where the capture goes. What was written before a disk is full stays, up to the last whole block.

    Raises InputError where the file cannot be written, or is that of another capture.
    """

    def __init__(self, name: str) -> None:
        self.problem = ""
        self._good_bytes = 0
        self._give_up_s = math.inf
        self._ends: Ends | None = None
        self._fd = os.dup(1) if name == STDOUT else _opened(name)
        self.is_file = stat.S_ISREG(os.fstat(self._fd).st_mode)

    def heed(self, ends: Ends) -> None:
        """From now on a write waits for its reader only until the capture has to end, and a moment longer."""
        self._ends = ends

    def write(self, octets: bytes) -> None:
        """Write whole blocks; where they cannot be, `problem` says why. Raises BrokenPipeError: nobody reads on."""
        rest = memoryview(octets)
        try:
            while rest:
                if not self._takes_more():
                    self.problem = "its reader did not take the rest"
                    return
                rest = rest[os.write(self._fd, rest if self.is_file else rest[: select.PIPE_BUF]) :]
        except BrokenPipeError:
            raise
        except OSError as problem:
            self.problem = problem.strerror or repr(problem)
            if self.is_file:
                os.ftruncate(self._fd, self._good_bytes)
            return
        self._good_bytes += len(octets)

    def _takes_more(self) -> bool:
        """Wait until `PIPE_BUF` bytes can be written at once: to set O_NONBLOCK would do it to all who share stdout."""
        if self._ends is None or self.is_file:
            return True
        while True:
            if self._wait(self._ends):
                return True
            now_s = time.monotonic()
            self._give_up_s = min(self._give_up_s, now_s + PATIENCE_S)
            if self._ends.hurried() or now_s >= self._give_up_s:
                return False

    def _wait(self, ends: Ends) -> bool:
        """Whether more can be written; not where the capture has to end meanwhile, or, from then on, soon."""
        ready = select.poll()
        ready.register(self._fd, select.POLLOUT)
        if self._give_up_s == math.inf:
            ready.register(ends.interrupt, select.POLLIN)
            ready.register(ends.supervisor, select.POLLIN)
            wait_s = ends.end_s - time.monotonic()
        else:
            wait_s = 0.05  # a second signal is looked for so often
        found = ready.poll(None if wait_s == math.inf else max(0.0, wait_s) * 1000)
        return any(fd == self._fd for fd, _ in found)


def _opened(name: str) -> int:
    try:
        fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        if stat.S_ISREG(os.fstat(fd).st_mode):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(fd, 0)
    except BlockingIOError:
        raise InputError(f"{name} is being written by another capture: end that one, or give -w another file") from None
    except OSError as problem:
        raise InputError(f"cannot write {name}: {problem.strerror}") from None
    return fd
