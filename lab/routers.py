"""A lab's routers, seen from the supervisor: start them, ask them, end them on purpose. A runtime makes them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from selectors import EVENT_READ, BaseSelector
from typing import Protocol, TypeVar

from lab.channel import Channel, ChannelClosed, readable
from lab.errors import LabBroken
from lab.injection import SessionEnd
from lab.messages import Message
from lab.node_messages import (
    Configured,
    ConfigureRouter,
    Connect,
    Listening,
    NodeReport,
    ResetSession,
    SessionReset,
)
from lab.plan import NodePlan, Plan
from lab.questions.control import Broken
from lab.runtimes.runtime import RunningNode, Runtime

ANSWER_DEADLINE_S = 10.0

Answer = TypeVar("Answer")


class Supervising(Protocol):
    """Who hears from the routers."""

    @property
    def broken(self) -> Broken | None:
        """Why the lab answers nothing any more; None where it does."""

    def hear(self, router: str, report: NodeReport | None) -> None:
        """Take a report, or that the router was killed on purpose."""

    def has_answered(self) -> None:
        """Take note that a router answered."""

    def has_ended(self, router: str, how: str) -> None:
        """Take note that a router is gone, and nobody wanted it to."""

    def breaks(self, reason: str, part: str, *, input_is_wrong: bool = False) -> None:
        """Take note that a part of the lab cannot go on, with a user's file perhaps."""


@dataclass(slots=True, kw_only=True)
class _Router:
    running: RunningNode
    again: bool
    """Whether an earlier process was the router: the others speak already."""
    listening: bool = False
    gone: bool = False
    owes: int = 0
    """Questions that it has not answered yet: it answers in order, so only the answer to the last one is waited for."""
    answer: Message | None = None


