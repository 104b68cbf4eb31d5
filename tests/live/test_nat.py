"""Source address translation: what the far end sees, what comes back, and what a lost link does to both."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from erlab_command import DEADLINE_S, ERLAB, USERS, Erlab
from lab.bgp import parse_prefix
from lab.causes import verdicts
from lab.checks import Evidence, Outcome, Verdict
from lab.commands.live import converge
from lab.controller import Lab, find_lab
from lab.expectations import Expectation, NatExpectation
from lab.forwarding import FlowResult, predict_flow
from lab.plan import Plan
from lab.predict import predict
from lab.questions.packets import Probe, Probed
from lab.questions.tables import ReadTables, Tables
from lab.tables import LabTables, differences
from lab_processes import await_
from running_labs import leave_up
from translating import (
    FLOW,
    FROM_POOL,
    HQ,
    HQ_HOST,
    POOL,
    POOL_2,
    SVC_HOST,
    common_pool,
    pool_per_link,
    two_edges,
    untranslated,
    with_default_route,
)

UNUSED = "203.0.113.7"
TRANSLATED = NatExpectation(where="", source="hq", destination="svc", pool=parse_prefix(POOL), at=("ce1",))
FEW = 10
"""More packets than BGP sends in the meantime, and fewer than one packet becomes that loops until its TTL ends."""
TESTS = Path(__file__).parents[1]
WITHOUT_NFT = (
    *("unshare", "--user", "--map-root-user", "--mount", "sh", "-c"),
    'mount --bind /dev/null "$(command -v nft)" && exec "$@"',
    "sh",
)
"""Runs a command where there is no program nft."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A lab that is up, and what its plan predicts."""

    erlab: Erlab
    lab: Lab
    plan: Plan

    def tables(self) -> LabTables:
        """The lab's tables."""
        return self.lab.channel.ask(ReadTables(), Tables, deadline_s=DEADLINE_S).tables

    def probe(self) -> FlowResult:
        """What becomes of a packet from the customer to the service."""
        probed = self.lab.channel.ask(Probe(flows=(FLOW,), deadline_s=2.0), Probed, deadline_s=DEADLINE_S)
        return probed.results[0]

    def predicted(self) -> FlowResult:
        """The same in the model."""
        return predict_flow(self.plan, predict(self.plan).tables, FLOW)

    def verdict(self, expectation: Expectation = FROM_POOL) -> Verdict:
        """The answer to an expectation about that packet."""
        prediction = predict(self.plan)
        modelled = Evidence(plan=self.plan, tables=prediction.tables, flows={FLOW: self.predicted()})
        observed = Evidence(plan=self.plan, tables=self.tables(), flows={FLOW: self.probe()})
        (verdict,) = verdicts([expectation], prediction, modelled, observed)
        return verdict

    def loses_the_first_link(self) -> None:
        """Cut the link to the first Microsoft edge, and wait until packets go by the second both ways."""
        self.erlab.shell("ce1", "ip", "link", "set", "to-msee1", "down")
        await_(lambda: self.probe().answered and "msee2" in self.probe().forward, "packets by the second link")

    @contextmanager
    def flow(self) -> Iterator[UdpFlow]:
        """A UDP flow from the customer to the service, whose packets are sent one by one."""
        with self._python("svc", "serve", SVC_HOST) as server, udp_flow(self._python("hq", "ask", SVC_HOST)) as asking:
            assert server.stdout is not None
            assert server.stdout.readline() == "serving\n"
            yield asking
            server.communicate(timeout=DEADLINE_S)

    def unanswered(self) -> None:
        """Send a packet from the service to an address of the pool that no flow has."""
        with udp_flow(self._python("svc", "ask", UNUSED)) as asking:
            assert asking.asks() == "nothing"

    def _python(self, node: str, verb: str, address: str) -> subprocess.Popen[str]:
        argv = [ERLAB, "shell", node, "--", sys.executable, str(TESTS / "udp_flow.py"), verb, address]
        return subprocess.Popen(  # noqa: S603
            argv, env=self.erlab.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )


class UdpFlow:
    """One flow: every packet has the same addresses and ports."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def asks(self) -> str:
        """The source that the service saw, as it answered; or `nothing`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


@contextmanager
def udp_flow(process: subprocess.Popen[str]) -> Iterator[UdpFlow]:
    """A flow, as long as the process runs that sends its packets."""
    with process:
        try:
            yield UdpFlow(process)
        finally:
            process.communicate(timeout=DEADLINE_S)


