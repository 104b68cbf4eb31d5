"""What Microsoft documents: the rules, the communities and the DSCP names."""

from __future__ import annotations

import re
from ipaddress import ip_address

import pytest

from lab.bgp import WELL_KNOWN, Community, parse_community, parse_prefix
from lab.expressroute import rules
from lab.expressroute.communities import (
    NATIONAL_REGIONS,
    REGION_NAMES,
    REGIONS,
    REGIONS_WITHOUT_VALUE,
    SERVICES,
    US_GOVERNMENT_SERVICES,
    microsoft_community,
    private_peering_community,
)
from lab.expressroute.community_names import COMMUNITY_NAMES
from lab.expressroute.dscp import DSCP_OF, dscp_text, parse_dscp
from lab.expressroute.facts import BANDWIDTHS_MBPS, Tag
from lab.expressroute.rules import RULES, Kind, Rule


def broken(finding: rules.Finding | None) -> Rule | None:
    """The rule that a finding names."""
    return finding.rule if finding else None


def test_rules_are_numbered_in_order() -> None:
    """The ids ER001, ER002 ... are without gap and repetition, and every rule has a title and a source."""
    assert [rule.id for rule in RULES] == [f"ER{number:03}" for number in range(1, len(RULES) + 1)]
    assert all(rule.title and rule.source.document and rule.source.edition for rule in RULES)


def test_a_finding_names_its_source_and_whether_it_is_documented() -> None:
    """The hint of a finding ends with the tag and the document of its rule."""
    finding = rules.customer_asn(65515)
    assert finding is not None
    assert finding.hint.endswith("(documented: expressroute-routing.md, 2026-03-12)")
    assert rules.NOT_MICROSOFT_ASN.tag is Tag.ASSUMED


@pytest.mark.parametrize(
    ("block", "rule"),
    [
        ("172.16.0.0/30", None),
        ("2001:db8::/126", None),
        ("172.16.0.0/29", rules.BLOCK_LENGTH),
        ("172.16.0.0/31", rules.BLOCK_LENGTH),
        ("2001:db8::/125", rules.BLOCK_LENGTH),
        ("2001:db8::/127", rules.BLOCK_LENGTH),
    ],
)
def test_link_blocks(block: str, rule: Rule | None) -> None:
    """A link block is a /30 or a /126."""
    assert broken(rules.link_block(parse_prefix(block))) is rule


def test_the_halves_of_a_29_are_the_documented_ones() -> None:
    """192.168.100.128/29 is split in .128/30 for the primary and .132/30 for the secondary link, as in the document."""
    finding = rules.link_block(parse_prefix("192.168.100.128/29"))
    assert finding is not None
    assert "192.168.100.128/30 for the primary" in finding.meant
    assert "192.168.100.132/30 for the secondary" in finding.meant


@pytest.mark.parametrize(
    ("address", "for_customer", "for_microsoft"),
    [
        ("192.168.100.128", rules.BLOCK_HOSTS, rules.BLOCK_HOSTS),
        ("192.168.100.129", None, rules.BLOCK_HOSTS),
        ("192.168.100.130", rules.BLOCK_HOSTS, None),
        ("192.168.100.131", rules.BLOCK_HOSTS, rules.BLOCK_HOSTS),
        ("2001:db8::1", rules.BLOCK_HOSTS, rules.BLOCK_HOSTS),
    ],
)
def test_hosts_of_a_link_block(address: str, for_customer: Rule | None, for_microsoft: Rule | None) -> None:
    """Of 192.168.100.128/30, .129 is the customer's and .130 Microsoft's."""
    block = parse_prefix("192.168.100.128/30")
    assert broken(rules.customer_host(block, ip_address(address))) is for_customer
    assert broken(rules.microsoft_host(block, ip_address(address))) is for_microsoft


