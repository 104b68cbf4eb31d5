"""The page of the models says what the shipped topologies prove, and they prove every model."""

from __future__ import annotations

from dataclasses import replace

import pytest

from covered_models import FILE, TOP, filled, missing, proven_by
from lab.expectations import ReachabilityExpectation, SessionExpectation, SessionState
from lab.load import load_topology

POINT_TO_POINT = load_topology(TOP / "topologies" / "point_to_point_ethernet_layer2.yaml")
DUAL = load_topology(TOP / "topologies" / "dual_circuit.yaml")


def test_the_table_is_that_of_the_topologies() -> None:
    """The table is what `PYTHONPATH=tests python tests/covered_models.py` writes."""
    text = FILE.read_text(encoding="utf-8")

    assert filled(text) == text


def test_every_model_is_proven() -> None:
    """Each model is proven with each peering and each address family."""
    assert [str(cell) for cell in missing()] == []


def test_sessions_that_have_to_be_down_prove_nothing() -> None:
    """Only sessions that have to be established count."""
    down = tuple(
        replace(one, state=SessionState.DOWN) if isinstance(one, SessionExpectation) else one
        for one in POINT_TO_POINT.expectations
    )

    assert proven_by(POINT_TO_POINT)
    assert proven_by(replace(POINT_TO_POINT, expectations=down)) == set()


@pytest.mark.parametrize(("router", "circuit", "proves"), [("ce1", "ams", True), ("ce3", "lon", False)])
def test_packets_by_one_circuit_do_not_prove_another(router: str, circuit: str, proves: bool) -> None:  # noqa: FBT001
    """Packets between Amsterdam and the VNet cross Amsterdam's circuit: London's sessions prove nothing beside them."""
    sessions = (SessionExpectation(where="", routers=(router, f"{circuit}-msee{n}")) for n in (1, 2))
    packets = (
        ReachabilityExpectation(where="", source=source, destination=destination)
        for source, destination in (("hq", "hub"), ("hub", "hq"))
    )

    assert bool(proven_by(replace(DUAL, expectations=(*sessions, *packets)))) is proves
