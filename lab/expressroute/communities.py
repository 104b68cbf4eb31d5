"""The communities that Microsoft sets on the prefixes it announces.

Source: expressroute-routing.md, edition of 2026-03-12; custom communities: how-to-configure-custom-bgp-communities.md,
2021-10-18. All are `12076:value`; the tables hold the value.
"""

from __future__ import annotations

from typing import NamedTuple

from lab.bgp import Community
from lab.expressroute.facts import MICROSOFT_ASN


def microsoft_community(value: int) -> Community:
    """The community `12076:value`."""
    return Community(f"{MICROSOFT_ASN}:{value}")


class Region(NamedTuple):
    """An Azure region of the public cloud and its values.

    `private_peering` is on the prefixes of VNets that have a custom community, the others are on public prefixes.
    """

    name: str
    group: str
    private_peering: int
    microsoft_peering: int
    storage: int
    sql: int
    cosmos_db: int
    backup: int


class Service(NamedTuple):
    """A service whose public prefixes carry a value on Microsoft peering."""

    name: str
    value: int
    needs_authorization: bool = False
    remark: str = ""


class NationalRegion(NamedTuple):
    """A region of a national cloud, for which one value is published, of Microsoft peering."""

    name: str
    cloud: str
    value: int


REGIONS = (
    Region("East US", "North America", 50004, 51004, 52004, 53004, 54004, 55004),
    Region("East US 2", "North America", 50005, 51005, 52005, 53005, 54005, 55005),
    Region("West US", "North America", 50006, 51006, 52006, 53006, 54006, 55006),
    Region("West US 2", "North America", 50026, 51026, 52026, 53026, 54026, 55026),
    Region("West US 3", "North America", 50044, 51044, 52044, 53044, 54044, 55044),
    Region("West Central US", "North America", 50027, 51027, 52027, 53027, 54027, 55027),
    Region("North Central US", "North America", 50007, 51007, 52007, 53007, 54007, 55007),
    Region("South Central US", "North America", 50008, 51008, 52008, 53008, 54008, 55008),
    Region("Central US", "North America", 50009, 51009, 52009, 53009, 54009, 55009),
    Region("Canada Central", "North America", 50020, 51020, 52020, 53020, 54020, 55020),
    Region("Canada East", "North America", 50021, 51021, 52021, 53021, 54021, 55021),
    Region("Brazil South", "South America", 50014, 51014, 52014, 53014, 54014, 55014),
    Region("North Europe", "Europe", 50003, 51003, 52003, 53003, 54003, 55003),
    Region("West Europe", "Europe", 50002, 51002, 52002, 53002, 54002, 55002),
    Region("UK South", "Europe", 50024, 51024, 52024, 53024, 54024, 55024),
    Region("UK West", "Europe", 50025, 51025, 52025, 53025, 54025, 55025),
    Region("France Central", "Europe", 50030, 51030, 52030, 53030, 54030, 55030),
    Region("France South", "Europe", 50031, 51031, 52031, 53031, 54031, 55031),
    Region("Switzerland North", "Europe", 50038, 51038, 52038, 53038, 54038, 55038),
    Region("Switzerland West", "Europe", 50039, 51039, 52039, 53039, 54039, 55039),
    Region("Germany North", "Europe", 50040, 51040, 52040, 53040, 54040, 55040),
    Region("Germany West Central", "Europe", 50041, 51041, 52041, 53041, 54041, 55041),
    Region("Norway East", "Europe", 50042, 51042, 52042, 53042, 54042, 55042),
    Region("Norway West", "Europe", 50043, 51043, 52043, 53043, 54043, 55043),
    Region("East Asia", "Asia Pacific", 50010, 51010, 52010, 53010, 54010, 55010),
    Region("Southeast Asia", "Asia Pacific", 50011, 51011, 52011, 53011, 54011, 55011),
    Region("Japan East", "Japan", 50012, 51012, 52012, 53012, 54012, 55012),
    Region("Japan West", "Japan", 50013, 51013, 52013, 53013, 54013, 55013),
    Region("Australia East", "Australia", 50015, 51015, 52015, 53015, 54015, 55015),
    Region("Australia Southeast", "Australia", 50016, 51016, 52016, 53016, 54016, 55016),
    Region("Australia Central", "Australia Government", 50032, 51032, 52032, 53032, 54032, 55032),
    Region("Australia Central 2", "Australia Government", 50033, 51033, 52033, 53033, 54033, 55033),
    Region("India South", "India", 50019, 51019, 52019, 53019, 54019, 55019),
    Region("India West", "India", 50018, 51018, 52018, 53018, 54018, 55018),
    Region("India Central", "India", 50017, 51017, 52017, 53017, 54017, 55017),
    Region("Korea South", "Korea", 50028, 51028, 52028, 53028, 54028, 55028),
    Region("Korea Central", "Korea", 50029, 51029, 52029, 53029, 54029, 55029),
    Region("New Zealand North", "New Zealand", 50059, 51059, 52059, 53059, 54059, 55059),
    Region("South Africa North", "South Africa", 50034, 51034, 52034, 53034, 54034, 55034),
    Region("South Africa West", "South Africa", 50035, 51035, 52035, 53035, 54035, 55035),
    Region("UAE North", "UAE", 50036, 51036, 52036, 53036, 54036, 55036),
    Region("UAE Central", "UAE", 50037, 51037, 52037, 53037, 54037, 55037),
)

