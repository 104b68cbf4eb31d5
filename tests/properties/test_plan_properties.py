"""Every topology file without a mistake has a plan that can be built, and that the model can predict."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings

from lab.codec import plain, typed
from lab.load import load_topology
from lab.plan import Plan
from lab.plan.devices import devices_of
from lab.plan.faults import faults
from lab.plan.of_topology import plan
from lab.predict import predict
from random_topologies import Mapping, topologies


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that each example writes anew."""
    return tmp_path_factory.mktemp("plan") / "random.yaml"


def planned(file: Path, said: Mapping) -> Plan:
    """The plan of a topology file that says this."""
    file.write_text(json.dumps(said), encoding="utf-8")
    return plan(load_topology(file))


@settings(max_examples=80)
@given(said=topologies())
def test_a_plan_has_no_fault(file: Path, said: Mapping) -> None:
    """Names are names of their own and fit, wires, cross connects and sessions have both ends, subnets are apart."""
    assert faults(planned(file, said)) == []


@settings(max_examples=60)
@given(said=topologies())
def test_a_plan_is_that_of_its_file(file: Path, said: Mapping) -> None:
    """The same file makes the same plan, which is the same after its way to the supervisor."""
    made = planned(file, said)
    assert planned(file, said) == made
    assert typed(Plan, plain(made)) == made


@settings(max_examples=40)
@given(said=topologies())
def test_the_model_knows_the_state_of_every_session(file: Path, said: Mapping) -> None:
    """Each session is up at both its ends, or down at both with a reason."""
    made = planned(file, said)
    tables = predict(made).tables
    states = {(one.router, s.session): s for one in tables.routers for s in one.sessions}
    for here, (router, there) in made.far_ends().items():
        assert states[here].established == states[router, there.name].established
        assert states[here].established is not bool(states[here].why_down)


@settings(max_examples=30, deadline=None)
@given(said=topologies())
def test_a_plan_falls_into_devices_without_a_rest(file: Path, said: Mapping) -> None:
    """Each node, wire, cross connect and tunnel end is in one device, or between two; a device has what it names."""
    made = planned(file, said)
    lab = devices_of(made)
    inside = [one.plan for one in lab.devices]
    assert sorted(node.name for one in inside for node in one.nodes) == sorted(node.name for node in made.nodes)
    whole = sum(2 if wire.impaired else 1 for wire in made.wires)
    assert sum(len(one.wires) for one in inside) + len(lab.links) == whole
    assert sum(len(one.cross_connects) for one in inside) == len(made.cross_connects)
    assert sum(len(one.tunnels) for one in lab.devices) == sum(len(one.ends) for one in made.overlays)
    for one in lab.devices:
        named = {place.port.node for node in one.plan.nodes for i in node.interfaces if (place := i.vlan)}
        named |= {end.port.node for cross in one.plan.cross_connects for end in cross.ends}
        named |= {end for tunnel in one.tunnels for end in (tunnel.end.core, tunnel.end.vrf.node)}
        named |= set() if one.wire else {its.end.node for its in one.attachments}
        assert named <= {node.name for node in one.plan.nodes}
        assert one.main is None or one.main.name == one.name
