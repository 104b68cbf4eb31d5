"""The logs of a lab's processes."""

from __future__ import annotations

import os

from lab.logs import TAIL_LINES, Logs


def test_a_tail_is_short() -> None:
    """What a broken lab shows of a log is its last lines, each whole, and nothing of a log that nobody opened."""
    logs = Logs(None)
    file = logs.open("ce1")
    os.write(file, b"first\nlast\n")
    assert logs.tail("ce1") == "first\nlast\n"
    for number in range(1000):
        os.write(file, f"line {number}\n".encode())
    assert logs.tail("ce1").splitlines() == [f"line {number}" for number in range(1000 - TAIL_LINES, 1000)]
    assert logs.tail("ce2") == ""