@pytest.fixture
def up(erlab: Erlab, monkeypatch: pytest.MonkeyPatch) -> Iterator[_Starter]:
    """Starts labs; a lab has converged, and is what the model predicts, before it is handed out."""
    monkeypatch.setenv("ERLAB_STATE_DIR", str(erlab.state))
    starter = _Starter(erlab)
    yield starter
    starter.close()


class _Starter:
    def __init__(self, erlab: Erlab) -> None:
        self._erlab = erlab
        self._labs: list[Lab] = []

    def __call__(self, plan: Plan, *, prefix: tuple[str, ...] = ()) -> Running:
        built = leave_up(replace(self._erlab, prefix=prefix), plan)
        assert built.code == 0, built.err
        lab = find_lab(self._erlab.name)
        self._labs.append(lab)
        assert converge(lab, (), 20.0).pending == ()
        running = Running(erlab=self._erlab, lab=lab, plan=plan)
        assert list(differences(predict(plan).tables, running.tables())) == []
        return running

    def close(self) -> None:
        for lab in self._labs:
            lab.channel.close()


@pytest.mark.parametrize("prefix", USERS)
def test_the_far_end_sees_an_address_of_the_pool(up: _Starter, prefix: tuple[str, ...]) -> None:
    """The private source arrives as one of the pool, the answer comes back to it, and both go as predicted."""
    running = up(common_pool(), prefix=prefix)
    seen, predicted = running.probe(), running.predicted()
    assert isinstance(seen.source_seen, IPv4Address)
    assert seen.source_seen in parse_prefix(POOL)
    assert predicted.source_seen == parse_prefix(POOL)
    assert [source for _, source in seen.sources] == [IPv4Address(HQ_HOST), *[seen.source_seen] * 3]
    assert (seen.answered, seen.forward, seen.backward) == (True, predicted.forward, predicted.backward)
    assert running.verdict().outcome is Outcome.PASSED


@pytest.mark.parametrize(
    "plan", [pytest.param(untranslated(), id="no_nat"), pytest.param(common_pool(exempt=(HQ,)), id="exempt")]
)
def test_without_translation_the_private_source_arrives(up: _Starter, plan: Plan) -> None:
    """The negative control: the far end sees the private source, and its answer has no way, as predicted."""
    running = up(plan)
    seen, predicted = running.probe(), running.predicted()
    assert (seen.source_seen, predicted.source_seen) == (IPv4Address(HQ_HOST), IPv4Address(HQ_HOST))
    assert (seen.arrived, seen.answered, predicted.arrived, predicted.answered) == (True, False, True, False)
    assert (seen.forward, seen.backward) == (predicted.forward, predicted.backward)
    assert running.verdict().observed.text == f"ipv4: arrived from {HQ_HOST}"


def test_bgp_is_not_translated(up: _Starter) -> None:
    """The neighbour's session is with the edge's own address: its own packets keep their source."""
    running = up(common_pool())
    peers = running.erlab.shell("msee1", "ss", "-Htn", "state", "established")
    session = next(one for one in running.plan.node("ce1").bgp.sessions if one.neighbor == "msee1")  # type: ignore[union-attr]  # a router
    assert f"{session.local_address}:" in peers
    assert "203.0.113." not in peers


def test_a_flow_survives_the_loss_of_a_link_with_a_common_pool(up: _Starter) -> None:
    """With one pool for both links, a flow goes on by the other link with the address that it had."""
    running = up(common_pool())
    with running.flow() as flow:
        before = flow.asks()
        running.loses_the_first_link()
        after = flow.asks()
    assert IPv4Address(before) in parse_prefix(POOL)
    assert after == before


def test_a_flow_dies_with_its_link_where_each_has_a_pool(up: _Starter) -> None:
    """With a pool per link, a flow keeps an address that is announced no more; a new one gets one of the other pool."""
    running = up(pool_per_link())
    with running.flow() as flow:
        before = flow.asks()
        running.loses_the_first_link()
        after = flow.asks()
    with running.flow() as another:
        new = another.asks()
    assert IPv4Address(before) in parse_prefix(POOL)
    assert after == "nothing"
    assert IPv4Address(new) in parse_prefix(POOL_2)
    assert running.probe().source_seen in parse_prefix(POOL_2)


def test_an_answer_by_another_edge_is_lost_there(up: _Starter) -> None:
    """The second edge has no translation for an answer of the first's, and discards it, as predicted."""
    running = up(two_edges(returns_by="msee2"))
    seen, predicted = running.probe(), running.predicted()
    assert (seen.arrived, seen.answered, predicted.arrived, predicted.answered) == (True, False, True, False)
    assert seen.backward == predicted.backward == ("svc", "ms", "msee2", "ce2")
    assert seen.stopped == "the answer: entered ce2 by to-msee2 and did not leave it"
    verdict = running.verdict()
    assert verdict.outcome is Outcome.FAILED
    assert verdict.cause.endswith("; ce1 translated the request, and ce2 knows nothing of that")
    assert running.verdict(TRANSLATED).cause == verdict.cause


