"""Faults of a running lab, the stream that measures them, and that nothing is left of either."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from erlab_command import Erlab
from lab.bgp import Family
from lab.controller import Lab, find_lab
from lab.failover import SteadyStream, direction_result
from lab.messages import AwaitQuiet, Quiet, StartStream, StopStream, Streamed, Streaming
from lab.questions.control import ReadStatus
from lab.questions.plans import Status
from lab_processes import await_

TESTS = Path(__file__).parents[1]
FAILOVER = TESTS.parent / "topologies" / "failover.yaml"
DEADLINE_S = 30.0
ACCURACY_MS, TRIES = 5.0, 5


def write(tmp_path: Path, name: str, *expect: str, keys: str = "bfd: true") -> Path:
    """The shipped topology of failovers with other expectations, and with other keys of its peering."""
    text = FAILOVER.read_text(encoding="utf-8").partition("\nexpect:")[0]
    text = text.replace("contoso-failover", name).replace("../policies", str(FAILOVER.parents[1] / "policies"))
    assert "bfd: true" in text
    text = text.replace("bfd: true", keys)
    file = tmp_path / "failover.yaml"
    file.write_text("\n".join([text, "expect:", *(f"  - {one}" for one in expect), ""]), encoding="utf-8")
    return file


def failover(when: str, *more: str, limit: str = "2 s") -> str:
    """An expectation of a failover."""
    return f"failover: {{{', '.join([f'when: {{{when}}}', 'from: hq', 'to: hub', f'outage_under: {limit}', *more])}}}"


@pytest.fixture
def _state(erlab: Erlab, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process finds the labs of the command."""
    monkeypatch.setenv("ERLAB_STATE_DIR", str(erlab.state))


def measured(lab: Lab, erlab: Erlab, wanted_ms: int) -> tuple[Streamed, dict[str, float]]:
    """A stream across a known loss at the VNet's host, and how long that lasted."""
    stream = SteadyStream(source="hq", destination="hub", family=Family.IPV4)
    assert lab.channel.ask(StartStream(stream=stream), Streaming, deadline_s=DEADLINE_S).why_not == ""
    argv = ("hub", sys.executable, str(TESTS / "blackhole.py"), "eth0", str(wanted_ms))
    known = json.loads(erlab.shell(*argv))
    quiet = lab.channel.ask(AwaitQuiet(quiet_s=0.1, deadline_s=DEADLINE_S), Quiet, deadline_s=DEADLINE_S)
    assert quiet.reached
    return lab.channel.ask(StopStream(), Streamed, deadline_s=DEADLINE_S), known


@pytest.mark.usefixtures("_state")
def test_an_outage_is_as_long_as_the_loss(erlab: Erlab, tmp_path: Path) -> None:
    """The figure is within 5 ms of a loss of 100, 500 and 2,000 ms that something else makes and times.

    A loss is made again where the stream itself paused for longer at one of its ends, as on a busy machine.
    """
    erlab.does("up", write(tmp_path, erlab.name, "session: ce1 - msee1"), "--timeout", "30")
    with find_lab(erlab.name) as lab:
        for wanted_ms in (100, 500, 2000):
            tries = (error_ms(*measured(lab, erlab, wanted_ms)) for _ in range(TRIES))
            off_ms = next((one for one in tries if one is not None), None)
            assert off_ms is not None, "this machine is too busy to measure"
            assert off_ms <= ACCURACY_MS


def error_ms(streamed: Streamed, known: dict[str, float]) -> float | None:
    """How far the measured outage is outside of what is known; None where it is too uncertain by its own account."""
    begin, end = streamed.there.sent_ns[0], streamed.there.sent_ns[-1]
    found, other = (
        direction_result(one, fault_ns=begin, healing_ns=end).during for one in (streamed.there, streamed.back)
    )
    assert (len(found.gaps), other.lost) == (1, 0)
    assert found.outage_ms + found.uncertainty_ms >= known["least_ms"]
    assert found.outage_ms - found.uncertainty_ms <= known["most_ms"]
    if found.uncertainty_ms > ACCURACY_MS:
        return None
    return max(0.0, known["least_ms"] - found.outage_ms, found.outage_ms - known["most_ms"])


def outcomes(document: Any) -> list[tuple[str, str]]:  # noqa: ANN401  # JSON has no narrower type
    """Each verdict about a failover and its cause, where it has one."""
    return [(one["outcome"], one["cause"] or "") for one in document["verdicts"] if one["kind"] == "failover"]


def kernel_state(erlab: Erlab) -> dict[str, list[str]]:
    """What the kernel holds of each router: addresses, routes of all tables, rules, written neighbours and filters."""
    commands = "ip -o addr; ip neigh show nud permanent; nft list ruleset" + "".join(
        f"; ip {family} route show table all; ip {family} rule" for family in ("-4", "-6")
    )
    return {
        router: sorted(
            line.partition("valid_lft")[0] for line in erlab.shell(router, "sh", "-c", commands).splitlines()
        )
        for router in ("ce1", "ce2", "msee1", "msee2", "gw")
    }


