"""A whole terminal as a screen: drawn over in place, and given back as it was, however its use ends."""

from __future__ import annotations

import os
import sys
import termios
import tty
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

from lab.report.watch_text import Line

# ECMA-48, and xterm's alternate screen (ctlseqs: DECSET 1049)
_OPEN, _CLOSE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_RED, _PLAIN = "\x1b[31m", "\x1b[0m"


class Terminal:
    """The terminal that stdout is; keys are read one by one where stdin is one too."""

    def __init__(self) -> None:
        self._keys = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._before: list[Any] = []
        self._colors = not os.environ.get("NO_COLOR")  # no-color.org

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Take the terminal."""
        if self._keys is not None:
            self._before = termios.tcgetattr(self._keys)
            tty.setcbreak(self._keys, termios.TCSANOW)
        self._write(_OPEN)

    def close(self) -> None:
        """Give it back."""
        try:
            self._write(_CLOSE)
        finally:
            if self._keys is not None:
                termios.tcsetattr(self._keys, termios.TCSADRAIN, self._before)

    @property
    def size(self) -> tuple[int, int]:
        """Its columns and rows."""
        columns, rows = os.get_terminal_size(sys.stdout.fileno())
        return columns or 80, rows or 24

    @property
    def keys(self) -> int | None:
        """The file to read keys from; None where there is none."""
        return self._keys

    def draw(self, lines: Sequence[Line]) -> None:
        """Show these lines and nothing else."""
        shown = "\r\n".join(self._colored(line) + _REST_OF_LINE for line in lines)
        self._write(f"{_HOME}{shown}{_REST_OF_SCREEN}")

    def _colored(self, line: Line) -> str:
        text = "".join(one if one.isprintable() else "?" for one in line.text)  # a router's words may be anything
        return f"{_RED}{text}{_PLAIN}" if line.bad and self._colors else text

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
