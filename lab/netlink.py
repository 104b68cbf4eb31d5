"""Batched rtnetlink: links, addresses and routes of one network namespace, many requests in one system call.

Every request is acknowledged, so that each error is known. It writes and listens; what the kernel then holds is read
back by pyroute2 (`lab.probes`), so a fault in this encoding cannot hide itself. Why not pyroute2 here:
docs/decisions/0004-netlink.md.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address

from lab.bgp import Address, Prefix
from lab.errors import LabBroken
from lab.plan import InterfaceAddress

# linux/rtnetlink.h, linux/netlink.h, linux/if_link.h, linux/if_addr.h
_RTM_NEWLINK, _RTM_DELLINK, _RTM_GETLINK, _RTM_NEWADDR, _RTM_NEWROUTE, _RTM_DELROUTE = 16, 17, 18, 20, 24, 25
_RTM_GETROUTE, _RTM_NEWNEIGH, _RTM_NEWRULE = 26, 28, 32
_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_REPLACE, _NLM_F_EXCL, _NLM_F_CREATE = 1, 4, 0x100, 0x200, 0x400
_NLM_F_DUMP = 0x300
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_SOL_NETLINK, _NETLINK_CAP_ACK = 270, 10
_RTMGRP_LINK, _RTMGRP_IPV4_ROUTE, _RTMGRP_IPV6_ROUTE = 1, 0x40, 0x400
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER, _IFLA_LINKINFO, _IFLA_NET_NS_FD, _IFLA_CARRIER = (
    *(1, 3, 4, 5, 10, 18, 28, 33),
)
_IFLA_GSO_MAX_SEGS, _IFLA_GSO_MAX_SIZE = 40, 41
_ONE_SEGMENT_BYTES = 2000
"""More than a frame and less than two: the kernel cuts longer packets up before it sends them."""
_IFLA_VXLAN_ID, _IFLA_VXLAN_LOCAL, _IFLA_VXLAN_LEARNING, _IFLA_VXLAN_PORT = 1, 4, 7, 15
_VXLAN_PORT = 4789  # RFC 7348 §5
_NDA_DST, _NDA_LLADDR, _NUD_PERMANENT, _NTF_SELF = 1, 2, 0x80, 0x02  # linux/neighbour.h
_IFLA_INFO_KIND, _IFLA_INFO_DATA, _VETH_INFO_PEER = 1, 2, 1
_IFLA_VLAN_ID, _IFLA_VLAN_PROTOCOL = 1, 5
_IFF_UP = 1
_SIOCGIFFLAGS = 0x8913  # linux/sockios.h
_IFA_ADDRESS, _IFA_LOCAL, _IFA_F_NODAD = 1, 2, 2
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_MULTIPATH = 1, 4, 5, 6, 9
_METRIC = struct.pack("=I", 2048)  # behind the kernel's connected routes, which an equal one would replace for good
_RT_TABLE_MAIN, _RT_SCOPE_UNIVERSE, _RT_SCOPE_LINK = 254, 0, 253
_FRA_SRC, _FRA_IIFNAME, _FRA_GOTO, _FRA_PRIORITY, _FR_ACT_GOTO, _FR_ACT_BLACKHOLE = 2, 3, 4, 6, 2, 6  # fib_rules.h
_FRA_FWMARK, _FRA_TABLE, _FR_ACT_TO_TBL = 10, 15, 1
_ADMITTING, _DROPPING, _ANSWERING, _MAIN_RULE = 100, 200, 300, 32766
"""The places of rules: behind the kernel's for what is for the node itself, and before its for all else."""
_RTA_METRICS, _RTAX_LOCK, _RTAX_MTU, _RTA_TABLE = 8, 1, 2, 15
_RTN_UNSPECIFIED, _RTN_UNICAST, _RTN_BLACKHOLE = 0, 1, 6
RTPROT_BGP = 186
"""The protocol number that marks the router's own routes in the kernel (linux/rtnetlink.h)."""
RTPROT_STATIC = 4
ROUTERS_PROTOCOLS = (RTPROT_BGP, 12)
"""The numbers of routes that a router puts there, whatever its program: BIRD has one of its own (RTPROT_BIRD)."""

_BATCH = 200


def _attribute(kind: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        value = struct.pack("=I", value)
    elif isinstance(value, str):
        value = value.encode() + b"\0"
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def _ifinfo(index: int = 0, flags: int = 0, change: int = 0) -> bytes:
    return struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, change)


def _ndmsg(family: int, index: int, flags: int) -> bytes:
    return struct.pack("=BxxxiHBB", family, index, _NUD_PERMANENT, flags, 0)


