"""The speaker: what the lab relies on in ExaBGP, shown on the wire.

`lab.node.exabgp_parts` replaces parts of one release. Another one has to pass these tests before its pin changes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from importlib.metadata import requires, version
from pathlib import Path

import pytest

from erlab_command import Erlab
from lab_processes import await_
from topology_text import ONE_EDGE, SHIPPED, TopologyText

MARKED = """\
prefix_lists:
  own: [10.10.0.0/16, "2001:db8:10::/48"]
policies:
  accept: [{then: accept}]
  marked:
    - match: {prefix_list: own}
      set:
        med: 4294967295
        origin: incomplete
        prepend: [65010, 65010]
        communities: [65010:100, no-export, 65535:65535]
        large_communities: [65010:1:2, 4294967295:0:4294967295]
      then: accept
    - then: reject
"""


def test_the_release_is_the_pinned_one() -> None:
    """The ExaBGP that is installed is the one release that pyproject.toml allows."""
    [pin] = [one for one in requires("erlab") or () if re.match(r"exabgp\b", one)]
    assert pin == f"exabgp=={version('exabgp')}" == "exabgp==5.0.15"


@pytest.mark.parametrize("prefix", ["10.10.0.0/16", '"2001:db8:10::/48"'])
def test_attributes_survive_the_wire(erlab: Erlab, tmp_path: Path, prefix: str) -> None:
    """MED, origin, prepends, communities and large communities arrive as they were sent, in both families."""
    sent = (
        'as_path: "65010 65010 65010", med: 4294967295, origin: incomplete, '
        "communities: [65010:100, no-export, 65535:65535], "
        "large_communities: [65010:1:2, 4294967295:0:4294967295]"
    )
    text = TopologyText(
        policies=MARKED,
        policies_of="{ce1: {import: accept, export: marked}, ce2: {import: accept, export: marked}}",
        expect=(
            f"route: {{at: ce1, prefix: {prefix}, table: adj_rib_out, neighbor: msee1, {sent}}}",
            f"route: {{at: msee1, prefix: {prefix}, table: adj_rib_in, {sent}}}",
        ),
    )
    report = erlab.run("test", text.write(tmp_path, erlab.name), "--format", "json").document
    assert [one["outcome"] for one in report["verdicts"]] == ["passed", "passed"], report["verdicts"]
    assert report["model"]["differences"] == []


def test_four_octet_as_numbers_survive_the_wire(erlab: Erlab, tmp_path: Path) -> None:
    """An AS number beyond 65535 (RFC 6793) is in the path at the gateway, as predicted."""
    text = replace(ONE_EDGE, expect=('route: {at: gw, prefix: 10.10.0.0/16, as_path: "12076 131072"}',))
    file = text.write(tmp_path, erlab.name)
    file.write_text(file.read_text(encoding="utf-8").replace("asn: 65010", "asn: 131072"), encoding="utf-8")
    report = erlab.does("test", file, "--format", "json").document
    assert report["model"]["differences"] == []


def test_many_routes_survive_the_wire(erlab: Erlab, tmp_path: Path) -> None:
    """Hundreds of routes each way arrive whole, as many of IPv6 as Microsoft takes, and the kernels hold them."""
    count, ipv6_count = 200, 100
    on_premises = ", ".join(
        (*(f"10.10.{i}.0/24" for i in range(count)), *(f'"2001:db8:10:{i:x}::/64"' for i in range(ipv6_count)))
    )
    in_azure = ", ".join(
        (*(f"10.100.{i}.0/24" for i in range(count)), *(f'"2001:db8:100:{i:x}::/64"' for i in range(ipv6_count)))
    )
    text = replace(
        ONE_EDGE,
        networks=f"{{hq: [{on_premises}]}}",
        vnets=f"{{hub: [{in_azure}]}}",
        expect=(
            f"route: {{at: gw, prefix: 10.10.{count - 1}.0/24, table: fib, next_hop: [msee1, msee2]}}",
            f'route: {{at: ce1, prefix: "2001:db8:100:{ipv6_count - 1:x}::/64", table: fib, next_hop: [msee1, msee2]}}',
        ),
    )
    report = erlab.does("test", text.write(tmp_path, erlab.name), "--timeout", "30", "--format", "json").document
    assert report["model"]["differences"] == []
    assert report["model"]["routes_compared"] > 8 * count


@pytest.mark.parametrize(("node", "interface"), [("ce1", "to-msee1"), ("gw", "to-msee1"), ("ce2", "to-hq")])
def test_sessions_come_back(erlab: Erlab, node: str, interface: str) -> None:
    """After a link went and came back every session and route is there again, and none that is stale."""
    erlab.does("up", SHIPPED)
    erlab.shell(node, "ip", "link", "set", interface, "down")
    test = ("test", SHIPPED, "--lab", "contoso-p2p", "--format", "json", "--timeout")
    down = erlab.run(*test, "0.5")
    assert down.code == 1
    assert {one["table"] for one in down.document["model"]["differences"]} >= {"session", "loc_rib", "fib"}
    erlab.shell(node, "ip", "link", "set", interface, "up")
    report = erlab.does(*test, "30").document
    assert report["model"]["differences"] == []
    assert report["notes"] == []


def test_a_flapping_link(erlab: Erlab) -> None:
    """A link that goes and comes five times at once leaves the lab as it was."""
    erlab.does("up", SHIPPED)
    flap = "for i in 1 2 3 4 5; do ip link set to-msee1 down; ip link set to-msee1 up; done"
    erlab.shell("ce1", "sh", "-c", flap)

    def settled() -> bool:
        return erlab.run("status").code == 0

    await_(settled, "every session again", deadline_s=60)
    assert (
        erlab.does("test", SHIPPED, "--lab", "contoso-p2p", "--format", "json").document["model"]["differences"] == []
    )
