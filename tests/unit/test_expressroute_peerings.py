"""What the real circuit refuses of Microsoft peering, port pairs, connections, locations and Global Reach."""

from __future__ import annotations

from itertools import combinations

import pytest

from lab.bgp import Community, family_of, parse_prefix
from lab.expressroute import public_rules, rules
from lab.expressroute.communities import MICROSOFT_365_COMMUNITIES, REGION_NAMES
from lab.expressroute.locations import AREAS, LOCATIONS
from lab.expressroute.public_space import NOT_PUBLIC, special_range
from lab.expressroute.rules import Finding, Rule
from lab.expressroute.services import BY_NAME, SHIPPED


def broken(finding: Finding | None) -> Rule | None:
    """The rule that a finding names."""
    return finding.rule if finding else None


@pytest.mark.parametrize(
    ("prefix", "is_public"),
    [
        ("8.8.8.0/24", True),
        ("198.18.0.0/15", True),
        ("2001:2::/48", True),
        ("2a00::/16", True),
        ("10.1.0.0/16", False),
        ("172.31.0.0/30", False),
        ("172.32.0.0/30", True),
        ("192.168.0.0/30", False),
        ("100.127.0.0/24", False),
        ("192.0.2.0/24", False),
        ("192.0.0.0/8", False),
        ("224.0.0.0/8", False),
        ("2001:db8:1::/48", False),
        ("2000::/3", False),
        ("fd00::/8", False),
        ("fe80::/64", False),
    ],
)
def test_public_prefixes(prefix: str, is_public: bool) -> None:  # noqa: FBT001
    """A prefix is public where it is in none of the special ranges and holds none (RFC 6890, RFC 4291 §2.4)."""
    found = parse_prefix(prefix)
    assert broken(public_rules.public_prefix(found)) is (None if is_public else rules.PUBLIC_PREFIX)
    assert broken(public_rules.public_block(found)) is (None if is_public else rules.PUBLIC_BLOCK)


@pytest.mark.parametrize("prefix", ["0.0.0.0/0", "::/0"])
def test_the_default_route_is_no_public_prefix(prefix: str) -> None:
    """A default route is not accepted on Microsoft peering (expressroute-routing.md, 2026-03-12), and is named."""
    finding = public_rules.public_prefix(parse_prefix(prefix))
    assert finding is not None
    assert finding.what == f"{prefix} is the default route"


@pytest.mark.parametrize(
    ("asn", "registered", "rule"),
    [
        (3356, None, None),
        (65551, None, None),
        (64512, None, rules.PUBLIC_ASN),
        (4200000000, None, rules.PUBLIC_ASN),
        (64512, 3356, None),
        (64512, 65534, rules.PUBLIC_ASN),
        (3356, 64512, rules.PUBLIC_ASN),
        (64500, None, rules.PUBLIC_ASN),
        (64500, 3356, rules.PUBLIC_ASN),
        (3356, 64511, rules.PUBLIC_ASN),
    ],
)
def test_asns_of_microsoft_peering(asn: int, registered: int | None, rule: Rule | None) -> None:
    """Public, or private with a public AS for the prefixes (expressroute-routing.md, 2026-03-12)."""
    assert broken(public_rules.public_asn(asn, registered)) is rule


