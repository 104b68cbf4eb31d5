"""The BFD state machine against RFC 5880 §6.8: transitions, Poll Sequences and timers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

import pytest

from lab.bfd import BfdStatus, Changed, ControlPacket, Diagnostic, Output, Session, State, negotiated
from lab.plan import BfdPlan

PEER = ip_address("172.16.0.1")
MINE, THEIRS = 7, 9
SLOW_US = 1_000_000
LONGEST = 1.0
"""What a source of numbers has to say for the longest interval: no jitter."""


def session(plan: BfdPlan | None = None, *, random: float = LONGEST) -> Session:
    """A session whose jitter is always the same."""
    return Session(plan or BfdPlan(), peer=PEER, discriminator=MINE, random=lambda: random)


def packet(state: State, **fields: object) -> ControlPacket:
    """A packet from the peer, whose timers are 300/300/3."""
    made = ControlPacket(
        state=state,
        multiplier=3,
        my_discriminator=THEIRS,
        your_discriminator=MINE,
        desired_min_transmit_us=300_000,
        required_min_receive_us=300_000,
    )
    return replace(made, **fields)  # type: ignore[arg-type]  # names of fields


def sent(output: Sequence[Output]) -> list[ControlPacket]:
    """The packets among what a session wants."""
    return [one for one in output if isinstance(one, ControlPacket)]


def failures(output: Sequence[Output]) -> list[str]:
    """Why the path failed, where something says so."""
    return [one.failure for one in output if isinstance(one, Changed) and one.failure]


def session_in(state: State, plan: BfdPlan | None = None, *, random: float = LONGEST) -> Session:
    """A session that is in a state at time 0, having sent at 0."""
    made = session(plan, random=random)
    made.elapse(0.0)
    for heard in {State.DOWN: (), State.INIT: (State.DOWN,), State.UP: (State.DOWN, State.UP)}[state]:
        made.receive(packet(heard), 0.0)
    assert made.status.state is state
    return made


# the state machine


TRANSITIONS = {
    (State.DOWN, State.ADMIN_DOWN): State.DOWN,
    (State.DOWN, State.DOWN): State.INIT,
    (State.DOWN, State.INIT): State.UP,
    (State.DOWN, State.UP): State.DOWN,
    (State.INIT, State.ADMIN_DOWN): State.DOWN,
    (State.INIT, State.DOWN): State.INIT,
    (State.INIT, State.INIT): State.UP,
    (State.INIT, State.UP): State.UP,
    (State.UP, State.ADMIN_DOWN): State.DOWN,
    (State.UP, State.DOWN): State.DOWN,
    (State.UP, State.INIT): State.UP,
    (State.UP, State.UP): State.UP,
}


@pytest.mark.parametrize(("before", "heard"), TRANSITIONS)
def test_a_state_that_is_heard(before: State, heard: State) -> None:
    """Every state of the peer moves a session as RFC 5880 §6.8.6 says."""
    made = session_in(before)
    made.receive(packet(heard), 0.0)
    assert made.status.state is TRANSITIONS[before, heard]


@pytest.mark.parametrize("before", [State.DOWN, State.INIT, State.UP])
def test_a_detection_time_without_a_packet(before: State) -> None:
    """A session in Init or Up goes Down when the detection time is over, with diagnostic 1 (RFC 5880 §6.8.4)."""
    made = session_in(before)
    output = made.elapse(3.0)
    assert made.status.state is State.DOWN
    diagnostics = {one.diagnostic for one in sent(output)}
    expired = Diagnostic.CONTROL_DETECTION_TIME_EXPIRED
    assert diagnostics == {Diagnostic.NONE if before is State.DOWN else expired}


def test_a_lost_peer_is_forgotten() -> None:
    """After the detection time the peer's discriminator is zero again (RFC 5880 §6.8.1)."""
    made = session_in(State.UP)
    assert {one.your_discriminator for one in sent(made.elapse(0.3))} == {THEIRS}
    assert {one.your_discriminator for one in sent(made.elapse(1.0))} == {0}


@pytest.mark.parametrize("heard", [State.DOWN, State.ADMIN_DOWN])
def test_a_signaled_end_has_diagnostic_3(heard: State) -> None:
    """A session that goes Down because its peer says so tells that (RFC 5880 §6.8.6)."""
    assert sent(session_in(State.UP).receive(packet(heard), 0.1))[0].diagnostic == 3


