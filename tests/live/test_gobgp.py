"""Customer edges that are GoBGP, live. The shipped topology with one is in `test_topologies`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from erlab_command import Erlab
from lab.load import load_topology
from lab.plan.of_topology import plan
from lab.vendors.gobgp.configuration import configuration
from lab_processes import await_
from topology_text import IPV4_ONLY, TopologyText

DROPS = TopologyText(
    edges="speakers: {ce1: gobgp}",
    policies_of="{ce1: {import: nothing, export: own}, ce2: {import: accept-azure, export: own-prepended}}",
    expect=(
        "route: {at: ce1, prefix: 10.100.0.0/16, next_hop: msee1}",  # the control: its import policy drops it
        "session: ce1 - msee1",
        "session: ce1 - ce2",
        "route: {at: ce1, prefix: 10.100.0.0/16, table: adj_rib_in, neighbor: msee1}",
        "route: {at: ce1, prefix: 10.100.0.0/16, next_hop: ce2, local_pref: 100}",
        "reachable: {from: hq, to: hub, via: [ce1, ce2, msee2]}",
    ),
)
"""An edge that takes nothing from Microsoft."""
ONE = replace(
    IPV4_ONLY,
    edges="speakers: {ce1: {kind: gobgp, config: ce1.toml}}",
    policies_of="{ce2: {import: accept-azure, export: own-prepended}}",
)
"""One edge with a configuration of the user's own."""


def test_a_policy_that_drops_a_route_fails_what_asks_for_it(erlab: Erlab, tmp_path: Path) -> None:
    """That one expectation fails, and nothing but BGP listens on the wires.

    A route that a link takes out of the kernel comes back with it; one that GoBGP loses leaves the kernel.
    """
    erlab.does("up", file := DROPS.write(tmp_path, erlab.name))

    report = erlab.run("test", file, "--lab", erlab.name, "--format", "json").document
    assert report["model"]["differences"] == []
    assert [one["outcome"] for one in report["verdicts"]] == ["failed", *["passed"] * (len(DROPS.expect) - 1)]

    listening = erlab.shell("ce1", "ss", "--tcp", "--listening", "--numeric", "--no-header").split("\n")
    assert {line.split()[3].rpartition(":")[2] for line in listening if line} == {"179"}

    assert "10.100.0.0/16" in erlab.does("show", "fib", "ce1").out
    flap = "ip link set to-hq down; ip route show 10.100.0.0/16; ip link set to-hq up"
    assert erlab.shell("ce1", "sh", "-c", flap) == ""
    await_(lambda: "10.100.0.0/16" in erlab.does("show", "fib", "ce1").out, "a route by the link that is back")

    erlab.run("fail", "session_reset", "ce1 - ce2", "--timeout", "0.5")
    assert "10.100.0.0/16" not in erlab.does("show", "fib", "ce1").out


def own_config(directory: Path, *changes: tuple[str, str]) -> Path:
    """The topology of one edge with its own configuration: that of the plan, with changes."""
    rendered = replace(ONE, edges="speakers: {ce1: gobgp}", policies_of=IPV4_ONLY.policies_of)
    node = plan(load_topology(rendered.write(directory, "rendered", "rendered"))).node("ce1")
    assert node.bgp is not None
    text = configuration(node.bgp)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (directory / "ce1.toml").write_text(text, encoding="utf-8")
    return directory


def test_a_configuration_of_its_own_is_used_as_it_is(erlab: Erlab, tmp_path: Path) -> None:
    """What it sets is seen in the lab, of which the model says nothing."""
    own_config(tmp_path, ("set-local-pref = 200", "set-local-pref = 250"))
    set_there = "route: {at: ce1, prefix: 10.100.0.0/16, local_pref: 250}"
    file = replace(ONE, expect=(set_there, "reachable: {from: hq, to: hub, via: [ce1, msee1]}")).write(
        tmp_path, erlab.name
    )
    report = erlab.does("test", file, "--format", "json").document
    assert [one["outcome"] for one in report["verdicts"]] == ["passed", "passed"]
    assert "ce1.toml" in report["model"]["not_compared"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (('router-id = "', 'router-id is "'), "ce1.toml:3: was expecting token ="),
        (('"16..24"', '"wide"'), 'ce1.toml:\n"failed to update policy config" Error="invalid mask length range: wide"'),
    ],
    ids=["read", "begun with"],
)
def test_what_gobgp_refuses_is_an_error(erlab: Erlab, tmp_path: Path, change: tuple[str, str], said: str) -> None:
    """The lab ends with GoBGP's words, and the place of the line where it knows it."""
    own_config(tmp_path, change)
    ended = erlab.run("up", ONE.write(tmp_path, erlab.name))
    assert (ended.code, said in ended.err) == (2, True), ended.err
    assert "Contoso123" not in ended.err
