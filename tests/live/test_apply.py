"""`erlab apply` and `erlab refresh`: a running lab takes new policies and rules, and no session is reset for it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from erlab_command import Erlab
from lab.bgp import Aggregate, BestPathRules, parse_prefix
from lab.policy import SessionRules
from lab_processes import await_
from networks import OPEN, Net, exporting, importing, live, policies
from topology_text import NEVER_SETTLES, SHIPPED


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A copy of the shipped topology and its policies."""
    for path in (SHIPPED, SHIPPED.parents[1] / "policies" / "customer_edge.yaml"):
        copy = tmp_path / path.parent.name / path.name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path / "topologies" / SHIPPED.name


def edit(file: Path, old: str, new: str) -> None:
    """Exchange a text in a file that has it."""
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def edit_policies(file: Path, old: str, new: str) -> None:
    """Exchange a text in the policies of a topology."""
    edit(file.parents[1] / "policies" / "customer_edge.yaml", old, new)


def connections(erlab: Erlab, router: str) -> set[tuple[str, str]]:
    """The TCP connections of a router's BGP sessions, by their two addresses and ports."""
    lines = erlab.shell(router, "ss", "--no-header", "--tcp", "--numeric", "state", "established").splitlines()
    ends = ((line.split()[2], line.split()[3]) for line in lines)
    return {(here, there) for here, there in ends if here.endswith(":179") or there.endswith(":179")}


def local_prefs(erlab: Erlab) -> dict[str, Any]:
    """The local preference of each best route of `ce1`."""
    routes = erlab.does("show", "routes", "ce1", "--format", "json").document["routes"]
    return {
        route["prefix"]: route["local_pref"]
        for route in routes
        if not route["prefix"].startswith(("10.10.", "2001:db8:10:"))
    }


def test_a_policy_change_takes_effect_without_a_reset(erlab: Erlab, file: Path) -> None:
    """After apply the routes have the new attribute, the TCP connections are the same, and the lab is the model."""
    erlab.does("up", file)
    before = {router: connections(erlab, router) for router in ("ce1", "msee1", "gw")}
    assert local_prefs(erlab) == {"10.100.0.0/16": 200, "2001:db8:100::/48": 200}
    edit_policies(file, "local_pref: 200", "local_pref: 300")
    applied = erlab.does("apply", file, "--format", "json").document
    assert [change["after"] for change in applied["changes"]] == ["300", "300"]
    assert local_prefs(erlab) == {"10.100.0.0/16": 300, "2001:db8:100::/48": 300}
    assert {router: connections(erlab, router) for router in before} == before
    assert len(before["ce1"]) == 4
    report = erlab.run("test", file, "--lab", "contoso-p2p", "--format", "json").document
    assert (report["model"]["differences"], report["notes"]) == ([], [])


NEW_LAB = {
    "md5": ("md5: Contoso123", "md5: Another1"),
    "interfaces": ("172.16.0.4/30", "172.16.0.8/30"),
    "asn": ("asn: 65010", "asn: 65011"),
}
"""What is named where a change takes a new lab: a key, an address, an AS."""


def test_what_cannot_be_applied_costs_a_running_lab_nothing(erlab: Erlab, file: Path) -> None:
    """What takes a new lab is named, mistakes are reported as by check, an unchanged file is none; the lab goes on."""
    erlab.does("up", file)
    assert erlab.does("apply", file).out == "the plans are equal\n"
    for named, (old, new) in NEW_LAB.items():
        edit(file, old, new)
        ended = erlab.run("apply", file)
        assert (ended.code, named in ended.err, "erlab down" in ended.err) == (2, True, True), ended
        assert "Another1" not in ended.err
        edit(file, new, old)
        assert erlab.does("apply", file).out == "the plans are equal\n", named
    edit_policies(file, "local_pref: 200", "local_pref: much")
    ended = erlab.run("apply", file)
    assert (ended.code, "local_pref: 'much'" in ended.err) == (2, True)
    assert local_prefs(erlab) == {"10.100.0.0/16": 200, "2001:db8:100::/48": 200}


