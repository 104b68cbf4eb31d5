"""How the prober sends: what stays the same when a packet is sent again."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from lab.bgp import Family
from lab.forwarding import Flow
from lab.packets import Protocol
from lab.probes.exchanges import Connections
from lab.probes.sightings import Asked, Book

LOOPBACK = ip_address("127.0.0.1")


def test_a_connection_is_tried_again_from_its_port() -> None:
    """So that where load is shared by ports every try goes the same way; another flow's has a port of its own."""
    with socket.create_server((str(LOOPBACK), 0)) as listener:  # the destination's own, to which the prober adds none
        port = listener.getsockname()[1]
        connections = Connections(lambda _: None, Book(b"12345678"))
        asked = [
            Asked(
                flow=Flow(source="hq", destination="hub", family=Family.IPV4, protocol=Protocol.TCP),
                number=number,
                stamp=b"",
                source=LOOPBACK,
                target=LOOPBACK,
                port=port,
            )
            for number in (1, 2)
        ]
        for one in (asked[0], asked[1], asked[0]):
            connections.send(one)
        ports = []
        for _ in range(3):
            accepted, (_, peer_port) = listener.accept()
            accepted.close()
            ports.append(peer_port)
        connections.close()
    assert (ports[0] == ports[2], ports[0] == ports[1]) == (True, False)
    assert not any(one.refused for one in asked)
