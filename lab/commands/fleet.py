"""The offline commands on many files, by whatever `--scheduler` names. The output is the same by all of them."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from lab.commands.progress import Progress
from lab.errors import InputError, LabBroken, Mistake
from lab.fleet.executors import Lost, results, serial_results

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from lab.fleet.files import File, Pair
    from lab.fleet.work import Answer

Item = TypeVar("Item")
Result = TypeVar("Result")


class Scheduler(Protocol):
    """What does some work on items, and has the results in their order."""

    def __call__(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result | Lost]:
        """The result of each item."""


@contextmanager
def scheduled(scheduler: str) -> Iterator[Scheduler]:
    """The scheduler that a call names. When the block is left by Ctrl-C, nobody works on."""
    kind, _, rest = scheduler.partition(":")
    if kind == "serial":
        yield serial_results
    elif kind == "processes":
        from lab.fleet import tasks
        from lab.fleet.processes import processors, results_of_processes

        del tasks  # imported once, and not by each process
        yield partial(results_of_processes, count=int(rest or processors()))
    elif kind == "threads":
        from concurrent.futures import ThreadPoolExecutor

        from lab.fleet.processes import processors

        with _ending(ThreadPoolExecutor(int(rest or processors()))) as executor:
            yield partial(results, executor=executor)
    else:
        from lab.fleet.cluster import cluster

        with cluster(rest) as executor:
            yield partial(results, executor=executor)


@contextmanager
def _ending(executor: Executor) -> Iterator[Executor]:
    try:
        yield executor
    except KeyboardInterrupt:  # no thread can be told to stop, and Python would wait for them
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        os._exit(130)
    finally:
        executor.shutdown(cancel_futures=True)


def check(arguments: argparse.Namespace) -> int:
    """Report every mistake of every file, the topologies without a plan, and the files of which nothing is known."""
    from lab.fleet.files import files_of
    from lab.fleet.work import check_file

    files = files_of(arguments.files)
    mistakes: list[Mistake] = []
    problems: list[str] = []
    lost: list[str] = []
    for file, found in _results(arguments.scheduler, check_file, files):
        answer = _answer(file.name, found)
        mistakes += answer.mistakes
        if answer.problem and not answer.mistakes:
            (lost if answer.exit_code == LabBroken.exit_code else problems).append(answer.problem)
    if arguments.format == "json":
        from lab.report import as_json

        print(as_json.mistakes([one.name for one in files], mistakes, problems, lost))
    for one in dict.fromkeys(mistakes):
        sys.stderr.write(f"{one}\n")
    for words in (*problems, *lost):
        sys.stderr.write(f"{words}\n")
    wrong = len(set(mistakes)) + len(problems)
    if wrong:
        sys.stderr.write(f"{wrong} mistake{'s' if wrong > 1 else ''}\n")
        return InputError.exit_code
    if lost:
        return LabBroken.exit_code
    sys.stderr.write(f"{len(files)} file{'s' if len(files) > 1 else ''}: no mistakes\n")
    return 0


def predict(arguments: argparse.Namespace) -> int:
    """Show what the model says of every topology; the exit code is that of the worst."""
    from lab.fleet.files import files_of
    from lab.fleet.predictions import predict_file

    found = _results(arguments.scheduler, partial(predict_file, output=arguments.format), files_of(arguments.files))
    words = {0: "as expected", 1: "contradicted", 2: "wrong", 3: "inconclusive"}
    return _print_each(found, arguments.format, words)


def compare(arguments: argparse.Namespace, work: Callable[[Pair], Answer], pairs: Sequence[Pair]) -> int:
    """Show what `work` finds between the two versions of every file; the exit code is that of the worst."""
    found = _results(arguments.scheduler, work, pairs)
    words = {0: "alike", 1: "different", 2: "wrong", 3: "inconclusive"}
    return _print_each(found, arguments.format, words)


Named = TypeVar("Named", bound="File | Pair")


def _results(
    scheduler: str, work: Callable[[Named], Answer], items: Sequence[Named]
) -> Iterator[tuple[Named, Answer | Lost]]:
    """Each item with its result, while a terminal shows how many there are."""
    with scheduled(scheduler) as do, Progress() as progress:
        for number, (item, found) in enumerate(zip(items, do(work, items), strict=True), start=1):
            yield item, found
            progress.says(f"{number} of {len(items)} files")


def _answer(name: str, found: Answer | Lost) -> Answer:
    from lab.fleet.work import Answer

    if isinstance(found, Lost):
        return Answer(exit_code=LabBroken.exit_code, problem=f"{name}: nothing is known of it: {found.why}")
    return found


def _print_each(found: Iterator[tuple[Named, Answer | Lost]], output: str, words: dict[int, str]) -> int:
    """Print each result as it comes, and last how many there are of each kind."""
    from lab.report import as_json

    counts = dict.fromkeys(words, 0)
    passed_over = 0
    for item, result in found:
        one = _answer(item.name, result)
        if one.exit_code is None:
            passed_over += 1
            sys.stderr.write(f"{one.problem}\n")
            continue
        counts[one.exit_code] += 1
        if output == "json":
            print(one.report or as_json.file_problem(item.name, one.exit_code, one.problem, one.mistakes))
        elif one.report:
            print(f"{item.name}:\n{one.report}\n")
        for mistake in one.mistakes:
            sys.stderr.write(f"{mistake}\n")
        if one.problem:
            sys.stderr.write(f"{one.problem}\n")
    told = [f"{count} {words[code]}" for code, count in counts.items() if count or not code]
    told += [f"{passed_over} passed over"] if passed_over else []
    total = sum(counts.values()) + passed_over
    sys.stderr.write(f"{total} file{'s' if total > 1 else ''}: {', '.join(told)}\n")
    if not sum(counts.values()):
        return LabBroken.exit_code
    return next((code for code in (2, 1, 3) if counts[code]), 0)
