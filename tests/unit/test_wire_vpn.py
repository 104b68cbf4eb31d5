"""Routes of VPNs on the wire: labels, route distinguishers and next hops (RFC 4364, RFC 4659, RFC 8277)."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from lab.bgp import Family, RouteDistinguisher, VpnPrefix, parse_extended_community, parse_nlri, parse_prefix
from lab.wire import Agreed, DecodedUpdate, UpdateError, decode_update
from wire_octets import (
    EXTENDED_COMMUNITIES,
    GLOBAL_NEXT_HOP,
    LOCAL_PREF_100,
    MANDATORY,
    ORIGIN_IGP,
    P10,
    P2001,
    PATH,
    TRANSITIVE,
    attribute,
    mp_reach,
    mp_unreach,
    update,
    vpn_next_hop,
    vpn_nlri,
)

RD = bytes([0, 1, 192, 0, 2, 1, 0, 100])
FOUR = vpn_next_hop(IPv4Address("192.0.2.1").packed)
SIX = vpn_next_hop(GLOBAL_NEXT_HOP)
TARGET = attribute(TRANSITIVE, EXTENDED_COMMUNITIES, bytes([0, 2, 0xFD, 0xE8, 0, 0, 0, 100]))
INTERNAL = ORIGIN_IGP + PATH + LOCAL_PREF_100 + TARGET
VPN4, VPN6 = Agreed(Family.IPV4, vpn=True), Agreed(Family.IPV6, vpn=True)


def decode(body: bytes, agreed: Agreed = VPN4) -> DecodedUpdate:
    """An UPDATE of an internal session for VPN routes."""
    return decode_update(body, ebgp=False, agreed=agreed)


def reach(*prefixes: str, rd: bytes = RD, label: int = 100, next_hop: bytes = FOUR, afi: int = 1) -> bytes:
    """An UPDATE that announces prefixes of a VPN."""
    nlri = b"".join(vpn_nlri(one, rd, label) for one in prefixes)
    return update(mp_reach(next_hop, nlri, afi=afi, safi=128) + INTERNAL)


def test_a_vpn_ipv4_route_is_decoded() -> None:
    """Distinguisher, label, prefix, next hop and route target of each route are told apart (RFC 4364 §4.3)."""
    first, second = decode(reach("10.0.0.0/8", "10.1.2.128/25")).announced
    assert (first.nlri, first.label) == (parse_nlri("192.0.2.1:100 10.0.0.0/8"), 100)
    assert second.prefix == parse_prefix("10.1.2.128/25")
    assert str(first.next_hop) == "192.0.2.1"
    assert first.extended_communities == (parse_extended_community("target:65000:100"),)


@pytest.mark.parametrize("next_hop", [SIX, SIX + vpn_next_hop(bytes.fromhex("fe80") + bytes(13) + b"\1")])
def test_a_vpn_ipv6_route_is_decoded(next_hop: bytes) -> None:
    """A next hop may have a link-local address behind the global one, each with a distinguisher (RFC 4659 §3.2.1)."""
    (route,) = decode(reach("2001:db8::/32", next_hop=next_hop, afi=2), VPN6).announced
    assert str(route.nlri) == "192.0.2.1:100 2001:db8::/32"
    assert str(route.next_hop) == "2001:db8::2"


def test_a_vpn_ipv6_next_hop_may_be_a_mapped_ipv4_address() -> None:
    """So edges of an IPv4 core tell theirs (RFC 4659 §3.2.1.2)."""
    mapped = vpn_next_hop(bytes(10) + b"\xff\xff" + bytes([192, 0, 2, 1]))
    (route,) = decode(reach("2001:db8::/32", next_hop=mapped, afi=2), VPN6).announced
    assert route.next_hop.packed[-4:] == bytes([192, 0, 2, 1])


@pytest.mark.parametrize("prefix", ["0.0.0.0/0", "128.0.0.0/1", "10.1.2.3/32"])
@pytest.mark.parametrize("label", [0, 16, 0xFFFFF])
def test_any_prefix_and_label(prefix: str, label: int) -> None:
    """From the shortest prefix to the longest, and from the lowest label to the highest (RFC 3032 §2.1)."""
    (route,) = decode(reach(prefix, label=label)).announced
    assert (str(route.prefix), route.label) == (prefix, label)


def test_the_bottom_of_stack_bit_means_nothing() -> None:
    """There is one label whatever the bit says, where several were not agreed on (RFC 8277 §2.2)."""
    octets = bytearray(vpn_nlri("10.0.0.0/8", RD, 100))
    octets[3] &= 0xFE
    (route,) = decode(update(mp_reach(FOUR, bytes(octets), afi=1, safi=128) + INTERNAL)).announced
    assert (route.label, str(route.prefix)) == (100, "10.0.0.0/8")


@pytest.mark.parametrize("label", [b"\x80\0\0", b"\0\0\0", b"\0\x06\x41"])
def test_a_withdrawal_counts_whatever_its_label(label: bytes) -> None:
    """The field of the label is ignored, and with it what a sender puts there (RFC 8277 §2.4)."""
    octets = vpn_nlri("10.0.0.0/8", RD, 100)
    body = update(mp_unreach(octets[:1] + label + octets[4:], afi=1, safi=128))
    assert decode(body).withdrawn == (VpnPrefix(RouteDistinguisher("192.0.2.1:100"), parse_prefix("10.0.0.0/8")),)


def test_routes_with_other_distinguishers_are_others() -> None:
    """An announcement does not keep the same prefix behind another distinguisher from being withdrawn."""
    other = bytes([0, 0, 0, 1, 0, 0, 0, 2])
    unreach = mp_unreach(vpn_nlri("10.0.0.0/8", other, 0) + vpn_nlri("10.0.0.0/8", RD, 0), afi=1, safi=128)
    found = decode(update(unreach + mp_reach(FOUR, vpn_nlri("10.0.0.0/8", RD, 7), afi=1, safi=128) + INTERNAL))
    assert [str(one) for one in found.withdrawn] == ["1:2 10.0.0.0/8"]
    assert [str(one.nlri) for one in found.announced] == ["192.0.2.1:100 10.0.0.0/8"]


@pytest.mark.parametrize(
    ("nlri", "says"),
    [
        (vpn_nlri("10.0.0.0/8", RD, 1)[:-1], "the last prefix has 96 bits and only 11 octets are left"),
        (bytes([87]) + bytes(11), "a length of 87 in VPN-IPv4, which has 88 to 120"),
        (bytes([121]) + bytes(16), "a length of 121 in VPN-IPv4, which has 88 to 120"),
        (b"\0", "a length of 0 in VPN-IPv4"),
    ],
)
def test_prefixes_that_cannot_be_told_apart_reset_the_session(nlri: bytes, says: str) -> None:
    """Whatever is wrong with a length makes all that follows unreadable (RFC 7606 §5.3)."""
    for body in (
        update(mp_reach(FOUR, nlri, afi=1, safi=128) + INTERNAL),
        update(mp_unreach(nlri, afi=1, safi=128)),
    ):
        with pytest.raises(UpdateError, match=says) as found:
            decode(body)
        assert found.value.subcode == 9


@pytest.mark.parametrize(("next_hop", "afi"), [(b"\xc0\0\2\1", 1), (SIX, 1), (FOUR, 2), (GLOBAL_NEXT_HOP, 2)])
def test_a_next_hop_of_a_wrong_length_resets_the_session(next_hop: bytes, afi: int) -> None:
    """A VPN's next hop has 12 octets, or 24 or 48 in IPv6 (RFC 4364 §4.3.2, RFC 4659 §3.2.1, RFC 7606 §7.11)."""
    with pytest.raises(UpdateError, match="octets in VPN-IPv"):
        decode(update(mp_reach(next_hop, b"", afi=afi, safi=128) + INTERNAL), VPN6 if afi == 2 else VPN4)