def _fib_rule(version: int, source_bits: int, action: int, enters_by: str, place: int) -> bytes:
    header = struct.pack("=BxBxxxxBI", _family(version), source_bits, action, 0)
    by = _attribute(_FRA_IIFNAME, enters_by) if enters_by else b""
    return header + by + _attribute(_FRA_PRIORITY, place)


def _octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEnd:
    """An interface to be made, in the network namespace of a file descriptor.

    With `one_by_one` TCP's packets leave it as a real wire carries them, and not many as one that is cut up later.
    """

    name: str
    namespace: int
    mtu_bytes: int = 1500
    hardware_address: str = ""
    one_by_one: bool = False

    def attributes(self) -> bytes:
        """What the kernel is told of it."""
        return (
            _attribute(_IFLA_IFNAME, self.name)
            + _attribute(_IFLA_NET_NS_FD, self.namespace)
            + _attribute(_IFLA_MTU, self.mtu_bytes)
            + (_attribute(_IFLA_ADDRESS, _octets(self.hardware_address)) if self.hardware_address else b"")
            + (_attribute(_IFLA_GSO_MAX_SEGS, 1) if self.one_by_one else b"")
            + (_attribute(_IFLA_GSO_MAX_SIZE, _ONE_SEGMENT_BYTES) if self.one_by_one else b"")
        )


