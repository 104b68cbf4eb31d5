"""The command's side of a live lab: start one, find one, ask it, end it. It knows no BGP."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lab.channel import Channel
from lab.errors import LabBroken, NotPermitted
from lab.logs import Logs
from lab.messages import Broken
from lab.runtimes.namespaces import name_process, start_first_process


class Lab:
    """A connection to a lab's supervisor."""

    def __init__(self, channel: Channel, parent_pid: int) -> None:
        self.channel = channel
        self._parent_pid = parent_pid

    def wait_until_gone(self) -> None:
        """Wait for the lab's processes to end after it was told to stop."""
        self.channel.close()
        os.waitpid(self._parent_pid, 0)


def start() -> Lab:
    """Start the first process of a lab that lives as long as this command; it warms up while we go on."""
    ours, theirs = socket.socketpair()

    def supervise() -> int:
        from lab.supervisor import Supervisor

        ours.close()
        name_process("erlab-supervisor")
        Supervisor(Channel(theirs, "the command"), Logs(None)).serve()
        return 0

    def refused(problem: NotPermitted) -> None:
        Channel(theirs, "the command").send(Broken(reason=str(problem)))

    pid = start_first_process(supervise, refused, outlives_parent=False)
    theirs.close()
    return Lab(Channel(ours, "the lab's supervisor"), pid)
