"""Table dumps mean to us what they mean to mrtparse, which knows nothing of this project."""

from __future__ import annotations

import io
import signal
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exabgp_encoder import attribute_octets
from lab.bgp import Address, Asn, AsPath, Community, LargeCommunity, Origin, Route, SegmentKind, text_of
from lab.mrt import MrtEntry, read_mrt
from mrt_octets import peer_index_table, table, table_dump
from strategies import as_paths, asns
from wire_octets import GLOBAL_NEXT_HOP, attribute, mp_reach, nlri

_BROKEN_PIPE = signal.getsignal(signal.SIGPIPE)
import mrtparse  # noqa: E402  # it changes what SIGPIPE does

signal.signal(signal.SIGPIPE, _BROKEN_PIPE)

PEERS = (("192.0.2.1", 65001), ("2001:db8::9", 4200000000))
PREFIXES = ("10.0.0.0/8", "0.0.0.0/0", "198.51.100.128/25", "2001:db8::/32", "::/0", "2001:db8::1/128")
NEXT_HOPS: dict[int, Address] = {4: IPv4Address("192.0.2.2"), 6: IPv6Address("2001:db8::2")}
numbers = st.integers(0, 0xFFFFFFFF)
communities = st.integers(0, 0xFFFFFFFF).map(lambda one: Community(f"{one >> 16}:{one & 0xFFFF}"))
large = st.tuples(numbers, numbers, numbers).map(lambda one: LargeCommunity(":".join(map(str, one))))


def routes(paths: st.SearchStrategy[AsPath]) -> st.SearchStrategy[Route]:
    """Routes as a collector keeps them."""
    return st.builds(
        lambda prefix, **rest: Route(prefix=prefix, next_hop=NEXT_HOPS[prefix.version], **rest),
        prefix=st.sampled_from(PREFIXES).map(ip_network),
        origin=st.sampled_from(Origin),
        as_path=paths,
        local_pref=numbers,
        multi_exit_disc=st.none() | numbers,
        communities=st.lists(communities, max_size=70).map(tuple),
        large_communities=st.lists(large, max_size=3).map(tuple),
        atomic_aggregate=st.booleans(),
    )


def attributes_of(route: Route) -> bytes:
    """The attributes of a route in TABLE_DUMP_V2: an IPv6 one has its next hop in a short MP_REACH_NLRI."""
    reach = attribute(0x80, 14, bytes([16]) + GLOBAL_NEXT_HOP) if route.prefix.version == 6 else b""
    return attribute_octets(route) + reach


def old_attributes_of(route: Route) -> bytes:
    """The same in TABLE_DUMP, where MP_REACH_NLRI is whole and AS numbers have two octets."""
    reach = mp_reach(GLOBAL_NEXT_HOP, nlri(str(route.prefix))) if route.prefix.version == 6 else b""
    return attribute_octets(route, asn4=False) + reach


def by_mrtparse(dump: bytes) -> list[tuple[str, ...]]:
    """The entries of a dump, as mrtparse reads them."""
    peers: list[Any] = []
    found = []
    for record in mrtparse.Reader(io.BytesIO(dump)):
        assert record.err is None, record.err_msg
        data = record.data
        peers = data.get("peer_entries", peers)
        prefix = f"{data.get('prefix')}/{data.get('length')}"
        found += [_row(peers[one["peer_index"]], prefix, one) for one in data.get("rib_entries", ())]
        if "peer_ip" in data:
            found.append(_row(data, prefix, data))
    return found


def _row(peer: dict[str, Any], prefix: str, entry: dict[str, Any]) -> tuple[str, ...]:
    values = {next(iter(one["type"])): one["value"] for one in entry["path_attributes"]}
    next_hop = values[14]["next_hop"][0] if 14 in values else values[3]
    path = [(next(iter(one["type"].values())), sorted(map(int, one["value"]))) for one in values[2]]
    ordered = [
        (kind, asns if kind == "AS_SET" else one["value"]) for (kind, asns), one in zip(path, values[2], strict=True)
    ]
    return (
        peer["peer_ip"],
        peer["peer_as"],
        prefix,
        next_hop,
        str(next(iter(values[1]))),
        _path_text(ordered),
        str(values.get(4, "")),
        str(values.get(5, "")),
        " ".join(sorted(set(values.get(8, ())))),
        " ".join(sorted(set(values.get(32, ())))),
        str(6 in values),
    )


def _path_text(segments: list[tuple[str, list[Any]]]) -> str:
    shown = [
        "{" + ",".join(map(str, sorted(set(asns)))) + "}" if kind == "AS_SET" else " ".join(map(str, asns))
        for kind, asns in segments
    ]
    return " ".join(shown)


def by_us(dump: bytes) -> list[tuple[str, ...]]:
    """The same of our reader."""
    return [_our_row(entry) for entry in read_mrt(dump)]


def _our_row(entry: MrtEntry) -> tuple[str, ...]:
    route = entry.route
    return (
        str(entry.peer_address),
        str(entry.peer_asn),
        str(route.prefix),
        str(route.next_hop),
        str(route.origin.preference),
        str(route.as_path),
        text_of(route, "multi_exit_disc"),
        text_of(route, "local_pref"),
        " ".join(sorted(route.communities)),
        " ".join(sorted(route.large_communities)),
        str(route.atomic_aggregate),
    )


entries = st.lists(st.tuples(st.sampled_from([0, 1]), routes(as_paths(asns))), min_size=1, max_size=4)


@given(entries, st.booleans())
def test_version_2_means_the_same(found: list[tuple[int, Route]], has_path_ids: bool) -> None:  # noqa: FBT001
    """Tables of TABLE_DUMP_V2, with path identifiers and without, are the same entries to both readers."""
    dump = peer_index_table(*PEERS)
    for peer, route in found:
        dump += table(str(route.prefix), (peer, attributes_of(route)), path_ids=(7,) if has_path_ids else ())
    assert by_us(dump) == by_mrtparse(dump)
    assert [entry.route for entry in read_mrt(dump)] == [route for _, route in found]


small_paths = as_paths(st.integers(1, 23455).map(Asn), SegmentKind.SEQUENCE, SegmentKind.SET)


@given(st.lists(routes(small_paths), min_size=1, max_size=4))
def test_version_1_means_the_same(found: list[Route]) -> None:
    """Records of TABLE_DUMP are the same entries to both readers."""
    peers = {4: "192.0.2.1", 6: "2001:db8::9"}
    dump = b"".join(
        table_dump(str(route.prefix), peers[route.prefix.version], 65001, old_attributes_of(route)) for route in found
    )
    assert by_us(dump) == by_mrtparse(dump)


def test_the_comparison_can_fail() -> None:
    """The negative control: a reader that misses a community is found out."""
    route = Route(prefix=ip_network("10.0.0.0/8"), next_hop=NEXT_HOPS[4], local_pref=1, communities=(Community("1:2"),))
    dump = peer_index_table(*PEERS)
    with_community = dump + table("10.0.0.0/8", (0, attributes_of(route)))
    without = dump + table("10.0.0.0/8", (0, attributes_of(Route(prefix=route.prefix, next_hop=route.next_hop))))
    assert by_us(without) != by_mrtparse(with_community)