@pytest.mark.parametrize(
    ("asn", "rule"),
    [
        (0, rules.ASN_RANGE),
        (1, None),
        (12076, rules.NOT_MICROSOFT_ASN),
        (64512, None),
        (65514, None),
        (65515, rules.OWN_ASN),
        (65520, rules.OWN_ASN),
        (65521, None),
        (4294967295, None),
        (4294967296, rules.ASN_RANGE),
    ],
)
def test_customer_asns(asn: int, rule: Rule | None) -> None:
    """Any AS may peer but those that are out of range, reserved or Microsoft's."""
    assert broken(rules.customer_asn(asn)) is rule


@pytest.mark.parametrize(("tag", "rule"), [(0, rules.VLAN_RANGE), (1, None), (4094, None), (4095, rules.VLAN_RANGE)])
def test_vlan_tags(tag: int, rule: Rule | None) -> None:
    """VLAN tags are 1 to 4094."""
    assert broken(rules.vlan_id(tag)) is rule


@pytest.mark.parametrize(
    ("key", "rule"),
    [("", rules.MD5_KEY), ("a", None), ("aZ9" * 8 + "a", None), ("a" * 26, rules.MD5_KEY), ("ä", rules.MD5_KEY)],
)
def test_md5_keys(key: str, rule: Rule | None) -> None:
    """An MD5 key is 1 to 25 letters and digits."""
    assert broken(rules.md5_key(key)) is rule


@pytest.mark.parametrize(("interval_ms", "rule"), [(299, rules.BFD_INTERVAL), (300, None), (60000, None)])
def test_bfd_intervals(interval_ms: int, rule: Rule | None) -> None:
    """A BFD interval below Microsoft's 300 ms would have no effect."""
    assert broken(rules.bfd_interval(interval_ms)) is rule


@pytest.mark.parametrize(("seconds", "rule"), [(9, rules.HOLD_TIME), (10, None), (180, None), (181, rules.HOLD_TIME)])
def test_hold_times(seconds: int, rule: Rule | None) -> None:
    """A hold time is 10 s to 180 s."""
    assert broken(rules.hold_time(seconds)) is rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("12076:20001", None),
        ("12076:1", None),
        ("12076:65535", None),
        ("12076:0", rules.VNET_COMMUNITY_VALUE),
        ("12076:65536", rules.VNET_COMMUNITY),
        ("65010:1", rules.VNET_COMMUNITY),
        ("no-export", rules.VNET_COMMUNITY),
    ],
)
def test_vnet_communities(text: str, rule: Rule | None) -> None:
    """A VNet's community is 12076:value."""
    assert broken(rules.vnet_community(text)) is rule


def test_regional_communities() -> None:
    """A published community may be left out or repeated; only where none is published, another may be given."""
    published, other = Community("12076:50002"), Community("12076:50003")
    assert rules.regional_community("West Europe", None, needed=True) is None
    assert rules.regional_community("West Europe", published, needed=True) is None
    assert broken(rules.regional_community("West Europe", other, needed=False)) is rules.REGION_COMMUNITY
    assert rules.regional_community("Italy North", None, needed=False) is None
    assert rules.regional_community("Italy North", other, needed=True) is None
    assert broken(rules.regional_community("Italy North", None, needed=True)) is rules.REGION_COMMUNITY


def test_overlaps_break_one_rule_whichever_comes_first() -> None:
    """Two kinds of prefixes have one rule in either order, and two customer networks have none of Microsoft's."""
    for one in Kind:
        for other in Kind:
            assert rules.overlap_rule(one, other) is rules.overlap_rule(other, one)
    assert rules.overlap_rule(Kind.VNET, Kind.LINK) is rules.BLOCK_AND_VNET
    assert rules.overlap_rule(Kind.NETWORK, Kind.NETWORK) is None


def test_bandwidths_are_what_they_say() -> None:
    """Each size of a circuit is the number of its name."""
    units = {"Mbps": 1, "Gbps": 1000}
    assert {name: int(name.split()[0]) * units[name.split()[1]] for name in BANDWIDTHS_MBPS} == BANDWIDTHS_MBPS


# communities