def test_up_again_has_no_diagnostic() -> None:
    """The diagnostic is that of the latest change of state (RFC 5880 §6.8.1)."""
    made = session_in(State.UP)
    made.receive(packet(State.DOWN), 0.1)
    made.receive(packet(State.DOWN), 0.2)
    assert sent(made.receive(packet(State.INIT), 0.3))[0].diagnostic == 0


# failures, for BGP


def test_silence_is_a_failure() -> None:
    """A session that was Up and hears nothing any more says who is silent, and for how long."""
    assert failures(session_in(State.UP).elapse(0.9)) == ["BFD: no packet from 172.16.0.1 for 900 ms"]


def test_what_was_never_up_cannot_fail() -> None:
    """A session that expires in Init has no failure to tell: it never was Up (RFC 5882 §4.2)."""
    made = session_in(State.INIT)
    assert failures(made.elapse(0.9)) == []
    assert made.status.state is State.DOWN


def test_a_shutdown_by_the_peers_administrator_is_no_failure() -> None:
    """AdminDown takes a session Down and says nothing of the path (RFC 5882 §3.2)."""
    output = session_in(State.UP).receive(packet(State.ADMIN_DOWN, diagnostic=7), 0.1)
    assert [one.status.state for one in output if isinstance(one, Changed)] == [State.DOWN]
    assert failures(output) == []


@pytest.mark.parametrize(
    ("diagnostic", "words"),
    [(0, "without a reason"), (1, "its detection time expired"), (5, "a path is down"), (9, "diagnostic 9")],
)
def test_a_peer_that_is_down_is_a_failure(diagnostic: int, words: str) -> None:
    """A peer that says Down has lost the path, and its diagnostic says why."""
    output = session_in(State.UP).receive(packet(State.DOWN, diagnostic=diagnostic), 0.1)
    assert failures(output) == [f"BFD: 172.16.0.1 says that the session is down: {words}"]


# timers


INTERVALS = {
    "as Microsoft's": (BfdPlan(), packet(State.UP), 300, 900),
    "the peer expects fewer": (BfdPlan(), packet(State.UP, required_min_receive_us=750_000), 750, 900),
    "the peer sends fewer": (BfdPlan(), packet(State.UP, desired_min_transmit_us=750_000), 300, 2250),
    "this end sends fewer": (BfdPlan(transmit_interval_ms=750), packet(State.UP), 750, 900),
    "this end expects fewer": (BfdPlan(receive_interval_ms=750), packet(State.UP), 300, 2250),
    "the peer is quicker": (
        BfdPlan(),
        packet(State.UP, desired_min_transmit_us=50_000, required_min_receive_us=50_000),
        300,
        900,
    ),
    "another multiplier of the peer's": (BfdPlan(multiplier=50), packet(State.UP, multiplier=5), 300, 1500),
}


@pytest.mark.parametrize("name", INTERVALS)
def test_the_slower_side_wins(name: str) -> None:
    """Intervals are the slower of the two sides', the multiplier is the sender's (RFC 5880 §6.8.2, §6.8.4)."""
    plan, heard, transmit_ms, detection_ms = INTERVALS[name]
    made = session_in(State.INIT, plan)
    made.receive(heard, 0.0)
    assert made.status == BfdStatus(state=State.UP, transmit_interval_ms=transmit_ms, detection_time_ms=detection_ms)
    assert made.next_s == pytest.approx(transmit_ms / 1000)
    assert failures(made.elapse(detection_ms / 1000 - 0.001)) == []
    assert failures(made.elapse(detection_ms / 1000)) != []


@pytest.mark.parametrize("name", INTERVALS)
def test_the_prediction_is_what_is_negotiated(name: str) -> None:
    """What is predicted from both configurations is what the machine comes to."""
    plan, heard, transmit_ms, detection_ms = INTERVALS[name]
    there = BfdPlan(
        transmit_interval_ms=heard.desired_min_transmit_us // 1000,
        receive_interval_ms=heard.required_min_receive_us // 1000,
        multiplier=heard.multiplier,
    )
    expected = BfdStatus(state=State.UP, transmit_interval_ms=transmit_ms, detection_time_ms=detection_ms)
    assert negotiated(plan, there) == expected


