"""A timer that is waited for like a socket, to the microsecond (timerfd_create(2)): epoll counts in milliseconds."""

from __future__ import annotations

import contextlib
import ctypes
import os

_CLOCK_MONOTONIC, _TFD_NONBLOCK, _TFD_CLOEXEC, _TFD_TIMER_ABSTIME = 1, 0o4000, 0o2000000, 1
_SECOND_NS = 1_000_000_000
_libc = ctypes.CDLL(None, use_errno=True)


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _Timespec), ("value", _Timespec))


class Timer:
    """It becomes readable at the time it was set to, of the clock of `time.monotonic_ns`."""

    def __init__(self) -> None:
        self._fd: int = _libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_NONBLOCK | _TFD_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")

    def fileno(self) -> int:
        """The file descriptor to wait on."""
        return self._fd

    def set(self, at_ns: int) -> None:
        """Set it anew."""
        when = _Timespec(*divmod(max(1, at_ns), _SECOND_NS))
        setting = _Setting(_Timespec(0, 0), when)
        if _libc.timerfd_settime(self._fd, _TFD_TIMER_ABSTIME, ctypes.byref(setting), None):
            raise OSError(ctypes.get_errno(), "timerfd_settime")

    def clear(self) -> None:
        """Take note that it went off, if it did."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 8)
