"""The node program: one router, from its plan to its routes in the kernel.

It runs inside the node's network namespace and talks to the supervisor over one channel. It knows no runtime: whoever
starts it hands it a plan and a channel.
"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import sys

from lab.channel import Channel, ChannelClosed
from lab.errors import LabBroken
from lab.messages import (
    Broken,
    Connect,
    Explain,
    Explained,
    Listening,
    Message,
    NodeReport,
    ReadRouterTables,
    RouterTablesRead,
    SessionReport,
)
from lab.netlink import LinkMonitor, Netlink
from lab.node import interfaces, speaker
from lab.plan import NodePlan
from lab.router import Effect, Event, InstallRoute, LinkChanged, RemoveRoute, Router

_READ_SIZE = 1 << 18
_ALREADY_GONE = (errno.ESRCH, errno.ENODEV)


def run(node: NodePlan, supervisor: Channel) -> None:
    """Be the router of `node` until the supervisor is gone. Raises LabBroken where the speaker ends."""
    interfaces.configure(node)
    program = _Program(node, supervisor)
    try:
        program.serve()
    except ChannelClosed:
        program.end()
    except LabBroken as problem:
        supervisor.send(Broken(reason=f"{node.name}: {problem}"))
        raise


class _Program:
    def __init__(self, node: NodePlan, supervisor: Channel) -> None:
        if node.bgp is None:
            raise ValueError(f"{node.name} is no router")
        self._node = node
        self._supervisor = supervisor
        self._router = Router(node)
        self._sessions = {session.name: session for session in node.bgp.sessions}
        self._decoder = speaker.Decoder(node.bgp.sessions)
        self._netlink = Netlink()
        self._links = LinkMonitor()
        self._partial = b""
        self._unsent = bytearray()
        self._refused: dict[str, str] = {}
        self._listening, speaker_listens = os.pipe()
        speaker_waits, self._may_connect = os.pipe()
        self._speaker_pid, self._commands, self._events = speaker.start(
            node.bgp, lambda: _wait_to_connect(speaker_listens, speaker_waits, self._may_connect)
        )
        os.close(speaker_listens)
        os.close(speaker_waits)
        os.set_blocking(self._commands, False)
        os.set_blocking(self._events, False)
        self._selector = selectors.DefaultSelector()
        for readable, handler in (
            (supervisor, self._from_supervisor),
            (self._listening, self._speaker_listens),
            (self._events, self._from_speaker),
            (self._links, self._from_kernel),
        ):
            self._selector.register(readable, selectors.EVENT_READ, handler)

    def serve(self) -> None:
        """Handle what arrives, for ever."""
        while True:
            for key, _ in self._selector.select():
                key.data()

    def end(self) -> None:
        """End the speaker."""
        os.kill(self._speaker_pid, signal.SIGKILL)

    def _from_supervisor(self) -> None:
        for message in self._supervisor.receive():
            self._answer(message)

    def _answer(self, message: Message) -> None:
        match message:
            case Connect():
                os.close(self._may_connect)
            case ReadRouterTables():
                self._supervisor.send(RouterTablesRead(tables=self._router.tables()))
            case Explain(prefix=prefix):
                self._supervisor.send(Explained(explanation=self._router.explain(prefix)))
            case _:
                raise LabBroken(f"{type(message).__name__} is no message for a node")

    def _speaker_listens(self) -> None:
        self._selector.unregister(self._listening)
        if os.read(self._listening, 1):
            self._supervisor.send(Listening())
        os.close(self._listening)

    def _from_speaker(self) -> None:
        """Handle every event that the speaker has written so far, then tell the kernel and the supervisor once.

        The pipe is always read before anything is written to the speaker, and writing never blocks: a speaker whose
        helper does not read stops answering its peers (docs/decisions/0003-exabgp-in-a-fork.md).
        """
        try:
            data = os.read(self._events, _READ_SIZE)
        except BlockingIOError:
            return
        if not data:
            raise LabBroken(f"the speaker {_how_it_ended(self._speaker_pid)}")
        *lines, self._partial = (self._partial + data).split(b"\n")
        events = [event for line in lines if (event := self._decoder.decode(line.decode())) is not None]
        self._handle(events)

    def _from_kernel(self) -> None:
        mine = {interface.name for interface in self._node.interfaces}
        self._handle(
            [LinkChanged(interface=e.interface, up=e.up) for e in self._links.read() if e.interface in mine],
        )

    def _handle(self, events: list[Event]) -> None:
        if not events:
            return
        for event in events:
            for effect in self._router.handle(event):
                self._carry_out(effect)
        self._write_commands()
        for words, error in self._netlink.flush():
            if not (words.startswith("remove") and error in _ALREADY_GONE):
                self._refused[words] = os.strerror(error)
                sys.stderr.write(f"{self._node.name}: the kernel refused to {words}: {os.strerror(error)}\n")
        self._report()

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case InstallRoute(prefix=prefix, next_hops=next_hops):
                self._refused.pop(f"install {prefix}", None)
                self._netlink.route(prefix, next_hops)
            case RemoveRoute(prefix=prefix):
                self._refused.pop(f"install {prefix}", None)
                self._netlink.remove_route(prefix)
            case _:
                for command in speaker.commands(effect, self._sessions):
                    self._decoder.sent(command)
                    self._unsent += command.encode() + b"\n"

    def _write_commands(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: os.write(self._commands, self._unsent)]
        except BlockingIOError:
            if self._commands not in self._selector.get_map():
                self._selector.register(self._commands, selectors.EVENT_WRITE, self._write_commands)
            return
        except BrokenPipeError:
            raise LabBroken(f"the speaker {_how_it_ended(self._speaker_pid)}") from None
        if self._commands in self._selector.get_map():
            self._selector.unregister(self._commands)

    def _report(self) -> None:
        self._supervisor.send(
            NodeReport(
                sessions=tuple(
                    SessionReport(
                        session=name,
                        established=established,
                        adj_rib_in=adj_rib_in,
                        adj_rib_out=adj_rib_out,
                        why_down=why_down,
                    )
                    for name, (established, adj_rib_in, adj_rib_out, why_down) in self._router.fingerprints().items()
                ),
                refused=tuple(f"{words}: {why}" for words, why in self._refused.items()),
            )
        )


def _wait_to_connect(listening: int, may_connect: int, held_open: int) -> None:
    """Runs in the speaker: tell the node that we listen, and wait for its leave to connect."""
    os.close(held_open)
    os.write(listening, b"L")
    os.close(listening)
    os.read(may_connect, 1)
    os.close(may_connect)


def _how_it_ended(pid: int) -> str:
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        return f"was killed by signal {os.WTERMSIG(status)} ({signal.Signals(os.WTERMSIG(status)).name})"
    return f"ended with status {os.waitstatus_to_exitcode(status)}"
