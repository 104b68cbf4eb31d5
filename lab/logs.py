"""The logs of a lab's processes: files in a directory where it has one, files without a name in memory otherwise."""

from __future__ import annotations

import os
from pathlib import Path

TAIL_BYTES = 2000
TAIL_LINES = 5


class Logs:
    """One log per process. `directory` None keeps them in memory only."""

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._files: dict[str, int] = {}

    def open(self, name: str) -> int:
        """The log of a process, as a file descriptor that appends. Raises OSError where it cannot be made."""
        if name not in self._files:
            if self._directory is None:
                self._files[name] = os.memfd_create(f"{name}.log")
            else:
                flags = os.O_CREAT | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
                self._files[name] = os.open(self._directory / f"{name}.log", flags, 0o600)
        return self._files[name]

    def tail(self, name: str) -> str:
        """The last lines of a process's log."""
        file = self._files.get(name)
        if file is None:
            return ""
        size = os.fstat(file).st_size
        text = os.pread(file, TAIL_BYTES, max(0, size - TAIL_BYTES)).decode(errors="replace")
        whole = text if size <= TAIL_BYTES else text.partition("\n")[2]
        return "".join(whole.splitlines(keepends=True)[-TAIL_LINES:])


class OneLog(Logs):
    """The log of all processes together: where this process writes its errors."""

    def __init__(self) -> None:
        super().__init__(None)

    def open(self, name: str) -> int:
        """Standard error, whoever asks."""
        del name
        return 2

    def tail(self, name: str) -> str:
        """Nothing: it has been written already."""
        del name
        return ""
