"""What a lab looks like at one moment: the sessions, RIBs and FIB of every router, predicted or observed.

Predicted and observed tables have the same type, so that they can be compared attribute by attribute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.bfd import BfdStatus
from lab.bgp import Address, Prefix, Route, changes_between, title_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTables:
    """One session of a router: whether it is up, and the routes that crossed it.

    `adj_rib_in` holds routes as they were received, before policy. `why_down` is the last reason that was given,
    `warning` what there is to say of a prefix limit that is near. `refreshes` counts how often the neighbour asked for
    all routes again (RFC 2918). `bfd` is None where this end does not run BFD.
    """

    session: str
    neighbor: str
    established: bool
    adj_rib_in: tuple[Route, ...] = ()
    adj_rib_out: tuple[Route, ...] = ()
    why_down: str = ""
    warning: str = ""
    refreshes: int = 0
    bfd: BfdStatus | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedSession:
    """A session that `router` itself closed, and keeps closed, because of what it received."""

    router: str
    session: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FibEntry:
    """One route of the kernel: a prefix and where packets to it go, in address order; nowhere, they are discarded."""

    prefix: Prefix
    next_hops: tuple[Address, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterFib:
    """The FIB of one router."""

    router: str
    entries: tuple[FibEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FibChange:
    """A route of a kernel that came, went or leads elsewhere: the next hops before and after, None without a route."""

    prefix: Prefix
    before: tuple[Address, ...] | None
    after: tuple[Address, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterTables:
    """One router. `loc_rib` holds the best route to each prefix; all tables are in prefix order."""

    router: str
    sessions: tuple[SessionTables, ...]
    loc_rib: tuple[Route, ...]
    fib: tuple[FibEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LabTables:
    """All routers of a lab."""

    routers: tuple[RouterTables, ...]

    def of(self, router: str) -> RouterTables:
        """The tables of one router. Raises KeyError."""
        for tables in self.routers:
            if tables.router == router:
                return tables
        raise KeyError(router)

    def count(self) -> int:
        """How many routes all tables hold."""
        return sum(
            len(router.loc_rib)
            + len(router.fib)
            + sum(len(session.adj_rib_in) + len(session.adj_rib_out) for session in router.sessions)
            for router in self.routers
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One place where the observed tables are not the predicted ones."""

    router: str
    table: str
    what: str
    predicted: str
    observed: str


def differences(predicted: LabTables, observed: LabTables) -> Iterator[Difference]:
    """Every place where two bodies of tables differ, in causal order within each router."""
    for mine in predicted.routers:
        theirs = observed.of(mine.router)
        other = {session.session: session for session in theirs.sessions}
        for session in mine.sessions:
            yield from _session_differences(mine.router, session, other[session.session])
        yield from _route_differences(mine.router, "loc_rib", mine.loc_rib, theirs.loc_rib)
        yield from _fib_differences(mine.router, mine.fib, theirs.fib)


def _session_differences(router: str, mine: SessionTables, theirs: SessionTables) -> Iterator[Difference]:
    if mine.established != theirs.established:
        predicted, observed = ("established" if s.established else f"down: {s.why_down}" for s in (mine, theirs))
        yield Difference(router=router, table="session", what=mine.session, predicted=predicted, observed=observed)
    if mine.bfd != theirs.bfd:
        predicted, observed = (str(s.bfd or "none") for s in (mine, theirs))
        yield Difference(router=router, table="bfd", what=mine.session, predicted=predicted, observed=observed)
    yield from _route_differences(router, f"adj_rib_in {mine.session}", mine.adj_rib_in, theirs.adj_rib_in)
    yield from _route_differences(router, f"adj_rib_out {mine.session}", mine.adj_rib_out, theirs.adj_rib_out)


def _route_differences(
    router: str, table: str, mine: tuple[Route, ...], theirs: tuple[Route, ...]
) -> Iterator[Difference]:
    there, here = {route.nlri: route for route in theirs}, {route.nlri: route for route in mine}
    for prefix in {**here, **there}:
        if prefix not in there or prefix not in here:
            yield Difference(
                router=router,
                table=table,
                what=str(prefix),
                predicted="present" if prefix in here else "absent",
                observed="present" if prefix in there else "absent",
            )
            continue
        for change in changes_between(here[prefix], there[prefix]):
            yield Difference(
                router=router,
                table=table,
                what=f"{prefix} {title_of(change.attribute)}",
                predicted=change.before or "none",
                observed=change.after or "none",
            )


def _fib_differences(router: str, mine: tuple[FibEntry, ...], theirs: tuple[FibEntry, ...]) -> Iterator[Difference]:
    here, there = ({e.prefix: " ".join(map(str, e.next_hops)) or "discarded" for e in fib} for fib in (mine, theirs))
    for prefix in {**here, **there}:
        if here.get(prefix) != there.get(prefix):
            yield Difference(
                router=router,
                table="fib",
                what=str(prefix),
                predicted=here.get(prefix, "absent"),
                observed=there.get(prefix, "absent"),
            )
