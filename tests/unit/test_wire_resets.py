"""UPDATEs whose routes cannot be told reset the session, with a subcode of RFC 4271 §6.3 (RFC 7606 §3, §5)."""

from __future__ import annotations

import pytest

import wire_octets as octets
from lab.bgp import parse_prefix
from lab.wire import UpdateError, decode_update
from wire_octets import (
    COMMUNITIES,
    GLOBAL_NEXT_HOP,
    MANDATORY,
    ORIGIN,
    ORIGIN_IGP,
    P10,
    P2001,
    PATH,
    attribute,
    mp_reach,
    mp_unreach,
    update,
)

DB8 = parse_prefix("2001:db8::/32")
ORIGIN_WRONG = attribute(0x40, ORIGIN, b"\3")
RESETS = {
    "RFC 7606 §3 b: too short for its lengths": (
        b"\0\0\0",
        1,
        "the lengths of withdrawn routes and path attributes reach past the 3 octets of the UPDATE (RFC 7606 §3 b)",
    ),
    "RFC 7606 §3 b: withdrawn routes past the end": (
        b"\0\5\0\0",
        1,
        "the lengths of withdrawn routes and path attributes reach past the 4 octets of the UPDATE (RFC 7606 §3 b)",
    ),
    "RFC 7606 §3 b: attributes past the end": (
        b"\0\0\0\4" + ORIGIN_IGP[:3],
        1,
        "the lengths of withdrawn routes and path attributes reach past the 7 octets of the UPDATE (RFC 7606 §3 b)",
    ),
    "RFC 7606 §3 g: MP_REACH_NLRI twice": (
        update(mp_reach(GLOBAL_NEXT_HOP, P2001) * 2 + ORIGIN_IGP + PATH),
        1,
        "MP_REACH_NLRI is there twice (RFC 7606 §3 g)",
    ),
    "RFC 7606 §3 g: MP_UNREACH_NLRI twice": (
        update(mp_unreach(P2001) * 2),
        1,
        "MP_UNREACH_NLRI is there twice (RFC 7606 §3 g)",
    ),
    "RFC 7606 §3 i: withdrawn routes that cannot be told": (
        update(withdrawn=b"\x21" + bytes(5)),
        10,
        "malformed withdrawn routes: a prefix length of 33 in IPv4, whose longest is 32 (RFC 7606 §5.3)",
    ),
    "RFC 7606 §3 j: MP_REACH_NLRI past the end": (
        update(MANDATORY + mp_reach(GLOBAL_NEXT_HOP, P2001)[:-1], P10),
        1,
        "malformed MP_REACH_NLRI: it is longer than the attributes together (RFC 7606 §3 j, §4)",
    ),
    "RFC 7606 §5.2: a malformed attribute and no route": (
        update(ORIGIN_WRONG),
        6,
        (
            "malformed ORIGIN: the value 3 has no meaning (RFC 7606 §7.1), in an UPDATE that announces nothing"
            " (RFC 7606 §5.2)"
        ),
    ),
    "RFC 7606 §5.2: a malformed attribute beside withdrawn routes": (
        update(attribute(0xC0, COMMUNITIES, bytes(5)) + mp_unreach(P2001), withdrawn=P10),
        9,
        (
            "malformed COMMUNITIES: 5 octets are no multiple of 4 (RFC 7606 §7.8), in an UPDATE that announces nothing"
            " (RFC 7606 §5.2)"
        ),
    ),
    "RFC 7606 §5.2: an attribute past the end and no route": (
        update(bytes([0x40, ORIGIN, 32, 0])),
        1,
        (
            "malformed ORIGIN: 32 octets, past the end of the attributes (RFC 7606 §4), in an UPDATE that announces"
            " nothing (RFC 7606 §5.2)"
        ),
    ),
    "RFC 7606 §5.2: a malformed attribute and an empty MP_REACH_NLRI": (
        update(mp_reach(GLOBAL_NEXT_HOP, b"") + ORIGIN_WRONG),
        6,
        (
            "malformed ORIGIN: the value 3 has no meaning (RFC 7606 §7.1), in an UPDATE that announces nothing"
            " (RFC 7606 §5.2)"
        ),
    ),
    "RFC 7606 §5.3: a prefix length of 33 in IPv4": (
        update(MANDATORY, b"\x21" + bytes(5)),
        10,
        "malformed NLRI: a prefix length of 33 in IPv4, whose longest is 32 (RFC 7606 §5.3)",
    ),
    "RFC 7606 §5.3: a last prefix that is cut off": (
        update(MANDATORY, P10 + b"\x18\x0a\x01"),
        10,
        "malformed NLRI: the last prefix has 24 bits and only 2 octets are left (RFC 7606 §5.3)",
    ),
    "RFC 7606 §5.3: a prefix length of 129 in IPv6": (
        update(mp_reach(GLOBAL_NEXT_HOP, b"\x81" + bytes(17)) + ORIGIN_IGP + PATH),
        9,
        "malformed MP_REACH_NLRI: a prefix length of 129 in IPv6, whose longest is 128 (RFC 7606 §5.3)",
    ),
    "RFC 7606 §5.3: a last prefix of MP_UNREACH_NLRI that is cut off": (
        update(mp_unreach(b"\x40" + bytes(7))),
        9,
        "malformed MP_UNREACH_NLRI: the last prefix has 64 bits and only 7 octets are left (RFC 7606 §5.3)",
    ),
    "RFC 7606 §5.3: MP_REACH_NLRI as transitive": (
        update(bytes([0xC0]) + mp_reach(GLOBAL_NEXT_HOP, P2001)[1:]),
        9,
        (
            "malformed MP_REACH_NLRI: the flags 0xc0 say optional transitive, it is optional non-transitive"
            " (RFC 7606 §5.3)"
        ),
    ),
    "RFC 7606 §5.3: MP_UNREACH_NLRI as well-known": (
        update(bytes([0x40]) + mp_unreach(P2001)[1:]),
        9,
        "malformed MP_UNREACH_NLRI: the flags 0x40 say well-known, it is optional non-transitive (RFC 7606 §5.3)",
    ),
    "RFC 7606 §5.3: MP_REACH_NLRI of 4 octets": (
        update(attribute(0x80, octets.MP_REACH, bytes([0, 2, 1, 0]))),
        9,
        "malformed MP_REACH_NLRI: 4 octets, at least 5 are needed (RFC 7606 §5.3)",
    ),
    "RFC 7606 §5.3: MP_UNREACH_NLRI of 2 octets": (
        update(attribute(0x80, octets.MP_UNREACH, bytes([0, 2]))),
        9,
        "malformed MP_UNREACH_NLRI: 2 octets, at least 3 are needed (RFC 7606 §5.3)",
    ),
    "RFC 7606 §7.11: an IPv6 next hop of 4 octets": (
        update(mp_reach(bytes([192, 0, 2, 2]), P2001) + ORIGIN_IGP + PATH),
        9,
        "malformed MP_REACH_NLRI: a next hop of 4 octets in IPv6, which has 16 or 32 (RFC 7606 §7.11)",
    ),
    "RFC 7606 §7.11: an IPv4 next hop of 16 octets": (
        update(mp_reach(GLOBAL_NEXT_HOP, P10, afi=1) + ORIGIN_IGP + PATH),
        9,
        "malformed MP_REACH_NLRI: a next hop of 16 octets in IPv4, which has 4 (RFC 7606 §7.11)",
    ),
    "RFC 7606 §7.11: a next hop that is cut off": (
        update(attribute(0x80, octets.MP_REACH, bytes([0, 2, 1, 16, 0, 0])) + ORIGIN_IGP + PATH),
        9,
        "malformed MP_REACH_NLRI: a next hop of 16 octets and only 2 are left (RFC 7606 §7.11)",
    ),
}


