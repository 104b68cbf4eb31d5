"""Faults that cannot be injected or healed wholly: what is in force shows, and can be healed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from contoso import SAMPLE
from lab import failing
from lab.errors import LabBroken
from lab.failing import Failing
from lab.injection import Injection, SessionEnd
from lab.plan import NodePlan, Plan

PLAN = SAMPLE.plan
OTHER_RULES = Injection(fault="maintenance: primary", plan=replace(PLAN, name="in maintenance"))
DEAD = Injection(fault="router_killed: msee1", killed=("msee1",))


class Routers:
    """What was asked of the routers; with `fails` the next such request is not answered."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.fails: set[str] = set()

    def _ask(self, what: str, of: str) -> None:
        self.asked.append((what, of))
        if what in self.fails:
            raise LabBroken("no answer within 10 s from msee1")

    def freeze(self, router: str) -> None:
        """As of `lab.failing.Routers`."""
        self._ask("freeze", router)

    def kill(self, router: str) -> None:
        """As of `lab.failing.Routers`."""
        self._ask("kill", router)

    def start_again(self, node: NodePlan) -> None:
        """As of `lab.failing.Routers`."""
        self._ask("start again", node.name)

    def reset(self, end: SessionEnd) -> None:
        """As of `lab.failing.Routers`."""
        self._ask("reset", end.router)

    def configure(self, old: Plan, new: Plan) -> None:
        """As of `lab.failing.Routers`."""
        self._ask("configure", f"{old.name} to {new.name}")


def in_force(faults: Failing) -> tuple[list[str], list[str]]:
    """The faults in force, and the dead routers."""
    return list(faults.faults), sorted(faults.killed)


@pytest.fixture
def routers(monkeypatch: pytest.MonkeyPatch) -> Routers:
    """Routers without a lab; nobody enters a namespace."""
    monkeypatch.setattr(failing, "enter_network_namespace", lambda _: None)
    return Routers()


def test_what_may_be_in_force_shows_and_can_be_healed(routers: Routers) -> None:
    """Where a router answers neither to a fault nor to its healing, the fault is in force until healing is done."""
    faults = Failing(PLAN, {}, routers)
    routers.fails = {"configure"}
    with pytest.raises(LabBroken, match="no answer within 10 s from msee1; maintenance: primary may be in force"):
        faults.inject(OTHER_RULES)
    assert in_force(faults) == ([OTHER_RULES.fault], [])
    with pytest.raises(LabBroken, match="no answer"):
        faults.heal("")
    assert in_force(faults) == ([OTHER_RULES.fault], [])

    routers.fails = set()
    assert faults.heal("").faults == ("maintenance: primary",)
    assert in_force(faults) == ([], [])
    assert routers.asked[-1] == ("configure", f"in maintenance to {PLAN.name}")


def test_what_fails_half_way_is_taken_back(routers: Routers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A router that was only frozen when its interfaces could not be switched is one that runs again."""
    faults = Failing(PLAN, {}, routers)
    tries = iter([LabBroken("the kernel refused"), None])

    def switch(_: object) -> None:
        problem = next(tries)
        if problem is not None:
            raise problem

    monkeypatch.setattr(faults, "_switch", switch)
    with pytest.raises(LabBroken, match="the kernel refused; router_killed: msee1 was taken back"):
        faults.inject(DEAD)
    assert in_force(faults) == ([], [])
    assert routers.asked == [("freeze", "msee1"), ("kill", "msee1"), ("start again", "msee1")]


def test_a_router_that_did_not_start_again_is_still_dead(routers: Routers) -> None:
    """Healing that failed at a router's start can be asked for again."""
    faults = Failing(PLAN, {}, routers)
    faults.inject(DEAD)
    assert in_force(faults) == ([DEAD.fault], ["msee1"])
    routers.fails = {"start again"}
    with pytest.raises(LabBroken):
        faults.heal(DEAD.fault)
    assert in_force(faults) == ([DEAD.fault], ["msee1"])
    routers.fails = set()
    faults.heal(DEAD.fault)
    assert in_force(faults) == ([], [])
    assert routers.asked.count(("kill", "msee1")) == 1