class Netlink:
    """A socket in the network namespace that the calling thread is in when it is made."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.setsockopt(_SOL_NETLINK, _NETLINK_CAP_ACK, 1)
        self._socket.bind((0, 0))
        self._queue: list[tuple[int, bytes, str]] = []
        self._sequence = 0

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def veth(self, one: LinkEnd, other: LinkEnd, index: int) -> None:
        """Queue a pair of veths.

        They get the indices `index` and `index` + 1. Where the kernel chooses, the two are often equal, and then it
        tells of a lost carrier up to a second late (docs/decisions/0007).
        """
        data = _attribute(_VETH_INFO_PEER, _ifinfo(index + 1) + other.attributes())
        info = _attribute(_IFLA_INFO_KIND, "veth") + _attribute(_IFLA_INFO_DATA, data)
        body = _ifinfo(index) + one.attributes() + _attribute(_IFLA_LINKINFO, info)
        self._add(_RTM_NEWLINK, _NLM_F_CREATE | _NLM_F_EXCL, body, f"make the wire {one.name} - {other.name}")

    def adopt(self, name: str, end: LinkEnd) -> None:
        """Queue that an interface which somebody made becomes another one: its name, namespace, MTU and address.

        It is down afterwards.
        """
        words = f"make {name} the interface {end.name}"
        index = _index(name)
        self._add(_RTM_NEWLINK, 0, _ifinfo(index, 0, _IFF_UP), words)
        self._add(_RTM_NEWLINK, 0, _ifinfo(index) + end.attributes(), words)

    def vlan(self, end: LinkEnd, link: int, tag: tuple[int, int], index: int) -> None:
        """Queue a VLAN device: the frames with a tag (EtherType and VLAN id) at the interface of index `link`.

        Its own index has to differ from `link`, for the reason that it has in a pair of veths.
        """
        ethertype, vlan_id = tag
        data = _attribute(_IFLA_VLAN_ID, struct.pack("=H", vlan_id))
        data += _attribute(_IFLA_VLAN_PROTOCOL, struct.pack("!H", ethertype))
        info = _attribute(_IFLA_INFO_KIND, "vlan") + _attribute(_IFLA_INFO_DATA, data)
        body = _ifinfo(index) + end.attributes() + _attribute(_IFLA_LINK, link) + _attribute(_IFLA_LINKINFO, info)
        self._add(_RTM_NEWLINK, _NLM_F_CREATE | _NLM_F_EXCL, body, f"make the VLAN device {end.name}")

    def vxlan(self, end: LinkEnd, index: int, *, vni: int, local: IPv4Address) -> None:
        """Queue the end of VXLAN tunnels (RFC 7348).

        Its packets travel in the namespace of this socket. It learns nothing and floods nothing: it reaches who is told
        to it as a `tunnel`.
        """
        data = _attribute(_IFLA_VXLAN_ID, vni) + _attribute(_IFLA_VXLAN_LOCAL, local.packed)
        data += _attribute(_IFLA_VXLAN_LEARNING, b"\0") + _attribute(_IFLA_VXLAN_PORT, struct.pack(">H", _VXLAN_PORT))
        info = _attribute(_IFLA_INFO_KIND, "vxlan") + _attribute(_IFLA_INFO_DATA, data)
        body = _ifinfo(index) + end.attributes() + _attribute(_IFLA_LINKINFO, info)
        self._add(_RTM_NEWLINK, _NLM_F_CREATE | _NLM_F_EXCL, body, f"make the tunnels {end.name} with VNI {vni}")

    def tunnel(self, name: str, mac: str, remote: IPv4Address) -> None:
        """Queue where a VXLAN interface sends the frames to a hardware address."""
        body = _ndmsg(socket.AF_BRIDGE, _index(name), _NTF_SELF)
        body += _attribute(_NDA_LLADDR, _octets(mac)) + _attribute(_NDA_DST, remote.packed)
        self._add(_RTM_NEWNEIGH, _NLM_F_CREATE | _NLM_F_REPLACE, body, f"tunnel from {name} to {remote}")

    def neighbor(self, name: str, address: Address, mac: str) -> None:
        """Queue the hardware address of a neighbour, which is never asked for."""
        body = _ndmsg(_family(address.version), _index(name), 0)
        body += _attribute(_NDA_DST, address.packed) + _attribute(_NDA_LLADDR, _octets(mac))
        self._add(_RTM_NEWNEIGH, _NLM_F_CREATE | _NLM_F_REPLACE, body, f"make {address} a neighbour at {name}")

    def bridge(self, name: str) -> None:
        """Queue a bridge; it forwards at once, the spanning tree being off."""
        info = _attribute(_IFLA_LINKINFO, _attribute(_IFLA_INFO_KIND, "bridge"))
        body = _ifinfo() + _attribute(_IFLA_IFNAME, name) + info
        self._add(_RTM_NEWLINK, _NLM_F_CREATE | _NLM_F_EXCL, body, f"make the bridge {name}")

    def up(self, name: str, master: str | None = None) -> None:
        """Queue an interface's start, first put into a bridge if `master` names one."""
        body = _ifinfo(_index(name), _IFF_UP, _IFF_UP)
        if master is not None:
            body += _attribute(_IFLA_MASTER, _index(master))
        self._add(_RTM_NEWLINK, 0, body, f"start {name}")

    def enslave(self, name: str, master: str) -> None:
        """Queue an interface's move into a bridge."""
        body = _ifinfo(_index(name)) + _attribute(_IFLA_MASTER, _index(master))
        self._add(_RTM_NEWLINK, 0, body, f"put {name} into {master}")

    def down(self, name: str) -> None:
        """Queue an interface's stop, by which the other end of a wire loses its carrier."""
        self._add(_RTM_NEWLINK, 0, _ifinfo(_index(name), 0, _IFF_UP), f"stop {name}")

    def settle(self, name: str) -> None:
        """Queue a read of an interface: from Linux 6.8 on it makes a carrier count that came up just now.

        The kernel otherwise takes note within a second, and until then sends no IPv6 and bridges nothing.
        """
        self._add(_RTM_GETLINK, 0, _ifinfo(_index(name)), f"read {name}")

    def address(self, name: str, address: InterfaceAddress) -> None:
        """Queue an address; an IPv6 one is usable at once, without duplicate address detection."""
        raw = address.packed
        flags = _IFA_F_NODAD if address.version == 6 else 0
        body = struct.pack(
            "=BBBBI", _family(address.version), address.network.prefixlen, flags, _RT_SCOPE_UNIVERSE, _index(name)
        )
        body += _attribute(_IFA_LOCAL, raw) + _attribute(_IFA_ADDRESS, raw)
        self._add(_RTM_NEWADDR, _NLM_F_CREATE | _NLM_F_EXCL, body, f"give {name} the address {address}")

    def route(self, prefix: Prefix, next_hops: Iterable[Address], protocol: int = RTPROT_BGP) -> None:
        """Queue a route in place of any other to the prefix.

        Several next hops share the load equally; without any the kernel discards packets.
        """
        hops = [_attribute(_RTA_GATEWAY, hop.packed) for hop in next_hops]
        kind = _RTN_UNICAST if hops else _RTN_BLACKHOLE
        if len(hops) < 2:
            ways = b"".join(hops)
        else:
            ways = _attribute(
                _RTA_MULTIPATH, b"".join(struct.pack("=HBBi", len(hop) + 8, 0, 0, 0) + hop for hop in hops)
            )
        body = self._rtmsg(prefix, protocol, kind) + ways
        self._add(_RTM_NEWROUTE, _NLM_F_CREATE | _NLM_F_REPLACE, body, f"install {prefix}")

    def remove_route(self, prefix: Prefix) -> None:
        """Queue the removal of a route that the router put there: one of its own protocol number."""
        self._add(_RTM_DELROUTE, 0, self._rtmsg(prefix, RTPROT_BGP, _RTN_UNSPECIFIED), f"remove {prefix}")

    def remove_all_routes(self) -> None:
        """Queue the removal of every route that a router put there."""
        for family in (socket.AF_INET, socket.AF_INET6):
            for body in self._routes_of_bgp(family):
                self._add(_RTM_DELROUTE, 0, body, "remove a route of an earlier process")

    def _routes_of_bgp(self, family: int) -> list[bytes]:
        """The kernel's own words for each of them."""
        self._sequence += 1
        request = struct.pack("=BBBBBBBBI", family, *(0,) * 8)
        flags = _NLM_F_REQUEST | _NLM_F_DUMP
        self._socket.send(struct.pack("=IHHII", 16 + len(request), _RTM_GETROUTE, flags, self._sequence, 0) + request)
        found: list[bytes] = []
        while True:
            data, offset = self._socket.recv(1 << 18), 0
            while offset < len(data):
                length, kind, _, _, _ = struct.unpack_from("=IHHII", data, offset)
                if kind in (_NLMSG_DONE, _NLMSG_ERROR):
                    return found
                if data[offset + 16 + 5] in ROUTERS_PROTOCOLS:
                    found.append(data[offset + 16 : offset + length])
                offset += (length + 3) & ~3

    def admit(self, name: str, sources: Iterable[Prefix]) -> None:
        """Queue rules by which what enters by an interface is forwarded from these sources, and dropped from others.

        What is for an address of the node itself is received before.
        """
        for source in sources:
            rule = _fib_rule(source.version, source.prefixlen, _FR_ACT_GOTO, name, _ADMITTING)
            rule += _attribute(_FRA_GOTO, _MAIN_RULE) + _attribute(_FRA_SRC, source.network_address.packed)
            self._add(_RTM_NEWRULE, _NLM_F_CREATE | _NLM_F_EXCL, rule, f"admit {source} at {name}")
        for version in (4, 6):
            rule = _fib_rule(version, 0, _FR_ACT_BLACKHOLE, name, _DROPPING)
            self._add(_RTM_NEWRULE, _NLM_F_CREATE | _NLM_F_EXCL, rule, f"drop other IPv{version} sources at {name}")

    def route_marked(self, version: int, most_bytes: int) -> None:
        """Queue the rule by which the packets with the mark `most_bytes` have routes of their own."""
        rule = _fib_rule(version, 0, _FR_ACT_TO_TBL, "", _ANSWERING)
        rule += _attribute(_FRA_FWMARK, most_bytes) + _attribute(_FRA_TABLE, _ANSWERING)
        self._add(_RTM_NEWRULE, _NLM_F_CREATE | _NLM_F_EXCL, rule, f"route packets of more than {most_bytes} bytes")

    def answer_marked(self, version: int, most_bytes: int, name: str) -> None:
        """Queue the route of marked packets, by which they are too large if they are longer than `most_bytes`.

        None of them takes it, since all are longer: by which interface it leads is of no matter. Forwarded IPv6 is held
        to the MTU of a route only where that is locked (ip6_dst_mtu_maybe_forward).
        """
        metrics = _attribute(_RTAX_LOCK, 1 << _RTAX_MTU) + _attribute(_RTAX_MTU, most_bytes)
        route = struct.pack(
            "=BBBBBBBBI",
            *(_family(version), 0, 0, 0),
            *(0, RTPROT_STATIC, _RT_SCOPE_LINK if version == 4 else _RT_SCOPE_UNIVERSE, _RTN_UNICAST, 0),
        )
        route += _attribute(_RTA_TABLE, _ANSWERING) + _attribute(_RTA_OIF, _index(name))
        route += _attribute(_RTA_METRICS, metrics)
        self._add(
            _RTM_NEWROUTE, _NLM_F_CREATE | _NLM_F_REPLACE, route, f"answer packets of more than {most_bytes} bytes"
        )

    def flush(self) -> list[tuple[str, int]]:
        """Send what is queued. Returns what failed: the request in words and its errno."""
        failed: list[tuple[str, int]] = []
        while self._queue:
            batch, self._queue = self._queue[:_BATCH], self._queue[_BATCH:]
            words = {sequence: text for sequence, _, text in batch}
            self._socket.send(b"".join(message for _, message, _ in batch))
            while words:
                for sequence, error in _acknowledgements(self._socket.recv(1 << 18)):
                    text = words.pop(sequence, "")
                    if error:
                        failed.append((text, error))
        return failed

    def commit(self) -> None:
        """Send what is queued. Raises LabBroken on the first request that the kernel refused."""
        for text, error in self.flush():
            raise LabBroken(f"the kernel refused to {text}: {os.strerror(error)}")

    @staticmethod
    def _rtmsg(prefix: Prefix, protocol: int, kind: int) -> bytes:
        header = struct.pack(
            "=BBBBBBBBI",
            *(_family(prefix.version), prefix.prefixlen, 0, 0),
            *(_RT_TABLE_MAIN, protocol, _RT_SCOPE_UNIVERSE, kind, 0),
        )
        return header + _attribute(_RTA_DST, prefix.network_address.packed) + _attribute(_RTA_PRIORITY, _METRIC)

    def _add(self, kind: int, flags: int, body: bytes, words: str) -> None:
        self._sequence += 1
        flags |= _NLM_F_REQUEST | _NLM_F_ACK
        header = struct.pack("=IHHII", len(body) + 16, kind, flags, self._sequence, 0)
        self._queue.append((self._sequence, header + body + b"\0" * (-len(body) % 4), words))


