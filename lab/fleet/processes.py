"""Work in processes of our own, each of which has one item at a time.

A `ProcessPoolExecutor` whose worker dies cannot tell what that worker was at, and drops all that it had not done. Here
the death of a process costs the one item that it had, and another process takes its place.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Generator, Iterable
from itertools import islice
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from typing import Generic, TypeVar

from lab.fleet.executors import Lost, lost_words
from lab.processes import die_with_parent

Item = TypeVar("Item")
Result = TypeVar("Result")


def results_of_processes(
    work: Callable[[Item], Result], items: Iterable[Item], count: int
) -> Generator[Result | Lost, None, None]:
    """What `work` makes of each item, in the order of the items, in `count` processes that are forked from this one.

    They end with the iterator, however it ends, and with this process.
    """
    coming = enumerate(items)
    workers: list[_Worker[Item, Result]] = []
    done: dict[int, Result | Lost] = {}
    next_number = 0
    try:
        for number, item in islice(coming, count):
            workers.append(_Worker(work, workers))
            workers[-1].give(number, item)
        while workers:
            heard = wait([one.connection for one in workers])
            for worker in [one for one in workers if one.connection in heard]:
                done[worker.number] = worker.result()
                workers.remove(worker)
                for number, item in islice(coming, 1):
                    workers.append(_Worker(work, workers) if worker.has_ended else worker)
                    workers[-1].give(number, item)
                if worker not in workers:
                    worker.end()
            while next_number in done:
                yield done.pop(next_number)
                next_number += 1
    finally:
        for worker in workers:
            worker.end()


class _Worker(Generic[Item, Result]):
    """A process, and the number of the item that it has. It lets go of what it inherits of its siblings."""

    def __init__(self, work: Callable[[Item], Result], siblings: Iterable[_Worker[Item, Result]]) -> None:
        fork = get_context("fork")
        self.connection, theirs = fork.Pipe()
        self.number = 0
        self.has_ended = False
        inherited = [*(one.connection for one in siblings), self.connection]
        self._process = fork.Process(target=_work, args=(work, theirs, inherited), daemon=True)
        self._process.start()
        theirs.close()

    def give(self, number: int, item: Item) -> None:
        """Let it work on an item. A process that has died meanwhile shows it when its result is read."""
        self.number = number
        with contextlib.suppress(OSError):
            self.connection.send(item)

    def result(self) -> Result | Lost:
        """What it made of the item, once there is something to read."""
        try:
            found: Result | Lost = self.connection.recv()
        except (EOFError, OSError):
            self._process.join()
            self.has_ended = True
            return Lost(why=f"its worker {_how_it_ended(self._process.exitcode)}")
        return found

    def end(self) -> None:
        """End the process at once."""
        self._process.kill()
        self._process.join()
        self.connection.close()


def _work(work: Callable[[Item], Result], connection: Connection, inherited: list[Connection]) -> None:
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the command, which ends this process
    for one in inherited:
        one.close()
    while True:
        try:
            item: Item = connection.recv()
        except EOFError:
            return
        try:
            found: Result | Lost = work(item)
        except Exception as problem:  # noqa: BLE001  # as an executor would hand it on
            found = Lost(why=lost_words(problem))
        connection.send(found)


def _how_it_ended(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"was killed by signal {-exit_code} ({signal.Signals(-exit_code).name})"
    return f"ended with status {exit_code}"


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0))
