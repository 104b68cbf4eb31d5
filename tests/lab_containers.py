"""What the engine and the kernel show of a lab's containers."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from lab.runtimes.containers import STATE
from lab.runtimes.engine import Engine, Owned
from lab_processes import Process, processes_in


@lru_cache
def engine() -> Engine:
    """The engine of this computer; each thread has its own connection to it."""
    return Engine()


def containers_of(state: Path) -> list[Owned]:
    """The containers of the labs whose files are in a directory, running or not."""
    return engine().owned({STATE: str(state)})


def processes_of_containers(state: Path) -> tuple[Process, ...]:
    """The processes in them, in order of their pids."""
    return processes_in(tuple(one.id for one in containers_of(state)))


def remove_containers(state: Path) -> None:
    """Remove them."""
    for one in containers_of(state):
        engine().remove(one.id)
