"""Channels of messages."""

from __future__ import annotations

import fcntl
import resource
import socket
from collections.abc import Iterator

import pytest

from lab.channel import Channel
from lab.errors import InputError, LabBroken, LabError
from lab.questions.control import Broken
from lab.questions.plans import Status

BEYOND_SELECT = 1100
"""A file descriptor that select does not know: a lab with hundreds of routers has such."""


@pytest.fixture
def many_files() -> Iterator[None]:
    """This process may open so many files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, BEYOND_SELECT + 100), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
def test_a_channel_of_a_big_lab_is_waited_for() -> None:
    """A channel whose descriptor is above 1023 is waited for like any other."""
    ours, theirs = socket.socketpair()
    with theirs, ours, socket.socket(fileno=fcntl.fcntl(ours, fcntl.F_DUPFD, BEYOND_SELECT)) as far:
        channel = Channel(far, "the other end")
        assert not channel.wait(0)
        theirs.send(b"{")
        assert channel.wait(5)


@pytest.mark.parametrize(("wrong", "expected"), [(True, InputError), (False, LabBroken)])
def test_whose_fault_it_is_crosses_a_channel(*, wrong: bool, expected: type[LabError]) -> None:
    """That a user's file is wrong is told as that, and all else as a lab that broke."""
    ours, theirs = map(Channel, socket.socketpair(), ("the lab", "the command"))
    theirs.send(Broken(reason="ce1.conf:2: no such word", input_is_wrong=wrong))
    with pytest.raises(expected, match="no such word") as caught:
        ours.expect(Status, deadline_s=5)
    assert type(caught.value) is expected
    ours.close()
    theirs.close()
