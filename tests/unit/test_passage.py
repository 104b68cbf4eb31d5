"""When a frame leaves an impaired wire: the arithmetic, with chance in the test's hands."""

from __future__ import annotations

import pytest

from lab.runtimes.passage import Passage
from lab.shaping import WIRE_BUFFER_MS, Impairment

MS = 1_000_000
START = 5_000 * MS


def never() -> float:
    """Chance that no test lets be asked."""
    raise AssertionError


def test_a_wire_without_impairment_takes_no_time() -> None:
    """What comes leaves at once, and no chance is taken."""
    assert Passage(Impairment(), never).leaves_ns(START, 1514) == START


@pytest.mark.parametrize(("chance", "takes_ms"), [(0.0, 15), (0.5, 20), (0.75, 22.5)])
def test_delay_and_jitter(chance: float, takes_ms: float) -> None:
    """A frame takes the delay, and by chance up to the jitter more or less."""
    passage = Passage(Impairment(delay_ms=20, jitter_ms=5), lambda: chance)
    assert passage.leaves_ns(START, 1514) == START + takes_ms * MS


@pytest.mark.parametrize(("chance", "is_lost"), [(0.0, True), (0.0999, True), (0.1, False), (0.9, False)])
def test_loss(chance: float, is_lost: bool) -> None:  # noqa: FBT001  # a case's answer
    """A tenth of all chances loses a frame."""
    assert (Passage(Impairment(loss_percent=10), lambda: chance).leaves_ns(START, 100) is None) is is_lost


def test_a_rate_sends_frames_one_behind_the_other() -> None:
    """At 8 Mbps a frame of 1000 octets takes a millisecond, and one that comes meanwhile waits for it."""
    passage = Passage(Impairment(rate_bps=8_000_000, delay_ms=3), never)
    assert [passage.leaves_ns(START, 1000) for _ in range(3)] == [START + ms * MS for ms in (4, 5, 6)]
    assert passage.leaves_ns(START + 100 * MS, 1000) == START + 104 * MS


def test_a_full_buffer_loses_what_comes_whatever_its_size() -> None:
    """Where more waits than the buffer holds, a small frame is lost like a large one; later ones have room again."""
    passage = Passage(Impairment(rate_bps=8_000_000), never)
    taken = [passage.leaves_ns(START, 1000) for _ in range(WIRE_BUFFER_MS + 10)]
    assert taken.count(None) == 9
    assert passage.leaves_ns(START, 10) is None
    assert passage.leaves_ns(START + 2 * MS, 10) is not None
