"""What holds for every AS path, AS number and community."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from lab.bgp import (
    Asn,
    AsPath,
    Community,
    ExtendedCommunity,
    RemovePrivate,
    Segment,
    SegmentKind,
    aggregated,
    extended_community,
    extended_community_octets,
    in_order,
    is_private_asn,
    parse_asn,
    parse_extended_community,
)
from lab.policy import AsPathEntry
from strategies import as_paths, asns, few_asns, few_communities, few_extended_communities


@given(as_paths(asns, *SegmentKind))
@example(AsPath((Segment(SegmentKind.SEQUENCE, (Asn(1),)), Segment(SegmentKind.SEQUENCE, (Asn(2),)))))
def test_an_as_path_reads_back_from_its_text(path: AsPath) -> None:
    """`AsPath.parse` is the inverse of `str`, for adjacent sequences too because they are one."""
    assert AsPath.parse(str(path)) == path


@given(asns)
def test_an_as_number_reads_back_from_both_notations(asn: Asn) -> None:
    """Asplain and asdot name the same number (RFC 5396)."""
    assert parse_asn(str(asn)) == parse_asn(f"{asn >> 16}.{asn & 0xFFFF}") == asn


@given(as_paths(asns, *SegmentKind), st.lists(asns, min_size=1, max_size=3))
def test_prepending_adds_exactly_what_was_prepended(path: AsPath, new: list[Asn]) -> None:
    """The path grows by the AS numbers prepended, in length and in content, and they are the newest."""
    after = path.prepend(*new)
    assert after.length == path.length + len(new)
    assert after.asns == (*new, *path.asns)
    assert after.neighbor_asn == new[0]


private_or_not = st.sampled_from([1, 12076, 64511, 64512, 65534, 65535, 4199999999, 4200000000, 4294967294]).map(Asn)


@given(as_paths(private_or_not, *SegmentKind), st.sampled_from(RemovePrivate))
def test_private_as_numbers_are_removed_once_and_for_all(path: AsPath, how: RemovePrivate) -> None:
    """Removing them again changes nothing; all public ones stay, in their order; ALL leaves no private one."""
    own = Asn(12076)
    after = path.without_private(how, own)
    assert after.without_private(how, own) == after
    if how is not RemovePrivate.REPLACE:
        assert [asn for asn in after.asns if not is_private_asn(asn)] == [a for a in path.asns if not is_private_asn(a)]
    if how is not RemovePrivate.LEADING:
        assert not any(map(is_private_asn, after.asns))


@given(as_paths(private_or_not, *SegmentKind))
def test_replacing_private_as_numbers_keeps_the_length(path: AsPath) -> None:
    """A path stays as long as it was, which is why they are replaced."""
    assert path.without_private(RemovePrivate.REPLACE, Asn(12076)).length == path.length


@given(st.lists(as_paths(few_asns, *SegmentKind), min_size=1, max_size=3))
def test_an_aggregate_has_every_as_of_its_routes_and_no_other(paths: list[AsPath]) -> None:
    """So that every router in one of them sees the loop (RFC 4271 §9.2.2.2); confederations stay inside."""
    path = aggregated(paths)
    assert set(path.asns) == {asn for one in paths for asn in one.without_confederation().asns}
    assert aggregated(reversed(paths)) == path
    assert aggregated([path]) == path


@given(as_paths(few_asns, *SegmentKind), few_asns | st.sampled_from([5001, 6500, 65001065002]))
def test_an_as_number_between_underscores_is_found_where_it_is(path: AsPath, asn: int) -> None:
    """`_N_` finds an AS anywhere in a path, in sets and confederations too, and never a part of a longer number."""
    assert AsPathEntry(pattern=f"_{asn}_").contains(path) is (asn in path.asns)


@given(as_paths(few_asns, *SegmentKind), few_asns)
def test_anchors_find_the_newest_and_the_oldest_as(path: AsPath, asn: Asn) -> None:
    """`^N_` is the neighbour, `_N$` the origin; a set or a confederation segment at that end is neither."""
    sequences = [one.kind is SegmentKind.SEQUENCE for one in path.segments]
    newest = bool(sequences) and sequences[0] and path.asns[0] == asn
    oldest = bool(sequences) and sequences[-1] and path.asns[-1] == asn
    assert AsPathEntry(pattern=f"^{asn}_").contains(path) is newest
    assert AsPathEntry(pattern=f"_{asn}$").contains(path) is oldest


@given(st.lists(few_communities))
def test_the_order_of_communities_is_one(communities: list[Community]) -> None:
    """However communities are listed, their ordered form is the same, and ordering it again changes nothing."""
    once = in_order(communities)
    assert once == in_order(reversed(communities)) == in_order(once)
    assert set(once) == set(communities)


route_targets = st.tuples(st.sampled_from([0, 1, 2, 3, 0x40, 0x80]), st.sampled_from([2, 3, 4])).flatmap(
    lambda kind: st.binary(min_size=6, max_size=6).map(lambda rest: bytes(kind) + rest)
)


@given(st.binary(min_size=8, max_size=8) | route_targets)
def test_an_extended_community_has_one_text(octets: bytes) -> None:
    """Octets and text are two forms of one value (RFC 4360 §2), of types that have a text of their own or do not."""
    text = extended_community(octets)
    assert extended_community_octets(text) == octets
    assert parse_extended_community(text) == text
    assert parse_extended_community(octets.hex()) == text


@given(st.lists(st.binary(min_size=8, max_size=8).map(extended_community) | few_extended_communities))
def test_extended_communities_are_in_the_order_of_their_octets(communities: list[ExtendedCommunity]) -> None:
    """As on the wire, by number (RFC 4360 §2)."""
    octets = sorted(set(map(extended_community_octets, communities)))
    assert list(map(extended_community_octets, in_order(communities))) == octets