def test_an_answer_by_the_same_edge_arrives(up: _Starter) -> None:
    """The negative control: of the same two edges, the one that translated gets the answer.

    Who expects a translation is told even so that the other edge has the same pool, and where answers would be lost.
    """
    running = up(two_edges(returns_by="msee1"))
    assert running.verdict().outcome is Outcome.PASSED
    verdict = running.verdict(TRANSLATED)
    assert verdict.outcome is Outcome.FAILED
    assert verdict.cause.startswith(f"packet: the same pool on both paths: ce2 translates to {POOL} too")


def test_a_common_pool_of_one_edge_takes_answers_by_either_link(up: _Starter) -> None:
    """An answer that comes back by the other link of the same edge is translated back."""
    running = up(common_pool(returns_by="msee2"))
    seen = running.probe()
    assert (seen.answered, seen.backward) == (True, ("svc", "ms", "msee2", "ce1", "hq"))
    assert seen.backward == running.predicted().backward
    verdict = running.verdict(TRANSLATED)
    assert verdict.outcome is Outcome.PASSED
    assert verdict.observed.text == f"arrived from {seen.source_seen}, translated by ce1; answered via ms msee2 ce1"


def test_a_pool_that_is_not_announced_gets_no_answer(up: _Starter) -> None:
    """Packets arrive from the pool, but its answers have no route, and the cause is what keeps it from being sent."""
    running = up(common_pool(announced="nothing"))
    seen, verdict = running.probe(), running.verdict()
    assert (seen.arrived, seen.answered, seen.backward) == (True, False, running.predicted().backward)
    assert "ce1 does not send 203.0.113.0/29 to msee1: export policy nothing" in verdict.cause


def test_a_translation_that_is_gone_is_noticed(up: _Starter) -> None:
    """Where the rules are taken away behind the lab's back, the check fails and names the router."""
    running = up(common_pool())
    assert running.verdict().outcome is Outcome.PASSED
    running.erlab.shell("ce1", "nft", "delete", "table", "ip", "erlab")
    verdict = running.verdict()
    assert (verdict.outcome, verdict.predicted.holds) == (Outcome.FAILED, True)
    assert verdict.observed.text == f"ipv4: arrived from {HQ_HOST}"
    assert f"ce1 sent it on with the source {HQ_HOST}, though its translation makes {POOL} of that" in verdict.cause


def packets_sent_back(running: Running) -> int:
    """How many packets the edge sends to Microsoft while one is sent to an address of the pool that no flow has."""
    before = _sent(running)
    running.unanswered()
    return _sent(running) - before


def _sent(running: Running) -> int:
    (link,) = json.loads(running.erlab.shell("ce1", "ip", "-json", "-stats", "link", "show", "to-msee1"))
    return int(link["stats64"]["tx"]["packets"])


def test_packets_to_an_unused_address_of_the_pool_do_not_loop(up: _Starter) -> None:
    """An edge with a default route discards them; without its route for the pool it would send them back for ever."""
    running = up(with_default_route())
    assert packets_sent_back(running) < FEW
    running.erlab.shell("ce1", "ip", "route", "del", "blackhole", POOL, "metric", "2048")
    assert packets_sent_back(running) > FEW


def test_nothing_leaks_out_of_the_lab(up: _Starter) -> None:
    """The tables are in the translating router's namespace alone, and gone with the lab."""
    running = up(common_pool())
    assert "snat to" in running.erlab.shell("ce1", "nft", "list", "ruleset")
    assert running.erlab.shell("msee1", "nft", "list", "ruleset") == ""
    assert "table ip erlab" not in running.erlab.run_any("nft", "list", "ruleset").out


@pytest.mark.netns  # a container has an nft of its own
def test_without_nft_a_lab_that_needs_it_is_refused(erlab: Erlab) -> None:
    """Before anything is built, a message names the routers and the package; other labs need no nft."""
    without = replace(erlab, prefix=WITHOUT_NFT)
    ended = leave_up(without, common_pool())
    assert ended.code != 0
    assert "ce1 translates addresses, which takes the program nft, and it is not installed" in ended.err
    assert "install the package nftables" in ended.err
    await_(lambda: not erlab.processes(), "the end of every process")
    assert leave_up(without, untranslated()).code == 0
