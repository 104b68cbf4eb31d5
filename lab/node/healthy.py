"""Whether a router's BGP listens: what the engine asks of a container from time to time (its health check)."""

from __future__ import annotations

from pathlib import Path

_BGP_PORT, _LISTENING = 179, "0A"  # linux/include/net/tcp_states.h


def main() -> int:
    """0 where somebody listens at BGP's port in this network namespace, 1 where nobody does."""
    return 0 if any(map(_listens, ("/proc/net/tcp", "/proc/net/tcp6"))) else 1


def _listens(table: str) -> bool:
    rows = (line.split() for line in Path(table).read_text(encoding="ascii").splitlines()[1:])
    return any(row[3] == _LISTENING and int(row[1].rpartition(":")[2], 16) == _BGP_PORT for row in rows)
