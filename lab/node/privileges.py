"""The privileges of a router's container, as its process 1 takes them up: what it was given, for all that it starts.

An ordinary user has capabilities only by those of a program's file. They are handed on to the programs that the node
runs (nft) as ambient ones, and then no file gives any more to anybody (capabilities(7), prctl(2)).
"""

from __future__ import annotations

import ctypes
import os

_VERSION_3 = 0x20080522
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 4, 38, 47, 2
_libc = ctypes.CDLL(None, use_errno=True)


def hand_on() -> None:
    """Let every program that this process starts have its capabilities, and none gain another. Raises OSError."""
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted and inheritable of the first 32 capabilities, then of others
    _call("capget", header, sets)
    for half in (0, 3):
        sets[half] = sets[half + 2] = sets[half + 1]
    _call("capset", header, sets)
    for half in (0, 1):
        for bit in range(32):
            if sets[3 * half + 1] >> bit & 1:
                _call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, 32 * half + bit, 0, 0)
    _call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # a program with capabilities of its file may not read its own memory's size otherwise (proc(5))
    _call("prctl", _PR_SET_DUMPABLE, 1, 0, 0, 0)


def _call(name: str, *arguments: object) -> None:
    if getattr(_libc, name)(*arguments) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
