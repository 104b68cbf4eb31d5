"""What every kind of expectation is able to say of itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from lab.checks.evidence import Evidence, Finding
from lab.failover import Drill
from lab.forwarding import Flow
from lab.plan import Plan
from lab.streams import Trial

E = TypeVar("E")


def _no_flows(_expectation: object, _plan: Plan) -> tuple[Flow, ...]:
    return ()


def _no_drills(_expectation: object, _plan: Plan) -> tuple[Drill, ...]:
    return ()


def _no_trials(_expectation: object, _plan: Plan) -> tuple[Trial, ...]:
    return ()


def _no_more(_expectation: object, _evidence: Evidence) -> tuple[Flow, ...]:
    return ()


def _by_presence(_expectation: object) -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[E]):
    """The functions of one kind.

    `key` is its name in a topology file, `describe` says what must hold in a few words, `flows` are the packets that it
    takes, `drills` the faults and `trials` the streams, and `find` reads the evidence. `more` are the packets that it
    still takes once others are known, round by round until there are none. `by_absence` says whether an expectation
    holds by what did not come, so that anything which is lost would make it hold.
    """

    key: Callable[[E], str]
    describe: Callable[[E], str]
    find: Callable[[E, Evidence], Finding]
    flows: Callable[[E, Plan], tuple[Flow, ...]] = _no_flows
    drills: Callable[[E, Plan], tuple[Drill, ...]] = _no_drills
    trials: Callable[[E, Plan], tuple[Trial, ...]] = _no_trials
    more: Callable[[E, Evidence], tuple[Flow, ...]] = _no_more
    by_absence: Callable[[E], bool] = _by_presence
