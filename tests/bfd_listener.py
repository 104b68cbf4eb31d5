"""What a wire carries of BFD: `bfd_listener.py INTERFACE COUNT` writes so many control packets as JSON, one a line."""

from __future__ import annotations

import json
import socket
import struct
import sys
import time
from ipaddress import IPv4Address

from lab.bfd import PORT

_ETH_P_ALL, _UDP = 3, 17


def main(interface: str, count: str) -> None:
    """Listen until enough IPv4 packets went by, in either direction."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ETH_P_ALL))
    wire.bind((interface, _ETH_P_ALL))
    left = int(count)
    while left:
        packet = wire.recv(2048)
        now_s = time.monotonic()
        header = 4 * (packet[0] & 0xF)
        if packet[0] >> 4 != 4 or packet[9] != _UDP:
            continue
        source_port, port = struct.unpack_from(">HH", packet, header)
        if port != PORT:
            continue
        left -= 1
        seen = {
            "at_s": now_s,
            "source": str(IPv4Address(packet[12:16])),
            "ttl": packet[8],
            "source_port": source_port,
            "octets": packet[header + 8 :].hex(),
        }
        sys.stdout.write(f"{json.dumps(seen)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
