"""One life of a small lab in a runtime: `python runtime_contract.py netns|docker|memory`.

It goes through all that the supervisor asks of a runtime and of a router that runs, and writes as JSON what it saw.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import docker

from lab.channel import Channel, ChannelClosed
from lab.logs import Logs, OneLog
from lab.node_messages import Connect, Listening, NodeReport, ReadRouterTables, RouterTablesRead, SessionReport
from lab.plan import Plan
from lab.predict import predict
from lab.processes import how_it_ended, name_process, start_part
from lab.questions.control import Broken
from lab.runtimes import links
from lab.runtimes.containers import ContainerRuntime, Owner, RunningContainer
from lab.runtimes.in_memory import InMemoryRuntime
from lab.runtimes.namespaces import start_first_process
from lab.runtimes.netns import NamespaceRuntime
from lab.runtimes.runtime import RunningNode, Runtime
from lab_containers import containers_of
from lab_processes import await_, processes_beside_this
from networks import Net

DEADLINE_S = 40.0
SILENT_S = 0.3
LEFT = "left-behind"
Answer = TypeVar("Answer")


def line() -> Plan:
    """Three routers in a row, each with a network; routes cross the one in the middle."""
    net = Net()
    for number, name in enumerate(("r1", "r2", "r3"), start=1):
        net.router(name, 65000 + number, networks=[f"10.{number}.0.0/16"])
    net.session("r1", "r2")
    net.session("r2", "r3")
    return net.plan()


@dataclass(slots=True)
class Told:
    """What the routers of a lab said last."""

    listening: set[str] = field(default_factory=set)
    sessions: dict[tuple[str, str], SessionReport] = field(default_factory=dict)

    def hear(self, name: str, channel: Channel) -> list[object]:
        """Take what a router has said; answers to questions are returned."""
        answers = list[object]()
        for message in channel.receive():
            match message:
                case Listening():
                    self.listening.add(name)
                case NodeReport(sessions=sessions):
                    self.sessions |= {(name, one.session): one for one in sessions}
                case Broken(reason=reason):
                    raise AssertionError(reason)
                case _:
                    answers.append(message)
        return answers


class Life:
    """A lab's life, without a supervisor."""

    def __init__(self, runtime: Runtime, plan: Plan) -> None:
        self.runtime, self.plan, self.told = runtime, plan, Told()
        self.running: dict[str, RunningNode] = {}

    def start(self, name: str, *, again: bool = False) -> None:
        """Start a router, and wait until it listens."""
        self.told.listening.discard(name)
        self.running[name] = self.runtime.start(self.plan.node(name), again=again)

    def wait(self, condition: Callable[[], bool]) -> bool:
        """Hear the routers until something is so; whether it came."""
        end_s = time.monotonic() + DEADLINE_S
        while not condition():
            if time.monotonic() > end_s:
                return False
            for name, one in self.running.items():
                if one.channel.wait(0.005):
                    self.told.hear(name, one.channel)
        return True

    def tables(self, name: str) -> object:
        """What a router answers to a question; it waits for that."""
        channel = self.running[name].channel
        channel.send(ReadRouterTables())
        while True:
            for answer in self.told.hear(name, channel):
                assert isinstance(answer, RouterTablesRead)
                return answer.tables

    def as_predicted(self) -> bool:
        """Whether the routers' own tables are the model's. The FIB is the kernel's, and asked elsewhere."""
        predicted = predict(self.plan).tables
        return all(self.tables(one.router) == one for one in predicted.routers if one.router in self.running)

    def all_up(self) -> bool:
        """Whether every session is established at both of its ends, and nothing is on its way."""
        ends = self.plan.far_ends()
        told = self.told.sessions
        return all(
            end in told
            and told[end].established
            and (far, session.name) in told
            and told[end].adj_rib_in == told[far, session.name].adj_rib_out
            for end, (far, session) in ends.items()
        )


