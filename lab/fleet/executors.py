"""Work that an executor does, in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Executor, Future
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 64
"""How many results are asked for beyond the one that is awaited: enough for some tens of workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """An item of which nothing is known, because whoever worked on it did not come to an end."""

    why: str


def results(
    work: Callable[[Item], Result], items: Iterable[Item], executor: Executor, *, ahead: int = AHEAD
) -> Iterator[Result | Lost]:
    """What `work` makes of each item, in the order of the items, which are handed out `ahead` of the results.

    An executor that breaks loses what it had not done; each of these items has its `Lost` result. `work` and the items
    have to be such as the executor can send to its workers.
    """
    waiting: deque[Future[Result] | Lost] = deque()
    coming = iter(items)
    for item in islice(coming, ahead):
        waiting.append(_submitted(executor, work, item))
    while waiting:
        awaited = waiting.popleft()
        if isinstance(awaited, Lost):
            yield awaited
        else:
            found = _result(awaited)
            yield found
        for item in islice(coming, 1):
            waiting.append(_submitted(executor, work, item))


def serial_results(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result | Lost]:
    """What `work` makes of each item, one after the other, in this process."""
    for item in items:
        try:
            found: Result | Lost = work(item)
        except Exception as problem:  # noqa: BLE001  # as an executor would hand it on
            found = Lost(why=lost_words(problem))
        yield found


def _submitted(executor: Executor, work: Callable[[Item], Result], item: Item) -> Future[Result] | Lost:
    from lab.fleet import tasks

    try:
        return executor.submit(tasks.run, work, item)
    except RuntimeError as problem:  # it is broken or was shut down, and says so to everybody who comes
        return Lost(why=lost_words(problem))


def _result(future: Future[Result]) -> Result | Lost:
    try:
        return future.result()
    except CancelledError:
        return Lost(why="the executor gave it up")
    except Exception as problem:  # noqa: BLE001  # whatever an executor may raise for a worker that it lost
        return Lost(why=lost_words(problem))


def lost_words(problem: BaseException) -> str:
    """What kept a worker from its result, in one line."""
    words = str(problem).strip().splitlines()
    return f"{type(problem).__name__}: {words[0]}" if words else type(problem).__name__