def test_every_community_is_one() -> None:
    """Every value makes a standard community, and no two regions or services share one."""
    values = [value for region in REGIONS for value in region[2:]]
    values += [service.value for service in (*SERVICES, *US_GOVERNMENT_SERVICES)]
    values += [region.value for region in NATIONAL_REGIONS]
    assert len(set(values)) == len(values)
    assert [parse_community(microsoft_community(value)) for value in values] == [f"12076:{v}" for v in values]


def test_the_columns_of_a_region_agree() -> None:
    """In the published table the last three digits of a row are the same in every column: a typing error would show."""
    for region in REGIONS:
        number = region.private_peering - 50000
        assert tuple(region[2:]) == tuple(base * 1000 + number for base in range(50, 56))


@pytest.mark.parametrize(
    ("name", "community"),
    [
        ("westeurope.private", "12076:50002"),
        ("westeurope.microsoft", "12076:51002"),
        ("eastus2.storage", "12076:52005"),
        ("eastus2.sql", "12076:53005"),
        ("eastus2.cosmosdb", "12076:54005"),
        ("eastus2.backup", "12076:55005"),
        ("usgovarizona.microsoft", "12076:51106"),
        ("chinanorth3.microsoft", "12076:51305"),
        ("exchange-online", "12076:5010"),
        ("skype-for-business-online", "12076:5030"),
        ("other-office-365-online-services", "12076:5100"),
        ("microsoft-entra-id.usgov", "12076:5160"),
    ],
)
def test_names_of_communities(name: str, community: str) -> None:
    """A name stands for the value that Microsoft's table gives the region, in that column, or the service."""
    assert COMMUNITY_NAMES[name] == community


def test_each_published_community_has_one_name() -> None:
    """Every value of the tables has a name, no two have the same, and no name could be read as anything else."""
    regions = {microsoft_community(value) for region in REGIONS for value in region[2:]}
    nations = {microsoft_community(region.value) for region in NATIONAL_REGIONS}
    services = {microsoft_community(service.value) for service in (*SERVICES, *US_GOVERNMENT_SERVICES)}
    assert set(COMMUNITY_NAMES.values()) == regions | nations | services
    assert len(COMMUNITY_NAMES) == len(regions) + len(nations) + len(services)
    assert [name for name in COMMUNITY_NAMES if not re.fullmatch(r"[a-z][a-z0-9.-]+", name)] == []
    assert set(COMMUNITY_NAMES) & set(WELL_KNOWN) == set()


def test_regions_have_one_name() -> None:
    """No region is listed twice, and only the public ones of the table have a community on private peering."""
    assert len(set(REGION_NAMES)) == len(REGION_NAMES)
    assert private_peering_community("UAE Central") == "12076:50037"
    assert {private_peering_community(name) for name in REGIONS_WITHOUT_VALUE} == {None}
    assert private_peering_community("US Gov Virginia") is None


# DSCP


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("default", 0),
        ("cs0", 0),
        ("cs7", 56),
        ("af11", 10),
        ("af21", 18),
        ("af41", 34),
        ("af43", 38),
        ("ef", 46),
        ("EF", 46),
        ("0", 0),
        ("63", 63),
    ],
)
def test_dscp_names(text: str, value: int) -> None:
    """Names have the values of RFC 2474, RFC 2597 and RFC 3246, and numbers are themselves."""
    assert parse_dscp(text) == value


@pytest.mark.parametrize("text", ["", "64", "-1", "af14", "af51", "cs8", "²", "000"])
def test_what_is_no_dscp(text: str) -> None:
    """Anything else is refused, with the names that there are."""
    with pytest.raises(ValueError, match=r"is not a DSCP: write 0 to 63, or one of default, cs0, .*, ef$"):
        parse_dscp(text)


def test_dscp_texts_are_read_back() -> None:
    """Every value has a text that is read back as it, and it is the name where there is one."""
    assert [parse_dscp(dscp_text(value)) for value in range(64)] == list(range(64))
    assert {dscp_text(value) for value in DSCP_OF.values()} == set(DSCP_OF)
    assert dscp_text(1) == "1"