def live(runtime: Runtime, end_unasked: Callable[[RunningNode, str], None]) -> dict[str, object]:
    """Live it, and close the runtime, twice."""
    plan = line()
    runtime.warm_up()
    seen: dict[str, object] = {"fidelity": runtime.check(plan)}
    namespaces = runtime.make_nodes(plan)
    if namespaces:
        links.join(plan, namespaces)
    seen["namespaces"] = sorted(namespaces)
    life = Life(runtime, plan)
    names = [node.name for node in plan.routers]
    for name in names:
        life.start(name)
    seen["all listen"] = life.wait(lambda: life.told.listening == set(names))
    seen["none spoke before it was let"] = not any(one.established for one in life.told.sessions.values())
    for one in life.running.values():
        one.channel.send(Connect())
    seen["all sessions come up"] = life.wait(life.all_up)
    seen["tables are the model's"] = life.as_predicted()
    seen["memory"] = [one.memory_kib() for one in life.running.values()]
    frozen = life.running["r1"]
    frozen.freeze()
    frozen.channel.send(ReadRouterTables())
    seen["a frozen one answers"] = frozen.channel.wait(SILENT_S)
    frozen.kill()
    seen["the channel of a killed one is closed"] = closed(frozen)
    life.told.sessions = {end: one for end, one in life.told.sessions.items() if end[0] != "r1"}
    life.start("r1", again=True)
    life.wait(lambda: "r1" in life.told.listening)
    life.running["r1"].channel.send(Connect())
    seen["its sessions come back"] = life.wait(life.all_up)
    seen["and its routes"] = life.as_predicted()
    end_unasked(life.running["r3"], "r3")
    at_s = time.monotonic()
    seen["the channel of one that ended is closed"] = closed(life.running["r3"])
    seen["how it ended"] = life.running["r3"].how_it_ended()
    seen["seconds until that was known"] = time.monotonic() - at_s
    runtime.close()
    runtime.close()
    return seen


def closed(one: RunningNode) -> bool:
    """Whether a router's channel closes."""
    try:
        while one.channel.wait(DEADLINE_S):
            one.channel.receive_lines()
    except ChannelClosed:
        return True
    return False


def kill_process(one: RunningNode, _name: str) -> None:
    """What a router's process can suffer."""
    assert one.pid is not None
    os.kill(one.pid, signal.SIGKILL)


def kill_container(one: RunningNode, _name: str) -> None:
    """What a container can suffer."""
    assert isinstance(one, RunningContainer)
    docker.APIClient().kill(one.container)


# what is left


def threads() -> list[str]:
    """What may be left of the runtime in memory: its thread."""
    return [one.name for one in threading.enumerate() if one is not threading.main_thread()]


def outliving(life: Callable[[], None], within_s: float = DEADLINE_S) -> list[str]:
    """What may be left of the runtime in namespaces: processes that do not end with the one that it is used in.

    Asked by the first process of a pid namespace, so that it sees all of them.
    """
    _, status = os.waitpid(start_part("life", sys.stderr.fileno(), life), 0)
    assert not status, how_it_ended(status)
    with suppress(AssertionError):
        await_(lambda: not processes_beside_this(), "the end of the life's processes", within_s)
    return [one.name for one in processes_beside_this()]


class Leaving(NamespaceRuntime):
    """A negative control: a runtime that leaves a process, which nothing ends."""

    def close(self) -> None:
        """Leave it."""
        if not os.fork():
            name_process(LEFT)
            signal.pause()


# the three runtimes


def in_memory() -> Mapping[str, object]:
    """With a thread that nothing ends as the negative control."""
    memory = InMemoryRuntime()
    seen = live(memory, lambda _one, name: memory.end(name))
    left = threads()
    threading.Thread(target=signal.pause, name=LEFT, daemon=True).start()
    return {**seen, "left": left, "found where one leaves something": threads()}


def in_namespaces(state: Path) -> Mapping[str, object]:
    """Of a process of its own, so that it can be seen what outlives that."""
    file, runtime = state / "seen", NamespaceRuntime(Logs(None))
    left = outliving(lambda: _write(file, live(runtime, kill_process)))
    found = outliving(Leaving(OneLog()).close, within_s=0.1)
    seen = json.loads(file.read_text(encoding="utf-8"))
    return {**seen, "left": left, "found where one leaves something": found}


def _write(file: Path, seen: Mapping[str, object]) -> None:
    file.write_text(json.dumps(seen), encoding="utf-8")


def in_containers(runtime: ContainerRuntime, state: Path) -> Mapping[str, object]:
    """What the check of containers finds where some are left is seen by the tests of an `up` that was killed."""
    return {**live(runtime, kill_container), "left": [one.name for one in containers_of(state)]}


def main(kind: str) -> int:
    """Live it, in the namespaces where a supervisor would be."""
    if kind == "memory":
        print(json.dumps(in_memory()))  # noqa: T201
        return 0
    with tempfile.TemporaryDirectory() as directory:
        state = Path(directory)
        containers = None if kind == "netns" else ContainerRuntime(Owner(name="contract", state=state, shared=True))

        def body() -> int:
            seen = in_namespaces(state) if containers is None else in_containers(containers, state)
            print(json.dumps(seen), flush=True)  # noqa: T201
            return 0

        def refused(problem: Exception) -> None:
            sys.stderr.write(f"{problem}\n")

        _, status = os.waitpid(start_first_process(body, refused, outlives_parent=False), 0)
    if status:
        sys.stderr.write(f"the lab {how_it_ended(status)}\n")
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
