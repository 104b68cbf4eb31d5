"""Microsoft peering: only what was validated comes in, and only what the filter names leaves, whatever they are."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from circuits import LISTED, PUBLIC_ASN, circuit, edge, microsoft_peering, public
from lab.bgp import Asn, AsPath, Community, Family, Prefix, Route, is_private_asn
from lab.expressroute.assumptions import ROUTE_FILTER_MATCH
from lab.expressroute.communities import MICROSOFT_365_COMMUNITIES, PUBLIC_COMMUNITIES
from lab.expressroute.facts import DOCUMENTATION_ASNS
from lab.expressroute.locations import LOCATIONS
from lab.expressroute.public_space import special_range
from lab.plan.microsoft_edge import edge_towards_customer
from lab.policy import evaluate
from lab.topology import PublicPrefixes, Sku
from strategies import as_paths

HOP = IPv4Address("198.19.255.1")
EDGES = (
    "0.0.0.1",
    "10.0.0.0",
    "198.18.0.0",
    "198.19.0.0",
    "198.19.0.200",
    "203.0.113.0",
    "224.0.0.0",
    "255.255.255.255",
)
EDGES6 = ("::", "2001:2:0:8000::", "2001:2:0:80ff::1", "2001:2:0:8100::", "2001:db8::", "fd00::")

prefixes = st.one_of(
    st.builds(lambda at, length: ip_network((at, length), strict=False), st.sampled_from(EDGES), st.integers(0, 32)),
    st.builds(lambda at, length: ip_network((at, length), strict=False), st.sampled_from(EDGES6), st.integers(0, 128)),
    st.builds(lambda at, length: ip_network((at, length), strict=False), st.integers(0, 2**32 - 1), st.integers(0, 32)),
)
paths = as_paths(st.sampled_from([65551, 3356, 64495, 64496, 64511, 64512, 65534, 4200000000]).map(Asn))
listed = st.lists(prefixes, max_size=3).map(lambda more: (*LISTED, *more))
tags = st.lists(st.sampled_from(sorted(PUBLIC_COMMUNITIES)), max_size=3, unique=True).map(tuple)


def inside(prefix: Prefix, wide: Prefix) -> bool:
    """Whether a prefix is another, or a part of it."""
    return prefix.version == wide.version and prefix.prefixlen >= wide.prefixlen and prefix.overlaps(wide)


@given(prefix=prefixes, path=paths, advertised=listed, communities=tags)
def test_nothing_comes_in_that_was_not_validated(
    prefix: Prefix, path: AsPath, advertised: tuple[Prefix, ...], communities: tuple[Community, ...]
) -> None:
    """What is accepted is inside a listed prefix and public, with no private and no documentation AS, and untagged.

    And it is accepted whenever it is so: the rules refuse nothing else.
    """
    peering = microsoft_peering(PublicPrefixes(advertised=advertised))
    rules = edge_towards_customer(edge(), peering, Family.IPV4, PUBLIC_ASN)
    sent = Route(prefix=prefix, next_hop=HOP, as_path=path, communities=communities)
    taken = evaluate(rules.import_policies, sent).route
    special = special_range(prefix)
    valid = (
        prefix.prefixlen > 0
        and any(inside(prefix, one) for one in advertised)
        and not (special is not None and inside(prefix, special))
        and not any(one in DOCUMENTATION_ASNS for one in path.asns)
    )
    assert (taken is not None) is valid
    if taken is not None:
        assert not any(map(is_private_asn, taken.as_path.asns))
        assert taken.communities == ()


@given(
    sku=st.sampled_from(Sku),
    location=st.sampled_from(sorted(LOCATIONS)),
    wanted=tags,
    carried=tags,
    match=st.sampled_from(sorted(ROUTE_FILTER_MATCH.answers)),
)
def test_nothing_leaves_that_the_filter_does_not_name(
    sku: Sku, location: str, wanted: tuple[Community, ...], carried: tuple[Community, ...], match: str
) -> None:
    """What leaves carries a community of the filter, or all of them; and none of Microsoft 365 without Premium."""
    at = edge(circuit(sku, location), assumed={"route_filter_match": match})
    rules = edge_towards_customer(at, microsoft_peering(public(*wanted)), Family.IPV4, PUBLIC_ASN)
    held = Route(prefix=LISTED[0], next_hop=HOP, communities=carried)
    named = set(wanted) <= set(carried) if match == "all" else bool(set(wanted) & set(carried))
    if evaluate(rules.export_policies, held).accepted:
        assert wanted
        assert named
        assert sku is Sku.PREMIUM or not MICROSOFT_365_COMMUNITIES.intersection(carried)
    elif sku is Sku.PREMIUM:
        assert not (wanted and named)
