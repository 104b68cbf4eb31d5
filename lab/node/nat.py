"""Source address translation in a router's own network namespace, by the program nft."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Interface, IPv4Network, collapse_addresses

from lab.bgp import Prefix
from lab.errors import LabBroken
from lab.node import nft
from lab.plan import NodePlan


def check_program(nodes: Iterable[NodePlan]) -> None:
    """Raise LabBroken where a node translates addresses and nft is not installed."""
    translating = [node.name for node in nodes if node.nat]
    if translating and not nft.is_installed():
        raise LabBroken(
            f"{', '.join(translating)} translates addresses, which takes the program nft, and it is not installed: "
            "install the package nftables"
        )


def configure(node: NodePlan) -> None:
    """Let the kernel translate as a node's plan says. The caller is in the node's namespace."""
    if node.nat:
        nft.write(ruleset(node), f"the translation of {node.name}")


def ruleset(node: NodePlan) -> str:
    """The translation of a node in the language of nft(8)."""
    return "\n".join(
        [
            "table ip erlab {",
            "  chain source {",
            "    type nat hook postrouting priority srcnat;",
            *(f"    {rule}" for rule in _rules(node)),
            "  }",
            "}",
            "",
        ]
    )


def _rules(node: NodePlan) -> Iterator[str]:
    own = [IPv4Network(a.ip) for i in node.interfaces for a in i.addresses if isinstance(a, IPv4Interface)]
    for one in node.nat:
        stay = collapse_addresses([*own, *_ipv4((one.pool, *one.exempt))])
        said = ", ".join(map(str, stay))
        pool = f"{one.pool[0]}-{one.pool[-1]}"
        yield f'oifname "{one.interface}" ip saddr != {{ {said} }} snat to {pool} persistent'


def _ipv4(prefixes: Iterable[Prefix]) -> list[IPv4Network]:
    return [prefix for prefix in prefixes if isinstance(prefix, IPv4Network)]
