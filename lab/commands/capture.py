"""`erlab capture`: the frames of a link of a running lab into a pcapng file."""

from __future__ import annotations

import argparse
import math
import os
import select
import sys
import time
from bisect import bisect_left
from collections.abc import Sequence
from enum import Enum

from lab import pcapng
from lab.commands.capture_output import STDOUT, Ends, Output
from lab.commands.live import ANSWER_DEADLINE_S
from lab.commands.signals import ENDING, heard
from lab.controller import Lab, find_lab
from lab.errors import InputError, LabBroken
from lab.node.ring import HANDED_OVER_MS, Ring
from lab.pcapng import Frame
from lab.plan.wires import CapturePoints, capture_points
from lab.questions.control import Locate, Located, ReadStatus
from lab.questions.plans import Status
from lab.report.layout import counted
from lab.report.live_json import CapturedAt

_SORTED_BEHIND_NS = 2 * HANDED_OVER_MS * 1_000_000
"""Frames of two interfaces come in turns of blocks: those of the last moments wait for what may still be older."""


class Why(Enum):
    """Why a capture ended."""

    COUNT = "all frames were captured"
    TIME = "the time was over"
    INTERRUPTED = "interrupted"
    LAB_ENDED = "the lab ended"
    NOT_WRITABLE = "the file could not be written"


def capture(arguments: argparse.Namespace) -> int:
    """Capture until enough frames came, the time is over or Ctrl-C; 3 where frames are missing, or the lab ended."""
    if arguments.write == STDOUT and arguments.format == "json":
        raise InputError("with -w - the capture itself goes to stdout, where --format json would write too")
    if arguments.write == STDOUT and sys.stdout.isatty():
        raise InputError("stdout is a terminal: give -w a file, or pipe the capture on: -w - | wireshark -k -i -")
    with find_lab(arguments.lab) as lab:
        plan = lab.channel.ask(ReadStatus(), Status, deadline_s=ANSWER_DEADLINE_S).plan
        points = capture_points(plan, " ".join(arguments.link), arguments.circuit)
        output = Output(arguments.write)
        with heard(ENDING) as interrupt:
            end_s = math.inf if arguments.seconds is None else time.monotonic() + arguments.seconds
            ends = Ends(interrupt=interrupt, supervisor=lab.channel.fileno(), end_s=end_s)
            output.heed(ends)
            running = _Capture(rings=_rings(lab, points), output=output, most=arguments.count)
            running.begin(lab.name, points)
            sys.stderr.write(f"capturing at {' and '.join(map(str, points.ends))} until {_until(arguments)}\n")
            why = running.until_it_ends(ends)
            counts = running.end()
    captured = [
        CapturedAt(interface=str(end), frames=frames, lost=lost)
        for end, frames, (_, lost) in zip(points.ends, running.frames, counts, strict=True)
    ]
    _report(arguments, captured, why, output)
    whole = not output.problem and not any(one.lost for one in captured)
    return 0 if whole and why in (Why.COUNT, Why.TIME, Why.INTERRUPTED) else LabBroken.exit_code


def _report(arguments: argparse.Namespace, captured: Sequence[CapturedAt], why: Why, output: Output) -> None:
    if arguments.format == "json":
        from lab.report import live_json

        print(live_json.captured(arguments.write, captured, ended=why.value, problem=output.problem))
    where = "on stdout" if arguments.write == STDOUT else f"in {arguments.write}"
    each = ", ".join(f"{one.frames} at {one.interface}" for one in captured)
    sys.stderr.write(f"{why.value}: {counted(sum(one.frames for one in captured), 'frame')} {where}: {each}\n")
    if output.problem:
        rest = "what was written is whole" if output.is_file else "the last frame may be cut"
        sys.stderr.write(f"erlab: cannot write more to {arguments.write}: {output.problem}; {rest}\n")
    for one in captured:
        if one.lost:
            sys.stderr.write(f"erlab: {counted(one.lost, 'frame')} at {one.interface} lost: they came too fast\n")


