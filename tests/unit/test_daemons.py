"""What the programs of another vendor's daemon refuse, and whose fault that is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from contoso import SAMPLE
from lab.errors import InputError, LabBroken, LabError
from lab.node import daemons as module
from lab.node.daemons import Daemons
from lab.vendors import Check, Daemon, File, Step, Vendor
from lab.vendors.frr import FRR
from lab_processes import await_

OWN = File(name="x.conf", text="one\ntwo\n", origin="mine.conf")
RENDERED = File(name="x.conf", text="one\ntwo\n")
PLACED, UNPLACED = "echo no such word; echo line 2: two; exit 1", "echo no memory left; exit 1"


@pytest.fixture
def daemons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemons]:
    """Those of ce1, in a directory of the test's; they run as long as there is a file `alive` in it."""
    monkeypatch.setattr(module, "PRIVATE", tmp_path)
    vendor = Vendor(name="X", programs=(), package="x", cannot=FRR.cannot, router=FRR.router)
    made = Daemons(SAMPLE.plan.node("ce1"), vendor, lambda: None)
    alive = made.directory / "alive"
    alive.touch()
    yield made
    alive.unlink(missing_ok=True)
    await_(lambda: has_ended(made), "the end of the daemons")


def has_ended(daemons: Daemons) -> bool:
    """Whether no daemon runs."""
    try:
        daemons.check_alive()
    except LabBroken:
        return True
    return not daemons.pidfds()


def refusal(daemons: Daemons, file: File, script: str, refusal: str = "") -> LabError:
    """The error that a check of a file ends with."""
    check = Check(command=("sh", "-c", script), file=file.name, place=r"^line (?P<line>\d+)", refusal=refusal)
    with pytest.raises(LabError) as caught:
        daemons.take(Step(files=(file,), checks=(check,)))
    return caught.value


RUNS = Daemon(command=("sh", "-c", "echo $$ >pid; mv pid up; while [ -e alive ]; do sleep 0.01; done"), ready="up")
DIES = "rm alive; until grep -q ') Z' /proc/$(cat up)/stat; do :; done"


@pytest.mark.parametrize(
    ("file", "script", "expected"),
    [
        pytest.param(OWN, PLACED, InputError, id="a line of the user's"),
        pytest.param(OWN, UNPLACED, InputError, id="the user's file, by what only reads it"),
        pytest.param(OWN, "kill -9 $$", LabBroken, id="what reads it died"),
        pytest.param(RENDERED, PLACED, LabBroken, id="a line of ours"),
    ],
)
def test_before_a_daemon_runs(daemons: Daemons, file: File, script: str, expected: type[LabError]) -> None:
    """What a program refuses of a user's file is an error of that file; its own end is not, and ours is ours."""
    assert type(refusal(daemons, file, script)) is expected


@pytest.mark.parametrize(
    ("script", "words", "expected"),
    [
        pytest.param(PLACED, "", InputError, id="a line"),
        pytest.param(UNPLACED, "no memory", InputError, id="the daemon's words for a refusal"),
        pytest.param(UNPLACED, "", LabBroken, id="other words"),
        pytest.param(f"{DIES}; {PLACED}", "", LabBroken, id="a line that it died of"),
    ],
)
def test_while_a_daemon_runs(daemons: Daemons, script: str, words: str, expected: type[LabError]) -> None:
    """Nothing but a line, or words that are of the configuration, is an error of the user's file."""
    daemons.start([RUNS])
    assert type(refusal(daemons, OWN, script, words)) is expected


def test_a_daemon_that_ends_at_once_is_asked_why(daemons: Daemons) -> None:
    """Its configuration may be the reason, where it never came to listen; where it is not, its end is told."""
    (daemons.directory / "alive").unlink()
    daemons.start([Daemon(command=("false",), ready="never")])
    assert type(refusal(daemons, OWN, UNPLACED, "no memory")) is InputError
    assert str(refusal(daemons, OWN, UNPLACED)) == "false ended with status 1"


def test_the_words_are_those_of_the_daemon(daemons: Daemons) -> None:
    """They stand behind the place in the file as the user calls it, or behind its name."""
    assert str(refusal(daemons, OWN, PLACED)) == "X refuses its configuration:\nmine.conf:2: no such word"
    assert str(refusal(daemons, OWN, UNPLACED)) == "X refuses mine.conf:\nno memory left"
