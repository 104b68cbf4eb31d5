"""What the prober makes of captured frames: whose they are, what they say, and what became of the flow."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import Ether

from lab.bgp import Family
from lab.forwarding import Flow, Refusal
from lab.packets import Protocol
from lab.probes.sightings import ANSWERS, ASKS, Asked, Book, Frame, result_of

if TYPE_CHECKING:
    from scapy.packet import Packet

HQ, HUB, SPOKE, POOL = "10.0.0.1", "10.0.9.1", "10.0.8.1", "192.0.2.1"


class Watched:
    """A packet of a flow from hq by r to hub, and the frames that are seen of it."""

    def __init__(self, protocol: Protocol) -> None:
        self.book = Book(b"12345678")
        self.asked = Asked(
            flow=Flow(source="hq", destination="hub", family=Family.IPV4, protocol=protocol),
            number=7,
            stamp=self.book.stamp(7),
            source=ip_address(HQ),
            target=ip_address(HUB),
            port=443,
        )
        self.book.write(self.asked)
        self._time_ns = 0

    def see(self, node: str, packet: Packet, *, out: bool, after_ns: int = 1000) -> None:
        """A frame at one interface, some time after the one before."""
        self._time_ns += after_ns
        octets = bytes(Ether(dst="02:00:00:00:00:01", src="02:00:00:00:00:02") / packet)
        self.book.see(Frame(node, f"to-{node}", out, self._time_ns, octets))


def ip(source: str, target: str, ttl: int = 64, dscp: int = 46) -> Packet:
    """A header."""
    return IP(src=source, dst=target, ttl=ttl, tos=dscp << 2)


def test_a_datagram_and_its_answer() -> None:
    """Each node is crossed as it was seen, its mark changed there; the responder's own time is no part of the trip."""
    one = Watched(Protocol.UDP)
    ask, answer = UDP(dport=443) / (ASKS + one.asked.stamp), UDP(sport=443) / (ANSWERS + one.asked.stamp)
    one.see("hq", ip(HQ, HUB) / ask, out=True)
    one.see("r", ip(HQ, HUB) / ask, out=False)
    one.see("r", ip(POOL, HUB, 63, 0) / ask, out=True)
    one.see("hub", ip(POOL, HUB, 63, 0) / ask, out=False)
    one.see("hub", ip(HUB, POOL, 64, 0) / answer, out=True, after_ns=1_000_000)
    one.see("r", ip(HUB, POOL, 64, 0) / answer, out=False)
    one.see("r", ip(HUB, HQ, 63, 0) / answer, out=True)
    one.see("hq", ip(HUB, HQ, 63, 0) / answer, out=False)
    result = result_of(one.asked)
    assert (result.answered, result.forward, result.backward) == (True, ("hq", "r", "hub"), ("hub", "r", "hq"))
    router = result.there[1]
    assert router.entered is not None
    assert router.left is not None
    assert (router.entered.dscp, router.left.dscp, str(router.left.source)) == (46, 0, POOL)
    assert result.round_trip_s == 6e-6


def test_a_handshake_is_known_by_its_sequence_number() -> None:
    """A SYN carries nothing else that stays; what was captured before the source's own SYN counts too."""
    one = Watched(Protocol.TCP)
    one.book.connects_from(one.asked, 33000)
    syn, back = TCP(sport=33000, dport=443, flags="S", seq=9), TCP(sport=443, dport=33000, flags="SA", seq=5, ack=10)
    one.see("hub", ip(HQ, HUB, 63) / syn, out=False)
    one.see("hub", ip(HUB, HQ) / back, out=True)
    one.see("hq", ip(HQ, HUB) / TCP(sport=33000, dport=443, flags="S", seq=9), out=True)
    one.see("hq", ip(HUB, HQ, 63) / back, out=False)
    one.see("hq", ip(HQ, HUB) / TCP(sport=40000, dport=443, flags="S", seq=77), out=True)  # of somebody else
    one.book.settle()
    assert result_of(one.asked).answered
    assert len(one.asked.sightings) == 4


