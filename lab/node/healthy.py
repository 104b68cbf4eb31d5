"""Whether the router of a container runs: what the engine asks from time to time (its health check)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_NAMED = "erlab-"  # lab.processes names the node program so
_FROZEN = "TtZX"  # proc(5): stopped, traced, or dead


def main() -> int:
    """0 where a node program runs in this container, 1 where none does, as when it was killed or frozen on purpose."""
    return 0 if any(map(_runs, Path("/proc").glob("[0-9]*/stat"))) else 1


def _runs(stat: Path) -> bool:
    with suppress(OSError):  # it has ended
        name, _, after = stat.read_text(encoding="utf-8", errors="replace").partition("(")[2].rpartition(")")
        return name.startswith(_NAMED) and after.split()[0] not in _FROZEN
    return False
