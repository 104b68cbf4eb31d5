"""Queues at a router's interfaces, made by the kernel's HTB: tc-htb(8), tc-u32(8), tc-bfifo(8).

Classes are told by the mark that a packet leaves with, whoever wrote it, so the filters are on the interface itself.
"""

from __future__ import annotations

import socket
import struct

from lab.netlink import Netlink
from lab.plan import NodePlan
from lab.shaping import QueueClass, Queues

# linux/rtnetlink.h, linux/pkt_sched.h, linux/pkt_cls.h
_RTM_NEWQDISC, _RTM_NEWTCLASS, _RTM_NEWTFILTER = 36, 40, 44
_CREATE = 0x400 | 0x200  # NLM_F_CREATE | NLM_F_EXCL
_TC_H_ROOT = 0xFFFFFFFF
_TCA_KIND, _TCA_OPTIONS = 1, 2
_TCA_HTB_PARMS, _TCA_HTB_INIT = 1, 2
_HTB_VERSION, _RATE_TO_QUANTUM = 3, 10
_TCA_U32_CLASSID, _TCA_U32_SEL, _TC_U32_TERMINAL = 1, 5, 1
_LINKLAYER_ETHERNET = 1
_TICK_NS = 64
_FRAME_BYTES = 1514
_BURST_MS = 1
"""How much a class that has been silent may send at once; little, so that a strict one never waits long."""
_HANDLE = 1 << 16
_ALL, _FIRST_CLASS = _HANDLE | 1, _HANDLE | 10
_DSCP_IN_FIRST_WORD = {socket.AF_INET: (0x0800, 18), socket.AF_INET6: (0x86DD, 22)}
"""The EtherType, and by how many bits the DSCP is shifted in the first four octets (RFC 791 §3.1, RFC 8200 §3)."""


def configure(node: NodePlan) -> None:
    """Let the interfaces of a node send as its plan says. The caller is in the node's namespace."""
    if not node.queues:
        return
    control = _TrafficControl()
    for queues in node.queues:
        control.shape(queues)
    control.commit()
    control.close()


class _TrafficControl(Netlink):
    """Requests about what the kernel does with packets that leave by an interface."""

    def shape(self, queues: Queues) -> None:
        """Queue all that makes an interface send so."""
        name, index = queues.interface, socket.if_nametoindex(queues.interface)
        defaults = (_FIRST_CLASS + len(queues.classes) - 1) & 0xFFFF
        init = _attribute(_TCA_HTB_INIT, struct.pack("=IIIII", _HTB_VERSION, _RATE_TO_QUANTUM, defaults, 0, 0))
        self._tc(_RTM_NEWQDISC, index, (_HANDLE, _TC_H_ROOT), ("htb", init), f"make queues at {name}")
        everything = _parameters(queues.rate_bps, queues.rate_bps, priority=0)
        self._tc(_RTM_NEWTCLASS, index, (_ALL, _HANDLE), ("htb", everything), f"shape {name}")
        for number, one in enumerate(queues.classes):
            words = f"make the class {one.name} at {name}"
            handle = _FIRST_CLASS + number
            of_class = _parameters(one.rate_bps, one.ceil_bps, priority=0 if one.strict else 1)
            self._tc(_RTM_NEWTCLASS, index, (handle, _ALL), ("htb", of_class), words)
            self._tc(_RTM_NEWQDISC, index, (0, handle), ("bfifo", struct.pack("=I", one.limit_bytes)), words)
            self._sort(index, one, handle, words)

    def _sort(self, index: int, one: QueueClass, handle: int, words: str) -> None:
        """Queue the filters that put packets into a class."""
        for priority, (ethertype, shift) in enumerate(_DSCP_IN_FIRST_WORD.values(), start=1):
            for dscp in one.dscps:
                key = struct.pack("!II", 0x3F << shift, dscp << shift) + struct.pack("=ii", 0, 0)
                selector = struct.pack("=BBBxHHhhI", _TC_U32_TERMINAL, 0, 1, 0, 0, 0, 0, 0) + key
                options = _attribute(_TCA_U32_CLASSID, struct.pack("=I", handle)) + _attribute(_TCA_U32_SEL, selector)
                info = priority << 16 | socket.htons(ethertype)
                self._tc(_RTM_NEWTFILTER, index, (0, _HANDLE), ("u32", options), words, info)

    def _tc(  # noqa: PLR0913, PLR0917  # they are the fields of struct tcmsg
        self, kind: int, index: int, place: tuple[int, int], what: tuple[str, bytes], words: str, info: int = 0
    ) -> None:
        handle, parent = place
        body = struct.pack("=BxxxiIII", socket.AF_UNSPEC, index, handle, parent, info)
        name, options = what
        body += _attribute(_TCA_KIND, name.encode() + b"\0") + _attribute(_TCA_OPTIONS, options)
        self._add(kind, _CREATE, body, words)


def _parameters(rate_bps: int, ceil_bps: int, *, priority: int) -> bytes:
    """The struct tc_htb_opt of a class."""
    rates = b"".join(struct.pack("=BBHhHI", 0, _LINKLAYER_ETHERNET, 0, -1, 0, bps // 8) for bps in (rate_bps, ceil_bps))
    bursts = (_ticks(bps) for bps in (rate_bps, ceil_bps))
    quantum, level = _FRAME_BYTES, 0
    return _attribute(_TCA_HTB_PARMS, rates + struct.pack("=IIIII", *bursts, quantum, level, priority))


def _ticks(rate_bps: int) -> int:
    """How long a rate takes for a burst, as the kernel counts time."""
    burst_bits = max(8 * _FRAME_BYTES, rate_bps * _BURST_MS // 1000)
    return round(burst_bits * 1e9 / rate_bps / _TICK_NS)


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)