def _rings(lab: Lab, points: CapturePoints) -> list[Ring]:
    from lab.runtimes.namespaces import enter_network_namespace, open_networks

    located = [lab.channel.ask(Locate(node=end.node), Located, deadline_s=ANSWER_DEADLINE_S).fd for end in points.ends]
    namespaces = open_networks(lab.supervisor_pid, located)
    rings = []
    for number, (end, namespace) in enumerate(zip(points.ends, namespaces, strict=True)):
        enter_network_namespace(namespace)
        rings.append(Ring(end.interface, number, arrivals_only=points.arrivals_only))
        os.close(namespace)
    return rings


class _Capture:
    """A capture that runs: frames of all rings, in the order of their times, into one file."""

    def __init__(self, *, rings: Sequence[Ring], output: Output, most: int | None) -> None:
        self._rings = rings
        self._output = output
        self._most = most
        self._waiting: list[Frame] = []
        self.frames = [0] * len(rings)
        """How many frames of each interface are in the file."""

    def begin(self, lab: str, points: CapturePoints) -> None:
        """Write what stands before the frames. Raises LabBroken where the file takes nothing."""
        story = "frames that arrived here" if points.arrivals_only else "frames that arrived and left here"
        comment = f"lab {lab}: routers that erlab emulates"
        self._output.write(pcapng.opening("erlab", comment, ((str(end), story) for end in points.ends)))
        if self._output.problem:
            raise LabBroken(f"cannot write the capture: {self._output.problem}")

    def until_it_ends(self, ends: Ends) -> Why:
        """Write frames, and say why there are no more."""
        supervisor, interrupt = ends.supervisor, ends.interrupt.fileno()
        ready = select.poll()
        for fd in (*(ring.fileno() for ring in self._rings), supervisor, interrupt):
            ready.register(fd, select.POLLIN)
        while True:
            wait_s = min(HANDED_OVER_MS / 1000 if self._waiting else math.inf, ends.end_s - time.monotonic())
            fds = {fd for fd, _ in ready.poll(None if wait_s == math.inf else max(0.0, wait_s) * 1000)}
            self._take(time.time_ns() - _SORTED_BEHIND_NS)
            if self._output.problem:
                return Why.NOT_WRITABLE
            if self._most is not None and sum(self.frames) >= self._most:
                return Why.COUNT
            if supervisor in fds:
                return Why.LAB_ENDED  # it says nothing unasked
            if interrupt in fds:
                return Why.INTERRUPTED
            if time.monotonic() >= ends.end_s:
                return Why.TIME

    def _take(self, before_ns: int) -> None:
        """Take in what was captured, and write what came before a time."""
        for ring in self._rings:
            self._waiting += ring.read()
        self._waiting.sort()
        here = bisect_left(self._waiting, (before_ns,))
        if self._most is not None:
            here = min(here, self._most - sum(self.frames))
        self._write(self._waiting[:here])
        del self._waiting[:here]

    def _write(self, frames: Sequence[Frame]) -> None:
        if not frames:
            return
        self._output.write(b"".join(map(pcapng.packet, frames)))
        if not self._output.problem:
            for frame in frames:
                self.frames[frame.interface] += 1

    def end(self) -> list[tuple[int, int]]:
        """Write what is still in the rings, and the counts, of each interface how many frames came and were lost."""
        select.poll().poll(2 * HANDED_OVER_MS)  # until the last blocks are handed over
        now_ns = time.time_ns()
        if not self._output.problem:
            self._take(now_ns)
        counts = [ring.counts() for ring in self._rings]
        if not self._output.problem:
            ends = (
                pcapng.statistics(number, now_ns, received=received, dropped=dropped)
                for number, (received, dropped) in enumerate(counts)
            )
            self._output.write(b"".join(ends))
        for ring in self._rings:
            ring.close()
        return counts


def _until(arguments: argparse.Namespace) -> str:
    ends = [f"{arguments.count} frames"] if arguments.count is not None else []
    ends += [f"{arguments.seconds:g} s"] if arguments.seconds is not None else []
    return " or ".join([*ends, "Ctrl-C"])