@pytest.mark.parametrize(
    ("rule", "right", "wrong"),
    [
        (rules.PEERING_VLANS, [rules.peering_vlans(100, 200)], [rules.peering_vlans(100, 100)]),
        (rules.DOT1Q_TAGS, [rules.dot1q_tags(100, 200)], [rules.dot1q_tags(100, 100)]),
        (
            rules.S_TAG,
            [rules.s_tag(1034, qinq=True), rules.s_tag(None, qinq=False)],
            [rules.s_tag(None, qinq=True), rules.s_tag(1034, qinq=False)],
        ),
        (rules.S_TAGS, [rules.s_tags(1034, 1035)], [rules.s_tags(1034, 1034)]),
        (rules.DIRECT_BANDWIDTH, [rules.direct_bandwidth("100 Gbps")], [rules.direct_bandwidth("50 Mbps")]),
        (
            rules.WEIGHT,
            [rules.connection_weight(0), rules.connection_weight(32000)],
            [rules.connection_weight(-1), rules.connection_weight(32001)],
        ),
        (rules.LOCATION, [rules.peering_location("Amsterdam")], [rules.peering_location("amsterdam")]),
        (
            rules.LOCAL_LOCATION,
            [rules.local_location("Amsterdam"), rules.local_location("Atlantis")],
            [rules.local_location("Dallas")],
        ),
        (
            rules.REACH_BLOCK,
            [rules.global_reach_block(parse_prefix(one)) for one in ("172.16.9.0/29", "fd00::/125")],
            [rules.global_reach_block(parse_prefix(one)) for one in ("172.16.9.0/30", "fd00::/126")],
        ),
    ],
    ids=lambda one: one.id if isinstance(one, Rule) else "",
)
def test_tags_bandwidths_weights_and_locations(
    rule: Rule, right: list[Finding | None], wrong: list[Finding | None]
) -> None:
    """A wrong value breaks the rule that is about it, and a right one beside it none."""
    assert [broken(one) for one in right] == [None] * len(right)
    assert [broken(one) for one in wrong] == [rule] * len(wrong)


@pytest.mark.parametrize(
    ("skus", "locations", "rule"),
    [
        (("standard", "standard"), ("Amsterdam", "Dublin"), None),
        (("standard", "local"), ("Amsterdam", "Dublin"), rules.REACH_OF_LOCAL),
        (("premium", "premium"), ("Amsterdam", "Amsterdam"), rules.REACH_LOCATIONS),
        (("premium", "premium"), ("Amsterdam", "Chicago"), None),
        (("premium", "standard"), ("Amsterdam", "Chicago"), rules.REACH_BETWEEN_AREAS),
        (("standard", "premium"), ("Amsterdam", "Chicago"), rules.REACH_BETWEEN_AREAS),
        (("standard", "standard"), ("Amsterdam", "Atlantis"), None),
    ],
)
def test_what_global_reach_joins(skus: tuple[str, str], locations: tuple[str, str], rule: Rule | None) -> None:
    """Not Local, two locations, and between areas Premium at both ends (expressroute-global-reach.md, 2019)."""
    assert broken(rules.global_reach(skus, locations)) is rule


def test_communities_of_a_route_filter() -> None:
    """A filter names published communities, or those that a service of the topology carries."""
    own = Community("12076:51999")
    assert public_rules.filter_community(Community("12076:51002")) is None
    assert broken(public_rules.filter_community(own)) is rules.FILTER_COMMUNITY
    assert public_rules.filter_community(own, {own}) is None
    assert broken(public_rules.filter_community(Community("12076:50002"))) is rules.FILTER_COMMUNITY


@pytest.mark.parametrize("community", sorted(MICROSOFT_365_COMMUNITIES))
def test_microsoft_365_needs_authorisation(community: Community) -> None:
    """A filter with Microsoft 365 does not attach without authorisation (how-to-routefilter-cli.md, 2023-09-15)."""
    assert broken(public_rules.filter_authorization(community, authorized=False)) is rules.FILTER_AUTHORIZATION
    assert public_rules.filter_authorization(community, authorized=True) is None
    assert public_rules.filter_authorization(Community("12076:5060"), authorized=False) is None


def test_which_communities_are_those_of_microsoft_365() -> None:
    """The four that the table of expressroute-routing.md, 2026-03-12, marks, and the same of the US Government."""
    values = [5010, 5020, 5030, 5100, 5110, 5120, 5130, 5200]
    assert sorted(MICROSOFT_365_COMMUNITIES) == [f"12076:{value}" for value in values]


