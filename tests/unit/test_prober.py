"""The supervisor's end of the prober: answers come in order, and a late one costs nobody anything."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from lab.channel import Channel
from lab.errors import LabBroken
from lab.messages import Fibs, ReadFibs
from lab.prober import Prober
from lab.questions.control import Broken
from lab.questions.packets import Probe, Probed

PROBE = Probe(flows=(), deadline_s=1.0)


class Ends:
    """A prober that answers when it is told to, and a client's two ends."""

    def __init__(self) -> None:
        self._sockets = [*socket.socketpair(), *socket.socketpair()]
        ours, far, supervisors, clients = self._sockets
        self.prober, self.far = Prober(Channel(ours, "the prober"), 0), Channel(far, "the supervisor")
        self.client, self.command = Channel(supervisors, "the command"), Channel(clients, "the supervisor")

    def close(self) -> None:
        """Close all four."""
        for one in self._sockets:
            one.close()


@pytest.fixture
def ends() -> Iterator[Ends]:
    """The ends of two channels."""
    made = Ends()
    yield made
    made.close()


def test_a_late_answer_is_not_taken_for_the_next_one(ends: Ends) -> None:
    """While an answer is late nothing more is asked; when it came it is dropped, and the next one gets its own."""
    late = ends.prober.ask(ReadFibs())
    with pytest.raises(LabBroken, match="did not answer within 0 s"):
        ends.prober.await_answer(late, Fibs, 0)
    with pytest.raises(LabBroken, match="did not answer within 0 s"):
        ends.prober.ask_for(ends.client, PROBE)
    ends.far.send(Broken(reason="late"))
    ends.prober.hear()
    ends.far.send(Fibs(fibs=()))
    assert ends.prober.await_answer(ends.prober.ask(ReadFibs()), Fibs, 5) == Fibs(fibs=())


def test_answers_go_to_who_asked(ends: Ends) -> None:
    """A command's answer is passed on while the supervisor waits for its own, which comes behind it."""
    ends.prober.ask_for(ends.client, PROBE)
    own = ends.prober.ask(ReadFibs())
    assert list(ends.prober.waiting()) == [ends.client]
    ends.far.send(Probed(results=()))
    ends.far.send(Fibs(fibs=()))
    assert ends.prober.await_answer(own, Fibs, 5) == Fibs(fibs=())
    assert ends.command.receive() == [Probed(results=())]
    assert list(ends.prober.waiting()) == []


def test_a_command_that_is_gone_is_forgotten(ends: Ends) -> None:
    """Its answer goes nowhere, and those behind it are not shifted."""
    ends.prober.ask_for(ends.client, PROBE)
    ends.prober.forget(ends.client)
    ends.far.send(Probed(results=()))
    ends.far.send(Broken(reason="no such flow"))
    with pytest.raises(LabBroken, match="no such flow"):
        ends.prober.await_answer(ends.prober.ask(ReadFibs()), Fibs, 5)
    assert not ends.command.wait(0)
