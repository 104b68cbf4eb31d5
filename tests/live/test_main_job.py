"""The main job: a topology file becomes a lab, and the lab is what the model predicted."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from erlab_command import Erlab
from lab.cli import main
from topology_text import IPV4_ONLY, ONE_EDGE, SHIPPED, TopologyText

ROUTERS = ("ce1", "ce2", "msee1", "msee2", "gw")
TABLES = ("sessions", "rib-in", "routes", "rib-out", "fib")

Show = Callable[..., Any]


@pytest.fixture
def show(erlab: Erlab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Show:
    """`erlab show` in this process, since it is asked fifty times."""
    monkeypatch.setenv("ERLAB_STATE_DIR", str(erlab.state))

    def read(*arguments: str | Path) -> Any:  # noqa: ANN401  # JSON has no narrower type
        capsys.readouterr()
        assert main(["show", *map(str, arguments), "--format", "json"]) == 0
        return json.loads(capsys.readouterr().out)

    return read


def assert_passes(erlab: Erlab, file: Path, count: int) -> None:
    """The lab of a file passes all its expectations, and is what the model predicted."""
    ended = erlab.run("test", file, "--format", "json")
    report = ended.document
    assert {one["expected"]: one["observed"] for one in report["verdicts"] if one["outcome"] != "passed"} == {}
    assert report["model"]["differences"] == []
    assert report["summary"] == {"passed": count, "failed": 0, "inconclusive": 0}
    assert (ended.code, report["exit_code"], ended.err) == (0, 0, "")


def kernel_fib(erlab: Erlab, router: str, *options: str) -> dict[str, list[str]]:
    """A router's BGP routes as iproute2 reads them: the gateways of each prefix."""
    routes = json.loads(erlab.shell(router, "ip", *options, "-json", "route", "show", "proto", "bgp"))
    return {
        route["dst"]: sorted(hop["gateway"] for hop in (route.get("nexthops") or [route]))
        for route in sorted(routes, key=lambda one: str(one["dst"]))
    }


def test_the_shipped_topology_passes(erlab: Erlab) -> None:
    """Every expectation of the shipped experiment holds in the live lab, and nothing differs from the prediction."""
    assert_passes(erlab, SHIPPED, count=13)


def test_every_table_is_the_predicted_one(erlab: Erlab, show: Show) -> None:
    """Each session, RIB and FIB of each router is the predicted one, attribute by attribute, in both families."""
    erlab.does("up", SHIPPED)
    predicted = {(router, table): show(table, router, "--file", SHIPPED) for router, table in product(ROUTERS, TABLES)}
    observed = {(router, table): show(table, router) for router, table in product(ROUTERS, TABLES)}
    assert observed == predicted
    prefixes = {router: [entry["prefix"] for entry in observed[router, "fib"]["fib"]] for router in ROUTERS}
    assert prefixes == {
        "ce1": ["10.100.0.0/16", "2001:db8:100::/48"],
        "ce2": ["10.100.0.0/16", "2001:db8:100::/48"],
        "msee1": ["10.10.0.0/16", "10.100.0.0/16", "2001:db8:10::/48", "2001:db8:100::/48"],
        "msee2": ["10.10.0.0/16", "10.100.0.0/16", "2001:db8:10::/48", "2001:db8:100::/48"],
        "gw": ["10.10.0.0/16", "2001:db8:10::/48"],
    }


@pytest.mark.parametrize("family", ["-4", "-6"])
def test_the_kernel_has_the_predicted_fib(erlab: Erlab, show: Show, family: str) -> None:
    """What iproute2 reads from each router's kernel is the predicted FIB."""
    erlab.does("up", SHIPPED)
    observed = {router: kernel_fib(erlab, router, family) for router in ROUTERS}
    predicted = {
        router: {
            entry["prefix"]: sorted(hop["address"] for hop in entry["next_hops"])
            for entry in show("fib", router, "--file", SHIPPED)["fib"]
            if (":" in entry["prefix"]) == (family == "-6")
        }
        for router in ROUTERS
    }
    assert observed == predicted


def test_equal_paths_share_the_load(erlab: Erlab, tmp_path: Path) -> None:
    """With both links at one router the kernels of both ends hold both paths, in both families."""
    file = ONE_EDGE.write(tmp_path, erlab.name)
    erlab.does("up", file)
    assert kernel_fib(erlab, "ce1", "-4") == {"10.100.0.0/16": ["172.16.0.2", "172.16.0.6"]}
    assert kernel_fib(erlab, "ce1", "-6") == {"2001:db8:100::/48": ["2001:db8:ffff::2", "2001:db8:ffff::6"]}
    assert [len(hops) for hops in kernel_fib(erlab, "gw", "-4").values()] == [2]
    assert [len(hops) for hops in kernel_fib(erlab, "gw", "-6").values()] == [2]


def with_expectations(text: TopologyText, *expect: str) -> TopologyText:
    """A topology file that asks something else."""
    parts = {name: getattr(text, name) for name in TopologyText.__slots__}
    return TopologyText(**{**parts, "expect": expect})


def test_one_edge_passes(erlab: Erlab, tmp_path: Path) -> None:
    """A lab with both links at one router passes, equal-cost paths in the FIB and packets both ways included."""
    file = with_expectations(
        ONE_EDGE,
        "session: ce1 - msee1",
        "session: ce1 - msee2",
        "route: {at: ce1, prefix: 10.100.0.0/16, table: fib, next_hop: [msee1, msee2]}",
        'route: {at: gw, prefix: "2001:db8:10::/48", table: fib, next_hop: [msee1, msee2]}',
        "reachable: {from: hq, to: hub, dscp: ef}",
        "reachable: {from: hub, to: hq, dscp: af41}",
    ).write(tmp_path, erlab.name)
    assert_passes(erlab, file, count=6)


def test_ipv4_alone_passes(erlab: Erlab, tmp_path: Path) -> None:
    """A lab without IPv6 passes, and asks nothing in IPv6."""
    file = with_expectations(
        IPV4_ONLY,
        "session: {between: ce1 - msee1, family: ipv4}",
        "session: ce1 - ce2",
        "route: {at: gw, prefix: 10.10.0.0/16, table: fib, next_hop: msee1}",
        "reachable: {from: hq, to: hub, dscp: ef, via: [ce1, msee1]}",
    ).write(tmp_path, erlab.name)
    assert_passes(erlab, file, count=4)


def test_ipv6_at_one_end_only_proves_nothing_in_ipv6(erlab: Erlab, tmp_path: Path) -> None:
    """Hosts with IPv6 behind a peering without it reach each other in IPv4, and not in IPv6."""
    file = TopologyText(
        primary=IPV4_ONLY.primary,
        secondary=IPV4_ONLY.secondary,
        expect=(
            "reachable: {from: hq, to: hub, family: ipv4, via: [ce1, msee1]}",
            "unreachable: {from: hq, to: hub, family: ipv6}",
        ),
    ).write(tmp_path, erlab.name)
    assert_passes(erlab, file, count=2)
