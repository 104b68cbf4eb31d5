"""BFD control packets: octets of RFC 5880 §4.1, and every reception check of §6.8.6 and RFC 5881 §5."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from lab.bfd import ControlPacket, Datagram, Diagnostic, Discarded, Endpoint, Session, State, decode
from lab.plan import BfdPlan

HERE, PEER = ip_address("172.16.0.2"), ip_address("172.16.0.1")
PACKET = ControlPacket(
    state=State.UP,
    multiplier=3,
    my_discriminator=0x01020304,
    your_discriminator=0x05060708,
    desired_min_transmit_us=300_000,
    required_min_receive_us=750_000,
    diagnostic=Diagnostic.PATH_DOWN,
)
OCTETS = "25c00318 01020304 05060708 000493e0 000b71b0 00000000"
"""Version 1, diagnostic 5; Up without flags; multiplier 3; length 24; and five numbers."""
DOWN = replace(PACKET, state=State.DOWN, your_discriminator=0)


def octets(text: str = OCTETS, **changes: int) -> bytes:
    """The octets of a packet, single ones of them changed: `o3=25` makes the length 25."""
    found = bytearray.fromhex(text)
    for place, value in changes.items():
        found[int(place[1:])] = value
    return bytes(found)


def test_a_packet_is_the_octets_of_the_rfc() -> None:
    """Each field stands where RFC 5880 §4.1 draws it, both ways."""
    assert PACKET.encode() == octets()
    assert decode(octets()) == PACKET


@pytest.mark.parametrize(
    ("flag", "bit"), [("poll", 0x20), ("final", 0x10), ("control_plane_independent", 0x08), ("demand", 0x02)]
)
def test_a_flag_is_one_bit(flag: str, bit: int) -> None:
    """Each flag is its own bit (RFC 5880 §4.1)."""
    flagged = replace(PACKET, **{flag: True})  # type: ignore[arg-type]  # names of flags
    assert flagged.encode() == octets(o1=0xC0 | bit)
    assert decode(flagged.encode()) == flagged


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("diagnostic", [0, 8, 31])
def test_states_and_diagnostics_come_back(state: State, diagnostic: int) -> None:
    """Every state and diagnostic survives the wire, those that nobody has assigned yet too (RFC 5880 §4.1)."""
    sent = replace(PACKET, state=state, diagnostic=diagnostic)
    assert decode(sent.encode()) == sent


REFUSED = {
    "the version is not 1": (octets(o0=0x45), "version 2 is not 1"),
    "nothing came": (b"", "0 octets are no control packet"),
    "an octet is missing": (octets()[:-1], "23 octets are no control packet"),
    "the length is below 24": (octets(o3=23), "length 23 is too short"),
    "authenticated, and the length below 26": (octets(o1=0xC4, o3=25) + b"\0\0", "length 25 is too short"),
    "the length is beyond the payload": (octets(o3=25), "length 25 is more than the 24 octets that came"),
    "the multiplier is zero": (octets(o2=0), "the detection multiplier is zero"),
    "the multipoint bit is set": (octets(o1=0xC1), "the multipoint bit is set"),
    "my discriminator is zero": (octets(o4=0, o5=0, o6=0, o7=0), "my discriminator is zero"),
    "Up and without your discriminator": (
        replace(PACKET, your_discriminator=0).encode(),
        "your discriminator is zero in state UP",
    ),
    "Init and without your discriminator": (
        replace(PACKET, your_discriminator=0, state=State.INIT).encode(),
        "your discriminator is zero in state INIT",
    ),
    "authenticated": (octets(o1=0xC4, o3=26) + b"\0\0", "it is authenticated, and no session here is"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_packet_is_refused(name: str) -> None:
    """What RFC 5880 §6.8.6 refuses whatever the session is discarded, for the reason that it gives."""
    data, reason = REFUSED[name]
    with pytest.raises(Discarded, match=f"^{reason}$"):
        decode(data)


@pytest.mark.parametrize("state", [State.DOWN, State.ADMIN_DOWN])
def test_a_peer_that_is_down_need_not_know_us(state: State) -> None:
    """Your discriminator may be zero in Down and AdminDown (RFC 5880 §6.8.6)."""
    assert decode(replace(PACKET, state=state, your_discriminator=0).encode()).state is state


def test_octets_behind_the_length_are_nobodys() -> None:
    """A payload may be longer than the packet in it (RFC 5880 §6.8.6)."""
    assert decode(octets() + b"\xff") == PACKET


# which session a packet is for


def endpoint() -> Endpoint:
    """Two sessions, with the discriminators 1 and 2."""
    return Endpoint(
        {
            name: (HERE, peer, Session(BfdPlan(), peer=peer, discriminator=number, random=lambda: 0.0))
            for number, (name, peer) in enumerate({"a": PEER, "b": ip_address("172.16.0.5")}.items(), start=1)
        }
    )


def datagram(packet: ControlPacket, *, source: str = str(PEER), hop_limit: int = 255) -> Datagram:
    """A packet as it arrives."""
    return Datagram(octets=packet.encode(), source=ip_address(source), destination=HERE, hop_limit=hop_limit)


def test_addresses_find_the_session() -> None:
    """Without a discriminator of ours the addresses tell whose a packet is (RFC 5881 §3)."""
    name, output = endpoint().receive(datagram(DOWN, source="172.16.0.5"), 0.0)
    assert (name, len(output) > 0) == ("b", True)


def test_the_discriminator_finds_the_session() -> None:
    """A discriminator of ours alone tells whose a packet is, whatever its source (RFC 5880 §6.8.6)."""
    name, _ = endpoint().receive(datagram(replace(DOWN, your_discriminator=2)), 0.0)
    assert name == "b"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (datagram(DOWN, hop_limit=254), r"it arrived with TTL 254, not 255 \(RFC 5881 §5\)"),
        (datagram(replace(DOWN, your_discriminator=3)), "no session has the discriminator 3"),
        (datagram(DOWN, source="172.16.0.9"), "no session is with 172.16.0.9 from 172.16.0.2"),
    ],
)
def test_a_packet_for_nobody(data: Datagram, reason: str) -> None:
    """What came over a router, or belongs to no session, is discarded (RFC 5881 §5, RFC 5880 §6.8.6)."""
    with pytest.raises(Discarded, match=f"^{reason}$"):
        endpoint().receive(data, 0.0)


def test_only_what_is_due_elapses() -> None:
    """At the start each session owes a packet; when these are sent nothing is due before the shortest interval."""
    both = endpoint()
    assert [name for name, _ in both.elapse(0.0)] == ["a", "b"]
    assert both.next_s == pytest.approx(0.75)
    assert both.elapse(0.74) == []
