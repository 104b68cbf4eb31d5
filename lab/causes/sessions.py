"""Why a session is up that has to be down, or down that has to be up."""

from __future__ import annotations

from lab.causes.case import Case
from lab.causes.stages import Cause, Stage
from lab.checks.sessions import sessions_of
from lab.expectations import SessionExpectation, SessionState
from lab.tables import SessionTables


def cause(expectation: SessionExpectation, case: Case) -> Cause:
    """Why a session is not in the state that it has to be in."""
    one, other = expectation.routers
    modelled, seen = (
        [
            session
            for name, far in ((one, other), (other, one))
            for session in sessions_of(evidence, name, far, expectation.family)
        ]
        for evidence in (case.predicted, case.observed)
    )
    if not seen:
        neighbors = dict.fromkeys(s.neighbor for s in case.observed.tables.of(one).sessions)
        says = f"the plan has none between {one} and {other}; {one} has them with {', '.join(neighbors) or 'nobody'}"
        return Cause(stage=Stage.SESSION, text=says)
    if expectation.state is SessionState.DOWN:
        up = [s.session.rpartition("/")[2] for s in seen if s.established]
        families = " and ".join(dict.fromkeys(up))
        return Cause(stage=Stage.SESSION, text=f"{one} - {other} is established ({families}): nothing keeps it down")
    down = [s for s in seen if not s.established]
    families = " and ".join(dict.fromkeys(s.session.rpartition("/")[2] for s in down))
    return Cause(stage=Stage.SESSION, text=f"{one} - {other} is down ({families}): {reasons([*modelled, *down])}")


def reasons(sessions: list[SessionTables]) -> str:
    """Why sessions are down: what the model says first, for it knows both ends."""
    return "; ".join(dict.fromkeys(s.why_down for s in sessions if s.why_down)) or "no reason was given"
