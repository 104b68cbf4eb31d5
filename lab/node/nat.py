"""Source address translation in a router's own network namespace, by the program nft.

Why the program and not netlink: docs/decisions/0017-source-nat.md.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from ipaddress import IPv4Interface, IPv4Network, collapse_addresses

from lab.bgp import Prefix
from lab.errors import LabBroken
from lab.plan import NodePlan

_PLACES = "/usr/sbin:/sbin:/usr/local/sbin"
"""Where nft is on systems whose users do not have these directories in their PATH."""
_DEADLINE_S = 10.0


def check_program(nodes: Iterable[NodePlan]) -> None:
    """Raise LabBroken where a node translates addresses and nft is not installed."""
    translating = [node.name for node in nodes if node.nat]
    if translating and _program() is None:
        raise LabBroken(
            f"{', '.join(translating)} translates addresses, which takes the program nft, and it is not installed: "
            "install the package nftables"
        )


def configure(node: NodePlan) -> None:
    """Let the kernel translate as a node's plan says. The caller is in the node's namespace."""
    if not node.nat:
        return
    program = _program()
    if program is None:
        raise LabBroken("the program nft is gone")
    done = subprocess.run(  # noqa: S603
        [program, "-f", "-"], input=ruleset(node), capture_output=True, text=True, timeout=_DEADLINE_S, check=False
    )
    if done.returncode != 0:
        raise LabBroken(f"nft could not make the translation of {node.name}: {done.stderr.strip()}")


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


def _program() -> str | None:
    return shutil.which("nft", path=f"{os.environ.get('PATH', os.defpath)}:{_PLACES}")
