"""Where a capture goes: no reader keeps it from its end, and no other capture writes into its file."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.commands import capture_output
from lab.commands.capture_output import Ends, Output
from lab.errors import InputError

MORE_THAN_A_PIPE_TAKES = b"x" * 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Piped:
    """An output whose reader does not read, and the ends of what can end it."""

    output: Output
    reader: int
    signals: socket.socket
    lab: socket.socket
    ends: Ends

    def heeds(self, *, end_s: float = math.inf) -> None:
        """Write until that time."""
        self.output.heed(Ends(interrupt=self.ends.interrupt, supervisor=self.ends.supervisor, end_s=end_s))


@pytest.fixture
def piped(tmp_path: Path) -> Iterator[Piped]:
    """A named pipe with a reader, so that stdout stays as it is."""
    name = tmp_path / "pipe"
    os.mkfifo(name)
    reader = os.open(name, os.O_RDONLY | os.O_NONBLOCK)
    (interrupt, signals), (supervisor, lab) = socket.socketpair(), socket.socketpair()
    interrupt.settimeout(0)
    ends = Ends(interrupt=interrupt, supervisor=supervisor.fileno())
    yield Piped(output=Output(str(name)), reader=reader, signals=signals, lab=lab, ends=ends)
    os.close(reader)
    for one in (interrupt, signals, supervisor, lab):
        one.close()


@pytest.mark.parametrize("why", ["a second signal", "a signal", "the end of the lab", "the time"])
def test_a_reader_that_reads_nothing_does_not_keep_a_capture(
    piped: Piped, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a reader that is stuck, a write ends at a signal, the end of the lab or the time, and says why."""
    monkeypatch.setattr(capture_output, "PATIENCE_S", math.inf if why == "a second signal" else 0.1)
    if why == "the time":
        piped.heeds(end_s=time.monotonic() + 0.1)
    else:
        piped.heeds()
    if why == "the end of the lab":
        piped.lab.close()
    elif why != "the time":
        piped.signals.send(b"\x02\x02" if why == "a second signal" else b"\x02")
    piped.output.write(MORE_THAN_A_PIPE_TAKES)
    assert piped.output.problem == "its reader did not take the rest"
    os.read(piped.reader, 1)


def test_what_a_reader_has_room_for_is_written_after_the_end(piped: Piped) -> None:
    """A signal does not lose what a reader that reads can take: the last frames."""
    piped.heeds()
    piped.signals.send(b"\x02")
    piped.output.write(b"the last frames")
    assert (os.read(piped.reader, 100), piped.output.problem) == (b"the last frames", "")


def test_two_captures_do_not_write_one_file(tmp_path: Path) -> None:
    """The second is refused, and what the first wrote stays; another file is no matter."""
    name = tmp_path / "one"
    first = Output(str(name))
    first.write(b"whole")
    with pytest.raises(InputError, match=r"is being written by another capture: .*another file"):
        Output(str(name))
    Output(str(tmp_path / "other"))
    assert name.read_bytes() == b"whole"
