"""The largest packets that a router forwards, held in its own network namespace by the program nft and by routes.

A rule drops what is too large as it is forwarded. Only the kernel can tell a sender the size that fits, and it does so
where a packet's route has a smaller MTU: packets that are to be answered are marked, and marked packets have a route of
their own (docs/decisions/0024-packet-limits.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lab.errors import LabBroken
from lab.netlink import Netlink
from lab.node import nft
from lab.plan import NodePlan
from lab.plan.packet_limits import PacketLimit, TooLarge

_IPV6_HEADER_BYTES = 40  # the kernel's `ip6 length` does not count it (RFC 8200 §3)
_TABLE = """\
table inet erlab-limit {{
  chain to_answer {{
    type filter hook prerouting priority mangle;
    fib daddr type local accept
{to_answer}
  }}
  chain to_drop {{
    type filter hook forward priority filter;
{to_drop}
  }}
}}
"""
NOT_IN_FORCE = "packet limits: not in force at {routers}: the program nft (package nftables) is not installed"


def limited(nodes: Iterable[NodePlan]) -> list[str]:
    """The nodes with a limit."""
    return [node.name for node in nodes if node.packet_limit is not None]


def check_program(nodes: Iterable[NodePlan]) -> None:
    """Raise LabBroken where a node has a limit and nft is not installed."""
    names = limited(nodes)
    if names and not nft.is_installed():
        raise LabBroken(
            f"the largest packet that {', '.join(names)} forwards takes the program nft, and it is not installed: "
            "install the package nftables"
        )


def fidelity(nodes: Iterable[NodePlan]) -> tuple[str, ...]:
    """What is said of a lab whose limits are not in force."""
    names = limited(nodes)
    return (NOT_IN_FORCE.format(routers=", ".join(names)),) if names and not nft.is_installed() else ()


def configure(node: NodePlan) -> None:
    """Hold a node's limit, where nft is installed. The caller is in the node's namespace; its interfaces are up."""
    limit = node.packet_limit
    if limit is None or not nft.is_installed():
        return
    nft.write(ruleset(limit), f"the packet limit of {node.name}")
    if limit.too_large is TooLarge.ANSWERED:
        netlink = Netlink()
        for version in (4, 6):
            netlink.route_marked(version, limit.most_bytes)
        netlink.commit()
        netlink.close()
    start_again(node)


def start_again(node: NodePlan) -> None:
    """Give the kernel what it forgot of a limit when the node's interfaces went down: the routes, not the rules."""
    limit = node.packet_limit
    if limit is None or limit.too_large is not TooLarge.ANSWERED or not nft.is_installed():
        return
    netlink = Netlink()
    for version in (4, 6):
        netlink.answer_marked(version, limit.most_bytes, node.interfaces[-1].name)  # a link may be lost, a VNet not
    netlink.commit()
    netlink.close()


def ruleset(limit: PacketLimit) -> str:
    """A limit in the language of nft(8)."""
    to_answer, to_drop = ("\n".join(f"    {rule}" for rule in rules) for rules in (_answered(limit), _dropped(limit)))
    return _TABLE.format(to_answer=to_answer, to_drop=to_drop)


def _answered(limit: PacketLimit) -> Iterator[str]:
    """What may not be fragmented: of IPv4 what has DF (RFC 791 §3.1), of IPv6 everything."""
    if limit.too_large is not TooLarge.ANSWERED:
        return
    ipv4, ipv6 = _too_large(limit)
    yield f"{ipv4} ip frag-off & 0x4000 != 0 meta mark set {limit.most_bytes}"
    yield f"{ipv6} meta mark set {limit.most_bytes}"


def _dropped(limit: PacketLimit) -> Iterator[str]:
    if not limit.forwards_fragments:
        yield "ip frag-off & 0x3fff != 0 drop"
        yield "exthdr frag exists drop"
    for rule in _too_large(limit):
        yield f"{rule} drop"


def _too_large(limit: PacketLimit) -> tuple[str, str]:
    """What is too large, in IPv4 and in IPv6."""
    protocols = f"meta l4proto {{ {', '.join(map(str, limit.protocols))} }} " if limit.protocols else ""
    return (
        f"{protocols}ip length > {limit.most_bytes}",
        f"{protocols}ip6 length > {limit.most_bytes - _IPV6_HEADER_BYTES}",
    )
