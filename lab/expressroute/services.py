"""A small set of public services, synthetic, that a topology uses by name.

The communities are the published ones (expressroute-routing.md, 2026-03-12), in the shape of `bgpServiceCommunities`: a
name, communities, prefixes. The prefixes are not Microsoft's but of the ranges for benchmarks (RFC 2544, RFC 5180),
which the lab's rules take for public; the real ones change every month. That a prefix has its region's community and
its service's is the reading of the document's tables (inferred).
"""

from __future__ import annotations

from dataclasses import dataclass

from lab.bgp import Community, Prefix, parse_prefix
from lab.expressroute.communities import REGIONS, SERVICES, microsoft_community


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicService:
    """A public service of Microsoft's: what `azure.services` calls it, and what Microsoft peering announces of it."""

    name: str
    title: str
    communities: tuple[Community, ...]
    prefixes: tuple[Prefix, ...]


_REGION = {region.name: region for region in REGIONS}
_SERVICE = {service.name: service for service in SERVICES}


def _storage(name: str, region: str, *prefixes: str) -> PublicService:
    values = _REGION[region]
    return _public(name, f"Azure Storage, {region}", (values.microsoft_peering, values.storage), *prefixes)


def _service(name: str, title: str, *prefixes: str) -> PublicService:
    return _public(name, title, (_SERVICE[title].value,), *prefixes)


def _public(name: str, title: str, values: tuple[int, ...], *prefixes: str) -> PublicService:
    return PublicService(
        name=name,
        title=title,
        communities=tuple(map(microsoft_community, values)),
        prefixes=tuple(map(parse_prefix, prefixes)),
    )


SHIPPED = (
    _storage("weu-storage", "West Europe", "198.18.2.0/24", "2001:2:0:2::/64"),
    _storage("neu-storage", "North Europe", "198.18.3.0/24", "2001:2:0:3::/64"),
    _storage("eus-storage", "East US", "198.18.4.0/24", "2001:2:0:4::/64"),
    _service("exchange", "Exchange Online", "198.18.10.0/24", "2001:2:0:10::/64"),
    _service("entra-id", "Microsoft Entra ID", "198.18.60.0/24", "2001:2:0:60::/64"),
)
"""The services that come with the lab. Their names fit in an interface's, `to-weu-storage`."""

BY_NAME = {service.name: service for service in SHIPPED}
