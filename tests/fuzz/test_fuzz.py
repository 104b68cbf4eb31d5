"""No input makes a parser crash or hang: those of the corpus, and some thousand that are made of them each time.

Longer runs are made by hand: `python tests/fuzz/fuzz.py TARGET --count N --seed S`.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import fuzz
from fuzz import CORPUS, Failure, attempt, campaign, main, seeds, shrunk
from targets import TARGETS, Target

COUNTS = {
    "update": (8000, 200),
    "mrt": (5000, 200),
    "policy_file": (1500, 80),
    "topology_file": (2500, 120),
    "cases_file": (2500, 80),
    "routes_file": (1500, 40),
    "route_words": (1500, 30),
    "as_path_pattern": (3000, 20),
    "as_path_text": (5000, 20),
    "communities": (5000, 5),
}
"""For each target, how many inputs are made, and how many ways they must at least go: few would mean that most inputs
fail at the first octet."""
FILES = [path for name in TARGETS for path in sorted((CORPUS / name).iterdir())]


@pytest.mark.parametrize("path", FILES, ids=[f"{path.parent.name}-{path.name}" for path in FILES])
def test_the_corpus(path: Path) -> None:
    """Each input that is kept is parsed or refused in the parser's own words."""
    outcome = attempt(TARGETS[path.parent.name].run, path.read_bytes())
    assert not isinstance(outcome, Failure), outcome.text


@pytest.mark.parametrize(("name", "count", "ways"), [(name, *row) for name, row in COUNTS.items()])
def test_inputs_made_of_the_corpus(name: str, count: int, ways: int) -> None:
    """The same inputs each time: none fails, and they reach far into the parser."""
    corpus = seeds(name)
    found = campaign(TARGETS[name], corpus, count, seed=3)
    assert found.failure is None, found.failure.text
    assert found.executions == count + len(corpus)
    assert len(found.ways) >= ways


def _crashes_at_seven(data: bytes) -> str:
    return str(1 // (data[0] - 7)) if data else ""


def _hangs_at_seven(data: bytes) -> str:
    while data[:1] == b"\7":
        time.perf_counter()
    return ""


def test_a_crash_is_found_and_made_small() -> None:
    """The negative control: a parser that fails on one octet is caught, with the least input that does it."""
    found = campaign(Target(run=_crashes_at_seven), [b"some text"], 100_000, seed=1)
    assert found.failure is not None
    assert (found.failure.data, found.failure.kind) == (b"\7", "ZeroDivisionError")
    assert "_crashes_at_seven" in found.failure.text


def test_a_hang_is_found() -> None:
    """The negative control: a parser that never comes back is stopped and named."""
    found = campaign(Target(run=_hangs_at_seven), [b"", b"\7"], 0, seed=1, limit_s=0.05)
    assert found.failure is not None
    assert (found.failure.data, found.failure.kind) == (b"\7", "Hang")


def test_the_same_seed_makes_the_same_inputs() -> None:
    """A failure can be had again from its seed; another seed makes other inputs."""

    def inputs(seed: int) -> list[str]:
        return list(campaign(Target(run=bytes.hex), [b"12076 65010"], 50, seed).ways)

    assert inputs(1) == inputs(1)
    assert inputs(1) != inputs(2)


def test_an_input_is_made_small_without_changing_its_outcome() -> None:
    """What stays is needed for the outcome."""
    assert shrunk(lambda data: str(b"x" in data and b"y" in data), b"aaxbbybb", "True") == b"xy"


def test_a_failure_is_written_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command ends with 1 and leaves the input that failed in a file."""
    monkeypatch.setattr(fuzz, "TARGETS", {"update": Target(run=_crashes_at_seven)})
    monkeypatch.setattr(fuzz, "seeds", lambda _: [b"\7 and more"])
    assert main(["update", "--count", "1", "--failures", str(tmp_path)]) == 1
    (file,) = tmp_path.iterdir()
    assert file.read_bytes() == b"\7"
    assert f"FAILED: ZeroDivisionError for b'\\x07', written to {file}" in capsys.readouterr().out


def test_new_ways_are_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command can keep a small input for each way that no file of the corpus goes."""
    assert main(["as_path_text", "--count", "3000", "--seed", "5", "--save", str(tmp_path)]) == 0
    assert f"{len(list(tmp_path.iterdir()))} inputs written to {tmp_path}" in capsys.readouterr().out
    assert {attempt(TARGETS["as_path_text"].run, path.read_bytes()) for path in tmp_path.iterdir()}.isdisjoint(
        attempt(TARGETS["as_path_text"].run, data) for data in seeds("as_path_text")
    )
