"""Addresses, prefixes and their families (RFC 4760)."""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from lab.bgp.numbers import is_number

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network


class Family(Enum):
    """The address family that a session carries and a prefix belongs to (RFC 4760)."""

    IPV4 = "ipv4"
    IPV6 = "ipv6"


def family_of(value: Address | Prefix) -> Family:
    """The family of an address or a prefix."""
    return Family.IPV4 if value.version == 4 else Family.IPV6


def parse_prefix(text: str) -> Prefix:
    """A prefix without host bits, such as 10.0.0.0/8. Raises ValueError, naming the prefix that was meant."""
    address, slash, length = text.partition("/")
    if not slash and _is_address(text):
        raise ValueError(f"{text!r} is not a prefix: it has no length, such as {text}/{128 if ':' in text else 32}")
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        meant = None
    if meant is None or not is_number(length, meant.max_prefixlen) or "%" in address:
        raise ValueError(f"{text!r} is not a prefix such as 10.0.0.0/8 or 2001:db8::/32")
    if ip_address(address) != meant.network_address:
        raise ValueError(f"{text} has host bits set: the prefix is {meant}")
    return meant


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def within(one: Address | Prefix, prefix: Prefix) -> bool:
    """Whether an address, or every address of a prefix, is in a prefix."""
    inner = ip_network(one)
    return inner.version == prefix.version and inner.subnet_of(prefix)  # type: ignore[arg-type]  # of one version


def prefix_order(prefix: Prefix) -> tuple[int, int, int]:
    """The order in which tables list prefixes: IPv4 first, then by address and length."""
    return prefix.version, int(prefix.network_address), prefix.prefixlen
