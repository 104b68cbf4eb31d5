"""Customer edges that are FRR, live. The shipped topology with two of them is in `test_topologies`."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from erlab_command import Erlab, in_containers
from lab.load import load_topology
from lab.plan.of_topology import plan
from lab.vendors.frr.config import configuration
from lab_processes import await_
from topology_text import IPV4_ONLY

ONE = replace(
    IPV4_ONLY,
    edges="speakers: {ce1: frr}",
    expect=(
        "route: {at: ce1, prefix: 10.100.0.0/16, local_pref: 300}",  # the control: its policy says 200
        "session: ce1 - msee1",
        "session: ce1 - ce2",
        "route: {at: ce1, prefix: 10.100.0.0/16, local_pref: 200, next_hop: msee1}",
        "route: {at: ce2, prefix: 10.100.0.0/16, next_hop: ce1}",
        "reachable: {from: hq, to: hub, via: [ce1, msee1]}",
    ),
)
"""One edge that is FRR, beside the lab's own."""
PRIVATE = "/var/tmp/erlab/ce1"  # noqa: S108  # in the lab's own file system
OWN = replace(
    ONE,
    edges="speakers: {ce1: {kind: frr, config: ce1.conf}}",
    policies_of="{ce2: {import: accept-azure, export: own-prepended}}",
)
"""The same with a configuration of the user's own."""


def test_a_lab_with_frr_is_asked_changed_and_broken(erlab: Erlab, tmp_path: Path) -> None:
    """The commands of a running lab do with FRR what they do with the lab's own routers, and its end is told."""
    erlab.does("up", ONE.write(tmp_path, erlab.name))

    report = erlab.run("test", tmp_path / "topology.yaml", "--lab", erlab.name, "--format", "json").document
    assert report["model"]["differences"] == []
    assert [one["outcome"] for one in report["verdicts"]] == ["failed", *["passed"] * (len(ONE.expect) - 1)]

    explained = erlab.does("explain", "ce2", "10.100.0.0/16", "--lab", erlab.name).out
    assert "lower local preference" in explained
    explained = erlab.does("explain", "ce1", "10.10.0.0/16", "--lab", erlab.name).out
    assert "FRR says of the best one: Weight" in explained

    asked = erlab.does("refresh", "ce1", "msee1")
    assert "ce1 asked for all routes on msee1/ipv4" in asked.err + asked.out

    erlab.does(
        "apply", replace(ONE, policies_of=ONE.policies_of.replace("prefer", "prefer-more")).write(tmp_path, erlab.name)
    )
    assert [
        one["outcome"]
        for one in erlab.run("test", tmp_path / "topology.yaml", "--lab", erlab.name, "--format", "json").document[
            "verdicts"
        ]
    ] == ["passed", "passed", "passed", "failed", "passed", "passed"]

    whole = frr_says(erlab)
    assert replace(whole, bgpd=0) == Frr(state="Established", connections=1, next_hop="172.16.0.2", local_pref=300)

    erlab.does("fail", "router_killed", "ce1")
    assert why_down(erlab) == {"msee1": "the router was killed", "ce2": "the router was killed"}
    erlab.does("heal")
    again = frr_says(erlab)
    assert again == replace(whole, bgpd=again.bgpd)
    assert again.bgpd != whole.bgpd

    erlab.does("fail", "link_down", "primary")
    down = await_(lambda: why_down(erlab), "the end of the session")
    assert (list(down), "bgpd is in" in down["msee1"]) == (["msee1"], True)
    await_(lambda: (frr_says(erlab).next_hop, frr_says(erlab).local_pref) == ("10.10.0.2", 100), "the path by ce2")
    assert frr_says(erlab).state != "Established"
    erlab.does("heal")
    assert frr_says(erlab) == replace(again, connections=2)

    erlab.does("fail", "session_reset", "ce1 - msee1")
    await_(lambda: frr_says(erlab) == replace(again, connections=3), "another connection")
    await_(lambda: erlab.run("status").code == 0, "all that was there before")

    beside_frr(erlab, f"kill -9 $(cat {PRIVATE}/bgpd.pid)")
    await_(lambda: "bgpd was killed by signal 9" in erlab.run("show", "routes", "ce1").err, "the cause")


