"""Whether the BGP sessions of two routers are as expected."""

from __future__ import annotations

from lab.bgp import Family
from lab.checks.evidence import Evidence, Finding
from lab.checks.kind import Kind
from lab.expectations import SessionExpectation, SessionState
from lab.tables import SessionTables


def sessions_of(
    evidence: Evidence, router: str, neighbor: str | None = None, family: Family | None = None
) -> tuple[SessionTables, ...]:
    """A router's sessions with a neighbour or with all, of one family or of all, for the routes of VPNs or others."""
    bgp = evidence.plan.node(router).bgp
    planned = (
        {s.name for s in bgp.sessions if neighbor in (None, s.neighbor) and family in (None, s.family)} if bgp else ()
    )
    return tuple(s for s in evidence.tables.of(router).sessions if s.session in planned)


def _find(expectation: SessionExpectation, evidence: Evidence) -> Finding:
    one, other = expectation.routers
    ends = sessions_of(evidence, one, other, expectation.family)
    ends += sessions_of(evidence, other, one, expectation.family)
    if not ends:
        return Finding(holds=None, text="no such session")
    down = [end for end in ends if not end.established]
    if not down:
        return Finding(holds=expectation.state is SessionState.ESTABLISHED, text="established")
    text = _why_down(down)
    if expectation.state is SessionState.DOWN:
        return Finding(holds=len(down) == len(ends), text=text)
    return Finding(holds=False, text=text)


def _why_down(ends: list[SessionTables]) -> str:
    """Each reason once, behind the families that it holds for."""
    families: dict[str, dict[str, None]] = {}
    for end in ends:
        families.setdefault(end.why_down, {})[end.session.rpartition("/")[2]] = None
    return "; ".join(f"down ({' and '.join(names)}): {why or 'no reason was given'}" for why, names in families.items())


def _describe(expectation: SessionExpectation) -> str:
    one, other = expectation.routers
    family = f" {expectation.family.value}" if expectation.family else ""
    return f"session {one} - {other}{family} {expectation.state.value}"


KIND = Kind(
    key=lambda _: "session",
    describe=_describe,
    find=_find,
    by_absence=lambda expectation: expectation.state is SessionState.DOWN,
)