@pytest.mark.parametrize("plan", [BfdPlan(), BfdPlan(transmit_interval_ms=2000)])
def test_without_a_peer_nothing_is_negotiated(plan: BfdPlan) -> None:
    """What is predicted where the other end has no BFD is what a session is in that heard nothing."""
    assert negotiated(plan, None) == session(plan).status


@pytest.mark.parametrize("state", [State.DOWN, State.INIT])
def test_a_session_that_is_not_up_is_slow(state: State) -> None:
    """As long as it is not Up, a session sends no more than one packet a second (RFC 5880 §6.8.3)."""
    made = session_in(state)
    made.receive(packet(State.DOWN if state is State.INIT else State.UP, desired_min_transmit_us=SLOW_US), 0.0)
    assert (made.status.state, made.status.transmit_interval_ms) == (state, 1000)
    assert made.next_s == pytest.approx(1.0)


def test_a_session_slower_than_a_second_stays_so() -> None:
    """The second is a minimum (RFC 5880 §6.8.3)."""
    assert session(BfdPlan(transmit_interval_ms=2000)).status.transmit_interval_ms == 2000


@pytest.mark.parametrize(
    ("multiplier", "random", "interval_s"),
    [(3, 0.0, 0.225), (3, 0.5, 0.2625), (3, 1.0, 0.3), (1, 0.0, 0.225), (1, 1.0, 0.27)],
)
def test_jitter(multiplier: int, random: float, interval_s: float) -> None:
    """A packet comes up to 25 % early, with a multiplier of 1 at least 10 % (RFC 5880 §6.8.7)."""
    made = session_in(State.UP, BfdPlan(multiplier=multiplier), random=random)
    assert made.next_s == pytest.approx(interval_s)


def test_a_shorter_interval_counts_at_once() -> None:
    """When what the peer expects changes, the next packet is due by the new interval (RFC 5880 §6.8.7)."""
    made = session_in(State.UP)
    made.receive(packet(State.UP, required_min_receive_us=800_000), 0.1)
    assert made.next_s == pytest.approx(0.8)
    made.receive(packet(State.UP, required_min_receive_us=400_000), 0.2)
    assert made.next_s == pytest.approx(0.4)


def test_a_peer_that_wants_no_packets_gets_none() -> None:
    """No periodic packet is sent to a peer that requires none: its Required Min RX Interval is 0 (RFC 5880 §6.8.7)."""
    made = session_in(State.UP)
    made.receive(packet(State.UP, required_min_receive_us=0), 0.1)
    assert made.next_s == pytest.approx(1.0), "only the detection time is left"
    assert sent(made.elapse(0.9)) == []


def test_a_packet_sets_the_detection_time_anew() -> None:
    """The detection time counts from the latest packet (RFC 5880 §6.8.4)."""
    made = session_in(State.UP)
    made.receive(packet(State.UP), 0.8)
    assert failures(made.elapse(1.69)) == []
    assert failures(made.elapse(1.71)) != []


# what is sent


def test_the_first_packet() -> None:
    """A session begins by saying Down, without waiting: it takes the active role (RFC 5880 §6.1)."""
    assert session().next_s == -math.inf
    assert sent(session().elapse(5.0)) == [
        ControlPacket(
            state=State.DOWN,
            multiplier=3,
            my_discriminator=MINE,
            your_discriminator=0,
            desired_min_transmit_us=1_000_000,
            required_min_receive_us=300_000,
            required_min_echo_receive_us=0,
        )
    ]


def test_news_are_sent_at_once() -> None:
    """What differs from the packet before is sent without waiting for the interval (RFC 5880 §6.8.7)."""
    made = session_in(State.DOWN)
    [news] = sent(made.receive(packet(State.DOWN), 0.01))
    assert (news.state, news.your_discriminator) == (State.INIT, THEIRS)
    assert sent(made.receive(packet(State.DOWN), 0.02)) == [], "no news"


