"""What the kernel shows of a lab's processes, and of what they leave behind."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")

_PR_SET_CHILD_SUBREAPER = 36
_POLL_S = 0.002


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One living process."""

    pid: int
    parent: int
    name: str


def await_(condition: Callable[[], Value | None], what: str, deadline_s: float = 20.0) -> Value:
    """The first value of `condition` that is true; fails where there is none in time."""
    end_s = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end_s, f"not within {deadline_s:g} s: {what}"
        select.select((), (), (), _POLL_S)


def processes_with(variable: str) -> tuple[Process, ...]:
    """The processes that have `variable` (NAME=value) in their environment, in order of their pids."""
    wanted = variable.encode()
    found = [pid for pid in _pids() if wanted in _read(pid, "environ").split(b"\0")]
    return tuple(process for pid in found if (process := _process(pid)) is not None)


def processes_in(containers: tuple[str, ...]) -> tuple[Process, ...]:
    """The processes of some containers, which their cgroups have the ids of."""
    if not containers:
        return ()
    found = [pid for pid in _pids() if any(one in _read(pid, "cgroup").decode() for one in containers)]
    return tuple(process for pid in found if (process := _process(pid)) is not None)


def processes_beside_this() -> tuple[Process, ...]:
    """All that this process sees but itself, in order of their pids: those of its pid namespace."""
    return tuple(process for pid in _pids() if pid != os.getpid() and (process := _process(pid)) is not None)


def _pids() -> list[int]:
    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())  # noqa: PTH208  # a third of the time


def _read(pid: int, file: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes()
    except OSError:
        return b""


def _process(pid: int) -> Process | None:
    stat = _read(pid, "stat").decode(errors="replace")
    before, _, after = stat.rpartition(")")
    state, parent, *_ = after.split() or ("Z", "0")
    return None if state in "ZX" else Process(pid=pid, parent=int(parent), name=before.partition("(")[2])


def end(processes: Iterable[Process]) -> None:
    """Kill processes and wait until they are gone."""
    pids = [one.pid for one in processes]
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    await_(lambda: not any(_process(pid) for pid in pids), f"the end of {pids}")


# namespaces, mounts and children


class Namespaces:
    """The namespaces of labs. They are kept open, or the kernel would give the numbers of gone ones to others."""

    def __init__(self) -> None:
        self._open: dict[str, int] = {}

    def add(self, processes: Iterable[Process]) -> None:
        """Take in the namespaces that processes are in or hold open, and that this process is not in."""
        ours = {name for name, _ in _namespaces(os.getpid())}
        for one in processes:
            for name, path in _namespaces(one.pid):
                if name not in ours and name not in self._open:
                    with suppress(OSError):  # it is gone meanwhile
                        self._open[name] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def count(self, kind: str) -> int:
        """How many there are of a kind: net, mnt, pid or user."""
        return sum(name.startswith(f"{kind}:") for name in self._open)

    def holders(self) -> list[int]:
        """The processes beside this one that are in one of them or hold one open."""
        return [
            pid
            for pid in _pids()
            if pid != os.getpid() and not self._open.keys().isdisjoint(name for name, _ in _namespaces(pid))
        ]

    def close(self) -> None:
        """Let go of them."""
        for file in self._open.values():
            os.close(file)
        self._open.clear()


def _namespaces(pid: int) -> Iterator[tuple[str, Path]]:
    for place in ("ns", "fd"):
        with suppress(OSError):
            for entry in Path(f"/proc/{pid}/{place}").iterdir():
                with suppress(OSError):
                    name = str(entry.readlink())
                    if name.startswith(("net:[", "mnt:[", "pid:[", "user:[")):
                        yield name, entry


def mounts_at(*places: Path | str) -> list[str]:
    """The mounts at some places and below them, as this process sees them."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    return [point for point in points for place in map(str, places) if point == place or point.startswith(f"{place}/")]


def count_fds(pid: int) -> int:
    """How many files a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def adopt_orphans() -> None:
    """Become the parent of the labs that outlive their commands: process 1 of a container may not bury the dead."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1)


def bury_the_dead() -> None:
    """Wait for every child that has ended. No command may be under way."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def children() -> int:
    """How many children this process has, dead ones among them."""
    tasks = Path("/proc/self/task").iterdir()
    return sum(len((task / "children").read_text(encoding="ascii").split()) for task in tasks)
