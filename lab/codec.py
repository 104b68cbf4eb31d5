"""The lab's values as JSON and back, for everything that crosses from one process to another."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv4Network,
    IPv6Address,
    IPv6Interface,
    IPv6Network,
    ip_address,
    ip_interface,
    ip_network,
)
from typing import Any, TypeVar

from cattrs import Converter

from lab.bgp import Address, AnyCommunity, Nlri, Prefix, parse_nlri

Value = TypeVar("Value")
Source = Address | Prefix
"""The very type of `lab.forwarding`, which is not loaded for it."""


_address = lru_cache(maxsize=1 << 16)(ip_address)
"""The address of a text; in answers to probes the same few come over and over."""


def _converter() -> Converter:
    converter = Converter(detailed_validation=False)
    converter.register_structure_hook(Address, lambda text, _: _address(text))
    converter.register_structure_hook(Prefix, lambda text, _: ip_network(text))
    converter.register_structure_hook(IPv4Interface | IPv6Interface, lambda text, _: ip_interface(text))
    converter.register_structure_hook(
        Address | Prefix, lambda text, _: ip_network(text) if "/" in text else _address(text)
    )
    for union in (Address, Prefix, IPv4Interface | IPv6Interface, Address | Prefix):
        converter.register_unstructure_hook(union, str)
    converter.register_structure_hook(Address | None, lambda text, _: None if text is None else _address(text))
    # which of the three it is does not show in their texts, and cattrs loses it inside of unions
    converter.register_structure_hook_func(lambda kind: kind is AnyCommunity, lambda text, _: text)
    converter.register_structure_hook(Nlri, lambda text, _: parse_nlri(text))
    converter.register_unstructure_hook(Nlri, str)
    for kind in (IPv4Address, IPv6Address, IPv4Network, IPv6Network, IPv4Interface, IPv6Interface):
        converter.register_structure_hook(kind, lambda text, to: to(text))
        converter.register_unstructure_hook(kind, str)
    return converter


_CONVERTER = _converter()


def plain(value: object) -> Any:  # noqa: ANN401  # JSON has no narrower type
    """A value as what JSON can hold: addresses, prefixes and enums as text, dataclasses as objects."""
    return _CONVERTER.unstructure(value)


def typed(kind: type[Value], value: object) -> Value:
    """The value of type `kind` that `plain` made `value` of."""
    return _CONVERTER.structure(value, kind)


def compile_codec(kind: type) -> None:
    """Make the code that `plain` and `typed` use for a type, which is otherwise made at first use."""
    _CONVERTER.get_unstructure_hook(kind)
    _CONVERTER.get_structure_hook(kind)