def test_echo_and_demand_are_never_asked_for() -> None:
    """Whatever happens, no packet asks for demand mode, or says that echoes may be sent (RFC 5880 §6.4, §6.6)."""
    made = session()
    output = made.elapse(0.0)
    for number, state in enumerate([State.DOWN, State.INIT, State.UP, State.DOWN, State.DOWN, State.UP]):
        output += made.receive(packet(state, poll=True, required_min_echo_receive_us=50_000), 0.1 * number)
        output += made.elapse(0.1 * number + 0.05)
    packets = sent(output)
    assert len(packets) > 6
    assert not any(one.demand or one.required_min_echo_receive_us for one in packets)


def test_a_peer_in_demand_mode_gets_no_periodic_packets() -> None:
    """While the peer is in demand mode and both are Up, no periodic packet is sent but in a Poll (RFC 5880 §6.8.7)."""
    made = session_in(State.UP)
    made.receive(packet(State.UP, demand=True), 0.1)
    assert [one.poll for one in sent(made.elapse(0.3))] == [True], "the Poll of the new interval"
    made.receive(packet(State.UP, demand=True, final=True), 0.4)
    assert sent(made.elapse(1.2)) == []
    made.receive(packet(State.UP), 1.25)
    assert len(sent(made.elapse(1.25))) == 1


# Poll Sequences


def test_up_polls_until_the_final() -> None:
    """Going Up shortens the interval, which is polled until the peer answers (RFC 5880 §6.5, §6.8.3)."""
    made = session_in(State.INIT)
    [up] = sent(made.receive(packet(State.INIT), 0.0))
    assert (up.poll, up.desired_min_transmit_us) == (True, 300_000)
    assert [one.poll for one in sent(made.elapse(0.3))] == [True]
    made.receive(packet(State.UP, final=True), 0.4)
    assert [one.poll for one in sent(made.elapse(0.6))] == [False]


def test_down_polls_too() -> None:
    """Going Down lengthens the interval, which is polled too (RFC 5880 §6.8.3)."""
    made = session_in(State.UP)
    made.receive(packet(State.UP, final=True), 0.1)
    [down] = sent(made.receive(packet(State.DOWN), 0.2))
    assert (down.poll, down.desired_min_transmit_us) == (True, 1_000_000)


def test_an_interval_that_stays_is_not_polled() -> None:
    """A session that is as slow when it is Up has nothing to poll."""
    made = session_in(State.INIT, BfdPlan(transmit_interval_ms=1000))
    assert [one.poll for one in sent(made.receive(packet(State.INIT), 0.0))] == [False]


@pytest.mark.parametrize("state", [State.DOWN, State.INIT, State.UP])
def test_a_poll_is_answered(state: State) -> None:
    """A Poll is answered at once, in every state, by a Final without a Poll (RFC 5880 §6.8.7)."""
    made = session_in(state)
    heard = packet(State.UP, poll=True, desired_min_transmit_us=SLOW_US)
    answers = [one for one in sent(made.receive(heard, 0.1)) if one.final]
    assert [(one.final, one.poll) for one in answers] == [(True, False)]
    due_s = made.next_s
    assert sent(made.receive(heard, 0.15)) == answers
    assert made.next_s == due_s, "an answer takes no periodic packet's place"


def test_a_final_is_no_poll() -> None:
    """A packet without Poll has no answer."""
    assert not any(one.final for one in sent(session_in(State.UP).receive(packet(State.UP, final=True), 0.1)))


# changes


def test_a_change_is_told_once() -> None:
    """A status is told when it is another one, and not again."""
    made = session_in(State.INIT)
    told = [one for one in made.receive(packet(State.UP), 0.1) if isinstance(one, Changed)]
    assert [one.status for one in told] == [negotiated(BfdPlan(), BfdPlan())]
    assert not any(isinstance(one, Changed) for one in made.receive(packet(State.UP), 0.2))


def test_a_new_interval_of_the_peer_is_told() -> None:
    """A peer that renegotiates changes the status without changing the state (RFC 5880 §6.8.3)."""
    made = session_in(State.UP)
    [changed] = [
        one for one in made.receive(packet(State.UP, required_min_receive_us=750_000), 0.1) if isinstance(one, Changed)
    ]
    assert (changed.status.state, changed.status.transmit_interval_ms) == (State.UP, 750)
