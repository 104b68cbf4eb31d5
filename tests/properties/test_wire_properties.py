"""The decoder of UPDATE messages undoes what ExaBGP's encoder does, for any routes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from hypothesis import assume, given
from hypothesis import strategies as st

from exabgp_encoder import update_bodies
from lab.bgp import (
    LABEL_MAX,
    Aggregator,
    Community,
    Family,
    LargeCommunity,
    Origin,
    Prefix,
    Route,
    SegmentKind,
    UnknownAttribute,
    extended_community,
    route_distinguisher,
    route_distinguisher_octets,
)
from lab.wire import Agreed, UpdateError, decode_update
from lab.wire.nlri import is_unicast
from strategies import as_paths, asns
from wire_octets import (
    MANDATORY,
    NEXT_HOP_2,
    ORIGIN_IGP,
    P10,
    PATH,
    mp_reach,
    mp_unreach,
    update,
    vpn_next_hop,
    vpn_nlri,
)

ipv4_addresses = st.integers(0, 0xFFFFFFFF).map(IPv4Address)
numbers = st.integers(0, 0xFFFFFFFF)


def _prefixes(kind: Callable[[tuple[int, int]], Prefix], bits: int) -> st.SearchStrategy[Prefix]:
    """Prefixes below multicast."""
    return st.builds(
        lambda number, length: kind((number >> bits - length << bits - length, length)),
        st.integers(0, (0xE0 << bits - 8) - 1),
        st.integers(0, bits),
    )


prefixes_of = {4: _prefixes(IPv4Network, 32), 6: _prefixes(IPv6Network, 128)}
next_hops_of = {
    4: st.integers(0x01000000, 0x7EFFFFFF).map(IPv4Address),
    6: st.integers(2 << 124, (3 << 124) - 1).map(IPv6Address),
}
communities = st.integers(0, 0xFFFFFFFF).map(lambda one: Community(f"{one >> 16}:{one & 0xFFFF}"))
large_communities = st.tuples(numbers, numbers, numbers).map(lambda one: LargeCommunity(":".join(map(str, one))))
extended_communities = st.binary(min_size=8, max_size=8).map(extended_community)
unknown = st.builds(UnknownAttribute, st.integers(33, 254), st.binary(max_size=300).map(bytes.hex))


def routes_of(version: int) -> st.SearchStrategy[Route]:
    """Routes of one family, as an internal neighbour sends them."""
    return st.builds(
        Route,
        prefix=prefixes_of[version],
        next_hop=next_hops_of[version],
        origin=st.sampled_from(Origin),
        as_path=as_paths(asns, *SegmentKind),
        local_pref=numbers,
        multi_exit_disc=st.none() | numbers,
        communities=st.lists(communities, max_size=70).map(tuple),
        large_communities=st.lists(large_communities, max_size=3).map(tuple),
        extended_communities=st.lists(extended_communities, max_size=3).map(tuple),
        atomic_aggregate=st.booleans(),
        aggregator=st.none() | st.builds(Aggregator, asns, ipv4_addresses),
        originator_id=st.none() | ipv4_addresses,
        cluster_list=st.lists(ipv4_addresses, max_size=3).map(tuple),
        unknown=st.lists(unknown, max_size=2, unique_by=lambda one: one.code).map(tuple),
    )


versions = st.sampled_from([4, 6])


@given(st.data(), versions, st.booleans())
def test_what_exabgp_encodes_is_decoded(data: st.DataObject, version: int, asn4: bool) -> None:  # noqa: FBT001
    """Routes that ExaBGP encodes come back as they were, with AS numbers of four octets and of two."""
    first = data.draw(routes_of(version))
    if not asn4:
        assume(not first.as_path.has_confederation)  # AS4_PATH cannot hold their AS numbers (RFC 6793 §6)
    prefixes = data.draw(st.lists(prefixes_of[version], max_size=4))
    sent = {prefix: dataclasses.replace(first, prefix=prefix) for prefix in (first.prefix, *prefixes)}
    received = [decode_update(body, asn4=asn4, ebgp=False) for body in update_bodies(list(sent.values()), asn4=asn4)]
    assert [update.faults for update in received] == [()] * len(received)
    assert {route.prefix: route for update in received for route in update.announced} == sent


@given(st.lists(st.one_of(*prefixes_of.values()), min_size=1, max_size=20, unique=True))
def test_what_exabgp_withdraws_is_withdrawn(prefixes: list[Prefix]) -> None:
    """Prefixes of both families that ExaBGP withdraws are those that are read."""
    received = [decode_update(body, ebgp=False) for body in update_bodies(withdrawn=prefixes)]
    assert {prefix for update in received for prefix in update.withdrawn} == set(prefixes)
    assert all(update.announced == () and update.faults == () for update in received)


vpn_prefixes = st.tuples(st.binary(min_size=8, max_size=8), st.integers(0, LABEL_MAX))


@given(st.data(), versions)
def test_routes_of_vpns_are_told_apart(data: st.DataObject, version: int) -> None:
    """Whatever the distinguishers, labels and prefixes, each route has its own, and a withdrawal names the same."""
    family = Family.IPV4 if version == 4 else Family.IPV6
    agreed = Agreed(family, vpn=True)
    made = data.draw(st.lists(st.tuples(vpn_prefixes, prefixes_of[version]), min_size=1, max_size=20))
    next_hop = ip_address(str(data.draw(next_hops_of[version])))
    octets = b"".join(vpn_nlri(str(prefix), rd, label) for (rd, label), prefix in made)
    afi = {4: 1, 6: 2}[version]
    assume(all(is_unicast(prefix) for _, prefix in made))
    body = update(mp_reach(vpn_next_hop(next_hop.packed), octets, afi=afi, safi=128) + ORIGIN_IGP + PATH)
    decoded = decode_update(body, agreed=agreed)
    told = [(route.rd, route.label, route.prefix, route.next_hop) for route in decoded.announced]
    assert told == [(route_distinguisher(rd), label, prefix, next_hop) for (rd, label), prefix in made]
    withdrawn = decode_update(update(mp_unreach(octets, afi=afi, safi=128)), agreed=agreed).withdrawn
    assert withdrawn == tuple(route.nlri for route in decoded.announced)
    distinguishers = [route_distinguisher_octets(one.rd) for one in decoded.announced if one.rd is not None]
    assert distinguishers == [rd for (rd, _), _ in made]


@given(st.binary(max_size=200), st.booleans(), st.booleans())
def test_any_octets_are_an_update_or_an_update_error(octets: bytes, asn4: bool, ebgp: bool) -> None:  # noqa: FBT001
    """Whatever arrives, nothing but UpdateError is raised, and no prefix is both announced and withdrawn."""
    for body in (octets, update(octets, P10), update(MANDATORY + octets, P10)):
        try:
            decoded = decode_update(body, asn4=asn4, ebgp=ebgp)
        except UpdateError:
            continue
        assert not {route.prefix for route in decoded.announced} & set(decoded.withdrawn)


@given(st.permutations([ORIGIN_IGP, PATH, NEXT_HOP_2]), st.binary(min_size=1, max_size=40))
def test_a_fault_never_changes_another_prefix(attributes: list[bytes], octets: bytes) -> None:
    """Octets behind well formed attributes announce no other prefix than the UPDATE's."""
    try:
        decoded = decode_update(update(b"".join(attributes) + octets, P10))
    except UpdateError:
        return
    assume(b"\x0e" not in octets and b"\x0f" not in octets)
    assert {str(one) for one in (*decoded.withdrawn, *(route.prefix for route in decoded.announced))} == {"10.0.0.0/8"}
