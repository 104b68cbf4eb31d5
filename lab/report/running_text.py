"""Running labs as text."""

from __future__ import annotations

from collections.abc import Iterator

from lab.plan import Plan
from lab.questions.plans import Status
from lab.report.layout import aligned, counted, hanging, unheaded


def status(lab: Status) -> str:
    """A running lab: what it is, how it does and what it costs."""
    routers = len(lab.plan.routers)
    rows = [
        ["lab", lab.plan.name],
        ["nodes", f"{len(lab.plan.nodes)}, of which {routers} routers"],
        ["up for", _duration(lab.up_s)],
        *(["failed", fault] for fault in lab.failed),
        ["state", _state(lab)],
    ]
    lines = unheaded(rows)
    lines += [f"  {what}" for what in lab.pending]
    kept_closed = list(_kept_closed(lab.plan))
    lines += ["", *kept_closed] if kept_closed else []
    if lab.memory_kib:
        memory = sorted(lab.memory_kib.items())
        lines += ["", *aligned(("router", "memory"), [[name, f"{kib / 1024:.1f} MiB"] for name, kib in memory])]
        lines += [f"together {sum(lab.memory_kib.values()) / 1024:.1f} MiB"]
    return "\n".join(lines)


def _state(lab: Status) -> str:
    if lab.pending:
        return f"not converged: {counted(len(lab.pending), 'thing')} missing"
    return "converged, but for what failed" if lab.failed else "converged"


def _kept_closed(plan: Plan) -> Iterator[str]:
    """The sessions that the plan keeps closed, by router and reason."""
    for router in plan.routers:
        closed: dict[str, list[str]] = {}
        for session in router.bgp.sessions if router.bgp else ():
            if session.rules.shutdown:
                closed.setdefault(session.rules.shutdown, []).append(session.name)
        for why, names in closed.items():
            yield from hanging(f"{router.name} keeps closed ", f"{', '.join(names)}: {why}")


def _duration(time_s: float) -> str:
    minutes, seconds = divmod(int(time_s), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (seconds, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or f"{time_s:.1f} s"
