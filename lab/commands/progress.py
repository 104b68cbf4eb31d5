"""One line that says what is going on: on a terminal only."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

_CLEAR = "\r\x1b[K"


class Progress:
    """Shows its last message on stderr while the block runs, and nothing where stderr is no terminal."""

    def __init__(self) -> None:
        self._shown = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shown:
            sys.stderr.write(_CLEAR)
            sys.stderr.flush()

    def says(self, message: str) -> None:
        """Replace the line."""
        if self._shown:
            sys.stderr.write(f"{_CLEAR}{message} …")
            sys.stderr.flush()