SERVICES = (
    Service("Exchange Online", 5010, needs_authorization=True),
    Service("SharePoint Online", 5020, needs_authorization=True),
    Service(
        "Skype For Business Online",
        5030,
        needs_authorization=True,
        remark="also carries the routes Microsoft Teams needs",
    ),
    Service("CRM Online", 5040, remark="Dynamics v8.2 and earlier; newer versions use the regional community"),
    Service("Azure Global Services", 5050, remark="Azure DevOps only at the document date"),
    Service("Microsoft Entra ID", 5060, remark="older editions say Azure Active Directory"),
    Service("Azure Resource Manager", 5070),
    Service("Other Office 365 Online services", 5100, needs_authorization=True),
    Service("Microsoft Defender for Identity", 5220),
    Service("Microsoft PSTN services", 5250, remark="restricted to specific use cases"),
)

NATIONAL_REGIONS = (
    NationalRegion("US Gov Arizona", "US Government", 51106),
    NationalRegion("US Gov Iowa", "US Government", 51109),
    NationalRegion("US Gov Virginia", "US Government", 51105),
    NationalRegion("US Gov Texas", "US Government", 51108),
    NationalRegion("US DoD Central", "US Government", 51209),
    NationalRegion("US DoD East", "US Government", 51205),
    NationalRegion("China North", "China 21Vianet", 51301),
    NationalRegion("China East", "China 21Vianet", 51302),
    NationalRegion("China East 2", "China 21Vianet", 51303),
    NationalRegion("China North 2", "China 21Vianet", 51304),
    NationalRegion("China North 3", "China 21Vianet", 51305),
)

US_GOVERNMENT_SERVICES = (
    Service("Exchange Online", 5110, needs_authorization=True),
    Service("SharePoint Online", 5120, needs_authorization=True),
    Service("Skype For Business Online", 5130, needs_authorization=True),
    Service("Microsoft Entra ID", 5160),
    Service("Other Office 365 Online services", 5200, needs_authorization=True),
)

REGIONS_WITHOUT_VALUE = (
    "Italy North",
    "Poland Central",
    "Sweden Central",
    "Spain Central",
    "Israel Central",
    "Qatar Central",
    "Indonesia Central",
    "Malaysia West",
)
"""Regions that expressroute-locations-providers.md (2026-04-28) names, but not the table."""

REGION_NAMES = (
    *(region.name for region in REGIONS),
    *(region.name for region in NATIONAL_REGIONS),
    *REGIONS_WITHOUT_VALUE,
)

_PRIVATE_PEERING = {region.name: microsoft_community(region.private_peering) for region in REGIONS}


def private_peering_community(region: str) -> Community | None:
    """What Microsoft publishes as a region's community on private peering; None where it publishes none."""
    return _PRIVATE_PEERING.get(region)


PUBLIC_COMMUNITIES = frozenset(
    map(
        microsoft_community,
        (
            *(value for one in REGIONS for value in one[3:]),
            *(one.value for one in (*SERVICES, *NATIONAL_REGIONS, *US_GOVERNMENT_SERVICES)),
        ),
    )
)
"""Every community that is published for Microsoft peering."""
MICROSOFT_365_COMMUNITIES = frozenset(
    microsoft_community(one.value) for one in (*SERVICES, *US_GOVERNMENT_SERVICES) if one.needs_authorization
)
"""Those that a route filter may name only where Microsoft has authorised the subscription.

The table marks those of the public cloud; that the same services of the US Government's need it too is inferred.
"""