def test_a_next_hop_that_is_no_host_withdraws_the_routes() -> None:
    """The routes are treated as withdrawn, under their distinguisher (RFC 4271 §6.3, RFC 7606 §7.11)."""
    found = decode(reach("10.0.0.0/8", next_hop=vpn_next_hop(bytes(4))))
    assert (found.announced, [str(one) for one in found.withdrawn]) == ((), ["192.0.2.1:100 10.0.0.0/8"])


def test_a_multicast_prefix_of_a_vpn_is_ignored() -> None:
    """As of unicast routes: the others of the UPDATE stay (RFC 4271 §6.3)."""
    found = decode(reach("10.0.0.0/8", "224.0.0.0/4"))
    assert [str(one.prefix) for one in found.announced] == ["10.0.0.0/8"]
    assert [str(one) for fault in found.faults for one in fault.prefixes] == ["192.0.2.1:100 224.0.0.0/4"]


@pytest.mark.parametrize(("afi", "family"), [(1, Family.IPV4), (2, Family.IPV6)])
def test_end_of_rib_of_a_vpn_family(afi: int, family: Family) -> None:
    """An empty MP_UNREACH_NLRI ends the table of the session's family (RFC 4724 §2)."""
    assert decode(update(mp_unreach(b"", afi=afi, safi=128)), Agreed(family, vpn=True)).end_of_rib == family


@pytest.mark.parametrize(
    ("agreed", "count"), [(VPN4, 1), (VPN6, 0), (Agreed(Family.IPV4), 1), (Agreed(Family.IPV6), 1), (None, 3)]
)
def test_a_session_takes_the_routes_that_it_was_opened_for(agreed: Agreed | None, count: int) -> None:
    """Those of all other families are ignored, in whatever field they are (RFC 4760 §6)."""
    plain = update(MANDATORY, P10)
    six = update(mp_reach(GLOBAL_NEXT_HOP, P2001) + ORIGIN_IGP + PATH)
    vpn = update(mp_reach(FOUR, vpn_nlri("10.0.0.0/8", RD, 100), afi=1, safi=128) + ORIGIN_IGP + PATH)
    assert sum(len(decode_update(body, agreed=agreed).announced) for body in (plain, six, vpn)) == count
    withdrawal = update(mp_unreach(vpn_nlri("10.0.0.0/8", RD, 0), afi=1, safi=128), withdrawn=P10)
    counts = {VPN4: 1, Agreed(Family.IPV4): 1, None: 2}
    assert len(decode_update(withdrawal, agreed=agreed).withdrawn) == counts.get(agreed, 0)