def test_a_router_asks_for_routes_again(erlab: Erlab, file: Path) -> None:
    """Refresh sends ROUTE-REFRESH on each session with the neighbour, who counts it; others are not asked."""
    erlab.does("up", file)
    assert erlab.does("refresh", "ce1", "msee1", "--format", "json").document["sessions"] == [
        "msee1/ipv4",
        "msee1/ipv6",
    ]

    def counted() -> dict[str, int]:
        sessions = erlab.does("show", "sessions", "msee1", "--format", "json").document["sessions"]
        return {session["session"]: session["refreshes"] for session in sessions}

    await_(lambda: counted()["ce1/ipv4"] and counted()["ce1/ipv6"], "both requests", deadline_s=10)
    assert counted() == {"ce1/ipv4": 1, "ce1/ipv6": 1, "gw/ipv4": 0, "gw/ipv6": 0}
    assert erlab.run("refresh", "ce1", "msee2").code == 2
    assert erlab.run("refresh", "ce1", "nobody").code == 2


def test_a_session_that_is_down_is_not_asked_for_routes(erlab: Erlab, tmp_path: Path) -> None:
    """Refresh ends with 3 and says why the session is down; nothing of it is counted as asked."""
    file = NEVER_SETTLES.write(tmp_path, erlab.name)
    assert erlab.run("up", file, "--timeout", "1").code == 3
    ended = erlab.run("refresh", "ce2", "msee2", "--format", "json")
    assert (ended.code, ended.document["sessions"]) == (3, [])
    assert set(ended.document["down"]) == {"msee2/ipv4", "msee2/ipv6"}
    assert "erlab: ce2 could not ask on msee2/ipv4: " in ended.err


# every kind of rule, changed while sessions are up: `live` compares each step with the model


def chain(*, r: SessionRules = OPEN, a: SessionRules = OPEN, **bgp: Any) -> Net:  # noqa: ANN401  # fields of BgpPlan
    """`a` announces four prefixes to `r`, which has two paths to one of them and sends all to `b`."""
    net = Net()
    net.router("r", 65010, **bgp)
    net.router("a", 65001, ["10.1.0.0/16", "10.2.0.0/16", "10.2.1.0/24"])
    net.router("c", 65003, ["10.1.0.0/16"])
    net.router("b", 65002)
    net.session("r", "a", r=r, a=a)
    net.session("r", "c")
    net.session("r", "b")
    return net


FOUND = policies(
    """
policies:
  liked: [{match: {prefix_list: 10.1.0.0/16}, set: {local_pref: 50}, then: accept}, {then: accept}]
  less: [{match: {prefix_list: 10.2.0.0/16}, then: reject}, {then: accept}]
"""
)
CHANGES = {
    "import_policy": chain(r=importing(FOUND["liked"])),
    "import_chain_that_rejects": chain(r=importing(FOUND["less"])),
    "export_policy_of_the_neighbour": chain(a=exporting(FOUND["less"])),
    "no_policy_any_more": chain(r=SessionRules()),
    "default_originate": chain(a=replace(OPEN, default_originate=True)),
    "networks": chain(networks=["10.9.0.0/16"]),
    "aggregate": chain(aggregates=[Aggregate(prefix=parse_prefix("10.2.0.0/15"), summary_only=True)]),
    "best_path": chain(best_path=BestPathRules(maximum_paths=2, multipath_relax=True)),
}


def test_a_change_and_its_undoing_leave_what_the_model_says() -> None:
    """A lab that was changed and changed back, again and again, is the lab of each plan at each step."""
    plan = chain().plan()
    before, *steps = live(plan, *(step for change in CHANGES.values() for step in (change.plan(), plan)))
    for name, there, back in zip(CHANGES, steps[::2], steps[1::2], strict=True):
        assert there.tables != before.tables, name
        assert back.tables == before.tables, name
    assert len(before.loc_rib("b")) == 3
