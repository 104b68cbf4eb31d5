"""What each router may take of the computer where it is a container."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A router that takes more memory is killed by the kernel; one that would take more of the processors waits.

    None is as much as there is.
    """

    memory_bytes: int | None = None
    cpus: float | None = None

    def __str__(self) -> str:
        memory = "" if self.memory_bytes is None else f"{self.memory_bytes / MIB:g} MiB of memory"
        cpus = "" if self.cpus is None else f"{self.cpus:g} processors"
        return ", ".join(filter(None, (memory, cpus)))
