"""Running labs as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from lab.questions.plans import Status
from lab.report.json_parts import document


def status(labs: Iterable[Status]) -> str:
    """The labs that are up."""
    return document(
        "status",
        labs=[
            {
                "name": lab.plan.name,
                "nodes": [node.name for node in lab.plan.nodes],
                "routers": [node.name for node in lab.plan.routers],
                "converged": not lab.pending,
                "pending": list(lab.pending),
                "kept_closed": [
                    {"router": node.name, "session": one.name, "why": one.rules.shutdown}
                    for node in lab.plan.routers
                    for one in (node.bgp.sessions if node.bgp else ())
                    if one.rules.shutdown
                ],
                "failed": list(lab.failed),
                "up_s": round(lab.up_s, 3),
                "memory_kib": lab.memory_kib,
            }
            for lab in labs
        ],
    )


def refreshed(router: str, sessions: Iterable[str], down: Mapping[str, str]) -> str:
    """The sessions on which a router asked for all routes again, and why each of the others is down."""
    return document("refreshed", router=router, sessions=list(sessions), down=dict(down))


def ended(name: str) -> str:
    """The lab that was ended."""
    return document("ended", name=name)
