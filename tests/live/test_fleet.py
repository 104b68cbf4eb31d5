"""The offline commands on many files: what becomes of them where workers die, and on a Dask cluster."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import Popen

import pytest

from erlab_command import DEADLINE_S, Ended, Erlab, ending
from lab_processes import await_
from many_circuits import calls, in_this_process, write_circuits
from topology_text import POLICIES

pytestmark = pytest.mark.netns


class Endless:
    """The last file of a directory, which nobody comes to the end of: a pipe, whose other end stays open."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "z.yaml"
        os.mkfifo(self.path)
        self._ours: list[int] = []

    def await_reader(self, pids: Callable[[], Iterable[int]]) -> int:
        """The one of some processes that reads it."""
        self._ours.append(await_(self._opened, "a reader"))
        return await_(lambda: next((pid for pid in pids() if self._is_open_in(pid)), None), "who reads")

    def _opened(self) -> int | None:
        try:
            return os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads it yet
            return None

    def _is_open_in(self, pid: int) -> bool:
        with suppress(OSError):
            return any(one.readlink() == self.path for one in Path(f"/proc/{pid}/fd").iterdir())
        return False

    def close(self) -> None:
        """Let go of it."""
        for file in self._ours:
            os.close(file)


@pytest.fixture
def circuits(tmp_path: Path) -> Path:
    """Versions of a directory of circuits."""
    write_circuits(tmp_path)
    return tmp_path


@pytest.fixture
def endless(circuits: Path) -> Iterator[Endless]:
    """A file that takes for ever, behind all others; the one before it is told of on stderr."""
    (circuits / "old" / "c.yaml").unlink()
    (circuits / "old" / "y.yaml").write_text(POLICIES, encoding="utf-8")
    made = Endless(circuits / "old")
    yield made
    made.close()


def test_a_killed_process_is_told_of_its_file(erlab: Erlab, circuits: Path, endless: Endless) -> None:
    """Where a worker is killed, its file is named and inconclusive, and all others have their results."""
    running = erlab.start("predict", circuits / "old", "--scheduler", "processes:2")
    kill_the_reader(running, endless, lambda: [one.pid for one in erlab.processes()])
    assert_lost(ending(running), endless, "its worker was killed by signal 9 (SIGKILL)")


def kill_the_reader(running: Popen[str], endless: Endless, pids: Callable[[], Iterable[int]]) -> None:
    """Kill the process that is at the file, when all others are done."""
    said, stderr = "", running.stderr
    assert stderr is not None
    while "y.yaml: holds no topology\n" not in said:
        assert select.select([stderr], [], [], DEADLINE_S)[0], said
        said += os.read(stderr.fileno(), 1 << 16).decode()
    os.kill(endless.await_reader(pids), signal.SIGKILL)


def assert_lost(ended: Ended, endless: Endless, why: str) -> None:
    """A command has told of the file why nothing is known of it, and has counted all of them."""
    told, counted = ended.err.splitlines()
    assert told.startswith(f"{endless.path}: nothing is known of it: {why}")
    assert counted == "9 files: 2 as expected, 1 contradicted, 1 inconclusive, 5 passed over"
    assert ended.code == 1  # what is contradicted goes before what is not known


@pytest.mark.parametrize("scheduler", ["processes:2", "threads:2"])
def test_an_interrupt_ends_all_at_once(erlab: Erlab, circuits: Path, endless: Endless, scheduler: str) -> None:
    """Ctrl-C does not wait for a file that somebody works on, and leaves nobody at work."""
    running = erlab.start("predict", circuits / "old", "--scheduler", scheduler)
    endless.await_reader(lambda: [one.pid for one in erlab.processes()])
    running.send_signal(signal.SIGINT)
    ended = ending(running)
    assert ended.code == 130
    assert "Traceback" not in ended.err
    await_(lambda: not erlab.processes(), "the end of all processes")


@contextmanager
def dask_cluster(directory: Path, workers: int) -> Iterator[tuple[str, list[int]]]:
    """A Dask cluster of real processes on the loopback interface: its address, and the pids of its workers.

    The workers are in another directory than the command. A task whose worker dies is not tried again.
    """
    told = directory / "scheduler.json"
    environment = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}
    common = ("--scheduler-file", str(told), "--host", "127.0.0.1", "--no-dashboard")
    started: list[Popen[bytes]] = []

    def start(program: str, *arguments: str) -> None:
        with (directory / f"{len(started)}.log").open("wb") as log:
            argv = [sys.executable, "-m", f"distributed.cli.dask_{program}", *common, *arguments]
            started.append(Popen(argv, cwd=directory, env=environment, stdout=log, stderr=log))  # noqa: S603

    try:
        start("scheduler", "--port", "0")
        for _ in range(workers):
            start("worker", "--no-nanny", "--nthreads", "1")
        for number in range(1, workers + 1):
            log = directory / f"{number}.log"
            await_(lambda log=log: "Registered to" in log.read_text(), "a worker", deadline_s=DEADLINE_S)  # type: ignore[misc]
        address = json.loads(told.read_text(encoding="utf-8"))["address"]
        yield address, [one.pid for one in started[1:]]
    finally:
        for one in started:
            one.kill()
            one.wait()


def test_a_cluster(erlab: Erlab, circuits: Path, endless: Endless) -> None:
    """Workers of a Dask cluster give the same octets; one that is killed costs its file, and Ctrl-C waits for none."""
    alone = [in_this_process(*call) for call in calls(circuits)]
    with dask_cluster(circuits, workers=2) as (address, workers):
        scheduler = f"dask:{address}"
        assert [erlab.run(*call, "--scheduler", scheduler) for call in calls(circuits)] == alone
        running = erlab.start("predict", circuits / "old", "--scheduler", scheduler)
        kill_the_reader(running, endless, lambda: workers)
        assert_lost(ending(running), endless, "KilledWorker: ")
        running = erlab.start("predict", circuits / "old", "--scheduler", scheduler)
        endless.await_reader(lambda: workers)
        running.send_signal(signal.SIGINT)
        assert ending(running).code == 130


def test_an_address_where_nobody_answers(erlab: Erlab, circuits: Path) -> None:
    """A cluster that is not there is told of plainly, and is no fault of the files."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        ended = erlab.run("check", circuits / "old", "--scheduler", f"dask:{address}")
    assert ended.code == 3
    assert ended.err.startswith(f"erlab: no Dask scheduler answers at {address}: ")
