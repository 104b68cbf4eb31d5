"""Processes of a lab: what the kernel is told of them, and what it tells of their end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from lab.errors import LabBroken

_PR_SET_PDEATHSIG, _PR_SET_NAME, _PR_SET_TIMERSLACK = 1, 15, 29
_SLACK_NS, _NICENESS = 1000, -10
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def name_process(name: str) -> None:
    """Name this process in process lists; at most 15 bytes."""
    _libc.prctl(_PR_SET_NAME, name.encode()[:15])


def start_part(name: str, log: int, body: Callable[[], None]) -> int:
    """Run `body` in a process that dies with this one and writes to the file `log`; returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        die_with_parent()
        name_process(f"erlab-{name}")
        os.dup2(log, 1)
        os.dup2(log, 2)
        body()
        status = 0
    except LabBroken as problem:
        sys.stderr.write(f"{name}: {problem}\n")
    except Exception:  # noqa: BLE001  # the process ends here, and its log must say why
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


def be_prompt() -> None:
    """Have this process wake within microseconds and, where it may ask for that, before others."""
    _libc.prctl(_PR_SET_TIMERSLACK, _SLACK_NS)
    with contextlib.suppress(PermissionError):
        os.nice(_NICENESS)


def waited_ns(pid: int) -> int:
    """How long a process has waited for a processor in all (proc(5), schedstat); 0 where the kernel does not count."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0


def signal_part(pid: int, number: signal.Signals, *, leads_group: bool) -> None:
    """Send a signal to a part of the lab, with its daemons where it leads a process group that has some."""
    (os.killpg if leads_group else os.kill)(pid, number)


def processes_of_group(leader: int) -> list[int]:
    """The processes of a process group."""
    found = []
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit():
            with contextlib.suppress(OSError):
                if os.getpgid(int(directory.name)) == leader:
                    found.append(int(directory.name))
    return found


def memory_kib(pid: int) -> int:
    """The proportional memory of a process; 0 where it has ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))


def how_it_ended(status: int) -> str:
    """How a process ended, from the status that waiting for it gave."""
    if os.WIFSIGNALED(status):
        return f"was killed by signal {os.WTERMSIG(status)} ({signal.Signals(os.WTERMSIG(status)).name})"
    return f"ended with status {os.waitstatus_to_exitcode(status)}"