@pytest.mark.usefixtures("_state")
def test_every_fault_is_survived_and_healed(erlab: Erlab, tmp_path: Path) -> None:
    """Each kind of fault passes in one lab; afterwards the lab is what it was, and nothing of the stream is left.

    A stream that does not cross what fails proves nothing, and says so. A command that is killed leaves no fault.
    """
    file = write(
        tmp_path,
        erlab.name,
        failover("link_down: primary"),
        failover("silent_loss: primary, towards: ce1", limit="4 s"),
        failover("session_reset: ce1 - msee1"),
        failover("maintenance: primary"),
        failover("router_killed: msee1", "family: ipv6", "back_under: 2 s"),
        failover("silent_loss: ce2 - msee2", limit="100 ms"),
    )
    erlab.does("up", file, "--timeout", "30")
    before = kernel_state(erlab)
    tested = erlab.run("test", file, "--lab", erlab.name, "--timeout", "20", "--format", "json")

    *survived, untested = outcomes(tested.document)
    assert survived == [("passed", "")] * 5, tested.document["verdicts"]
    assert untested[0] == "inconclusive"
    assert "did not cross" in tested.document["verdicts"][-1]["observed"]["text"]
    assert kernel_state(erlab) == before
    assert "erlab-stream" not in {process.name for process in erlab.processes()}
    assert tested.document["model"]["differences"] == []
    assert all(run["detect_ms"] is not None for one in tested.document["failovers"][:-1] for run in one["runs"])
    [killed] = [one for one in tested.document["failovers"] if one["fault"] == "router_killed: msee1"]
    assert {event["node"] for event in killed["runs"][0]["events"] if event["kind"] == "session_down"} >= {"ce1", "gw"}

    command = erlab.start("test", file, "--lab", erlab.name, "--timeout", "20")
    with find_lab(erlab.name) as lab:
        await_(lambda: lab.channel.ask(ReadStatus(), Status, deadline_s=DEADLINE_S).failed, "a fault in force")
        command.kill()
        await_(lambda: not lab.channel.ask(ReadStatus(), Status, deadline_s=DEADLINE_S).failed, "nothing in force")
    command.communicate()
    await_(lambda: kernel_state(erlab) == before, "routes as before")


def test_what_fails_for_the_stated_reason(erlab: Erlab, tmp_path: Path) -> None:
    """The controls: without BFD silent loss outlasts the limit, and with both links closed there is no way at all."""
    file = write(
        tmp_path,
        erlab.name,
        failover("silent_loss: primary", limit="1 s"),
        failover("peering_disabled: private", limit="1 s"),
        failover("link_down: primary", "lost_under: 1"),
        keys="hold_time: 60 s",
    )
    tested = erlab.run("test", file, "--timeout", "20", "--format", "json")

    silent, disabled, counted = outcomes(tested.document)
    assert tested.code == 1
    assert silent[0] == disabled[0] == counted[0] == "failed", tested.document["verdicts"]
    assert "did not notice in" in silent[1]
    assert "BFD is off at" in silent[1]
    assert "the hold time of" in silent[1]
    assert "there is no other way: ce1 has no route to 10.100.0.4" in disabled[1]
    assert [one["predicted"]["holds"] for one in tested.document["verdicts"]] == [None, False, None]


def test_fail_and_heal(erlab: Erlab, tmp_path: Path) -> None:
    """For an ordinary user: faults last until they are healed, and show; a killed router breaks nothing.

    Nor do they let anything pass because it is not there.
    """
    user = erlab.ordinary
    user.does("up", write(tmp_path, erlab.name, "session: ce1 - msee1"), "--timeout", "30")
    for words in (("link_down", "primary"), ("router_killed", "msee2"), ("maintenance:", "primary")):
        user.does("fail", *words)
    status = user.does("status", "--format", "json").document["labs"][0]
    assert status["failed"] == ["link_down: primary", "router_killed: msee2", "maintenance: primary"]
    probed = user.run("probe", "hq", "hub", "--format", "json").document["probes"]
    assert not any(one["answered"] for one in probed)
    absent = write(
        tmp_path, erlab.name, "session: {between: ce1 - msee1, state: down}", "unreachable: {from: hq, to: hub}"
    )
    tested = user.run("test", absent, "--lab", erlab.name, "--timeout", "1", "--format", "json")
    assert [(one["outcome"], one["observed"]["holds"]) for one in tested.document["verdicts"]] == [
        ("inconclusive", True),
        ("inconclusive", None),
    ]
    assert tested.code == 3
    again = user.run("fail", "link_down", "primary")
    assert (again.code, "end it first with `erlab heal link_down primary`" in again.err) == (2, True)
    user.does("heal", "router_killed", "msee2", "--timeout", "20")
    user.does("heal", "--timeout", "20")
    assert user.does("status", "--format", "json").document["labs"][0]["failed"] == []
    await_(lambda: user.run("probe", "hq", "hub").code == 0, "packets as before")
    wrong = user.run("fail", "link_down", "ce1 - ce2")
    assert (wrong.code, "share their network" in wrong.err) == (2, True)
