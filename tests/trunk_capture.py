"""Show frames as they are on the wire: `python trunk_capture.py INTERFACE` runs in a node of a lab.

It writes "listening", and then every probe of the lab's prober that enters or leaves by the interface, one line of hex
each, until its standard input ends. The tag that the kernel took out of the octets is put back where it was.
"""

from __future__ import annotations

import select
import socket
import struct
import sys

MARKER = b"erlab\x00probe"
_ETH_P_ALL, _SOL_PACKET, _PACKET_AUXDATA = 3, 263, 8
_VALID = 0x10


def main(interface: str) -> None:
    """Capture until nobody wants more."""
    capture = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    capture.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
    capture.bind((interface, _ETH_P_ALL))
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    while True:
        ready, _, _ = select.select([capture, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        octets, control, _, _ = capture.recvmsg(1 << 16, socket.CMSG_SPACE(20))
        status, _, _, _, _, tci, tpid = struct.unpack("=IIIHHHH", control[0][2])
        if status & _VALID:
            octets = octets[:12] + struct.pack("!HH", tpid, tci) + octets[12:]
        if MARKER in octets:
            sys.stdout.write(f"{octets.hex()}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