class Routers:
    """The routers that run."""

    def __init__(self, supervisor: Supervising, runtime: Runtime, selector: BaseSelector) -> None:
        self._supervisor, self._runtime, self._selector = supervisor, runtime, selector
        self._routers: dict[str, _Router] = {}

    def start(self, nodes: Iterable[NodePlan]) -> None:
        """Start the routers of a lab, whose namespaces are made."""
        for node in nodes:
            self._start(node, again=False)

    def _start(self, node: NodePlan, *, again: bool) -> None:
        running = self._runtime.start(node, again=again)
        self._routers[node.name] = _Router(running=running, again=again)
        self._selector.register(running.channel, EVENT_READ, _bind(self._hear, node.name))

    @property
    def names(self) -> list[str]:
        """Their names."""
        return list(self._routers)

    @property
    def late(self) -> list[str]:
        """Those that owe an answer."""
        return [name for name, router in self._routers.items() if router.owes]

    def named(self, pid: int) -> str | None:
        """The router that a process is; None where it is none."""
        return next((name for name, router in self._routers.items() if router.running.pid == pid), None)

    def memory_kib(self) -> dict[str, int]:
        """The proportional memory of each, where anybody can tell."""
        found = {name: router.running.memory_kib() for name, router in self._routers.items()}
        return {name: kib for name, kib in found.items() if kib is not None}

    def last_words(self, router: str) -> str:
        """The end of a router's log."""
        return self._routers[router].running.last_words()

    # what they say

    def bury(self, name: str, how: str) -> None:
        """Take note that a router's process has ended, and before that of what it still said, which may be why."""
        router = self._routers[name]
        while not router.gone and router.running.channel.wait(0):
            self._hear(name, how)

    def _hear(self, name: str, ended: str = "") -> None:
        """Take what a router says; `ended` is how its process did, where that is known."""
        router = self._routers[name]
        if router.gone or not router.running.channel.wait(0):
            return  # another request of the same turn has read it already
        try:
            for message in router.running.channel.receive():
                match message:
                    case Listening():
                        self._listens(router)
                    case NodeReport():
                        self._supervisor.hear(name, message)
                    case Broken(reason=reason, input_is_wrong=wrong):
                        self._supervisor.breaks(reason, name, input_is_wrong=wrong)
                    case _:
                        router.owes -= 1
                        router.answer = message
                        self._supervisor.has_answered()
        except ChannelClosed:
            self._take_leave_of(router)
            self._supervisor.has_ended(name, ended or router.running.how_it_ended())

    def _listens(self, router: _Router) -> None:
        """Let all connect when all listen; one that was dead finds the others listening."""
        router.listening = True
        if router.again:
            _tell(router.running.channel, Connect())
        elif all(one.listening for one in self._routers.values()):
            for one in self._routers.values():
                _tell(one.running.channel, Connect())

    def _take_leave_of(self, router: _Router) -> None:
        """Listen no more to a router, from which nothing will be heard."""
        router.gone = True
        self._selector.unregister(router.running.channel)

    # what they are asked

    def refuse_late(self, names: Iterable[str]) -> None:
        """Raise LabBroken where a router owes the answer to an earlier question: it would not answer another one."""
        names = list(names)
        if any(not one.listening and (name in names or not one.again) for name, one in self._routers.items()):
            raise LabBroken("the lab's routers are still starting: ask again")
        dead = [name for name in names if name not in self._routers]
        if dead:
            raise LabBroken(f"{', '.join(dead)} was killed: heal it first, with `erlab heal`")
        late = [name for name in names if self._routers[name].owes]
        if late:
            raise LabBroken(f"no answer within {ANSWER_DEADLINE_S:g} s from {', '.join(late)}")

    def ask(self, questions: Mapping[str, Message], answer: type[Answer]) -> list[Answer]:
        """Ask routers one question each, all at once, and wait for every answer.

        An answer that is late is dropped when it comes, and its router can be asked again from then on.
        """
        self.refuse_late(questions)
        asked = {name: self._routers[name] for name in questions}
        for name, router in asked.items():
            router.owes += 1
            _tell(router.running.channel, questions[name])
        end_s = time.monotonic() + ANSWER_DEADLINE_S
        while waited_for := [name for name, router in asked.items() if router.owes]:
            if self._supervisor.broken is not None:
                raise LabBroken(self._supervisor.broken.reason)
            channels = [asked[name].running.channel for name in waited_for]
            ready = readable(channels, end_s - time.monotonic())
            if not ready:
                self.refuse_late(waited_for)
            for name, channel in zip(waited_for, channels, strict=True):
                if channel in ready:
                    self._hear(name)
        return [router.answer for router in asked.values() if isinstance(router.answer, answer)]

    def configure(self, old: Plan, new: Plan) -> None:
        """Give the routers the rules of another plan."""
        changed = {
            node.name: ConfigureRouter(bgp=node.bgp, marking=node.marking)
            for node in new.routers
            if node.bgp is not None and node != old.node(node.name) and node.name in self._routers
        }
        if changed:
            self.ask(changed, Configured)

    # what faults do to them

    def freeze(self, router: str) -> None:
        """Let a router do nothing more, so that it says no farewell."""
        self._routers[router].running.freeze()

    def kill(self, router: str) -> None:
        """End a router, and take that for no fault of the lab."""
        dead = self._routers.pop(router)
        self._take_leave_of(dead)
        dead.running.kill()
        dead.running.channel.close()
        self._supervisor.hear(router, None)

    def start_again(self, node: NodePlan) -> None:
        """Be a killed router again."""
        self._start(node, again=True)

    def reset(self, end: SessionEnd) -> None:
        """Have a router close a session, which may come up again at once."""
        self.ask({end.router: ResetSession(session=end.session)}, SessionReset)


def _tell(far_end: Channel, message: Message) -> None:
    """Send a message to a process that may be gone: whoever hears from it finds out."""
    with contextlib.suppress(ChannelClosed):
        far_end.send(message)


def _bind(handler: Callable[[str], None], name: str) -> Callable[[], None]:
    return lambda: handler(name)
