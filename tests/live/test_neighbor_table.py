"""A lab on a machine whose table of neighbours overflows: what fails proves nothing, and the report says why."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from erlab_command import DEADLINE_S, Ended, Erlab
from topology_text import TopologyText

FAILS = "route: {at: ce1, prefix: 10.100.0.0/16, local_pref: 201}"
HOLDS = "reachable: {from: hq, to: hub}"
OVERFLOWING = """
import sys
from dataclasses import replace
from lab import neighbors
from lab.cli import main

read, refused = neighbors.neighbor_tables, []


def grown():
    refused.append({step})
    return tuple(replace(table, refused=sum(refused)) for table in read())


neighbors.neighbor_tables = grown
sys.exit(main(sys.argv[1:]))
"""
"""`erlab` on a machine whose tables have refused so many entries more each time that they are read."""


def run(erlab: Erlab, *arguments: str | Path, step: int) -> Ended:
    """Run a command on such a machine."""
    argv = [sys.executable, "-c", OVERFLOWING.format(step=step), *map(str, arguments)]
    done = subprocess.run(  # noqa: S603
        argv, env=erlab.environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    return Ended(code=done.returncode, out=done.stdout, err=done.stderr)


@pytest.mark.parametrize(
    ("step", "code", "outcome", "notes"),
    [pytest.param(1, 3, "inconclusive", 2, id="overflows"), pytest.param(0, 1, "failed", 0, id="does not")],
)
def test_what_fails_meanwhile_is_inconclusive(  # noqa: PLR0913  # the machine, and all that is said of it
    erlab: Erlab, tmp_path: Path, *, step: int, code: int, outcome: str, notes: int
) -> None:
    """The failure is inconclusive with a note for each table, and what was answered passes; else it is a failure."""
    file = TopologyText(expect=(FAILS, HOLDS)).write(tmp_path, erlab.name)
    ended = run(erlab, "test", "--format", "json", file, step=step)
    assert (ended.code, [one["outcome"] for one in ended.document["verdicts"]]) == (code, [outcome, "passed"])
    told = [note for note in ended.document["notes"] if "neighbours overflowed" in note]
    assert len(told) == notes


def test_a_probe_that_is_lost_meanwhile_is_inconclusive(erlab: Erlab, tmp_path: Path) -> None:
    """A host without a way back has no answer: exit 3 where a table overflowed, else 1; what is answered is 0."""
    networks = '{hq: [10.10.0.0/16, "2001:db8:10::/48"], branch: 10.20.0.0/16}'
    up = run(erlab, "up", TopologyText(networks=networks).write(tmp_path, erlab.name), step=1)
    assert (up.code, "neighbours overflowed" in up.err) == (0, True)
    lost, answered = ("probe", "branch", "hub", "--timeout", "0.5"), ("probe", "hq", "hub")
    codes = [run(erlab, *arguments, step=step).code for arguments in (lost, answered) for step in (1, 0)]
    assert codes == [3, 1, 0, 0]