def test_connections_from_one_port_are_told_apart() -> None:
    """To another target or another port of it a connection is another flow's; so it is in whatever order they open."""
    one = Watched(Protocol.TCP)
    to_spoke = replace(one.asked, number=8, target=ip_address(SPOKE), sightings=[])
    to_web = replace(one.asked, number=9, port=80, sightings=[])
    for asked in (one.asked, to_spoke, to_web):
        one.book.connects_from(asked, 33434)
    for target, port, sequence in ((HUB, 443, 9), (SPOKE, 443, 77), (HUB, 80, 99)):
        one.see("hq", ip(HQ, target) / TCP(sport=33434, dport=port, flags="S", seq=sequence), out=True)
    one.see("hub", ip(HQ, HUB, 63) / TCP(sport=33434, dport=443, flags="S", seq=9), out=False)
    back = TCP(sport=443, dport=33434, flags="SA", seq=5, ack=10)
    one.see("hub", ip(HUB, HQ) / back, out=True)
    one.see("hq", ip(HUB, HQ, 63) / back, out=False)
    results = [result_of(asked) for asked in (one.asked, to_spoke, to_web)]
    assert [(r.sent, r.arrived, r.answered) for r in results] == [(True, True, True)] + [(True, False, False)] * 2


def test_an_answer_to_what_was_not_seen_arriving_contradicts() -> None:
    """What a capture missed, or another one answered, is said, and is not taken for an arrival."""
    one = Watched(Protocol.UDP)
    one.see("hq", ip(HQ, HUB) / UDP(dport=443) / (ASKS + one.asked.stamp), out=True)
    one.see("hq", ip(HUB, HQ) / UDP(sport=443) / (ANSWERS + one.asked.stamp), out=False)
    result = result_of(one.asked)
    assert (result.arrived, result.answered) == (False, True)
    assert result.contradiction == "answered, and not seen arriving"


def test_a_reset_names_who_sent_it() -> None:
    """A reset that a router sent is no arrival, and settles the question."""
    one = Watched(Protocol.TCP)
    one.book.connects_from(one.asked, 33000)
    one.see("hq", ip(HQ, HUB) / TCP(sport=33000, dport=443, flags="S", seq=9), out=True)
    one.see("r", ip(HQ, HUB) / TCP(sport=33000, dport=443, flags="S", seq=9), out=False)
    reset = TCP(sport=443, dport=33000, flags="RA", ack=10)
    one.see("r", ip(HUB, HQ) / reset, out=True)
    one.see("hq", ip(HUB, HQ) / reset, out=False)
    result = result_of(one.asked)
    assert (one.asked.settled, result.arrived, result.answered) == (True, False, False)
    assert result.stopped == "r answered TCP RST: the connection is refused"


def test_an_error_names_who_sent_it_and_the_size_that_fits() -> None:
    """Of a packet that was too large the node that said so is known by the capture there, whatever its address."""
    one = Watched(Protocol.ICMP)
    echo = ICMP(type=8) / one.asked.stamp
    one.see("hq", ip(HQ, HUB) / echo, out=True)
    one.see("r", ip(HQ, HUB) / echo, out=False)
    error = ICMP(type=3, code=4, nexthopmtu=1400) / ip(HQ, HUB) / echo
    one.see("r", ip("172.16.0.9", HQ) / error, out=True)
    one.see("hq", ip("172.16.0.9", HQ, 63) / error, out=False)
    says = "dest-unreach: fragmentation-needed"
    result = result_of(one.asked)
    assert result.refusal == Refusal(node="r", says=says, largest_bytes=1400)
    assert (result.stopped, one.asked.settled) == (f"r answered {says}", True)


def test_what_is_not_ours_is_nothing() -> None:
    """Echoes without the mark, or with another lab's, are of nobody."""
    one = Watched(Protocol.ICMP)
    for payload in (b"", b"abc" * 20, Book(b"87654321").stamp(7), one.book.stamp(8), one.asked.stamp[:-1]):
        one.see("hq", ip(HQ, HUB) / ICMP(type=8) / payload, out=True)
    assert one.asked.sightings == []
    result = result_of(one.asked)
    assert (result.sent, result.stopped) == (False, "the packet was not seen leaving")
