"""FRR's bfdd as the neighbour of a router in a live lab: sessions come Up, timers are negotiated, loss is noticed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from erlab_command import ERLAB, Erlab
from frr import Daemon
from frr_host import bfdd_command
from lab.bfd import BfdStatus, State, negotiated
from lab.bgp import Family
from lab.controller import find_lab
from lab.expressroute.assumptions import Assumptions
from lab.plan import BfdPlan, Plan
from lab.plan.microsoft_edge import edge_bfd
from lab.questions.tables import ReadTables, Tables
from lab_processes import adopt_orphans, await_, bury_the_dead
from networks import Net
from running_labs import leave_up

HERE = Path(__file__).parents[1]
OURS = edge_bfd(Assumptions())
PEERS = {"100.64.0.1": "100.64.0.2", "fd00::1": "fd00::2"}
"""Our addresses, and FRR's."""
SESSIONS = ("x/ipv4", "x/ipv6")
_HIDDEN = """
    mount -t tmpfs none /var/tmp && mount -t tmpfs none /run && printf 'root:x:0:\\nfrrvty:x:0:root\\n' >/run/group &&
    mount --bind /run/group /etc/group && exec "$@"
"""
"""bfdd insists that its user is in a group, and keeps files in /var/tmp."""


def plan() -> Plan:
    """A router `r` with BFD for its two sessions with `x`, which is FRR."""
    net = Net()
    net.router("r", 65010)
    net.outsider("r", "x", 65001, families=tuple(Family))
    made = net.plan()
    r, x = made.nodes
    assert r.bgp is not None
    sessions = tuple(replace(one, bfd=OURS) for one in r.bgp.sessions)
    return replace(made, nodes=(replace(r, bgp=replace(r.bgp, sessions=sessions)), x))


def configuration(timers: BfdPlan, *more: str) -> str:
    """What bfdd is told of both peers."""
    lines = ["bfd"]
    for ours, theirs in PEERS.items():
        lines += [
            f"peer {ours} local-address {theirs}",
            f"transmit-interval {timers.transmit_interval_ms}",
            f"receive-interval {timers.receive_interval_ms}",
            f"detect-multiplier {timers.multiplier}",
            *more,
            "exit",
        ]
    return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """The lab with `r`, and bfdd in it."""

    erlab: Erlab
    frr: Daemon

    def ours(self) -> list[BfdStatus | None]:
        """BFD of our sessions."""
        with find_lab(self.erlab.name) as lab:
            tables = lab.channel.ask(ReadTables(), Tables, deadline_s=10).tables.of("r")
        return [one.bfd for one in tables.sessions]

    def theirs(self) -> list[dict[str, Any]]:
        """What bfdd shows of its peers, IPv4 first."""
        shown = self.frr.ask_json("show bfd peers json")
        return sorted(shown, key=lambda one: ":" in one["peer"])

    def await_up(self, timers: BfdPlan) -> list[dict[str, Any]]:
        """Wait until both ends are Up with what both have configured; what bfdd shows."""
        await_(lambda: self.ours() == [negotiated(OURS, timers)] * 2, "our end Up")

        def found() -> list[dict[str, Any]]:
            shown = self.theirs()
            up = all(one["status"] == "up" for one in shown)
            return (
                shown
                if up and all(one["remote-transmit-interval"] == OURS.transmit_interval_ms for one in shown)
                else []
            )

        return await_(found, "FRR's end Up")

    def await_down(self) -> list[dict[str, Any]]:
        """Wait until our end is Down; what bfdd shows then."""
        await_(lambda: {one.state for one in self.ours() if one} == {State.DOWN}, "our end Down")
        return self.theirs()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The lab."""
    adopt_orphans()
    erlab = Erlab(state=tmp_path_factory.mktemp("state"), name="bfd-oracle")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ERLAB_STATE_DIR", str(erlab.state))
        try:
            built = leave_up(erlab, plan())
            assert built.code == 0, built.err
            with _bfdd(erlab, tmp_path_factory.mktemp("frr")) as frr:
                yield Live(erlab=erlab, frr=frr)
        finally:
            erlab.end_everything()
            bury_the_dead()


@contextmanager
def _bfdd(erlab: Erlab, directory: Path) -> Iterator[Daemon]:
    """FRR's bfdd in the node `x`, with mounts of its own."""
    (directory / "bfdd.conf").touch()
    hidden = ("unshare", "--mount", "sh", "-c", _HIDDEN, "sh")
    with (directory / "bfdd.log").open("wb") as log:
        started = subprocess.Popen(  # noqa: S603
            [ERLAB, "shell", "x", "--", *hidden, *bfdd_command(str(directory))],
            env=erlab.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    frr = Daemon("bfdd", directory)
    try:
        frr.begin()
        yield frr
    finally:
        frr.close()
        pid = (directory / "bfdd.pid").read_text(encoding="utf-8").strip()
        erlab.shell("x", "sh", "-c", f"kill {pid}")
        started.wait(timeout=10)


TIMERS = {
    "as Microsoft's": BfdPlan(transmit_interval_ms=300, receive_interval_ms=300, multiplier=3),
    "slower": BfdPlan(transmit_interval_ms=750, receive_interval_ms=750, multiplier=3),
    "quicker": BfdPlan(transmit_interval_ms=100, receive_interval_ms=100, multiplier=5),
    "slow to send": BfdPlan(transmit_interval_ms=1500, receive_interval_ms=300, multiplier=2),
}


@pytest.mark.parametrize("name", TIMERS)
def test_both_are_up_with_the_slower_timers(live: Live, name: str) -> None:
    """Both ends come Up over IPv4 and IPv6, FRR has our timers, and we the slower of both; changes are polled."""
    timers = TIMERS[name]
    live.frr.configure(configuration(timers, "no shutdown"))
    for one in live.await_up(timers):
        assert one["remote-receive-interval"] == OURS.receive_interval_ms
        assert one["remote-transmit-interval"] == OURS.transmit_interval_ms
        assert one["remote-detect-multiplier"] == OURS.multiplier
        assert one["remote-echo-receive-interval"] == 0
        assert (one["diagnostic"], one["remote-diagnostic"]) == ("ok", "ok")


@pytest.mark.parametrize("name", ["as Microsoft's", "slower"])
def test_both_notice_silence(live: Live, name: str) -> None:
    """When the wire loses everything both ends go Down because the detection time expired, and then come back."""
    live.frr.configure(configuration(TIMERS[name], "no shutdown"))
    live.await_up(TIMERS[name])
    hooks = [
        f"add chain netdev lost {hook} {{ type filter hook {hook} device to-r priority 0; policy drop; }}"
        for hook in ("ingress", "egress")
    ]
    live.erlab.shell("x", "nft", "; ".join(["add table netdev lost", *hooks]))
    try:
        live.await_down()
        expired = "control detection time expired"
        await_(lambda: {one["diagnostic"] for one in live.theirs()} == {expired}, "FRR's end Down")
    finally:
        live.erlab.shell("x", "nft", "delete table netdev lost")
    live.await_up(TIMERS[name])


def test_frr_is_shut_down(live: Live) -> None:
    """When FRR's administrator shuts its sessions down ours go Down because of that, and come back with them."""
    timers = TIMERS["as Microsoft's"]
    live.frr.configure(configuration(timers, "no shutdown"))
    live.await_up(timers)
    live.frr.configure(configuration(timers, "shutdown"))
    live.await_down()
    assert {one["status"] for one in live.theirs()} == {"shutdown"}
    live.frr.configure(configuration(timers, "no shutdown"))
    live.await_up(timers)
