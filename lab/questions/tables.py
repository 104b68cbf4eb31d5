"""The tables of routers, and that they settle."""

from __future__ import annotations

from dataclasses import dataclass

from lab.tables import ClosedSession, LabTables


@dataclass(frozen=True, slots=True, kw_only=True)
class AwaitConvergence:
    """Answer by Converged when the lab has converged, or when the time is over.

    `closed` are sessions that have to be closed by one of their ends, for the reason that it gives; so they have from
    then on where the lab is asked for its tables or its status.
    """

    deadline_s: float
    closed: tuple[ClosedSession, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Converged:
    """How the wait ended; `pending` says what was still missing, and is empty where the lab has converged.

    The two times count from the building of the lab; None where that state was not reached.
    """

    pending: tuple[str, ...]
    established_s: float | None
    converged_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadTables:
    """Answered by LabTables, the FIBs being the kernel's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The tables of every router; `fidelity` says what the lab stood in for.

    `pending` says what had not settled while they were read, and is empty where they are all of one settled state.
    """

    tables: LabTables
    fidelity: tuple[str, ...]
    pending: tuple[str, ...]
