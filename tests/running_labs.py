"""Labs of plans that stay up while a test asks them; the test's process has to know where their state is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from erlab_command import Ended, Erlab
from lab.codec import plain
from lab.commands.live import ANSWER_DEADLINE_S, converge
from lab.controller import Lab, find_lab
from lab.messages import SendStreams, StreamsSent
from lab.plan import NodePlan, Plan
from lab.questions.tables import ReadTables, Tables
from lab.shaping import Impairment, Queues
from lab.streams import Trial, TrialResult

SETTLES_S = 40.0
_MOST_TRIALS = 8


def leave_up(erlab: Erlab, plan: Plan) -> Ended:
    """Build a plan's lab, and leave it running."""
    return erlab.run_plan([plain(plan)], erlab.name)


@contextmanager
def running(erlab: Erlab, plan: Plan) -> Iterator[Lab]:
    """A lab that is up, and a connection to it."""
    built = leave_up(erlab, plan)
    assert built.code == 0, built.err
    with find_lab(erlab.name) as lab:
        yield lab


def pending(lab: Lab, timeout_s: float = SETTLES_S) -> tuple[str, ...]:
    """What keeps a lab from having converged when the time is over; nothing where it has."""
    return converge(lab, (), timeout_s).pending


def established(lab: Lab) -> set[str]:
    """The sessions that are Established, by the router that says so."""
    tables = lab.channel.ask(ReadTables(), Tables, deadline_s=ANSWER_DEADLINE_S).tables
    return {f"{one.router} {s.session}" for one in tables.routers for s in one.sessions if s.established}


def trial(lab: Lab, one: Trial) -> TrialResult:
    """What became of streams, the first time that this computer was quick enough to send and receive them."""
    result = None
    for _ in range(_MOST_TRIALS):
        result = lab.channel.ask(SendStreams(trial=one), StreamsSent, deadline_s=one.duration_s + 30).result
        if not result.disturbed:
            return result
    raise AssertionError(result)


def impaired(plan: Plan, **wires: tuple[Impairment, Impairment]) -> Plan:
    """A plan some of whose wires are impaired, by the name of the node at their second end."""
    return replace(
        plan,
        wires=tuple(replace(w, impairments=wires.get(w.ends[1].node, w.impairments)) for w in plan.wires),
    )


def queued(plan: Plan, router: str, *queues: Queues) -> Plan:
    """A plan with queues at a router."""

    def with_queues(node: NodePlan) -> NodePlan:
        return replace(node, queues=queues) if node.name == router else node

    return replace(plan, nodes=tuple(map(with_queues, plan.nodes)))
