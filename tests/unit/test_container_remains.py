"""Which containers are removed as remains: those of supervisors that are known to have ended, and no others."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import cast

import pytest

from lab.errors import LabBroken
from lab.runtimes import containers
from lab.runtimes.containers import STATE, SUPERVISOR, processes_here, sweep_until_quiet
from lab.runtimes.engine import Engine, Owned

STATE_DIRECTORY = Path("/run/erlab")


class Containers:
    """An engine that has some containers; with `stuck` it says of each that it is being removed, and that for ever."""

    def __init__(self, supervisors: dict[str, str], *, stuck: bool = False) -> None:
        self._stuck = stuck
        self.left = {
            name: Owned(id=name, name=name, labels={STATE: str(STATE_DIRECTORY), SUPERVISOR: supervisor})
            for name, supervisor in supervisors.items()
        }

    def owned(self, labels: dict[str, str]) -> list[Owned]:
        """Those with these labels."""
        return [one for one in self.left.values() if labels.items() <= dict(one.labels).items()]

    def remove(self, container: str) -> None:
        """Remove one."""
        if not self._stuck:
            del self.left[container]


def swept(engine: Containers) -> list[str]:
    """What is removed."""
    return [one.name for one in sweep_until_quiet(cast("Engine", engine), processes_here(), STATE_DIRECTORY)]


def ended_process() -> str:
    """The pid of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return str(process.pid)


def test_only_what_a_supervisor_of_this_computer_has_left_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that runs keeps its containers, and so does one of another pid namespace, whose pid says nothing here."""
    monkeypatch.setattr(containers, "_IN_FLIGHT_S", 0.0)
    here, ended = processes_here().namespace, ended_process()
    engine = Containers(
        {
            "of one that runs": containers._identity(processes_here()),  # noqa: SLF001
            "of one that ended": f"{ended} 1 {here}",
            "of one whose pid is another's now": f"1 1 {here}",
            "of one in another pid namespace": f"{ended} 1 pid:[1]",
            "of one that nobody knows": "?",
        }
    )
    assert swept(engine) == ["of one that ended", "of one whose pid is another's now"]
    assert list(engine.left) == [
        "of one that runs",
        "of one in another pid namespace",
        "of one that nobody knows",
    ]


def test_an_engine_that_never_gets_done_with_a_removal_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """`erlab down` ends, with the containers that stay."""
    monkeypatch.setattr(containers, "_REMOVED_S", 0.0)
    engine = Containers({"erlab-x-ce1": f"{ended_process()} 1 {processes_here().namespace}"}, stuck=True)
    with pytest.raises(LabBroken, match="the engine does not get rid of erlab-x-ce1"):
        swept(engine)
