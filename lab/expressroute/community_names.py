"""Names for the communities that Microsoft sets, so that a policy can say `westeurope.private` for 12076:50002.

The names are ours, made from Microsoft's tables: a region's name in lower case without spaces, with the use of the
value behind a dot, and a service's name in lower case with dashes, with `.usgov` behind it where the value is that of
the US Government cloud. Private peering is the use of a region's value on the prefixes of VNets, `microsoft` that on
its public prefixes as a whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lab.bgp import Community
from lab.expressroute.communities import (
    NATIONAL_REGIONS,
    REGIONS,
    SERVICES,
    US_GOVERNMENT_SERVICES,
    microsoft_community,
)


def _named() -> Iterator[tuple[str, int]]:
    for region in REGIONS:
        name = _joined(region.name)
        yield f"{name}.private", region.private_peering
        yield f"{name}.microsoft", region.microsoft_peering
        yield f"{name}.storage", region.storage
        yield f"{name}.sql", region.sql
        yield f"{name}.cosmosdb", region.cosmos_db
        yield f"{name}.backup", region.backup
    for national in NATIONAL_REGIONS:
        yield f"{_joined(national.name)}.microsoft", national.value
    for service in SERVICES:
        yield _dashed(service.name), service.value
    for service in US_GOVERNMENT_SERVICES:
        yield f"{_dashed(service.name)}.usgov", service.value


def _joined(name: str) -> str:
    return name.lower().replace(" ", "")


def _dashed(name: str) -> str:
    return name.lower().replace(" ", "-")


COMMUNITY_NAMES: Mapping[str, Community] = {name: microsoft_community(value) for name, value in _named()}
"""Each name, and the community that it stands for."""
