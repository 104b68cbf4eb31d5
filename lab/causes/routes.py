"""Why a table does not hold the route that it has to hold, or holds one that it must not."""

from __future__ import annotations

from lab.causes.case import Case
from lab.causes.divergence import Divergence
from lab.causes.model import Model
from lab.causes.sessions import reasons
from lab.causes.stages import STAGE_OF, Cause, Stage
from lab.checks import Evidence, find
from lab.checks.routes import routes_in, sessions_asked
from lab.expectations import RouteExpectation


def cause(expectation: RouteExpectation, case: Case) -> Cause:
    """Why a route is not in its table, is another one, or is there at all."""
    if find(expectation, case.observed).holds is None:
        return _untold(expectation, case.predicted, case.observed)
    in_the_model = find(expectation, case.predicted).holds
    diverged = _diverged(expectation, case.predicted, case.observed) if in_the_model else None
    return diverged or _modelled(expectation, case.model, case.predicted)


def _diverged(expectation: RouteExpectation, predicted: Evidence, observed: Evidence) -> Cause | None:
    """Where the lab left the model's way; None where it did not."""
    divergence = Divergence(plan=predicted.plan, predicted=predicted.tables, observed=observed.tables)
    asked = sessions_asked(expectation, observed)
    stage, sessions = STAGE_OF[expectation.table], [one.session for one in asked]
    return divergence.first(divergence.places(stage, expectation.at, expectation.prefix, sessions))


def _untold(expectation: RouteExpectation, predicted: Evidence, observed: Evidence) -> Cause:
    """Why the absence of a route proves nothing."""
    at = expectation.at
    modelled = {s.session: s for s in predicted.tables.of(at).sessions}
    for session in sessions_asked(expectation, observed):
        if not session.established:
            why = reasons([modelled[session.session], session])
            says = f"{at} - {session.neighbor} is down ({session.session.rpartition('/')[2]}): {why}"
            return Cause(stage=Stage.SESSION, text=f"{says}; so the absence of {expectation.prefix} proves nothing")
    return Cause(stage=Stage.SESSION, text=find(expectation, observed).text)


def _modelled(expectation: RouteExpectation, model: Model, predicted: Evidence) -> Cause:
    if not expectation.present:
        return model.why_route(expectation)
    there = routes_in(expectation, predicted.plan, predicted.tables.of(expectation.at))
    return model.why_different(expectation) if there else model.why_no_route(expectation)
