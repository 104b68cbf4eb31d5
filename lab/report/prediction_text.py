"""What the model says, as text."""

from __future__ import annotations

from lab.checks import Outcome, Verdict
from lab.plan import Plan
from lab.report.layout import counted, hanging
from lab.report.tables_text import attributes, headed
from lab.tables import LabTables


def prediction(plan: Plan, tables: LabTables, verdicts: tuple[Verdict, ...] = ()) -> str:
    """The Loc-RIBs of all routers, the sessions that are not up, and the expectations that the model contradicts."""
    lines: list[str] = []
    if plan.unmodelled:
        lines += [*hanging("unknown: ", plan.unmodelled), ""]
    for router in () if plan.unmodelled else tables.routers:
        lines += [router.router]
        for session in (s for s in router.sessions if not s.established):
            lines += hanging(f"session {session.session} is down: ", session.why_down, indent="  ")
        rows = [[str(route.prefix), *attributes(route, plan, router.router)] for route in router.loc_rib]
        lines += [f"  {line}" for line in headed(("prefix",), rows)] if rows else ["  no routes"]
        lines += [""]
    up = sum(session.established for router in tables.routers for session in router.sessions)
    ends = sum(len(router.sessions) for router in tables.routers)
    if not plan.unmodelled:
        lines += [f"{counted(len(tables.routers), 'router')}, {up // 2} of {counted(ends // 2, 'session')} established"]
    for verdict in verdicts:
        if verdict.outcome is not Outcome.PASSED:
            says = "contradicts" if verdict.outcome is Outcome.FAILED else "cannot tell"
            lines += ["", *hanging(f"the model {says}: ", f"{verdict.expected} ({verdict.expectation.where})")]
            lines += hanging("predicted: ", verdict.predicted.text, indent="  ")
            lines += hanging("cause: ", verdict.cause, indent="  ")
    if verdicts:
        held = sum(verdict.outcome is Outcome.PASSED for verdict in verdicts)
        lines += ["", f"{held} of {counted(len(verdicts), 'expectation')} hold in the model"]
    return "\n".join(lines)
