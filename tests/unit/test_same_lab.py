"""Which running labs a file may be tested with: those in which only routing is another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path

import pytest

from contoso import CE1, REJECT_ALL, SAMPLE, topology
from lab.bgp import parse_prefix
from lab.commands.offline import load
from lab.commands.same_lab import is_of_another_file
from lab.errors import InputError
from lab.marking import MarkingRule
from lab.plan import NodePlan, Plan
from lab.plan.of_topology import plan
from lab.plan.sources import SourceNat
from lab.shaping import Impairment
from topology_text import TopologyText

NAT = SourceNat(interface="to-msee1", pool=parse_prefix("192.0.2.0/28"))


def with_node(name: str, change: Callable[[NodePlan], NodePlan]) -> Plan:
    """The circuit with another one of its nodes."""
    return replace(SAMPLE.plan, nodes=tuple(change(one) if one.name == name else one for one in SAMPLE.plan.nodes))


def renumbered(node: NodePlan) -> NodePlan:
    """A host with another address."""
    first, *others = node.interfaces
    address = ip_interface("10.10.0.11/16")
    return replace(node, interfaces=(replace(first, addresses=(address, *first.addresses[1:])), *others))


def narrower(node: NodePlan) -> NodePlan:
    """A node whose interfaces carry less."""
    return replace(node, interfaces=tuple(replace(one, mtu_bytes=1400) for one in node.interfaces))


IMPAIRED = replace(SAMPLE.plan.wires[0], impairments=(Impairment(delay_ms=5.0), Impairment()))


@pytest.mark.parametrize(
    ("file", "apart"),
    [
        (with_node("hq", renumbered), "hq interfaces eth0 addresses 10.10.0.11/16"),
        (with_node("msee1", narrower), "mtu_bytes is 1400 in asked.yaml and 1500 in the lab"),
        (with_node("ce1", lambda node: replace(node, nat=(NAT,))), "only asked.yaml has ce1 nat "),
        (
            with_node("ce1", lambda node: replace(node, marking=(MarkingRule(dscp=0),))),
            "only asked.yaml has ce1 marking",
        ),
        (with_node("gw", lambda node: replace(node, packet_limit=None)), "gw packet_limit is none in asked.yaml and "),
        (replace(SAMPLE.plan, wires=(IMPAIRED, *SAMPLE.plan.wires[1:])), f"wires {IMPAIRED.name} impairments"),
    ],
    ids=["address", "mtu", "nat", "marking", "packet limit", "wire"],
)
def test_a_lab_that_does_something_else_with_packets_is_refused(file: Plan, apart: str) -> None:
    """Where packets fare otherwise than by the file, what is seen says nothing of it, and it is said what differs."""
    with pytest.raises(InputError, match="the running lab contoso is another one: ") as refused:
        is_of_another_file(SAMPLE.plan, file, "contoso", "asked.yaml")
    assert apart in str(refused.value)


def test_a_lab_with_other_routing_is_the_same_one() -> None:
    """Policies, rules, networks and names may be others: that shows as differences."""
    other = plan(topology(ce1=replace(CE1, import_policies=(REJECT_ALL,))))
    assert is_of_another_file(SAMPLE.plan, replace(other, name="fabrikam"), "contoso", "asked.yaml")


def test_lines_that_moved_change_nothing(tmp_path: Path) -> None:
    """With a comment above what they say, a topology and its policies make the same plan: `test` says no other file."""
    file = TopologyText().write(tmp_path, "contoso")
    _, old = load(str(file))
    for one in tmp_path.iterdir():
        one.write_text(f"# one more line\n{one.read_text(encoding='utf-8')}", encoding="utf-8")
    _, new = load(str(file))
    assert old != new
    assert not is_of_another_file(old, new, "contoso", "asked.yaml")
