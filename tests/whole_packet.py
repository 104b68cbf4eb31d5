"""One echo request that no router may fragment: `python whole_packet.py ADDRESS BYTES` says what came of it.

BYTES is the length of the IP packet. It says `answered` where an answer as long came within the deadline, `too long`
where the packet is too long for a link of its way, and otherwise `nothing`.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
import time
from ipaddress import ip_address

from lab.echo import checksum

DEADLINE_S = 5.0
_IP_MTU_DISCOVER, _IPV6_MTU_DISCOVER, _NEVER_FRAGMENT = 10, 23, 2  # linux/in.h, linux/in6.h: IP_PMTUDISC_DO
_ICMP_HEADER = 8


def ask(address: str, length: int) -> str:
    """Send one echo request and wait for its answer."""
    number = os.getpid() & 0xFFFF
    if ip_address(address).version == 4:
        family, protocol, request, reply, header = socket.AF_INET, socket.IPPROTO_ICMP, 8, 0, 20
        level, option = socket.IPPROTO_IP, _IP_MTU_DISCOVER
    else:
        family, protocol, request, reply, header = socket.AF_INET6, socket.IPPROTO_ICMPV6, 128, 129, 40
        level, option = socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER
    payload = bytes(length - header - _ICMP_HEADER)
    message = struct.pack(">BBHHH", request, 0, 0, number, 1) + payload
    if family == socket.AF_INET:  # of the other the kernel makes the checksum (RFC 3542 §3.1)
        message = message[:2] + struct.pack(">H", checksum(message)) + message[4:]
    with socket.socket(family, socket.SOCK_RAW, protocol) as raw:
        raw.setsockopt(level, option, _NEVER_FRAGMENT)
        raw.connect((address, 0))
        end_s = time.monotonic() + DEADLINE_S
        try:
            raw.send(message)
            while time.monotonic() < end_s:
                raw.settimeout(max(0.001, end_s - time.monotonic()))
                answer = raw.recv(1 << 16)
                answer = answer[header:] if family == socket.AF_INET else answer
                if answer[0] == reply and answer[4:] == message[4:]:
                    return "answered"
        except TimeoutError:
            return "nothing"
        except OSError as problem:
            if problem.errno == errno.EMSGSIZE:
                return "too long"
            raise
    return "nothing"


if __name__ == "__main__":
    sys.stdout.write(ask(sys.argv[1], int(sys.argv[2])) + "\n")