@pytest.mark.parametrize(("body", "subcode", "text"), RESETS.values(), ids=RESETS.keys())
def test_session_reset(body: bytes, subcode: int, text: str) -> None:
    """Nothing less than a reset is left where the routes cannot be told, with a subcode of RFC 4271 §6.3."""
    with pytest.raises(UpdateError) as caught:
        decode_update(body)
    assert (str(caught.value), caught.value.subcode) == (text, subcode)


def test_a_reset_is_stronger_than_anything_else() -> None:
    """A route that cannot be told resets the session, whatever else is wrong (RFC 7606 §3 h)."""
    with pytest.raises(UpdateError):
        decode_update(update(ORIGIN_WRONG + PATH, b"\x21" + bytes(5)))


def test_a_family_that_is_ignored_announces_too() -> None:
    """What is wrong beside routes of another family resets nothing, and without any route it does (RFC 7606 §5.2)."""
    assert decode_update(update(mp_reach(b"", b"x", afi=25, safi=70) + ORIGIN_WRONG + PATH)).withdrawn == ()
    with pytest.raises(UpdateError):
        decode_update(update(mp_reach(b"", b"", afi=25, safi=70) + ORIGIN_WRONG + PATH))


def test_mp_reach_after_an_attribute_that_is_cut_off() -> None:
    """Where the attributes break off before MP_REACH_NLRI, its routes may be lost: reset (RFC 7606 §5.2)."""
    broken = bytes([0xC0, COMMUNITIES, 255])
    assert decode_update(update(mp_reach(GLOBAL_NEXT_HOP, P2001) + broken)).withdrawn == (DB8,)
    with pytest.raises(UpdateError):
        decode_update(update(broken + mp_reach(GLOBAL_NEXT_HOP, P2001)))
