"""Peering locations: the geopolitical area of each, and the regions that the Local SKU reaches from it.

Sources: expressroute-locations-providers.md, 2026-04-28 (locations, local regions) and
includes/expressroute-azure-regions-geopolitical-region.md, 2024-04-05 (areas). What only the newer one has is in the
area of its neighbours (inferred). National clouds are left out, and regions that the lab does not know. Where names
differ, the table of communities has the say: India South for South India.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

AREAS: Mapping[str, tuple[str, ...]] = {
    "Australia Government": ("Australia Central", "Australia Central 2"),
    "Europe": (
        "France Central",
        "France South",
        "Germany North",
        "Germany West Central",
        "Italy North",
        "North Europe",
        "Norway East",
        "Norway West",
        "Poland Central",
        "Spain Central",
        "Sweden Central",
        "Switzerland North",
        "Switzerland West",
        "UK South",
        "UK West",
        "West Europe",
    ),
    "North America": (
        "Canada Central",
        "Canada East",
        "Central US",
        "East US",
        "East US 2",
        "North Central US",
        "South Central US",
        "West Central US",
        "West US",
        "West US 2",
        "West US 3",
    ),
    "Asia": ("East Asia", "Indonesia Central", "Malaysia West", "Southeast Asia"),
    "India": ("India Central", "India South", "India West"),
    "Israel": ("Israel Central",),
    "Japan": ("Japan East", "Japan West"),
    "Oceania": ("Australia East", "Australia Southeast", "New Zealand North"),
    "South Korea": ("Korea Central", "Korea South"),
    "UAE": ("UAE Central", "UAE North"),
    "South Africa": ("South Africa North", "South Africa West"),
    "South America": ("Brazil South",),
    "Qatar": ("Qatar Central",),
}
"""The regions of each geopolitical area: what the Standard SKU reaches from a peering location in it."""


@dataclass(frozen=True, slots=True)
class PeeringLocation:
    """Where circuits meet Microsoft. `local_regions` is empty where the Local SKU is not sold."""

    area: str
    local_regions: tuple[str, ...] = ()


_NAMES = {
    "Australia Government": "Canberra: Australia Central, Canberra2: Australia Central 2",
    "Europe": """
        Amsterdam: West Europe, Amsterdam2: West Europe, Berlin: Germany North, Brussels:, Brussels2:, Copenhagen:,
        Dublin: North Europe, Dublin2: North Europe, Frankfurt: Germany West Central, Frankfurt2: Germany West Central,
        Geneva: Switzerland West, London: UK South, London2: UK South, Madrid: Spain Central, Madrid2: Spain Central,
        Marseille: France South, Milan: Italy North, Milan2: Italy North, Munich:, Newport(Wales): UK West,
        Oslo: Norway East, Paris: France Central, Paris2: France Central, Stavanger: Norway West,
        Stockholm: Sweden Central, Stockholm2: Sweden Central, Vienna:, Vienna2:, Warsaw: Poland Central,
        Zurich: Switzerland North, Zurich2: Switzerland North""",
    "North America": """
        Atlanta:, Atlanta2:, Chicago: North Central US, Chicago2: North Central US, Dallas:, Dallas2:,
        Denver: West Central US, Las Vegas:, Los Angeles:, Los Angeles2:, Miami:, Minneapolis:, Montreal:, New York:,
        Phoenix: West US 3, Phoenix2: West US 3, Portland: West US 2, Quebec City: Canada East, Quincy: West US 2,
        San Antonio: South Central US, Seattle: West US 2, Silicon Valley: West US, Silicon Valley2: West US,
        Toronto: Canada Central, Toronto2: Canada Central, Vancouver:, Washington DC: East US + East US 2,
        Washington DC2: East US + East US 2""",
    "Asia": """
        Bangkok:, Hong Kong: East Asia, Hong Kong2: East Asia, Jakarta: Indonesia Central, Jakarta2: Indonesia Central,
        Kuala Lumpur: Malaysia West, Kuala Lumpur2: Malaysia West, Singapore: Southeast Asia,
        Singapore2: Southeast Asia""",
    "India": """
        Chennai: India South, Chennai2: India South, Mumbai: India West, Mumbai2: India West, Pune: India Central""",
    "Israel": "Tel Aviv: Israel Central, Tel Aviv2: Israel Central",
    "Japan": "Osaka: Japan West, Tokyo: Japan East, Tokyo2: Japan East, Tokyo3: Japan East",
    "Oceania": """
        Auckland: New Zealand North, Melbourne: Australia Southeast, Melbourne2: Australia Southeast, Perth:,
        Sydney: Australia East, Sydney2: Australia East""",
    "South Korea": "Busan: Korea South, Seoul: Korea Central, Seoul2: Korea Central",
    "UAE": "Abu Dhabi: UAE Central, Dubai: UAE North, Dubai2: UAE North",
    "South Africa": "Cape Town: South Africa West, Johannesburg: South Africa North",
    "South America": "Campinas: Brazil South, Santiago:, Sao Paulo: Brazil South, Sao Paulo2: Brazil South",
    "Qatar": "Doha: Qatar Central, Doha2: Qatar Central",
}


def _location(area: str, entry: str) -> tuple[str, PeeringLocation]:
    name, _, regions = entry.strip().partition(":")
    local = tuple(region.strip() for region in regions.split("+") if region.strip())
    return name, PeeringLocation(area, local)


LOCATIONS: Mapping[str, PeeringLocation] = dict(
    _location(area, entry) for area, entries in _NAMES.items() for entry in entries.split(",")
)
"""Every peering location by its name."""