def _acknowledgements(data: bytes) -> Iterable[tuple[int, int]]:
    offset = 0
    while offset < len(data):
        length, kind, _, sequence, _ = struct.unpack_from("=IHHII", data, offset)
        if kind == _NLMSG_ERROR:
            yield sequence, -struct.unpack_from("=i", data, offset + 16)[0]
        offset += (length + 3) & ~3


def _index(name: str) -> int:
    return socket.if_nametoindex(name)


def started_interfaces() -> set[str]:
    """The interfaces of this namespace that their own end lets carry packets (netdevice(7), SIOCGIFFLAGS)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asks:
        found = set()
        for _, name in socket.if_nameindex():
            answer = fcntl.ioctl(asks, _SIOCGIFFLAGS, struct.pack("16sH14x", name.encode(), 0))
            if struct.unpack("16xH14x", answer)[0] & _IFF_UP:
                found.add(name)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkEvent:
    """An interface changed: `up` is whether it can carry packets now, `started` whether its own end lets it."""

    interface: str
    up: bool
    started: bool


class LinkMonitor:
    """Tells of every interface of the namespace that gains or loses its carrier, within milliseconds."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((0, _RTMGRP_LINK))
        self._socket.settimeout(0)

    def fileno(self) -> int:
        """The file descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def read(self) -> list[LinkEvent]:
        """The events that have arrived; empty where none has."""
        events: list[LinkEvent] = []
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return events
            events += _link_events(data)


class RouteMonitor:
    """Tells of changes of the routes that a router of the lab installs in this namespace."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self._socket.bind((0, _RTMGRP_IPV4_ROUTE | _RTMGRP_IPV6_ROUTE))
        self._socket.settimeout(0)

    def fileno(self) -> int:
        """The file descriptor to wait on."""
        return self._socket.fileno()

    def read(self) -> int:
        """How many routes have changed since the last time; where the kernel told of too many, at least one."""
        changes = 0
        while True:
            try:
                data = self._socket.recv(1 << 16)
            except BlockingIOError:
                return changes
            except OSError:  # ENOBUFS: some were dropped
                changes += 1
            else:
                changes += sum(_is_of_bgp(data))


