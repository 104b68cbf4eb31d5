"""The marks of packets that a router forwards, or a provider's line carries, rewritten by nftables (decision 0021)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from lab.bgp import Prefix
from lab.errors import LabBroken
from lab.marking import MarkingRule, Remark
from lab.node import nft
from lab.packets import Protocol
from lab.plan import NodePlan, Role

_TABLE = "erlab_marking"
_FIELD = {4: "ip", 6: "ip6"}
_ADDRESS_FAMILY = {4: "ipv4", 6: "ipv6"}
_PROTOCOL = {Protocol.ICMP: "{ 1, 58 }", Protocol.UDP: "17", Protocol.TCP: "6"}  # names take an /etc/protocols


NOT_IN_FORCE = "marking: not in force at {edges}: the program nft (package nftables) is not installed"


def check_program(nodes: Iterable[NodePlan]) -> None:
    """Raise LabBroken where a node rewrites marks as a file says, and nft is not installed."""
    names = [node.name for node in nodes if node.marking and node.role is not Role.MICROSOFT_EDGE]
    if names and not nft.is_installed():
        raise LabBroken(
            f"{', '.join(names)} rewrites marks, which takes the program nft, and it is not installed: "
            "install the package nftables"
        )


def fidelity(nodes: Iterable[NodePlan]) -> tuple[str, ...]:
    """What is said of a lab whose edges of Microsoft's, which no file asks to mark, do not rewrite marks."""
    names = [node.name for node in nodes if node.marking and node.role is Role.MICROSOFT_EDGE]
    return (NOT_IN_FORCE.format(edges=", ".join(names)),) if names and not nft.is_installed() else ()


def configure(node: NodePlan) -> None:
    """Let the kernel mark what a node forwards, where nft is installed. The caller is in the node's namespace."""
    if node.marking:
        change(node.name, node.marking)


def change(name: str, rules: Iterable[MarkingRule]) -> None:
    """The same in a running node: the rules take the place of all that it had, between two packets."""
    if nft.is_installed():
        nft.write(ruleset(rules), f"the marking of {name}")


def ruleset(marking: Iterable[MarkingRule]) -> str:
    """Rules in the language of nft(8), instead of any that were there. Only what is forwarded meets them.

    They come before the translation of sources and behind its undoing, so that they see the addresses inside of it.
    """
    rules = [line for rule in marking for line in _lines(rule)]
    return _program("inet", "mangle", rules)


def line_ruleset(bridge: str, ports: tuple[str, str], remark: Remark) -> str:
    """The map of a provider's line, whose two ends are ports of a bridge, in the language of nft(8)."""
    rules = [line for rule in remark.rules() for line in _lines(rule, ports)]
    return _program("bridge", "-200", rules, f"{_TABLE}_{bridge}")


def _program(family: str, priority: str, rules: list[str], name: str = _TABLE) -> str:
    table = f"table {family} {name}"
    return "\n".join(
        [
            f"{table} {{ }}",  # so that there is one to delete
            f"delete {table}",
            f"{table} {{",
            "  chain forward {",
            f"    type filter hook forward priority {priority};",
            *(f"    {rule}" for rule in rules),
            "  }",
            "}",
            "",
        ]
    )


def _lines(rule: MarkingRule, devices: tuple[str, ...] = ()) -> Iterator[str]:
    """A rule for each address family: the mark stands in another place of their headers."""
    match = rule.match
    for version in (4, 6):
        sources, destinations = (_of_version(one, version) for one in (match.sources, match.destinations))
        if (match.sources and not sources) or (match.destinations and not destinations):
            continue
        field = _FIELD[version]
        does = "drop" if rule.dscp is None else f"{field} dscp set {rule.dscp} accept"
        parts = [
            f"meta protocol {field}" if devices else f"meta nfproto {_ADDRESS_FAMILY[version]}",
            _of("iifname", _quoted(rule.enters_by or devices)),
            _of("oifname", _quoted(rule.leaves_by)),
            f"meta l4proto {_PROTOCOL[match.protocol]}" if match.protocol else "",
            _of(f"{field} saddr", sources),
            _of(f"{field} daddr", destinations),
            _of("th sport", match.source_ports),
            _of("th dport", match.destination_ports),
            _of(f"{field} dscp", match.dscps),
            does,
        ]
        yield " ".join(filter(None, parts))


def _of_version(prefixes: Iterable[Prefix], version: int) -> list[Prefix]:
    """The prefixes of an IP version, without those that are in others: within a set nft refuses an overlap."""
    if version == 4:
        return [*collapse_addresses(one for one in prefixes if isinstance(one, IPv4Network))]
    return [*collapse_addresses(one for one in prefixes if isinstance(one, IPv6Network))]


def _quoted(names: Iterable[str]) -> list[str]:
    return [f'"{name}"' for name in names]


def _of(field: str, values: Iterable[object]) -> str:
    said = ", ".join(map(str, values))
    return f"{field} {{ {said} }}" if said else ""