def test_locations_and_areas_speak_of_the_same_regions() -> None:
    """Each local region is one of its location's area, each region is in one area only and is known to the lab."""
    for name, location in LOCATIONS.items():
        assert set(location.local_regions) <= set(AREAS[location.area]), name
    regions = [region for area in AREAS.values() for region in area]
    assert len(regions) == len(set(regions))
    assert set(regions) <= set(REGION_NAMES)


@pytest.mark.parametrize(
    ("name", "area", "local"),
    [
        ("Amsterdam", "Europe", ("West Europe",)),
        ("Newport(Wales)", "Europe", ("UK West",)),
        ("Washington DC", "North America", ("East US", "East US 2")),
        ("Dallas", "North America", ()),
        ("Chennai", "India", ("India South",)),
        ("Auckland", "Oceania", ("New Zealand North",)),
    ],
)
def test_locations(name: str, area: str, local: tuple[str, ...]) -> None:
    """Rows of the table of expressroute-locations-providers.md, 2026-04-28."""
    assert (LOCATIONS[name].area, LOCATIONS[name].local_regions) == (area, local)


def test_the_prefixes_of_shipped_services_are_public_and_apart() -> None:
    """The shipped services break no rule of the lab's own, and are in the ranges for benchmarks."""
    prefixes = [one for service in SHIPPED for one in service.prefixes]
    assert [special_range(one) for one in prefixes] == [None] * len(prefixes)
    assert not any(one.overlaps(other) for one, other in combinations(prefixes, 2) if one.version == other.version)
    benchmarks = {4: parse_prefix("198.18.0.0/16"), 6: parse_prefix("2001:2::/49")}
    assert all(one.overlaps(benchmarks[one.version]) for one in prefixes)
    assert list(BY_NAME) == [service.name for service in SHIPPED]
    assert all(len(f"to-{name}") <= 15 for name in BY_NAME)


def test_special_ranges_are_of_both_families() -> None:
    """Neither family is forgotten."""
    assert {family_of(one).value for one in NOT_PUBLIC} == {"ipv4", "ipv6"}


@pytest.mark.parametrize(
    ("region", "sku", "location", "reached"),
    [
        ("West Europe", "local", "Amsterdam", True),
        ("North Europe", "local", "Amsterdam", False),
        ("North Europe", "standard", "Amsterdam", True),
        ("East US", "standard", "Amsterdam", False),
        ("East US", "premium", "Amsterdam", True),
        ("East US", "standard", "Nowhere", True),
        ("US Gov Virginia", "standard", "Amsterdam", True),
    ],
)
def test_a_sku_reaches_vnets_as_far_as_public_prefixes(region: str, sku: str, location: str, *, reached: bool) -> None:
    """Local the location's regions, Standard those of its area, Premium all; what the tables do not know passes."""
    assert (rules.region_in_reach(region, sku, location) is None) is reached


@pytest.mark.parametrize(
    ("pool", "rule"),
    [
        ("198.19.0.0/30", None),
        ("198.19.0.0/24", None),
        ("198.19.0.0/23", rules.POOL_REGISTERED),
        ("198.19.1.0/30", rules.POOL_REGISTERED),
        ("10.0.0.0/30", rules.POOL_ADDRESSES),
        ("0.0.0.0/0", rules.POOL_ADDRESSES),
        ("2001:2:0:8000::/64", rules.POOL_ADDRESSES),
    ],
)
def test_a_pool_is_public_and_listed(pool: str, rule: Rule | None) -> None:
    """A pool is inside a listed prefix, whole; without a list that could be read, only its addresses are judged."""
    found = public_rules.nat_pool(parse_prefix(pool), [parse_prefix("198.19.0.0/24")])
    assert (found and found.rule) == rule
    unlisted = public_rules.nat_pool(parse_prefix(pool), None)
    assert (unlisted and unlisted.rule) == (None if rule is rules.POOL_REGISTERED else rule)
