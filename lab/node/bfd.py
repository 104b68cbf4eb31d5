"""BFD of one router, in a process of its own: the router's other work, ExaBGP's too, never delays a packet.

The process is forked inside the node's network namespace, before ExaBGP starts, and ends with the node. It tells the
node of every change, and hears nothing from it.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import selectors
import socket
import sys
import time
import traceback
from dataclasses import dataclass
from ipaddress import ip_address

from lab.bfd import (
    HOP_LIMIT,
    PORT,
    SOURCE_PORTS,
    Changed,
    ControlPacket,
    Datagram,
    Discarded,
    Endpoint,
    Output,
    Session,
)
from lab.bgp import Address
from lab.channel import Channel, ChannelClosed
from lab.errors import LabBroken
from lab.node_messages import NODE_KINDS, BfdReport
from lab.plan import NodePlan, SessionPlan
from lab.processes import die_with_parent, how_it_ended, name_process

_NICENESS = -10
_INTERNETWORK_CONTROL = 0xC0  # DSCP CS6 (RFC 4594 §3.2)
_IP_RECVTTL = 12  # linux/in.h; Python has no name for it
_OCTETS, _ANCILLARY_OCTETS = 512, 256
_LONGEST_WAIT_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningBfd:
    """The BFD process of a router, and the channel that it speaks on."""

    pid: int
    channel: Channel

    def receive(self) -> list[BfdReport]:
        """What has changed. Raises LabBroken where the process has ended."""
        try:
            messages = self.channel.receive()
        except ChannelClosed:
            _, status = os.waitpid(self.pid, 0)
            raise LabBroken(f"the BFD process {how_it_ended(status)}") from None
        return [_report(message) for message in messages]


def _report(message: object) -> BfdReport:
    if not isinstance(message, BfdReport):
        raise LabBroken(f"{type(message).__name__} is no message of a BFD process")
    return message


def start(node: NodePlan, supervisor: Channel) -> RunningBfd:
    """Fork the BFD process of a router; the caller is in the node's namespace, with all addresses in place."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid:
        theirs.close()
        return RunningBfd(pid=pid, channel=Channel(ours, "the BFD process", NODE_KINDS))
    status = 1
    try:
        die_with_parent()
        name_process(f"bfd-{node.name}")
        ours.close()
        supervisor.close()
        gc.disable()  # it makes no cycles, and must not pause
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)
        _Process(node, Channel(theirs, "the node", NODE_KINDS)).run()
    except ChannelClosed:
        status = 0
    except Exception:  # noqa: BLE001  # the process ends here, and the node's log must say why
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


class _Process:
    """The loop over sockets and time."""

    def __init__(self, node: NodePlan, channel: Channel) -> None:
        plans = [session for session in node.bgp.sessions if session.bfd] if node.bgp else []
        self._channel = channel
        self._plans = {plan.name: plan for plan in plans}
        self._endpoint = Endpoint({plan.name: self._session(plan) for plan in plans})
        self._selector = selectors.DefaultSelector()
        self._selector.register(channel, selectors.EVENT_READ)
        self._receiving: dict[int, tuple[socket.socket, Address]] = {}
        for interface, local in dict.fromkeys((plan.interface, plan.local_address) for plan in plans):
            receiving = _receiving_socket(interface, local)
            self._receiving[receiving.fileno()] = (receiving, local)
            self._selector.register(receiving, selectors.EVENT_READ)
        self._sending = {
            plan.name: _sending_socket(plan, port) for plan, port in zip(plans, SOURCE_PORTS, strict=False)
        }

    @staticmethod
    def _session(plan: SessionPlan) -> tuple[Address, Address, Session]:
        if plan.bfd is None:
            raise ValueError(f"{plan.name} has no BFD")
        source = random.SystemRandom()
        session = Session(
            plan.bfd,
            peer=plan.peer_address,
            discriminator=source.randrange(1, 1 << 32),
            random=source.random,
        )
        return plan.local_address, plan.peer_address, session

    def run(self) -> None:
        """Run until the node is gone, which raises ChannelClosed."""
        while True:
            wait_s = min(self._endpoint.next_s - time.monotonic(), _LONGEST_WAIT_S)
            for key, _ in self._selector.select(max(0.0, wait_s)):
                if key.fd in self._receiving:
                    self._receive(*self._receiving[key.fd])
                else:
                    self._channel.receive()
            # what has come is heard first: this process may have slept for longer than a detection time
            for name, output in self._endpoint.elapse(time.monotonic()):
                self._carry_out(name, output)

    def _receive(self, receiving: socket.socket, local: Address) -> None:
        """Take all packets that have come."""
        while True:
            try:
                octets, ancillary, _, sender = receiving.recvmsg(_OCTETS, _ANCILLARY_OCTETS)
            except BlockingIOError:
                return
            datagram = Datagram(
                octets=octets,
                source=ip_address(sender[0]),
                destination=local,
                hop_limit=_hop_limit(ancillary),
            )
            with contextlib.suppress(Discarded):
                self._carry_out(*self._endpoint.receive(datagram, time.monotonic()))

    def _carry_out(self, name: str, output: list[Output]) -> None:
        for one in output:
            match one:
                case ControlPacket():
                    to = (str(self._plans[name].peer_address), PORT)
                    with contextlib.suppress(OSError):  # no carrier, no route, no neighbour: a lost packet
                        self._sending[name].sendto(one.encode(), to)
                case Changed():
                    self._channel.send(BfdReport(session=name, changed=one))


def _hop_limit(ancillary: list[tuple[int, int, bytes]]) -> int:
    """The TTL or hop limit that a packet arrived with; 0 where the kernel did not tell."""
    kinds = ((socket.IPPROTO_IP, socket.IP_TTL), (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT))
    return next((int.from_bytes(data, sys.byteorder) for level, kind, data in ancillary if (level, kind) in kinds), 0)


def _socket(interface: str, local: Address, port: int) -> socket.socket:
    """A UDP socket at one address of one interface."""
    made = socket.socket(socket.AF_INET if local.version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)
    made.setblocking(False)  # noqa: FBT003  # the standard library's way
    made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    made.bind((str(local), port))
    return made


def _receiving_socket(interface: str, local: Address) -> socket.socket:
    made = _socket(interface, local, PORT)
    if local.version == 4:
        made.setsockopt(socket.IPPROTO_IP, _IP_RECVTTL, 1)
    else:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
    return made


def _sending_socket(plan: SessionPlan, port: int) -> socket.socket:
    made = _socket(plan.interface, plan.local_address, port)
    if plan.local_address.version == 4:
        made.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, HOP_LIMIT)
        made.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, _INTERNETWORK_CONTROL)
    else:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, HOP_LIMIT)
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, _INTERNETWORK_CONTROL)
    return made
