"""Work on many files: whoever does it, each file has its result, in order, and a worker's death is told of its file."""

from __future__ import annotations

import json
import os
import signal
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from multiprocessing import active_children, get_context
from pathlib import Path

import pytest

from lab.cli import main
from lab.errors import InputError
from lab.fleet.executors import Lost, results, serial_results
from lab.fleet.files import files_of, pairs_of
from lab.fleet.processes import results_of_processes
from lab.fleet.work import check_file
from many_circuits import calls, in_this_process, write_circuits
from topology_text import POLICIES, SHIPPED

pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # of Python 3.12: pytest has threads

FATAL, WRONG, LAST = 7, 4, 40


def tenfold(number: int) -> int:
    """Ten times a number; one of them is refused."""
    if number == WRONG:
        raise ValueError(f"{number} is wrong\nand more of it")
    return number * 10


def tenfold_or_death(number: int) -> int:
    """The same, but that one number kills the process."""
    if number == FATAL:
        os.kill(os.getpid(), signal.SIGKILL)
    return tenfold(number)


EXPECTED = [Lost(why="ValueError: 4 is wrong") if number == WRONG else number * 10 for number in range(LAST)]


def test_every_executor_has_the_results_of_one_process() -> None:
    """Results come in the order of the items from threads and processes, and one that fails hides no other."""
    assert list(serial_results(tenfold, range(LAST))) == EXPECTED
    assert list(results_of_processes(tenfold, range(LAST), count=3)) == EXPECTED
    with ThreadPoolExecutor(3) as executor:
        assert list(results(tenfold, range(LAST), executor, ahead=5)) == EXPECTED


def test_the_death_of_a_process_costs_its_item_alone() -> None:
    """Of a process that is killed the item is told that it had, and another process does what is left."""
    found = list(results_of_processes(tenfold_or_death, range(LAST), count=2))
    assert found[FATAL] == Lost(why="its worker was killed by signal 9 (SIGKILL)")
    found[FATAL] = FATAL * 10
    assert found == EXPECTED
    assert list(results_of_processes(os._exit, [3], count=1)) == [Lost(why="its worker ended with status 3")]


def test_processes_end_with_whoever_wants_no_more() -> None:
    """Whoever stops in the middle leaves no process behind."""
    found = results_of_processes(tenfold, range(LAST), count=2)
    assert next(found) == 0
    found.close()
    assert active_children() == []


def test_no_item_is_lost_with_an_executor() -> None:
    """An executor that breaks in the middle has a result for every item, and says of what is lost that it broke."""
    with ProcessPoolExecutor(1, get_context("spawn")) as executor:
        found = list(results(tenfold_or_death, range(LAST), executor, ahead=5))
    assert found[:WRONG] == EXPECTED[:WRONG]
    assert len(found) == LAST
    assert {one.why.partition(":")[0] for one in found[FATAL:] if isinstance(one, Lost)} == {"BrokenProcessPool"}
    assert all(isinstance(one, Lost) for one in found[FATAL:])


def test_what_is_given_up_is_lost() -> None:
    """Work that an executor cancels, as Dask's does where its scheduler is gone, is no result."""

    class GivesUp(Executor):
        def submit(self, *_: object, **__: object) -> Future[int]:  # type: ignore[override]
            future: Future[int] = Future()
            future.cancel()
            return future

    assert list(results(tenfold, [1], GivesUp())) == [Lost(why="the executor gave it up")]


def test_files_are_found_below_directories(tmp_path: Path) -> None:
    """A directory stands for its YAML files in order, hidden ones excepted; one without any is a wrong call."""
    for name in ("b.yaml", "a/c.yml", "a/notes.txt", ".git/d.yaml", ".e.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    named = [(one.name, one.found) for one in files_of(["x.yaml", str(tmp_path)])]
    assert named == [("x.yaml", False), (f"{tmp_path}/a/c.yml", True), (f"{tmp_path}/b.yaml", True)]
    (tmp_path / "new").mkdir()
    with pytest.raises(InputError, match=r"no file below it ends in \.yaml or \.yml"):
        pairs_of(str(tmp_path / "a"), str(tmp_path / "new"))
    (tmp_path / "new" / "f.yaml").touch()
    assert [(one.name, one.old is None, one.new is None) for one in pairs_of(f"{tmp_path}/a", f"{tmp_path}/new")] == [
        ("c.yml", False, True),
        ("f.yaml", True, False),
    ]


def test_a_file_is_called_what_the_call_calls_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A worker in another directory finds a file and what it names, and its mistakes have the names of the call."""
    text = SHIPPED.read_text(encoding="utf-8")
    (tmp_path / "good.yaml").write_text(text.replace("..", str(SHIPPED.parents[1])), encoding="utf-8")
    (tmp_path / "bad.yaml").write_text(text.replace("../policies", "policies"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    good, bad = files_of(["good.yaml", "bad.yaml"])
    monkeypatch.chdir("/")
    assert check_file(good).exit_code == 0
    assert [one.file for one in check_file(bad).mistakes] == ["bad.yaml"]
    assert check_file(bad).mistakes[0].what == "policies/customer_edge.yaml: no such file"


@pytest.mark.parametrize(
    ("scheduler", "says"),
    [
        ("cluster", "'cluster' is none of serial, processes[:N], threads[:N] and dask:ADDRESS"),
        ("serial:2", "'serial:2' is none of serial"),
        ("processes:0", "processes takes a number from 1 to 500, not '0'"),
        ("threads:", "threads takes a number from 1 to 500, not ''"),
        ("dask", "dask takes the address of a scheduler, not ''"),
        ("dask:10.0.0.5", "dask takes the address of a scheduler, not '10.0.0.5': dask:HOST:PORT"),
        ("dask:me@host:8786", "not 'me@host:8786'"),
    ],
)
def test_schedulers_that_are_none(scheduler: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A scheduler that nobody knows is a wrong call, which says what would be right."""
    with pytest.raises(SystemExit) as ended:
        main(["check", str(SHIPPED), "--scheduler", scheduler])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_output_is_the_same(tmp_path: Path) -> None:
    """Processes and threads give the same octets and exit codes as one process, whatever is wrong with the files."""
    write_circuits(tmp_path)
    serial, processes, threads = (
        [in_this_process(*call, "--scheduler", scheduler) for call in calls(tmp_path)]
        for scheduler in ("serial", "processes:3", "threads:2")
    )
    assert [one.code for one in serial] == [2, 2, 2]
    assert [one.err.splitlines()[-1] for one in serial] == [
        "2 mistakes",
        "7 files: 1 as expected, 1 contradicted, 2 wrong, 3 passed over",
        "8 files: 0 alike, 4 different, 2 wrong, 2 passed over",
    ]
    assert [json.loads(line)["exit_code"] for line in serial[1].out.splitlines()] == [0, 1, 2, 2]
    assert processes == serial
    assert threads == serial


def test_what_was_not_looked_at_has_not_passed(tmp_path: Path) -> None:
    """A directory without a topology predicts nothing, and does not end with 0."""
    (tmp_path / "policies.yaml").write_text(POLICIES, encoding="utf-8")
    assert in_this_process("predict", str(tmp_path)).code == 3


def test_partial_work_is_work() -> None:
    """Work with an argument of its own goes to processes too."""
    assert list(results_of_processes(partial(pow, 2), [1, 2, 3], count=2)) == [2, 4, 8]