@dataclass(frozen=True, slots=True, kw_only=True)
class Frr:
    """What FRR itself says: bgpd's pid, its session with msee1, and its best path to the VNet."""

    bgpd: int = 0
    state: str
    connections: int
    next_hop: str | None
    local_pref: int | None


def frr_says(erlab: Erlab) -> Frr:
    """Of FRR at `ce1`, by its own command."""
    ask = f"vtysh --vty_socket {PRIVATE} -c"
    session, route = "show bgp neighbors 172.16.0.2 json", "show bgp ipv4 10.100.0.0/16 bestpath json"
    script = f"printf '[%s,' $(cat {PRIVATE}/bgpd.pid); {ask} '{session}'; printf ,; {ask} '{route}'; printf ]"
    bgpd, neighbors, found = json.loads(beside_frr(erlab, script))
    path: dict[str, Any] = found["paths"][0] if found else {"nexthops": [{"ip": None}], "locPrf": None}
    return Frr(
        bgpd=bgpd,
        state=neighbors["172.16.0.2"]["bgpState"],
        connections=neighbors["172.16.0.2"]["connectionsEstablished"],
        next_hop=path["nexthops"][0]["ip"],
        local_pref=path["locPrf"],
    )


def why_down(erlab: Erlab) -> dict[str, str]:
    """The neighbours of ce1 with which the session is down, and why."""
    sessions = erlab.does("show", "sessions", "ce1", "--format", "json").document["sessions"]
    return {one["neighbor"]: one["why_down"] for one in sessions if not one["established"]}


def beside_frr(erlab: Erlab, script: str) -> str:
    """What a script says that runs where the daemons of `ce1` do."""
    if not in_containers():
        return erlab.shell("ce1", "sh", "-c", script)
    labels = (f"label=erlab.lab={erlab.name}", "label=erlab.node=ce1")
    found = erlab.run_any("docker", "ps", "--quiet", *(word for one in labels for word in ("--filter", one)))
    ended = erlab.run_any("docker", "exec", found.out.strip(), "sh", "-c", script)
    assert ended.code == 0, ended
    return ended.out


def own_config(directory: Path, *changes: tuple[str, str]) -> None:
    """A configuration of the user's own: that of the plan, with changes."""
    rendered = plan(load_topology(ONE.write(directory, "rendered", "rendered"))).node("ce1")
    text = configuration(rendered).text
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (directory / "ce1.conf").write_text(text, encoding="utf-8")


def test_a_configuration_of_its_own_is_used_as_it_is(erlab: Erlab, tmp_path: Path) -> None:
    """What it sets is seen in the lab, of which the model says nothing; and the lab alone decides."""
    own_config(tmp_path, ("set local-preference 200", "set local-preference 300"))
    report = erlab.run("test", OWN.write(tmp_path, erlab.name), "--format", "json").document
    assert [one["outcome"] for one in report["verdicts"]] == [
        "passed",
        "passed",
        "passed",
        "failed",
        "passed",
        "passed",
    ]
    assert {one["predicted"]["holds"] for one in report["verdicts"]} == {None}
    assert "ce1.conf" in report["model"]["not_compared"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ((" password ", " pasword "), "% Unknown command"),
        (
            (" activate\n", " activate\nneighbor 192.0.2.99 activate\n"),
            "% Specify remote-as or peer-group commands first",
        ),
    ],
    ids=["by vtysh", "by bgpd"],
)
def test_a_line_that_frr_refuses_is_an_error(erlab: Erlab, tmp_path: Path, change: tuple[str, str], said: str) -> None:
    """The lab ends with the daemon's words and the place of the line, and without the key in it."""
    own_config(tmp_path, change)
    lines = (tmp_path / "ce1.conf").read_text(encoding="utf-8").splitlines()
    number = next(n for n, line in enumerate(lines, start=1) if change[1].strip().splitlines()[-1] in line)
    ended = erlab.run("up", OWN.write(tmp_path, erlab.name))
    assert (ended.code, f"ce1.conf:{number}: {said}" in ended.err) == (2, True), ended.err
    assert "Contoso123" not in ended.err
