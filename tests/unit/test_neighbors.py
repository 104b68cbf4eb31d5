"""A full table of neighbours: what a verdict is worth then, and how the kernel's counters are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import neighbors
from lab.bgp import Family, parse_prefix
from lab.checks import Finding, Outcome, Verdict
from lab.expectations import Expectation, ReachabilityExpectation, RouteExpectation, SessionExpectation, SessionState
from lab.neighbors import NeighborTable, NeighborWatch, neighbor_tables

REACHES = ReachabilityExpectation(where="", source="a", destination="b")
UNREACHABLE = ReachabilityExpectation(where="", source="a", destination="b", reachable=False)
ROUTE = RouteExpectation(where="", at="a", prefix=parse_prefix("10.0.0.0/8"))
NO_ROUTE = RouteExpectation(where="", at="a", prefix=parse_prefix("10.0.0.0/8"), present=False)
UP = SessionExpectation(where="", routers=("a", "b"))
DOWN = SessionExpectation(where="", routers=("a", "b"), state=SessionState.DOWN)


def outcome(expectation: Expectation, *, holds: bool | None, disturbed: bool) -> Outcome:
    """The outcome of an expectation that was observed to hold, or not."""
    finding = Finding(holds=holds, text="")
    verdict = Verdict(expectation=expectation, expected="", predicted=finding, observed=finding, disturbed=disturbed)
    return verdict.outcome


@pytest.mark.parametrize("expectation", [REACHES, UNREACHABLE, ROUTE, NO_ROUTE, UP, DOWN])
def test_nothing_fails_where_the_machine_lost_packets(expectation: Expectation) -> None:
    """What does not hold is inconclusive; undisturbed it is a failure."""
    assert outcome(expectation, holds=False, disturbed=True) is Outcome.INCONCLUSIVE
    assert outcome(expectation, holds=False, disturbed=False) is Outcome.FAILED


@pytest.mark.parametrize(
    ("expectation", "expected"),
    [
        (REACHES, Outcome.PASSED),
        (ROUTE, Outcome.PASSED),
        (UP, Outcome.PASSED),
        (UNREACHABLE, Outcome.INCONCLUSIVE),
        (NO_ROUTE, Outcome.INCONCLUSIVE),
        (DOWN, Outcome.INCONCLUSIVE),
    ],
)
def test_only_what_was_there_passes_where_the_machine_lost_packets(expectation: Expectation, expected: Outcome) -> None:
    """An answer that came is an answer; one that did not come proves nothing, and passes undisturbed only."""
    assert outcome(expectation, holds=True, disturbed=True) is expected
    assert outcome(expectation, holds=True, disturbed=False) is Outcome.PASSED


def test_the_tables_are_those_of_the_kernel() -> None:
    """The counts and limits are those of /proc, where this namespace has them."""
    before, tables, after = proc_counts(), {one.family: one for one in neighbor_tables()}, proc_counts()
    assert set(tables) == {Family.IPV4, Family.IPV6}
    for family, table in tables.items():
        assert before.get(family, 0) <= table.refused <= after.get(family, table.refused)
        sysctl = Path(f"/proc/sys/net/{family.value}/neigh/default/gc_thresh3")
        assert table.limit == (int(sysctl.read_text(encoding="ascii")) if sysctl.exists() else table.limit) > 0


def proc_counts() -> dict[Family, int]:
    """The refused entries that /proc tells the first network namespace of; empty elsewhere."""
    counts = {}
    for family, name in ((Family.IPV4, "arp_cache"), (Family.IPV6, "ndisc_cache")):
        file = Path("/proc/net/stat") / name
        if file.exists():
            head, *processors = file.read_text(encoding="ascii").splitlines()
            column = head.split().index("table_fulls")
            counts[family] = sum(int(line.split()[column], 16) for line in processors)
    return counts


def test_a_watch_tells_of_what_was_refused_since_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each table that refused entries since has a sentence with the setting to raise; one that did earlier has none."""
    counts = {Family.IPV4: 7, Family.IPV6: 0}

    def tables() -> tuple[NeighborTable, ...]:
        return tuple(NeighborTable(family=family, limit=1024, refused=refused) for family, refused in counts.items())

    monkeypatch.setattr(neighbors, "neighbor_tables", tables)
    watch = NeighborWatch()
    assert watch.overflows() == ()
    counts[Family.IPV6] = 1
    (says,) = watch.overflows()
    assert says.startswith("the kernel's table of ipv6 neighbours overflowed: ")
    assert "its 1024 places" in says
    assert "raise net.ipv6.neigh.default.gc_thresh3" in says