def _is_of_bgp(data: bytes) -> Iterable[bool]:
    """Of each message whether it is a change of a route with the router's protocol number."""
    offset = 0
    while offset < len(data):
        length, kind, _, _, _ = struct.unpack_from("=IHHII", data, offset)
        yield kind in (_RTM_NEWROUTE, _RTM_DELROUTE) and data[offset + 16 + 5] == RTPROT_BGP
        offset += (length + 3) & ~3


def _link_events(data: bytes) -> Iterable[LinkEvent]:
    offset = 0
    while offset < len(data):
        length, kind, _, _, _ = struct.unpack_from("=IHHII", data, offset)
        if kind in (_RTM_NEWLINK, _RTM_DELLINK):
            flags = struct.unpack_from("=I", data, offset + 16 + 8)[0]
            attributes = dict(_attributes(data[offset + 32 : offset + length]))
            name = attributes.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode()
            # IFF_RUNNING would lag behind the carrier by up to a second
            carrier = attributes.get(_IFLA_CARRIER, b"\1") != b"\0"
            started = kind == _RTM_NEWLINK and bool(flags & _IFF_UP)
            yield LinkEvent(interface=name, up=started and carrier, started=started)
        offset += (length + 3) & ~3


def _attributes(data: bytes) -> Iterable[tuple[int, bytes]]:
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        yield kind, data[offset + 4 : offset + length]
        offset += max(4, (length + 3) & ~3)
