"""Which address each node gets. Deterministic, so that two plans of one file are equal."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Interface, IPv6Network

from lab.bgp import Prefix
from lab.errors import InputError
from lab.plan import InterfaceAddress, InterfacePlan

CUSTOMER_HOST = 1
"""The customer's (or provider's) end of a link block: its first host. Source: expressroute-routing.md, 2026-03-12."""
MICROSOFT_HOST = 2
"""Microsoft's end of a link block: its second host. Source: as above."""
LAN_HOST = 10
"""The probing host of an on-premises network; the customer edges have the first addresses."""
VNET_GATEWAY_HOST = 1
"""Azure keeps the first address of a subnet for its gateway."""
VNET_HOST = 4
"""The first address that Azure gives to a machine of a subnet."""

_FABRIC_BLOCKS = (
    (IPv4Network("100.127.255.0/24"), IPv4Network("198.18.255.0/24"), IPv4Network("192.0.2.0/24")),
    (IPv6Network("fd65:5515::/64"), IPv6Network("fd65:5516::/64"), IPv6Network("2001:db8:fab:1c::/64")),
)
FABRIC_LINKS = 64
"""The /30s of the smallest of the blocks."""


def host(prefix: Prefix, number: int) -> InterfaceAddress:
    """The address `number` of a prefix, with the prefix's length."""
    value = (int(prefix.network_address) + number, prefix.prefixlen)
    return IPv4Interface(value) if prefix.version == 4 else IPv6Interface(value)


def fabric_block(version: int, taken: Iterable[Prefix]) -> Prefix:
    """A block for the links inside Microsoft's network that no prefix of the topology overlaps."""
    taken = [prefix for prefix in taken if prefix.version == version]
    for block in _FABRIC_BLOCKS[version == 6]:
        if not any(block.overlaps(prefix) for prefix in taken):
            return block
    names = ", ".join(map(str, _FABRIC_BLOCKS[version == 6]))
    raise InputError(f"the topology uses every block that the lab could give to Microsoft's own links: {names}")


def link(block: Prefix, index: int) -> Prefix:
    """The `index`th /30 or /126 of a block."""
    size = 4
    start = int(block.network_address) + index * size
    length = 30 if block.version == 4 else 126
    return IPv4Network((start, length)) if block.version == 4 else IPv6Network((start, length))


def router_id(interfaces: Iterable[InterfacePlan], index: int) -> IPv4Address:
    """A router's BGP identifier: its first IPv4 address, or one made of its index where it has none (RFC 6286)."""
    for interface in interfaces:
        for address in interface.addresses:
            if isinstance(address, IPv4Interface):
                return address.ip
    return IPv4Address(0x0AFF0000 + index)
