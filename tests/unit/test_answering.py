"""The socket at which a device that runs alone is asked, over real sockets, with answers that fail or are not read."""

from __future__ import annotations

import errno
import os
import resource
import selectors
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from lab.alone.answering import Answering
from lab.channel import Channel
from lab.errors import LabBroken
from lab.messages import Message
from lab.questions.control import Broken, ReadStatus
from lab.questions.tables import AwaitConvergence, Converged

ASKED = AwaitConvergence(deadline_s=0, closed=())
LINE = b'{"kind":"AwaitConvergence","body":{"deadline_s":0,"closed":[]}}'
ANSWER = Converged(pending=("x" * 4096,), established_s=None, converged_s=None)


@dataclass(slots=True)
class Device:
    """A device's loop without the device; its answers are as `raises` says."""

    selector: selectors.BaseSelector
    address: Path
    raises: Exception | None = None
    askers: list[Channel] = field(default_factory=list)

    def answer(self, _: Message) -> Message:
        """What it is asked."""
        if self.raises is not None:
            raise self.raises
        return ANSWER

    def asker(self) -> Channel:
        """A new connection to it."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self.address))
        self.turn()
        self.askers.append(Channel(connection, "the device"))
        return self.askers[-1]

    def turn(self) -> None:
        """One turn of its loop."""
        for key, _ in self.selector.select(0):
            key.data()

    def asked(self, asker: Channel) -> Message:
        """What it answers to one question."""
        asker.send(ASKED)
        self.turn()
        (answer,) = asker.receive()
        return answer

    def connections(self) -> int:
        """How many askers it has."""
        return len(self.selector.get_map()) - 1


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    """A device that listens."""
    with socket.socket(socket.AF_UNIX) as listening, selectors.DefaultSelector() as selector:
        device = Device(selector, tmp_path / "device.sock")
        listening.bind(str(device.address))
        listening.listen()
        Answering(listening, selector, device.answer, patience_s=0.05)
        yield device
        for asker in device.askers:
            asker.close()
        device.turn()  # which closes their other ends
        assert device.connections() == 0


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (OSError(errno.EMFILE, os.strerror(errno.EMFILE), "/proc/self/ns/net"), "/proc/self/ns/net: Too many open"),
        (BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)), "it cannot be told: Broken pipe"),
        (LabBroken("r1 did not answer"), "r1 did not answer"),
    ],
)
def test_what_cannot_be_told_costs_one_answer(device: Device, problem: Exception, said: str) -> None:
    """The asker is told why, and has its next answer over the same connection."""
    asker = device.asker()
    device.raises = problem
    answer = device.asked(asker)
    assert isinstance(answer, Broken)
    assert said in answer.reason
    device.raises = None
    assert device.asked(asker) == ANSWER


def test_an_asker_that_is_gone_or_reads_nothing_costs_its_own_answers(device: Device) -> None:
    """Its connection is closed, and the others have their answers."""
    other, gone, silent = device.asker(), device.asker(), device.asker()
    gone.send(ReadStatus())
    gone.close()
    silent.send_line(b"\n".join([LINE] * 1000))
    device.turn()
    assert device.connections() == 1
    assert device.asked(other) == ANSWER


def test_what_is_no_message_closes_its_connection_only(device: Device) -> None:
    """Whoever speaks another language has no answer."""
    other, wrong = device.asker(), device.asker()
    wrong.send_line(b"GET / HTTP/1.1")
    device.turn()
    assert device.connections() == 1
    assert device.asked(other) == ANSWER


def test_an_asker_for_whom_there_is_no_file_is_turned_away(device: Device) -> None:
    """Where no more files can be opened a connection is closed at once; the next one is taken when there are some."""
    turned_away = socket.socket(socket.AF_UNIX)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    turned_away.connect(str(device.address))
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        device.turn()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    with turned_away:
        assert turned_away.recv(1) == b""
    assert device.connections() == 0
    assert device.asked(device.asker()) == ANSWER
