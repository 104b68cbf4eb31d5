"""The documented limits of a customer's prefixes, by SKU and family: past one Microsoft's edge closes the session."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import ip_network
from itertools import islice
from pathlib import Path
from typing import Any

from erlab_command import Erlab
from lab_processes import await_
from topology_text import TopologyText

OWN = """policies:
  own: [{match: {prefix_list: ["10.0.0.0/10 le 24", "2001:db8::/40 le 64"]}, then: accept}, {then: reject}]
  everything: [{then: accept}]
"""
LEAST = TopologyText(
    routers="ce1",
    networks='{hq: [10.10.0.0/16, "2001:db8:10::/48"]}',
    policies=OWN,
    policies_of="{ce1: {import: everything, export: own}}",
    more="assume: {prefix_limit_restart_s: 10}",
    expect=(),
)
"""One edge at both links that sends all its own, hq's prefix among it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limited:
    """A lab whose customer edge announces so many prefixes beside hq's."""

    erlab: Erlab
    directory: Path
    text: TopologyText = LEAST

    def file(self, block: str, count: int) -> Path:
        """The file in which the edge announces the first so many /24s or /64s of a block."""
        network = ip_network(block)
        prefixes = islice(network.subnets(new_prefix=24 if network.version == 4 else 64), count)
        edges = f"bgp: {{ce1: {{networks: [{', '.join(_quoted(map(str, prefixes)))}]}}}}"
        return replace(self.text, edges=edges).write(self.directory, self.erlab.name)

    def sessions(self, router: str, neighbor: str) -> dict[str, Any]:
        """A router's sessions with a neighbour, by family."""
        shown = self.erlab.does("show", "sessions", router, "--format", "json").document["sessions"]
        return {one["family"]: one for one in shown if one["neighbor"] == neighbor}


def _quoted(prefixes: Iterable[str]) -> Iterable[str]:
    return (f'"{prefix}"' for prefix in prefixes)


def ipv4_routes(erlab: Erlab, router: str) -> int:
    """How many routes to the customer's block a router has in its kernel."""
    lines = erlab.shell(router, "ip", "-4", "route", "show").splitlines()
    return sum(line.startswith(("10.1", "10.2", "10.3")) and not line.startswith("10.10") for line in lines)


def test_the_4001st_ipv4_prefix_closes_a_standard_circuit(erlab: Erlab, tmp_path: Path) -> None:
    """Cease with subcode 1 ends the session at 4,001, IPv6 stays; with one prefix less it comes back by itself."""
    lab = Limited(erlab=erlab, directory=tmp_path)
    erlab.does("up", lab.file("10.16.0.0/12", 4000), "--timeout", "40")
    here = await_(lambda: _closed(lab), "a closed session", deadline_s=40)
    assert here["ipv6"]["established"]
    assert here["ipv4"]["why_down"] == "more than 4000 prefixes were received (RFC 4486 §4, subcode 1)"
    await_(lambda: "maximum number of prefixes reached" in _why_down_at_ce1(lab), "the reason at ce1", deadline_s=40)
    erlab.does("apply", lab.file("10.16.0.0/12", 3999), "--timeout", "40")
    await_(lambda: ipv4_routes(erlab, "gw") == 3999, "the prefixes at the gateway", deadline_s=40)


def _closed(lab: Limited) -> dict[str, Any] | None:
    """The edge's sessions with the customer, once that of IPv4 is closed: it is up for a moment at each try."""
    sessions = lab.sessions("msee1", "ce1")
    return None if sessions["ipv4"]["established"] else sessions


def _why_down_at_ce1(lab: Limited) -> str:
    return str(lab.sessions("ce1", "msee1")["ipv4"]["why_down"])


def test_a_premium_circuit_takes_4001_ipv4_prefixes(erlab: Erlab, tmp_path: Path) -> None:
    """What closes a standard circuit is far from the limit of a premium one, and reaches the gateway's kernel."""
    lab = Limited(erlab=erlab, directory=tmp_path, text=replace(LEAST, sku="premium"))
    erlab.does("up", lab.file("10.16.0.0/12", 4000), "--timeout", "40")
    assert ipv4_routes(erlab, "gw") == 4000


def test_the_101st_ipv6_prefix_closes_a_premium_circuit(erlab: Erlab, tmp_path: Path) -> None:
    """The limit of IPv6 is the same for both SKUs, and closes the session of IPv6 alone."""
    lab = Limited(erlab=erlab, directory=tmp_path, text=replace(LEAST, sku="premium"))
    erlab.does("up", lab.file("2001:db8:20::/48", 100))
    here = lab.sessions("msee1", "ce1")
    assert (here["ipv4"]["established"], here["ipv6"]["established"]) == (True, False)
    assert here["ipv6"]["why_down"] == "more than 100 prefixes were received (RFC 4486 §4, subcode 1)"
    erlab.does("apply", lab.file("2001:db8:20::/48", 99), "--timeout", "40")
    assert lab.sessions("msee1", "ce1")["ipv6"]["received"] == 100
